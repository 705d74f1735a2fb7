"""The world of a test: a team that has everything, a clock that is stepped, steps carried out at once."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any

from redis import Redis
from sqlalchemy import Connection, Engine, text

from tests.at_work import AHEAD
from tests.law.passed import unlawful
from tests.patience import PATIENCE_SECONDS
from tests.stage import Played, Stage
from worker.bulkheads import Bulkheads, Taken
from worker.carriers.base import CallEvent
from worker.domain import ids
from worker.domain.model import Bounds
from worker.domain.screening import Phone, normalize
from worker.domain.window import parse_default_window
from worker.flow import admit, dial, fill, finish, reap, receipt, reconcile, record, settle, stop, tick, wake
from worker.flow.base import (
    Batch,
    Dial,
    Dialer,
    DialMore,
    Fill,
    FillMore,
    LookUp,
    RebuildSlots,
    Settle,
    Step,
    Stop,
    Wake,
    window_of,
)
from worker.flow.failover import log_server, note_server
from worker.flow.run_result import RunResult
from worker.operations import campaigns
from worker.operations import contacts as contact_operations
from worker.simulator.lives import Book, Life
from worker.slots import FillRequests, Nudge, Rates, Slots, connect
from worker.store import counters, gate, invariants
from worker.store.crm import contacts, setup
from worker.store.crm.contacts import NewContact
from worker.store.database import open_database, transact
from worker.store.rules import RULES

MONDAY_NOON = datetime(2027, 3, 1, 17, 0, tzinfo=UTC)  # 12:00 in New York


def watch_server(dialer: Dialer) -> None:
    """Note which server this is, as a tick does."""
    log_server(transact(dialer.db, lambda conn: note_server(conn, dialer.bounds)))


@dataclass
class World:
    """One team, its numbers, a dialer on real services, and a carrier on a stage."""

    dialer: Dialer
    stage: Stage
    engine: Engine
    redis: Redis
    team: str = "team_a"
    numbers: list[str] = field(default_factory=list)
    counter: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    later: deque[Step] = field(default_factory=deque)
    followed_up: list[Step] = field(default_factory=list)
    places: bool = True
    """Whether calls that can leave at once do; otherwise all are reserved first."""
    settles_at_receipt: bool = True
    """Whether callbacks are settled where that may be; otherwise all wait in the inbox."""

    # -- making things

    def contact(self, phone: str | None = "", team: str | None = None, **more: Any) -> str:
        """A contact with a number of its own, unless one is given."""
        return self.contacts(1, phone=phone, team=team, **more)[0]

    def contacts(self, count: int, *, phone: str | None = "", team: str | None = None, **more: Any) -> list[str]:
        made = []
        for _ in range(count):
            n = next(self.counter)
            raw = f"+1202555{n:04d}" if phone == "" else phone
            read = normalize(raw)
            e164, fault = (read.e164, None) if isinstance(read, Phone) else (None, read.reason)
            made.append(NewContact(f"cont_{n:04d}", raw, e164, fault, **more))
        self.write(lambda conn: contacts.load(conn, team or self.team, made))
        return [contact.id for contact in made]

    def campaign(self, contact_ids: Sequence[str] = (), **body: Any) -> str:
        """A draft with these contacts; ``body`` in the names of the API page."""
        team = body.pop("teamId", self.team)
        fields = {
            "name": "A campaign",
            "assistantId": f"asst_{team}",
            "companyId": f"comp_{team}",
            "fromNumberIds": self.numbers,
        }
        campaign = campaigns.create_campaign(self.dialer, team, fields | body, actor="test")
        if contact_ids:
            self.carry_out(campaigns.add_contacts(self.dialer, campaign, contact_ids, actor="test")[1])
        return campaign

    def script(self, script: Mapping[str, Life | Sequence[Life]]) -> None:
        """Give numbers (``*``: all others) their lives, one for each successive call; the last repeats."""
        lives = {n: (lives,) if isinstance(lives, Life) else tuple(lives) for n, lives in script.items()}
        self.stage.book = replace(self.stage.book, script=lives)

    def deploy(self, *, default_window: str = "", **bounds: Any) -> None:
        """Another deployment's settings."""
        window = parse_default_window(default_window) or self.dialer.default_window
        self.dialer = replace(self.dialer, bounds=replace(self.dialer.bounds, **bounds), default_window=window)

    def campaign_that_is(self, status: str) -> str:
        """A campaign with two contacts in this status."""
        later = (self.now + timedelta(hours=1)).isoformat()
        campaign = self.campaign(self.contacts(2), **({"scheduledStartAt": later} if status == "scheduled" else {}))
        if status in ("running", "paused", "completed"):
            self.run(campaign)
        match status:
            case "paused":
                self.pause(campaign)
            case "completed":
                self.until(campaign, "completed")
            case "cancelled":
                self.cancel(campaign)
        assert self.status(campaign) == status
        return campaign

    def another_team(self, team: str, *, limit: int = 100) -> None:
        self.write(lambda conn: _make_team(conn, team, limit))

    def number(self, e164: str, *, team: str | None = None, limit: int = 10) -> str:
        number_id, owner = ids.new(ids.NUMBER), team or self.team
        self.write(lambda conn: setup.number(conn, number_id, owner, f"acct_{owner}", e164, limit=limit))
        return number_id

    # -- doing things

    def run(self, campaign: str, **options: Any) -> RunResult:
        result, steps = admit.run_campaign(self.dialer, campaign, opened_by="api", **options)
        self.carry_out(steps)
        return result

    def reserve(self, campaign: str, **options: Any) -> list[Step]:
        """Open a run and hold back what follows: its calls are reserved, no message was sent to dial them."""
        before, self.places = self.places, False
        _, steps = admit.run_campaign(self.dialer, campaign, opened_by="api", **options)
        self.places = before
        return steps

    def do_all(self, steps: Iterable[Step]) -> list[Step]:
        """Do these steps and none that follow from them; returns those."""
        return [following for step in steps for following in self.do(step)]

    def carry_out(self, steps: Iterable[Step]) -> None:
        """What :mod:`worker.process.tasks` does with messages in between, at once."""
        waiting = deque([*steps, *self._followed_up()])
        while waiting:
            waiting.extend(self.do(waiting.popleft()))
            waiting.extend(self._followed_up())

    def do(self, step: Step) -> Sequence[Step]:
        match step:
            case Dial(_, call_ids):
                return dial.dial(self.dialer, call_ids)
            case DialMore():
                return reap.take_waiting(self.dialer, 100)
            case Fill(team_id, campaign_ids):
                filled = fill.fill(self.dialer, team_id, campaign_ids)
                finish.finish(self.dialer, filled.idle)
                return filled.steps
            case FillMore():
                requests, has_more, _ = self.dialer.fill_requests.take(100, self.dialer.nudge, "settle")
                fills: list[Step] = [Fill(team_id, (campaign_id,)) for team_id, campaign_id in requests]
                return [*fills, FillMore()] if has_more else fills
            case Settle():
                return settle.settle(self.dialer)
            case LookUp(call_ids):
                reap.look_up(self.dialer, call_ids)
                return self._followed_up()
            case Stop():
                return [*stop.stop_calls(self.dialer), *self._followed_up()]
            case Wake(after_team):
                return wake.wake_more(self.dialer, after_team)
            case RebuildSlots():
                reconcile.reconcile(self.dialer)
                return []

    # -- as who places calls (worker.flow.base.Placing)

    can = True

    def senders(self, account_id: str, most: int) -> Taken:
        permits = self.dialer.bulkheads.of(account_id).senders
        return Taken(permits, permits.take(most))

    def room(self, account_id: str) -> int:
        return 100

    def leave(self, batch: Batch) -> None:
        self.followed_up.extend(dial.place(self.dialer, batch))

    def _followed_up(self) -> list[Step]:
        """What followed from answers of the carrier, which here come at once."""
        steps, self.followed_up[:] = list(self.followed_up), []
        return steps

    def tick(self) -> None:
        """One tick, whenever the last one was."""
        self.carry_out(self.steps_of_a_tick())

    def steps_of_a_tick(self) -> list[Step]:
        """What a tick would send, held back."""
        self.sql("DELETE FROM ticks")
        return [*tick.tick(self.dialer), *self._followed_up()]

    def finish_all(self) -> None:
        """Cancel what is not over, and let live calls end."""
        for row in self.sql("SELECT id FROM campaigns WHERE status NOT IN ('completed', 'cancelled')"):
            self.cancel(row.id, hang_up=True)
        self.advance(2)

    def play(self) -> None:
        """Let the stage act up to now, and settle what it says."""
        events = self.stage.play()
        if events:
            self.report(events)
        self.carry_out(self.later)

    def report(self, events: Sequence[CallEvent]) -> None:
        """Callbacks, as they come in."""
        self.carry_out(self._take_in(events))

    def report_before_answer(self, events: Sequence[CallEvent]) -> None:
        """Callbacks that are settled while the request that made their calls still waits for its answer; what
        follows from them waits for the next :meth:`play`, as it would for another worker."""
        for step in self._take_in(events):
            self.later.extend(self.do(step))

    def _take_in(self, events: Sequence[CallEvent]) -> list[Step]:
        take_in = receipt.settle_received if self.settles_at_receipt else record.record
        return take_in(self.dialer, "simulator", events)

    def pause(self, campaign: str, reason: str = "requested") -> None:
        self.carry_out(stop.pause_campaign(self.dialer, campaign, reason, actor="test"))

    def pause_behind_its_back(self, campaign: str) -> None:
        """Pause while a request is on its way; its consequences come later."""
        stop.pause_campaign(self.dialer, campaign, actor="test")

    def resume(self, campaign: str) -> None:
        self.carry_out(admit.resume(self.dialer, campaign, actor="test"))

    def cancel(self, campaign: str, *, hang_up: bool = False) -> None:
        self.carry_out(stop.cancel_campaign(self.dialer, campaign, hang_up=hang_up, actor="test"))

    def edit_contact(self, contact: str, **fields: Any) -> None:
        """Change the contact in the CRM; ``fields`` in the names of the API."""
        _, steps = contact_operations.edit_contact(self.dialer, self.team, contact, fields, actor="test")
        self.carry_out(steps)

    def ban(self, *numbers: str) -> None:
        """Put numbers on the team's do-not-call list."""
        contact_operations.ban_numbers(self.dialer, self.team, {"numbers": list(numbers)}, actor="test")

    def edit_campaign(self, campaign: str, **columns: Any) -> None:
        """Change the campaign's policy by its columns."""
        assigned = ", ".join(f"{name} = :{name}" for name in columns)

        def work(conn: Connection) -> None:
            gate.close_gate(conn, self.team)
            edit = f"UPDATE campaigns SET policy_version = policy_version + 1, {assigned} WHERE id = :id"
            conn.execute(text(edit), {"id": campaign, **columns})

        self.write(work)

    def pass_machine_time(self, seconds: float) -> None:
        """Let machine time pass for live calls and resting accounts, by making everything that much older."""
        self.sql(
            """UPDATE calls SET
                   reserved_at = reserved_at - :ago, rung_at = rung_at - :ago, dialing_at = dialing_at - :ago,
                   checked_at = checked_at - :ago, next_check_at = next_check_at - :ago,
                   provable_end_at = provable_end_at - :ago,
                   end_tried_at = end_tried_at - :ago, next_end_at = next_end_at - :ago
               WHERE ended_at IS NULL""",
            ago=timedelta(seconds=seconds),
        )
        self.sql(
            """UPDATE carrier_accounts SET
                   rested_at = rested_at - :ago, resting_until = resting_until - :ago,
                   breaker_opened_at = breaker_opened_at - :ago, breaker_until = breaker_until - :ago,
                   slowed_at = slowed_at - :ago""",
            ago=timedelta(seconds=seconds),
        )
        self.sql(
            "UPDATE call_outcomes SET waits_since = waits_since - :ago, waits_until = waits_until - :ago",
            ago=timedelta(seconds=seconds),
        )
        self.sql(
            "UPDATE phone_numbers SET rested_at = rested_at - :ago, resting_until = resting_until - :ago",
            ago=timedelta(seconds=seconds),
        )
        self.sql(
            "UPDATE unmatched_calls SET end_tried_at = end_tried_at - :ago, next_end_at = next_end_at - :ago",
            ago=timedelta(seconds=seconds),
        )

    # -- time

    @property
    def now(self) -> datetime:
        at: datetime = self.sql("SELECT dialer_now()")[0][0]
        return at

    def set_clock(self, at: datetime) -> None:
        self.sql("SELECT dialer_set_clock(CAST(:at AS timestamptz), 0)", at=at)

    def advance(self, seconds: float) -> None:
        """Move business time on, stopping wherever something happens on the way."""
        end = self.now + timedelta(seconds=seconds)
        self.play()
        self.tick()
        while (at := self.next_instant(end)) < end:
            self._step_to(at)
        self._step_to(end)

    def until(self, campaign: str, status: str, *, hours: float = 48) -> None:
        """Move time on until the campaign has this status."""
        end = self.now + timedelta(hours=hours)
        while self.status(campaign) != status:
            assert self.now < end, f"still {self.status(campaign)} after {hours} h: {self.by_status(campaign)}"
            self._step_to(self.next_instant(end))

    def next_instant(self, end: datetime) -> datetime:
        """When to look again: when something happens on the stage, or the dialer wants to look itself.

        Its looks in between, each minute of a night and each second while a slot is missing, find nothing; they
        are passed over, up to a minute before the next thing that can happen.
        """
        soonest = self.now + timedelta(seconds=1)
        instants = [at for at in (self.stage.next_at, *self._due_at()) if at is not None]
        happens = max(soonest, min(instants, default=self.now + timedelta(minutes=15)))
        if happens > self.now + timedelta(seconds=61):
            return min(end, happens - timedelta(seconds=60))
        alarm = self.next_alarm()
        return min(happens, alarm) if alarm is not None and alarm > soonest else happens

    def next_alarm(self) -> datetime | None:
        """When the dialer itself means to look again."""
        at: datetime | None = self.sql("SELECT min(next_wake_at) FROM campaigns WHERE status = 'running'")[0][0]
        return at

    def _step_to(self, at: datetime) -> None:
        self.set_clock(at)
        self.play()
        self.tick()

    def _due_at(self) -> Iterator[datetime | None]:
        """When campaigns start or end and contacts of running ones may be called, as far as it lies ahead."""
        yield from self.sql("""
            SELECT min(scheduled_start_at) FROM campaigns WHERE status = 'scheduled' AND deleted_at IS NULL""")[0]
        yield from self.sql("""
            SELECT min(scheduled_end_at) FROM campaigns
            WHERE status IN ('running', 'paused') AND deleted_at IS NULL AND scheduled_end_at > dialer_now()""")[0]
        for row in self.sql(f"""
            SELECT c.*, {RULES}, cc.zone, min(cc.due_at) AS due_at,
                   min(cc.due_at) FILTER (WHERE cc.due_at > dialer_now()) AS due_later
            FROM campaigns c JOIN campaign_contacts cc ON cc.campaign_id = c.id
            WHERE c.status = 'running' AND cc.status IN ('pending', 'queued') GROUP BY c.id, cc.zone"""):
            window = window_of(row, row.zone)
            if window is None:
                yield row.due_later
                continue
            shut_at = window.next_close(self.now)
            yield from (window.next_open(max(shut_at, at)) for at in (row.due_at, row.due_later) if at is not None)
            if row.due_later is not None and row.due_later < shut_at:
                yield row.due_later

    # -- looking at things

    def sql(self, statement: str, **values: Any) -> Sequence[Any]:
        with self.engine.begin() as conn:
            result = conn.execute(text(statement), values)
            return result.all() if result.returns_rows else []

    def write(self, work: Any) -> None:
        with self.engine.begin() as conn:
            work(conn)

    def status(self, campaign: str) -> str:
        return str(self.sql("SELECT status FROM campaigns WHERE id = :id", id=campaign)[0][0])

    def by_status(self, campaign: str) -> dict[str, int]:
        rows = self.sql(
            "SELECT status, count(*) FROM campaign_contacts WHERE campaign_id = :id GROUP BY status", id=campaign
        )
        return dict(rows)

    def calls(self, campaign: str) -> Sequence[Any]:
        """The campaign's calls in the order they were reserved."""
        return self.sql("SELECT * FROM calls WHERE campaign_id = :id ORDER BY reserved_at, id", id=campaign)

    def all_calls(self) -> Sequence[Any]:
        """The calls of all campaigns in the order they were reserved."""
        return self.sql("SELECT * FROM calls ORDER BY reserved_at, id")

    def call(self, campaign: str) -> Any:
        """The campaign's only call."""
        (call,) = self.calls(campaign)
        return call

    def entry(self, campaign: str, contact: str) -> Any:
        """The row of a contact in a campaign."""
        (row,) = self.sql(
            "SELECT * FROM campaign_contacts WHERE campaign_id = :campaign AND contact_id = :contact",
            campaign=campaign,
            contact=contact,
        )
        return row

    def campaign_row(self, campaign: str) -> Any:
        (row,) = self.sql("SELECT * FROM campaigns WHERE id = :id", id=campaign)
        return row

    def counts(self, campaign: str) -> dict[str, int]:
        with self.engine.connect() as conn:
            return counters.read(conn, [campaign])[campaign]

    def wait_for_blocked(self) -> None:
        """Wait until some transaction waits for another's lock."""
        deadline = monotonic() + PATIENCE_SECONDS
        while not self.sql("SELECT FROM pg_locks WHERE NOT granted"):
            assert monotonic() < deadline, "nobody waits for a lock"

    def phone(self, contact: str) -> str:
        return str(self.sql("SELECT phone_e164 FROM contacts WHERE id = :id", id=contact)[0][0])

    def dialed(self, *contact_ids: str) -> list[datetime]:
        """When the phones of these contacts were asked for at the carrier, by the stage's own record."""
        numbers = {self.phone(contact) for contact in contact_ids}
        requests = zip(self.stage.requests, self.stage.requested_at, strict=True)
        return [at for order, at in requests if not contact_ids or order.to_number in numbers]

    def check(self) -> None:
        """Every invariant, by the rows and by what the phones saw."""
        with self.engine.connect() as conn:
            found = invariants.violations(conn, self.dialer.bounds)
        assert not any(found.values()), {name: rows for name, rows in found.items() if rows}
        assert not unlawful(self.sql("SELECT id, law, dialed_at FROM calls WHERE law IS NOT NULL"))
        rang: dict[str, list[Played]] = {}
        for played in self.stage.calls.values():
            if not played.is_extra and played.call_request.to_number not in self.stage.may_overlap:
                rang.setdefault(played.call_request.to_number, []).append(played)
        for number, rings in rang.items():
            for before, after in itertools.pairwise(sorted(rings, key=lambda p: p.placed_at)):
                assert before.ended_at is not None, f"{number} rang twice at once"
                assert before.ended_at <= after.placed_at, f"{number} rang twice at once"
        tokens = [order.token for order in self.stage.requests]
        assert len(tokens) == len(set(tokens)), "a call was requested twice"
        live = {row.id for row in self.sql("SELECT id FROM calls WHERE ended_at IS NULL")}
        members = {call for held in self.dialer.slots.members().values() for call in held}
        assert members == live, "slots and live calls disagree"


def make_world(
    database_url: str,
    redis_url: str,
    *,
    bounds: Bounds | None = None,
) -> Iterator[World]:
    """A world at noon of a Monday in New York; checked at the end, and taken apart."""
    redis = connect(redis_url)
    engine = open_database(database_url, pool_size=6)
    stage = Stage(Book(seed=1, script={"*": (Life(1, 5),)}), now=lambda: world.now)
    dialer = Dialer(
        db=engine,
        slots=Slots(redis, "test"),
        rates=Rates(redis, "test"),
        nudge=Nudge(redis, "test"),
        fill_requests=FillRequests(redis, "test"),
        carriers={"simulator": stage},
        bounds=bounds or Bounds(),
        bulkheads=Bulkheads(lambda work: work()),
        public_base_url="http://127.0.0.1:1",
        follow_up=lambda steps: world.followed_up.extend(steps),
        placing=lambda: world if world.places else None,
    )
    world = World(dialer, stage, engine, redis)
    stage.before_answer = world.report_before_answer
    world.set_clock(MONDAY_NOON)
    world.write(lambda conn: _make_team(conn, world.team, 100))
    world.numbers = [world.number("+12025550001"), world.number("+12025550002")]
    reconcile.reconcile(dialer)
    world.sql(f"INSERT INTO ticks VALUES ('tick', clock_timestamp() + interval '{AHEAD}')")  # somebody is at work
    yield world
    world.check()
    world.engine.dispose()  # of the database it ends with: after a failover that is another
    redis.close()


def _make_team(conn: Connection, team: str, limit: int) -> None:
    setup.team(conn, team, team.replace("_", "-"), team, limit=limit)
    setup.company(conn, f"comp_{team}", team, "A company")
    setup.assistant(conn, f"asst_{team}", team, "An assistant")
    setup.account(conn, f"acct_{team}", team, "simulator", "An account", limit=1000)
