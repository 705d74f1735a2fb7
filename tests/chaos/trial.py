"""One trial: a deployment under a seeded nemesis, with operators at random; then it recovers, and is judged."""

from __future__ import annotations

import contextlib
import math
import sys
import time
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from sqlalchemy.exc import SQLAlchemyError

from tests import shadow_clock
from tests.chaos import barren, clock_jumps, evidence, full_disk, history, mutants
from tests.chaos.api_client import ApiClient
from tests.chaos.campaign_factory import CampaignFactory, set_up
from tests.chaos.collecting import Observer, collect
from tests.chaos.commands import Commands
from tests.chaos.deployment import deployed
from tests.chaos.faults import Fault
from tests.chaos.halting import AIMS
from tests.chaos.hanging import HangingAccount, with_steady
from tests.chaos.harness import Chaos
from tests.chaos.journal import DatabaseClock, Journal
from tests.chaos.nemesis import WEB_POINTS, WORKER_POINTS, Nemesis, draw_faults, draw_points
from tests.chaos.operators import Operators
from tests.chaos.orders import Order, draw_orders
from tests.chaos.plan import CampaignPlan, Workload, draw_workload
from tests.chaos.relay import Relay
from tests.chaos.routes import routed
from worker.dev.stack import Stack
from worker.operations.teams import edit_team
from worker.store.database import open_database
from worker.store.migrate import migrate

SPEED = 8.0
BOUNDS = {
    "SEND_FENCE_SECONDS": "1.2",
    "REQUEST_SECONDS": "1.3",
    "UNKNOWN_AFTER_SECONDS": "3",
    "API_REQUESTS_PER_SECOND": "1000",
    "API_BURST": "1000",
    "PLACING_THREADS": "4",
}
"""Over those of :mod:`tests.chaos.deployment`. The twenty business seconds that are kept free before a window's end
are two and a half of the machine's at this speed: fence and request, as it is at full size."""
PATIENCE = evidence.Patience(fence=1.2, request=1.3, slack=0.6, limit_memory=20.0, slots=5.0, learn=12.0, due=3.0)
RECOVERY_SECONDS = 100.0
MUTANT_SECONDS = 30.0
"""How long the end is waited for; a mutant may never come to it."""
WEB_SECONDS, RESUMED_SECONDS = 30.0, 25.0
"""After the last fault but one: until the web process answers, and until both accounts place calls again."""
STEP_SECONDS = 0.03
"""The pace of what happens by the clock: a trial lasts so many seconds, and waits for nothing meanwhile."""
FINISHED = ("completed", "cancelled")


@dataclass(frozen=True, slots=True)
class Terms:
    """What kind of trial it is."""

    seed: int
    seconds: float
    carrier: str = "simulator"
    without: str = ""
    clock_jumps: bool = False
    """Whether the database's clock is set, and nothing judged that rests on it."""


@dataclass
class Trial:
    """The parts of a trial, and what happens between them."""

    terms: Terms
    chaos: Chaos
    workload: Workload
    journal: Journal
    clock: DatabaseClock
    relay: Relay
    business: evidence.Clock
    observer: Observer
    patience: evidence.Patience = PATIENCE
    unhealed: list[str] = field(default_factory=list)
    """What did not come to itself when nothing befell it any more."""
    planned: deque[CampaignPlan] = field(default_factory=deque)
    _provocations: list[tuple[float, str]] = field(default_factory=list)
    _second: float = 0.0

    def run(self) -> evidence.Evidence:
        """From the first process to the last check."""
        terms, chaos = self.terms, self.chaos
        tokens = set_up(chaos.dialer, self.workload, terms.carrier)
        commands = Commands(chaos.dialer, chaos.celery)
        self.client = ApiClient(self.journal, self.clock, chaos.web_port, tokens, commands=commands)
        self.factory = CampaignFactory(chaos, self.client, self.business)
        self.hanging = HangingAccount(self, self._let_pass)
        self.planned.extend(plan for plan in self.workload.campaigns if math.isfinite(plan.created_at))
        aims = Path(chaos.environment[AIMS])
        self.operators = Operators(
            self.client, chaos.dialer, chaos.celery, self.workload, self.business, self.factory.ids, aims
        )
        jumps = dict.fromkeys(clock_jumps.FAULTS, 6) if terms.clock_jumps else {}
        more = {**jumps, **mutants.EMPHASIS.get(terms.without, {})}
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
        self.orders = draw_orders(terms.seed, terms.seconds, self.workload, mutants.aims(terms.without))
        if terms.clock_jumps:
            self.orders = clock_jumps.orders_without_the_clock(self.orders)
        chaos.scale(workers=1, beats=1)
        try:
            self._under_fire()
            healed_at = self._recover()
        finally:
            self.operators.finish(15)
        return collect(self, healed_at)

    def _under_fire(self) -> None:
        orders = deque(self.orders)
        began_at = time.monotonic()
        said_at = 0.0
        while (second := time.monotonic() - began_at) < self.terms.seconds:
            self._second = second
            while self.planned and self.planned[0].created_at <= second and self._create_next():
                pass
            while orders and orders[0].at <= second:
                self.operators.submit(orders.popleft())
            self._carry_out_provocations()
            self.nemesis.step(second)
            if second - said_at >= 5:
                said_at = second
                self.say(f"{second:5.0f} s  {self.nemesis.injected.total()} faults, {self._placed()} calls")
            time.sleep(STEP_SECONDS)  # a trial is real time passing

    def _recover(self) -> float:
        """Let it come to an end; returns when the last fault was over."""
        self.say("healing")
        self.nemesis.heal()
        self.journal.note("healed, but for a last hang", self.clock.now())
        self._await_web()
        self.operators.settle()
        self.operators.heal()
        self.operators.settle()
        self.say("healed, but for a last hang")
        if not self.hanging.hold(RESUMED_SECONDS):
            self.say("and none came about")
        self.operators.settle()
        healed_at = self.clock.now()
        for team in self.workload.teams:  # or whoever has had his calls would wait for longer than a trial lasts
            edit_team(self.chaos.dialer, team.id, {"frequency": None}, actor="chaos")
        self.observer.healed_at = time.monotonic()
        self.journal.note("healed", healed_at)
        self.say("healed")
        deadline = time.monotonic() + (MUTANT_SECONDS if self.terms.without else RECOVERY_SECONDS)
        began_at = said_at = time.monotonic()
        while not (quiet := self._is_quiet()) and time.monotonic() < deadline:
            self.observer.read_slots()
            self._supervise()
            if time.monotonic() - said_at >= 5:
                said_at = time.monotonic()
                self.say(f"recovering for {said_at - began_at:.0f} s, {self._placed()} calls, {self._state()}")
            time.sleep(0.25)  # the dialer is left alone to recover
        self.say(f"{'quiet' if quiet else 'NOT quiet'} {time.monotonic() - began_at:.1f} s after the last fault")
        deadline = time.monotonic() + PATIENCE.slots + 1
        while self.observer.read_slots() and time.monotonic() < deadline:
            time.sleep(0.25)
        return healed_at

    def _let_pass(self, seconds: float) -> None:
        """The dialer is left alone."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self._supervise()
            time.sleep(STEP_SECONDS)

    def _await_web(self) -> None:
        """A web process that does not come to itself is replaced, as somebody would do it in the end; and reported."""
        deadline = time.monotonic() + WEB_SECONDS
        while not self.chaos.web_answers():
            if time.monotonic() > deadline:
                self.unhealed.append(f"the web process did not answer {WEB_SECONDS:g} s after the last fault")
                for process in list(self.chaos.processes["web"]):
                    self.chaos.kill(process)
                self.chaos.web()
            time.sleep(0.25)

    def _supervise(self) -> None:
        """Nobody ends by themselves now, but if they do it is to be known."""
        self.nemesis.step(self.terms.seconds)

    def _is_quiet(self) -> bool:
        """Whether every contact has come to its end and every event is settled."""
        with contextlib.suppress(SQLAlchemyError):
            if self.terms.clock_jumps:
                return bool(self.chaos.sql(clock_jumps.WAITING, barren=barren.PREFIX)[0][0] == 0)
            (row,) = self.chaos.sql(
                """SELECT (SELECT count(*) FROM campaigns WHERE status NOT IN ('completed', 'cancelled', 'draft')
                           AND NOT starts_with(id, :barren))
                        + (SELECT count(*) FROM calls WHERE ended_at IS NULL)
                        + (SELECT count(*) FROM call_events WHERE outcome IS NULL)""",
                barren=barren.PREFIX,
            )
            return bool(row[0] == 0)
        return False

    def _state(self) -> str:
        with contextlib.suppress(SQLAlchemyError):
            rows = self.chaos.sql(
                "SELECT status::text, count(*) FROM campaigns WHERE NOT starts_with(id, :barren) GROUP BY 1 ORDER BY 1",
                barren=barren.PREFIX,
            )
            return ", ".join(f"{row[1]} {row[0]}" for row in rows)
        return "the database is away"

    def _placed(self) -> int:
        return sum(self.chaos.placed(team.account) for team in self.workload.teams)

    def _create_next(self) -> bool:
        """Make the next campaign, and have it run if it is not to start by itself."""
        if not self.planned or not self.factory.create(self.planned[0]):
            return False
        plan = self.planned.popleft()
        if plan.starts_in is None:
            self.operators.submit(Order(0.0, "run", self.workload.campaigns.index(plan), 0))
        return True

    # -- what leads to a crash point

    def _provoke(self, point: str) -> None:
        """Bring about, in a moment, what leads there."""
        if point.startswith("hold "):
            held = point.removeprefix("hold ")
            found = [n for n, plan in enumerate(self.workload.campaigns) if self.factory.ids.get(plan.key) == held]
            for n in found:
                self.operators.submit(Order(self._second, "hold", n, 0))
        elif point.startswith("rebuild."):
            self._provocations += [(self._second + 1.5, "flush")]
        elif point.startswith("stop."):
            self._provocations += [(self._second + wait, "pause") for wait in (1.5, 3.0, 4.5)]
        elif point == "run.after_message":
            self._provocations += [(self._second + wait, "message") for wait in (1.5, 3.0)]
        elif point == "admit.after_commit":
            self._provocations += [(self._second + wait, "run twice") for wait in (1.0, 2.5)]
        elif point == "hang up":
            self._provocations += [(self._second + 0.5, "cancel")]
        elif point == "promote.after_commit" and self.planned:
            self._provocations += [(self._second + 1.0, "create")]

    def _carry_out_provocations(self) -> None:
        due = [what for at, what in self._provocations if at <= self._second]
        self._provocations = [(at, what) for at, what in self._provocations if at > self._second]
        for what in due:
            if what == "flush":
                self.nemesis.schedule.appendleft(Fault(self._second, "redis: flushall", 0, 0))
            elif what == "create":
                self._create_next()
            else:
                running = [n for n, c in enumerate(self.workload.campaigns) if c.key in self.factory.ids][-6:]
                if running:
                    dice = self._dice
                    self.operators.submit(Order(self._second, what, dice.choice(running), dice.randrange(1 << 30)))

    def say(self, what: str) -> None:
        """Progress, for whoever watches."""
        print(f"seed {self.terms.seed}: {what}", file=sys.stderr, flush=True)


@contextlib.contextmanager
def staged(terms: Terms) -> Iterator[Trial]:
    """Everything a trial needs, on servers of its own; gone when it is over."""
    workload = with_steady(draw_workload(terms.seed, terms.seconds))
    if terms.clock_jumps:
        workload = clock_jumps.without_the_clock(workload)
    with Stack() as stack:
        _migrate(stack)
        with contextlib.ExitStack() as open_:
            relay = open_.enter_context(Relay(0))
            (aims := stack.directory / "aims").mkdir()
            more = {AIMS: str(aims), **({mutants.VARIABLE: terms.without} if terms.without else {})}
            chaos = open_.enter_context(
                deployed(
                    stack, "template1", "trial", workload.script, speed=SPEED,
                    routes=open_.enter_context(routed(stack, "trial")),
                    **BOUNDS, PUBLIC_BASE_URL=relay.url, **more,
                )
            )  # fmt: skip
            relay.web_port = chaos.web_port
            if terms.clock_jumps:
                shadow_clock.make(chaos.environment["DATABASE_URL"])
                chaos.dialer.db.dispose()  # sessions that were opened before have the true clock
            full_disk.make(chaos.environment["DATABASE_URL"])
            history.install(chaos.environment["DATABASE_URL"])
            mutants.unguard(terms.without, chaos.environment["DATABASE_URL"])
            journal = open_.enter_context(contextlib.closing(Journal(stack.directory / "journal.jsonl")))
            observer = open_.enter_context(Observer(chaos))
            (row,) = chaos.sql(
                "SELECT extract(epoch FROM real_at)::float, extract(epoch FROM business_at)::float FROM clock"
            )
            clock = DatabaseClock(chaos.environment["DATABASE_URL"])
            business = evidence.Clock(row[0], row[1], SPEED)
            yield Trial(terms, chaos, workload, journal, clock, relay, business, observer)


def _migrate(stack: Stack) -> None:
    engine = open_database(stack.postgres.url_of("template1"), pool_size=1, statement_ms=0)
    migrate(engine)
    engine.dispose()


def carrier_faults(trial: Trial, e: evidence.Evidence) -> Counter[str]:
    """How often each fault of the carrier befell a request."""
    requests = [(call.to_number, call.attempt) for call in e.ledger.placed]
    requests += [(it.to_number, it.attempt) for it in e.ledger.not_placed]
    return Counter(word for phone, attempt in requests if (word := trial.workload.fault_of(phone, attempt)))
