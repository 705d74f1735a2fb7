"""One trial: a deployment under a seeded nemesis, with operators at random; then it recovers, and is judged."""

from __future__ import annotations

import contextlib
import sys
import time
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from typing import Any

import psycopg
import pytz
from sqlalchemy.exc import SQLAlchemyError

from tests.chaos import evidence, mutants
from tests.chaos.deployment import deployed
from tests.chaos.faults import Fault
from tests.chaos.gathering import Witness, gather
from tests.chaos.harness import Chaos
from tests.chaos.journal import DatabaseClock, Journal
from tests.chaos.nemesis import WEB_POINTS, WORKER_POINTS, Nemesis, draw_faults, draw_points
from tests.chaos.operators import Operators, Order, draw_orders, window_body
from tests.chaos.plan import CampaignPlan, Cast, TeamPlan, draw_cast
from tests.chaos.relay import Relay
from worker.dev.stack import Stack
from worker.domain.errors import Unavailable
from worker.flow import keys, prepare
from worker.store import contacts, setup
from worker.store.contacts import NewContact
from worker.store.database import once, open_database
from worker.store.migrate import migrate

SPEED = 8.0
BOUNDS = {
    "SEND_FENCE_SECONDS": "1.2",
    "REQUEST_SECONDS": "1.3",
    "UNKNOWN_AFTER_SECONDS": "3",
    "API_REQUESTS_PER_SECOND": "1000",
    "API_BURST": "1000",
}
"""Over those of :mod:`tests.chaos.deployment`. The twenty business seconds that are kept free before a window's end
are two and a half of the machine's at this speed: fence and request, as it is at full size."""
PATIENCE = evidence.Patience(fence=1.2, request=1.3, slack=0.6, limit_memory=20.0, slots=5.0, learn=12.0, due=3.0)
RECOVERY_SECONDS = 100.0
MUTANT_SECONDS = 30.0
"""How long the end is waited for; a mutant may never come to it."""
STEP_SECONDS = 0.03
FINISHED = ("completed", "cancelled")


@dataclass(frozen=True, slots=True)
class Terms:
    """What kind of trial it is."""

    seed: int
    seconds: float
    carrier: str = "simulator"
    without: str = ""


@dataclass
class Trial:
    """The parts of a trial, and what happens between them."""

    terms: Terms
    chaos: Chaos
    cast: Cast
    journal: Journal
    clock: DatabaseClock
    relay: Relay
    business: evidence.Clock
    witness: Witness
    patience: evidence.Patience = PATIENCE
    ids: dict[str, str] = field(default_factory=dict)
    windows: dict[str, evidence.Window] = field(default_factory=dict)
    _births: deque[CampaignPlan] = field(default_factory=deque)
    _provocations: list[tuple[float, str]] = field(default_factory=list)
    _second: float = 0.0

    def run(self) -> evidence.Evidence:
        """From the first process to the last look."""
        terms, chaos = self.terms, self.chaos
        tokens = self._set_up()
        self.operators = Operators(
            chaos.dialer,
            chaos.celery,
            self.cast,
            self.journal,
            self.clock,
            self.business,
            chaos.web_port,
            tokens,
            self.ids,
        )
        more = mutants.EMPHASIS.get(terms.without)
        self.nemesis = Nemesis(
            chaos,
            self.journal,
            self.clock,
            deque(draw_faults(terms.seed, terms.seconds, more)),
            draw_points(terms.seed, WORKER_POINTS),
            draw_points(terms.seed, WEB_POINTS),
            self._provoke,
        )
        self._dice = Random(f"trial {terms.seed}")
        self.schedule = list(self.nemesis.schedule)
        chaos.man(workers=1, beats=1)
        self._under_fire()
        healed_at = self._recover()
        self.operators.finish(15)
        return gather(self, healed_at)

    def _set_up(self) -> dict[str, str]:
        """The teams; returns team → bearer key."""
        dialer = self.chaos.dialer
        for team in self.cast.teams:
            once(dialer.db, lambda conn, team=team: _set_up_team(conn, team, self.terms.carrier))
        self._births.extend(self.cast.campaigns)
        return {team.id: keys.create_key(dialer, team.id, "chaos", actor="chaos")[1] for team in self.cast.teams}

    def _under_fire(self) -> None:
        orders = deque(draw_orders(self.terms.seed, self.terms.seconds, self.cast))
        began_at = time.monotonic()
        said_at = 0.0
        while (second := time.monotonic() - began_at) < self.terms.seconds:
            self._second = second
            while self._births and self._births[0].born_at <= second and self._bear(self._births[0]):
                self._births.popleft()
            while orders and orders[0].at <= second:
                self.operators.ask(orders.popleft())
            self._carry_out_provocations()
            self.nemesis.step(second)
            if second - said_at >= 5:
                said_at = second
                self.say(f"{second:5.0f} s  {self.nemesis.injected.total()} faults, {self._placed()} calls")
            time.sleep(STEP_SECONDS)

    def _recover(self) -> float:
        """Let it come to an end; returns when the last fault was over."""
        self.say("healing")
        self.nemesis.heal()
        healed_at = self.clock.now()
        self.journal.note("healed", healed_at)
        self.chaos.wait(self.chaos.web_answers, "the web process answers", 60)
        self.operators.settle()
        self.operators.heal()
        self.operators.settle()
        self.say("healed")
        deadline = time.monotonic() + (MUTANT_SECONDS if self.terms.without else RECOVERY_SECONDS)
        began_at = said_at = time.monotonic()
        while not (quiet := self._is_quiet()) and time.monotonic() < deadline:
            self.witness.look_at_slots()
            self._supervise()
            if time.monotonic() - said_at >= 5:
                said_at = time.monotonic()
                self.say(f"recovering for {said_at - began_at:.0f} s, {self._placed()} calls, {self._state()}")
            time.sleep(0.25)
        self.say(f"{'quiet' if quiet else 'NOT quiet'} {time.monotonic() - began_at:.1f} s after the last fault")
        deadline = time.monotonic() + PATIENCE.slots + 1
        while self.witness.look_at_slots() and time.monotonic() < deadline:
            time.sleep(0.25)
        return healed_at

    def _supervise(self) -> None:
        """Nobody ends by themselves now, but if they do it is to be known."""
        self.nemesis.step(self.terms.seconds)

    def _is_quiet(self) -> bool:
        """Whether every contact has come to its end and every event is settled."""
        with contextlib.suppress(SQLAlchemyError):
            (row,) = self.chaos.sql(
                """SELECT (SELECT count(*) FROM campaigns WHERE status NOT IN ('completed', 'cancelled', 'draft'))
                        + (SELECT count(*) FROM calls WHERE ended_at IS NULL)
                        + (SELECT count(*) FROM call_events WHERE outcome IS NULL)"""
            )
            return bool(row[0] == 0)
        return False

    def _state(self) -> str:
        with contextlib.suppress(SQLAlchemyError):
            rows = self.chaos.sql("SELECT status::text, count(*) FROM campaigns GROUP BY 1 ORDER BY 1")
            return ", ".join(f"{row[1]} {row[0]}" for row in rows)
        return "the database is away"

    def _placed(self) -> int:
        return sum(self.chaos.placed(team.account) for team in self.cast.teams)

    # -- campaigns

    def _bear(self, plan: CampaignPlan) -> bool:
        """Make a campaign with its contacts; false if a service is away, so that it is tried again."""
        with contextlib.suppress(Unavailable, SQLAlchemyError, psycopg.Error):
            dialer, team = self.chaos.dialer, plan.team
            own = [person for person in plan.everybody if person.id.startswith(f"cont_{plan.key}_")]
            new = [NewContact(it.id, it.phone, it.phone, None, timezone=it.zone or None) for it in own]
            missing = {row.id for row in self.chaos.sql("SELECT id FROM contacts")}
            once(dialer.db, lambda conn: contacts.load(conn, team.id, [it for it in new if it.id not in missing]))
            now = self.clock.now()
            window = self._window(plan, now)
            starts_at = None if plan.starts_in is None else now + plan.starts_in
            campaign_id = prepare.create_campaign(dialer, team.id, self._fields(plan, window, starts_at), actor="chaos")
            prepare.add_contacts(dialer, campaign_id, [person.id for person in plan.people])
            self.ids[plan.key] = campaign_id
            if window is not None:
                self.windows[plan.key] = window
            self.journal.note("born", now, campaign=plan.key, id=campaign_id, window=window)
            if starts_at is None:
                self.operators.ask(Order(0.0, "run", self.cast.campaigns.index(plan), 0))
            else:
                entry = self.journal.note("deed", now, name="schedule", subject=plan.key, value=starts_at)
                self.journal.amend(entry, {"status": 200, "done_at": self.clock.now()})
            return True
        return False

    def _window(self, plan: CampaignPlan, now: float) -> evidence.Window | None:
        if plan.window is None:
            return None
        before, after, zone = plan.window
        wall = self.business.business(now).astimezone(pytz.timezone(zone))
        start, end = wall - timedelta(minutes=before), wall + timedelta(minutes=after)
        return start.strftime("%H:%M"), end.strftime("%H:%M"), zone

    def _fields(self, plan: CampaignPlan, window: evidence.Window | None, starts_at: float | None) -> Mapping[str, Any]:
        at = {} if starts_at is None else {"scheduledStartAt": self.business.business(starts_at).isoformat()}
        return {
            "name": plan.key,
            "assistantId": f"asst_{plan.team.id}",
            "companyId": f"comp_{plan.team.id}",
            "fromNumberIds": list(plan.callers),
            "maxConcurrentCalls": plan.limit,
            "maxAttemptsPerContact": plan.attempts,
            "retryDelayMinutes": plan.delay,
            "settings": {"retryDelays": plan.delays},
            **window_body(window),
            **at,
        }

    # -- what leads to a crash point

    def _provoke(self, point: str) -> None:
        """Bring about, in a moment, what leads there."""
        if point.startswith("hold "):
            held = point.removeprefix("hold ")
            found = [n for n, plan in enumerate(self.cast.campaigns) if self.ids.get(plan.key) == held]
            for n in found:
                self.operators.ask(Order(self._second, "hold", n, 0))
        elif point.startswith("rebuild."):
            self._provocations += [(self._second + 1.5, "flush")]
        elif point.startswith("stop."):
            self._provocations += [(self._second + wait, "pause") for wait in (1.5, 3.0, 4.5)]
        elif point == "run.after_message":
            self._provocations += [(self._second + wait, "message") for wait in (1.5, 3.0)]
        elif point == "admit.after_commit":
            self._provocations += [(self._second + wait, "run twice") for wait in (1.0, 2.5)]
        elif point == "promote.after_commit" and self._births:
            self._provocations += [(self._second + 1.0, "birth")]

    def _carry_out_provocations(self) -> None:
        due = [what for at, what in self._provocations if at <= self._second]
        self._provocations = [(at, what) for at, what in self._provocations if at > self._second]
        for what in due:
            if what == "flush":
                self.nemesis.schedule.appendleft(Fault(self._second, "redis: flushall", 0, 0))
            elif what == "birth":
                if self._births and self._bear(self._births[0]):
                    self._births.popleft()
            else:
                running = [n for n, c in enumerate(self.cast.campaigns) if c.key in self.ids][-6:]
                if running:
                    dice = self._dice
                    self.operators.ask(Order(self._second, what, dice.choice(running), dice.randrange(1 << 30)))

    def say(self, what: str) -> None:
        """Progress, for whoever watches."""
        print(f"seed {self.terms.seed}: {what}", file=sys.stderr, flush=True)


def _set_up_team(conn: Any, team: TeamPlan, carrier: str) -> None:
    setup.team(conn, team.id, team.id.replace("_", "-"), "A team", limit=team.limit)
    setup.company(conn, f"comp_{team.id}", team.id, "A company")
    setup.assistant(conn, f"asst_{team.id}", team.id, "An assistant")
    setup.account(
        conn, team.account, team.id, carrier, "An account",
        limit=team.limit, calls_per_second=team.calls_per_second,
    )  # fmt: skip
    for number_id, number in team.numbers.items():
        setup.number(conn, number_id, team.id, team.account, number, limit=team.number_limit)


@contextlib.contextmanager
def staged(terms: Terms) -> Iterator[Trial]:
    """Everything a trial needs, on servers of its own; gone when it is over."""
    cast = draw_cast(terms.seed, terms.seconds)
    with Stack() as stack:
        _migrate(stack)
        with contextlib.ExitStack() as open_:
            relay = open_.enter_context(Relay(0))
            more = {mutants.VARIABLE: terms.without} if terms.without else {}
            chaos = open_.enter_context(
                deployed(
                    stack, "template1", "trial", cast.script, speed=SPEED,
                    **BOUNDS, PUBLIC_BASE_URL=relay.url, **more,
                )
            )  # fmt: skip
            relay.web_port = chaos.web_port
            mutants.unguard(terms.without, chaos.environment["DATABASE_URL"])
            journal = open_.enter_context(contextlib.closing(Journal(stack.directory / "journal.jsonl")))
            witness = open_.enter_context(Witness(chaos))
            (row,) = chaos.sql(
                "SELECT extract(epoch FROM real_at)::float, extract(epoch FROM business_at)::float FROM clock"
            )
            clock = DatabaseClock(chaos.environment["DATABASE_URL"])
            business = evidence.Clock(row[0], row[1], SPEED)
            yield Trial(terms, chaos, cast, journal, clock, relay, business, witness)


def _migrate(stack: Stack) -> None:
    engine = open_database(stack.postgres.url_of("template1"), pool_size=1, statement_ms=0)
    migrate(engine)
    engine.dispose()


def carrier_faults(trial: Trial, e: evidence.Evidence) -> Counter[str]:
    """How often each fault of the carrier befell a request."""
    asked = [(call.to_number, call.attempt) for call in e.ledger.placed]
    asked += [(it.to_number, it.attempt) for it in e.ledger.not_placed]
    return Counter(word for phone, attempt in asked if (word := trial.cast.fault_of(phone, attempt)))
