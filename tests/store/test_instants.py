"""The table of instants is whole, and whatever decides by one goes on when the clock is set an hour forward or back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import text

from tests import shadow_clock
from tests.emptied import EmptiedDatabase
from tests.store.dialing import committing, plan, reserve, running
from tests.world import World, make_world, watch_server
from worker.dev.stack import Stack
from worker.flow import reap
from worker.flow.base import LookUp, slot_of
from worker.flow.clock_jumps import watch_clock
from worker.flow.ending import not_sent
from worker.operations import campaigns
from worker.slots import Kind, Nudge, Rate, Scope, Throttle
from worker.slots.throttle import Allowance
from worker.store import (
    accounts,
    breakers,
    call_outcomes,
    calls,
    candidates,
    channels,
    claims,
    events,
    failovers,
    hangups,
    idempotency,
    moves,
    past_calls,
    retention,
    ticks,
    wakes,
)
from worker.store.crm import campaign_copies, keys
from worker.store.database import once
from worker.store.events import Event
from worker.store.hangups import Unmatched
from worker.store.idempotency import KeyedRequest
from worker.store.instants import INSTANTS, Rule
from worker.store.reads import standstill

HOUR = 3600
ROWS = {instant.name: instant for instant in INSTANTS}
DECIDING = sorted(instant.name for instant in INSTANTS if instant.compared_by)
SLOTS = Path(reap.__file__).parent.parent / "slots"

Move = Callable[[], None]
Try = Callable[[World, Move, bool], None]
"""Given a world, what sets its clock, and whether that goes forward."""

TRIES: dict[str, Try] = {}


def trial(name: str) -> Callable[[Try], Try]:
    def keep(attempt: Try) -> Try:
        TRIES[name] = attempt
        return attempt

    return keep


@pytest.fixture(scope="session")
def clocked(stack: Stack, template: str) -> Iterator[EmptiedDatabase]:
    """One database whose clock can be set."""
    with psycopg.connect(stack.postgres.url, autocommit=True) as server:
        server.execute(f"CREATE DATABASE dialer_clocked TEMPLATE {template}")
    url = stack.postgres.url_of("dialer_clocked")
    shadow_clock.make(url)
    database = EmptiedDatabase(url)
    yield database
    database.close()


@pytest.fixture
def world(clocked: EmptiedDatabase, redis_url: str) -> Iterator[World]:
    """A world whose machine clock can be set; business time stands still."""
    clocked.empty()
    shadow_clock.move(clocked.url, -shadow_clock.ahead(clocked.url))
    yield from make_world(clocked.url, redis_url, engine=clocked.engine())


@pytest.fixture(params=[HOUR, -HOUR], ids=["forward", "back"])
def move(request: pytest.FixtureRequest, world: World, clocked: EmptiedDatabase) -> Move:
    """Sets the clock, which a worker had looked at before."""
    watch_clock(world.engine, world.dialer.clock)
    return partial(shadow_clock.move, clocked.url, request.param)


# -- the table


def test_every_instant_of_the_schema_stands_in_the_table(world: World) -> None:
    columns = world.sql("""
        SELECT table_name || '.' || column_name FROM information_schema.columns
        WHERE table_schema = 'public' AND data_type = 'timestamp with time zone'""")
    assert {row[0] for row in columns} == {name for name in ROWS if "/" not in name}


def test_every_script_that_reads_the_clock_stands_in_the_table() -> None:
    scripts = {f"slots/{file.name}" for file in SLOTS.glob("*.lua") if "'TIME'" in file.read_text()}
    assert scripts == {name for name in ROWS if "/" in name}


def test_business_time_and_what_is_only_noted_say_so_and_whatever_decides_is_tried() -> None:
    assert sorted(TRIES) == DECIDING
    assert len(ROWS) == len(INSTANTS)
    silent = {instant.rule for instant in INSTANTS if not instant.compared_by}
    assert silent == {Rule.NOTED, Rule.BUSINESS}


@pytest.mark.parametrize("name", DECIDING)
def test_what_goes_by_an_instant_goes_on(name: str, world: World, move: Move, request: pytest.FixtureRequest) -> None:
    TRIES[name](world, move, request.node.callspec.params["move"] > 0)
    watch_clock(world.engine, world.dialer.clock)  # as the next tick would; then every invariant is asked
    world.sql("UPDATE calls SET late_evidence_at = NULL")


# -- what each is tried by


def do(world: World, verb: Callable[..., object], *args: object, **more: object) -> object:
    return once(world.engine, lambda conn: verb(conn, *args, **more))


def one_waits(world: World) -> str:
    return running(world, world.contacts(1))


def is_planned(world: World, campaign: str) -> bool:
    return bool(plan(world, campaign).calls)


def dialed(world: World) -> str:
    """A call that may have left, and of which nothing is known."""
    (call,) = reserve(world, one_waits(world))
    assert once(world.engine, committing(world, call)) == [call]
    return call


def state(world: World, call: str) -> str:
    return str(world.sql("SELECT state FROM calls WHERE id = :id", id=call)[0][0])


def look_up(world: World, call: str) -> None:
    world.carry_out([LookUp((call,))])


@trial("ticks.last_at")
def _tick(world: World, move: Move, forward: bool) -> None:
    take = partial(do, world, ticks.claim, "work", every_seconds=60)
    assert [take(), take()] == [True, False]
    move()
    age = do(world, ticks.age_seconds, "work")
    assert isinstance(age, float)
    assert age > 60
    assert [take(), take()] == [True, False]


@trial("carrier_accounts.resting_until")
def _account_rests(world: World, move: Move, forward: bool) -> None:
    campaign = one_waits(world)
    do(world, accounts.rest_account, "acct_team_a", 1800, "tired")
    assert not is_planned(world, campaign)
    move()
    assert is_planned(world, campaign)
    assert not once(world.engine, lambda conn: channels.lock(conn, "acct_team_a", [])).is_resting
    do(world, accounts.rest_account, "acct_team_a", 5, "a breath")  # is not drawn out by the rest of before
    rest = world.sql("SELECT resting_until - rested_at, resting_reason FROM carrier_accounts")[0]
    assert (rest[0] <= timedelta(seconds=6), rest[1]) == (True, "a breath")


@trial("carrier_accounts.breaker_until")
def _breaker(world: World, move: Move, forward: bool) -> None:
    campaign = one_waits(world)
    opened = {"recent": "x", "trips": 1, "is_open": True, "probe": None, "pause_seconds": 1800.0, "reason": "down"}
    do(world, breakers.save, "acct_team_a", **opened)
    assert not is_planned(world, campaign)
    move()
    (call,) = reserve(world, campaign)
    do(world, breakers.take_probes, [breakers.Probe("acct_team_a", call)])
    assert once(world.engine, committing(world, call)) == [call]


@trial("carrier_accounts.slowed_at")
def _slowed(world: World, move: Move, forward: bool) -> None:
    world.sql("UPDATE carrier_accounts SET calls_per_second = 8")
    assert do(world, breakers.slow, "acct_team_a", recovery_seconds=600) == 4
    move()
    campaign = one_waits(world)
    rows = once(
        world.engine,
        lambda conn: conn.execute(*candidates.of_page(world.team, [campaign], most=9, recovery_seconds=600)).all(),
    )
    assert {number["account_rate"] for number in rows[0].numbers} == {8}
    assert do(world, breakers.slow, "acct_team_a", recovery_seconds=600) == 4


@trial("phone_numbers.resting_until")
def _number_rests(world: World, move: Move, forward: bool) -> None:
    campaign = one_waits(world)
    for number in world.numbers:
        do(world, accounts.rest_number, number, "blocked", 1800.0)
    assert not is_planned(world, campaign)
    move()
    assert is_planned(world, campaign)


@trial("calls.reserved_at")
def _reserved(world: World, move: Move, forward: bool) -> None:
    (call,) = reserve(world, one_waits(world))
    move()
    if not forward:  # its window was read by another clock
        assert once(world.engine, committing(world, call)) == []
    assert world.dialer.bounds.release_reserved_after_seconds < HOUR
    world.carry_out(reap.redispatch(world.dialer))
    assert state(world, call) == "ended"


@trial("calls.rung_at")
def _redispatched(world: World, move: Move, forward: bool) -> None:
    (call,) = reserve(world, one_waits(world))
    ring = partial(calls.undispatched, after_seconds=10, release_after_seconds=10**6, most=9)
    world.sql("UPDATE calls SET reserved_at = reserved_at - interval '1 minute'")
    assert [len(once(world.engine, ring)) for _ in range(2)] == [1, 0]
    move()
    assert [row.id for row in once(world.engine, ring)] == [call]


@trial("calls.next_check_at")
def _check(world: World, move: Move, forward: bool) -> None:
    call = dialed(world)
    overdue = partial(calls.overdue, again_in_seconds=600, most=9)
    assert once(world.engine, overdue) == []
    move()
    assert [once(world.engine, overdue) for _ in range(2)] == [[call], []]
    assert state(world, call) == "dialing"


@trial("calls.provable_end_at")
def _provable_end(world: World, move: Move, forward: bool) -> None:
    call = dialed(world)
    world.stage.can_find = False
    length = world.sql("SELECT extract(epoch FROM provable_end_at - dialing_at)::float FROM calls")[0][0]
    move()
    look_up(world, call)
    assert state(world, call) == "unknown"
    assert not once(world.engine, lambda conn: calls.live_by_id(conn, [call]))[0].is_over
    world.pass_machine_time(length - 60)
    look_up(world, call)
    assert state(world, call) == "unknown"
    world.pass_machine_time(120)
    look_up(world, call)
    assert state(world, call) == "ended"


@trial("calls.dialing_at")
def _age(world: World, move: Move, forward: bool) -> None:
    call, bounds = dialed(world), world.dialer.bounds
    move()
    for _ in range(bounds.unknown_misses + 1):
        look_up(world, call)
    assert state(world, call) == "unknown"
    world.pass_machine_time(bounds.unknown_after_seconds - 60)
    look_up(world, call)
    assert state(world, call) == "unknown"
    world.pass_machine_time(120)
    look_up(world, call)
    assert state(world, call) == "ended"


@trial("clock_jumps.at")
def _there_and_back(world: World, move: Move, forward: bool) -> None:
    """Set wrong and then right again, as a time server does, with a call before, one between and one after."""
    ages = [dialed(world)]
    move()
    watch_clock(world.engine, world.dialer.clock)
    ages.append(dialed(world))
    url = world.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    shadow_clock.move(url, -HOUR if forward else HOUR)
    watch_clock(world.engine, world.dialer.clock)
    ages.append(dialed(world))
    rows = once(world.engine, lambda conn: calls.live_by_id(conn, ages))
    assert [abs(row.age_seconds) < 600 for row in rows] == [True] * 3
    assert [round(row.seconds, -1) for row in world.sql("SELECT seconds FROM clock_jumps ORDER BY number")] == (
        [HOUR, -HOUR] if forward else [-HOUR, HOUR]
    )


@trial("calls.late_evidence_at")
def _late_evidence(world: World, move: Move, forward: bool) -> None:
    call = dialed(world)
    never_left(world, call)
    world.sql("UPDATE calls SET late_evidence_at = clock_timestamp() - interval '4.5 hours'")
    world.sql("UPDATE campaign_contacts SET due_at = dialer_now()")
    move()
    watch_clock(world.engine, world.dialer.clock)
    (picked,) = once(
        world.engine, lambda conn: conn.execute(*claims.pick(world.team, [claims.Want(_campaign(world), "", 1)])).all()
    )
    assert picked.on_the_phone


def never_left(world: World, call: str, *, due_in_seconds: float = 0.0) -> None:
    """The request of this call provably never left."""
    moved = once(world.engine, lambda conn: moves.advance(conn, [not_sent(call, "no connection", due_in_seconds)]))
    world.dialer.slots.release([slot_of(row) for row in moved])


def _campaign(world: World) -> str:
    return str(world.sql("SELECT id FROM campaigns")[0][0])


@trial("calls.unanswered_since")
def _unanswered(world: World, move: Move, forward: bool) -> None:
    dialed(world)
    world.sql("UPDATE calls SET unanswered_since = clock_timestamp(), next_check_at = NULL")
    move()
    (row,) = once(world.engine, lambda conn: standstill.live(conn, recovery_seconds=60))
    assert (row.overdue, row.overdue_seconds > HOUR / 2) == (1, True)


@trial("calls.answered_at")
@trial("calls.end_requested_at")
def _hang_up(world: World, move: Move, forward: bool) -> None:
    """A machine that talks is hung up although the clock was set back since it answered."""
    call = dialed(world)
    world.sql("""UPDATE calls SET state = 'in_progress', rang = true, answered_at = clock_timestamp(),
                     carrier_call_id = 'CA', machine_verdict = 'machine' WHERE id = :id""", id=call)  # fmt: skip
    move()
    do(world, hangups.hang_up, [call])
    assert to_be_hung_up(world) == [call]


def to_be_hung_up(world: World) -> list[str]:
    """Whom somebody takes to hang up on, and has to himself for ten minutes."""
    take = partial(hangups.take, rooms={}, room=1, tries=10, lease_seconds=600, recovery_seconds=60)
    return [row.id or row.carrier_call_id for row in once(world.engine, take)]


@trial("calls.end_tried_at")
@trial("calls.next_end_at")
def _hang_up_again(world: World, move: Move, forward: bool) -> None:
    """A lease is over, and who was asked about longest ago is next."""
    first, second = dialed(world), dialed(world)
    world.sql("""UPDATE calls SET carrier_call_id = id, end_requested_at = clock_timestamp(), state = 'placed'""")
    assert [to_be_hung_up(world), to_be_hung_up(world), to_be_hung_up(world)] == [[first], [second], []]
    move()
    assert [to_be_hung_up(world), to_be_hung_up(world), to_be_hung_up(world)] == [[first], [second], []]


@trial("unmatched_calls.end_tried_at")
@trial("unmatched_calls.next_end_at")
def _hang_up_unmatched_again(world: World, move: Move, forward: bool) -> None:
    for name in ("a", "b"):
        do(world, hangups.unmatched, [Unmatched("simulator", name, "f" * 32, None)])
    assert [to_be_hung_up(world), to_be_hung_up(world), to_be_hung_up(world)] == [["a"], ["b"], []]
    move()
    assert sorted(to_be_hung_up(world) + to_be_hung_up(world)) == ["a", "b"]


@trial("unmatched_calls.found_at")
def _kept_unmatched(world: World, move: Move, forward: bool) -> None:
    do(world, hangups.unmatched, [Unmatched("simulator", "a", "f" * 32, None)])
    move()
    do(world, hangups.forget_unmatched)
    assert to_be_hung_up(world) == ["a"]


def news_of_nobody(world: World, token: str = "f" * 32) -> None:
    do(world, events.insert, "simulator", [Event(token, "one", "CA", "ringing")])


@trial("call_events.received_at")
def _overdue_event(world: World, move: Move, forward: bool) -> None:
    news_of_nobody(world)
    are_overdue = partial(do, world, events.are_overdue, after_seconds=600)
    assert not are_overdue()
    move()
    assert are_overdue()
    assert once(world.engine, lambda conn: events.take(conn, most=9))[0].age_seconds > 600


@trial("call_outcomes.waits_until")
def _wait_for_an_outcome(world: World, move: Move, forward: bool) -> None:
    world.sql("""INSERT INTO call_outcomes (call_id, campaign_id, waits_since, waits_until)
                 VALUES ('call_1', 'camp_1', clock_timestamp(), clock_timestamp() + interval '10 minutes')""")
    assert not once(world.engine, call_outcomes.are_over)
    move()
    assert once(world.engine, call_outcomes.are_over)
    assert once(world.engine, lambda conn: call_outcomes.decide_overdue(conn, most=9)) == ["camp_1"]


@trial("call_events.held_until")
def _held_event(world: World, move: Move, forward: bool) -> None:
    news_of_nobody(world)
    do(world, events.hold, [row.id for row in world.sql("SELECT id FROM call_events")], 600)
    assert [len(once(world.engine, lambda conn: events.take(conn, most=9)))] == [0]
    assert len(once(world.engine, lambda conn: events.take_held(conn, ["f" * 32]))) == 1
    move()
    assert len(once(world.engine, lambda conn: events.take(conn, most=9))) == 1


def _candidates(world: World, campaign_ids: list[str], *, recovery_seconds: float) -> Sequence[Any]:
    looking = candidates.of_page(world.team, campaign_ids, most=9, recovery_seconds=recovery_seconds)
    return once(world.engine, lambda conn: conn.execute(*looking).all())


@trial("campaigns.filled_at")
def _turns(world: World, move: Move, forward: bool) -> None:
    first, second = one_waits(world), one_waits(world)

    def note(turns: list[claims.Turn]) -> None:
        do(world, lambda conn: conn.execute(*claims.note_turns(turns)))

    note([claims.Turn(first, is_over=True, is_starved=True)])
    move()
    note([claims.Turn(second, is_over=True, is_starved=True)])
    rows = once(
        world.engine,
        lambda conn: conn.execute(*candidates.of_page(world.team, [first, second], most=9, recovery_seconds=60)).all(),
    )
    assert [row.id for row in rows] == [first, second]


@trial("campaign_numbers.used_at")
def _rotation(world: World, move: Move, forward: bool) -> None:
    """Whose turn was longest ago is next, and he whose turn was just before the clock was set back is not left out."""
    campaign = running(world, world.contacts(3), maxConcurrentCalls=2)
    first, second = [row.number_id for row in _reserved_in_turn(world, campaign)]
    move()
    world.edit_campaign(campaign, max_concurrent_calls=3)
    third = _reserved_in_turn(world, campaign)[-1].number_id
    rows = once(
        world.engine,
        lambda conn: conn.execute(*candidates.of_page(world.team, [campaign], most=9, recovery_seconds=60)).all(),
    )
    assert {first, second} == set(world.numbers)
    assert [number["id"] for number in rows[0].numbers][-1] == third


def _reserved_in_turn(world: World, campaign: str) -> list[Any]:
    reserve(world, campaign)
    return list(world.sql("SELECT number_id FROM calls ORDER BY id"))


@trial("campaigns.next_wake_at")
def _alarm(world: World, move: Move, forward: bool) -> None:
    campaign = one_waits(world)
    world.sql("DELETE FROM clock")
    world.sql("UPDATE campaigns SET next_wake_at = dialer_now() + interval '60 seconds'")
    take = partial(wakes.take, most=9, most_cancelled=9, after_team=None, most_teams=9)
    assert not once(world.engine, take).running
    watch_clock(world.engine, world.dialer.clock)
    assert not once(world.engine, take).running
    move()
    watch_clock(world.engine, world.dialer.clock)
    assert list(once(world.engine, take).running.values()) == [[campaign]]


@trial("campaign_contacts.due_at")
def _due(world: World, move: Move, forward: bool) -> None:
    """Who was due stays due, and who was called waits for his delay, however short that is beside the jump."""
    world.sql("DELETE FROM clock")
    campaign = one_waits(world)
    (call,) = reserve(world, campaign)
    world.sql("UPDATE campaigns SET max_concurrent_calls = 1, retry_delay_minutes = 10")
    other = world.contact()
    world.carry_out(campaigns.add_contacts(world.dialer, campaign, [other], actor="test")[1])
    never_left(world, call, due_in_seconds=600.0)
    move()
    watch_clock(world.engine, world.dialer.clock)
    (again,) = reserve(world, campaign)
    if forward:
        return
    assert world.sql("SELECT contact_id FROM calls WHERE id = :id", id=again)[0][0] == other
    never_left(world, again, due_in_seconds=600.0)
    assert not is_planned(world, campaign)


REQUEST = KeyedRequest("team_a", "once", "POST", "/", bytes(32))


@trial("idempotency_keys.taken_at")
def _given_up(world: World, move: Move, forward: bool) -> None:
    """A key is free at once, and the request that held it, if it lives, cannot commit any more."""
    taken = once(world.engine, lambda conn: idempotency.take(conn, REQUEST))
    assert taken is not None
    assert once(world.engine, lambda conn: idempotency.take(conn, REQUEST)) is None
    move()
    again = once(world.engine, lambda conn: idempotency.take(conn, REQUEST))
    assert again is not None
    assert not once(world.engine, lambda conn: idempotency.note_work(conn, REQUEST, taken.at))
    assert not once(world.engine, lambda conn: idempotency.answer(conn, REQUEST, taken.at, 200, "{}"))
    assert once(world.engine, lambda conn: idempotency.answer(conn, REQUEST, again.at, 200, "{}"))


@trial("idempotency_keys.heard_at")
def _silent_since(world: World, move: Move, forward: bool) -> None:
    """The same of a request of many batches, which gave a sign with each."""
    taken = once(world.engine, lambda conn: idempotency.take(conn, REQUEST))
    assert taken is not None
    world.sql("UPDATE idempotency_keys SET taken_at = taken_at - interval '10 minutes'")
    (taken_at,) = world.sql("SELECT taken_at FROM idempotency_keys")[0]
    assert once(world.engine, lambda conn: idempotency.note_progress(conn, REQUEST, taken_at, {"lines": 500}))
    assert once(world.engine, lambda conn: idempotency.keep_alive(conn, REQUEST, taken_at))
    assert once(world.engine, lambda conn: idempotency.take(conn, REQUEST)) is None
    move()
    again = once(world.engine, lambda conn: idempotency.take(conn, REQUEST))
    assert again is not None
    assert not once(world.engine, lambda conn: idempotency.note_progress(conn, REQUEST, taken_at, {"lines": 1000}))


HALF_AN_HOUR_BEFORE = "clock_timestamp() - interval '40 days' + interval '30 minutes'"


@trial("calls.ended_at")
def _kept_call(world: World, move: Move, forward: bool) -> None:
    campaign = world.campaign(world.contacts(1))
    world.run(campaign)
    world.advance(60)
    with world.engine.begin() as conn:
        conn.execute(text("SET LOCAL session_replication_role = replica"))  # or the trigger keeps a call's end as it is
        conn.execute(text(f"UPDATE calls SET ended_at = {HALF_AN_HOUR_BEFORE}"))
    move()
    watch_clock(world.engine, world.dialer.clock)
    assert do(world, past_calls.retire, days=40) == 0
    assert do(world, past_calls.retire, days=39) == 1


@trial("audit_log.at")
def _kept_line(world: World, move: Move, forward: bool) -> None:
    world.sql("DELETE FROM audit_log")
    world.sql(f"INSERT INTO audit_log (at, actor, action, subject_id) VALUES ({HALF_AN_HOUR_BEFORE}, 'a', 'do', 'it')")
    move()
    watch_clock(world.engine, world.dialer.clock)
    assert do(world, retention.delete_audit, days=40) == 0
    assert do(world, retention.delete_audit, days=39) == 1


@trial("idempotency_keys.created_at")
def _kept_answer(world: World, move: Move, forward: bool) -> None:
    taken = once(world.engine, lambda conn: idempotency.take(conn, REQUEST))
    assert taken is not None
    once(world.engine, lambda conn: idempotency.answer(conn, REQUEST, taken.at, 200, "{}"))
    world.sql("UPDATE idempotency_keys SET created_at = created_at - interval '23.5 hours'")
    move()
    watch_clock(world.engine, world.dialer.clock)
    assert once(world.engine, lambda conn: idempotency.take(conn, REQUEST)) is None
    assert do(world, idempotency.purge) == 0


@trial("api_keys.last_used_at")
def _key_use(world: World, move: Move, forward: bool) -> None:
    do(world, keys.insert, "key_a", world.team, "A key", "admin", bytes(32))
    world.sql("UPDATE api_keys SET last_used_at = clock_timestamp()")
    is_stale = "SELECT is_use_stale FROM (" + str(keys.FIND).replace(":id", "'key_a'") + ") AS found"
    assert not world.sql(is_stale)[0][0]
    move()
    assert world.sql(is_stale)[0][0]


@trial("campaigns.created_at")
def _test_calls(world: World, move: Move, forward: bool) -> None:
    world.sql("UPDATE campaigns SET test_of = id, tested_by = 'key_a' WHERE id = :id", id=world.campaign())
    move()
    (made,) = once(world.engine, lambda conn: campaign_copies.tests_made(conn, "key_a", most=10))
    assert 3500 < made.seconds_ago < 3700, "an hour is over, whichever way"


@trial("callback_refusals.last_at")
def _refusals(world: World, move: Move, forward: bool) -> None:
    do(world, events.count_refused, {"twilio": 1})
    move()
    assert once(world.engine, events.refused)[0].age_seconds > 900


@trial("database_server.held_until")
def _failover_hold(world: World, move: Move, forward: bool) -> None:
    campaign = one_waits(world)
    watch_server(world.dialer)
    world.sql("UPDATE database_server SET timeline = timeline - 1")
    watch_server(world.dialer)
    assert not is_planned(world, campaign)
    move()
    watch_clock(world.engine, world.dialer.clock)
    assert not is_planned(world, campaign)
    assert once(world.engine, failovers.lift)
    assert is_planned(world, campaign)


def _stray(world: World, move: Move, forward: bool, *, script: str) -> None:
    """A slot without a call is found out whichever way Redis' clock was set since it was taken."""
    scope = world.dialer.slots._keys.of(Scope(Kind.TEAM, world.team))
    now_ms = int(world.redis.time()[0]) * 1000
    world.redis.zadd(scope, {"call_stray": now_ms + (HOUR if not forward else -HOUR) * 1000})
    generation = world.sql("SELECT generation FROM slot_generation")[0][0]
    assert world.dialer.slots.reconcile(list, generation).dropped == {"call_stray"}


for _script in ("acquire", "add", "rebuild"):
    TRIES[f"slots/{_script}.lua"] = partial(_stray, script=_script)


def _shifted(world: World, key: str, microseconds: int) -> None:
    """The instant in this key as it would stand there had the clock been set since."""
    world.redis.set(key, int(float(world.redis.get(key))) + microseconds)


@trial("slots/gcra.lua")
def _rate(world: World, move: Move, forward: bool) -> None:
    rate = Rate(Scope(Kind.ACCOUNT, "a"), 0.2)
    assert world.dialer.rates.take([[rate]]) == [0.0]
    assert world.dialer.rates.take([[rate]]) == [None]
    (key,) = world.redis.keys("{testrates}*")
    _shifted(world, key, (-HOUR if forward else HOUR) * 1_000_000)
    assert world.dialer.rates.take([[rate]]) == [0.0]
    assert world.dialer.rates.take([[rate]]) == [None]


@trial("slots/throttle.lua")
def _throttle(world: World, move: Move, forward: bool) -> None:
    throttle, allowance = Throttle(world.redis, "test"), Allowance(0.1, 1)
    assert throttle.take("key", "a", allowance) == 0
    (key,) = world.redis.keys("{testthrottle}*")
    _shifted(world, key, (-HOUR if forward else HOUR) * 1_000_000)
    assert throttle.take("key", "a", allowance) <= 10


@trial("slots/nudge.lua")
def _nudge(world: World, move: Move, forward: bool) -> None:
    nudge = Nudge(world.redis, "test")
    assert [nudge.take("settle"), nudge.take("settle")] == [True, False]
    (key,) = world.redis.keys("{testnudge}*")
    _shifted(world, key, (-HOUR if forward else HOUR) * 1000)
    assert [nudge.take("settle"), nudge.take("settle")] == [True, False]


@trial("slots/request_fills.lua")
def _fills(world: World, move: Move, forward: bool) -> None:
    def add() -> bool:
        return world.dialer.fill_requests.add([(world.team, "camp_a")], [], world.dialer.slots)

    assert [add(), add()] == [True, False]
    _shifted(world, "{testfills}:outstanding", (-HOUR if forward else HOUR) * 1000)
    assert [add(), add()] == [True, False]


@trial("slots/take_fills.lua")
def _fills_taken(world: World, move: Move, forward: bool) -> None:
    requests = world.dialer.fill_requests
    assert requests.add([(world.team, "camp_a"), (world.team, "camp_b")], [], world.dialer.slots)
    assert requests.take(1, world.dialer.nudge, "settle").has_more, "there is one more, and a message is sent for it"
    assert not requests.add([(world.team, "camp_c")], [], world.dialer.slots)
    _shifted(world, "{testfills}:outstanding", (-HOUR if forward else HOUR) * 1000)
    assert requests.add([(world.team, "camp_d")], [], world.dialer.slots)


def test_a_rest_whose_beginning_an_older_worker_did_not_note_is_in_force(world: World) -> None:
    campaign = one_waits(world)
    world.sql("UPDATE carrier_accounts SET resting_until = clock_timestamp() + interval '1 minute'")
    assert not is_planned(world, campaign)
