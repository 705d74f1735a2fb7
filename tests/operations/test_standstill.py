"""What stands still is said, each kind by its name, with since when and how many; what only waits is not, and nothing
is once it has moved. Time passes in the rows."""

from __future__ import annotations

import pytest

from tests.standing import BROUGHT_ABOUT, SECONDS, move_on, nobody_fills, nobody_places
from tests.world import World
from worker.domain.standstill import Kind, Standstill
from worker.operations.standstill import read_once, read_standstill


def still(world: World) -> list[Standstill]:
    return list(read_standstill(world.engine, world.dialer.bounds, pause=lambda _: None).still)


@pytest.mark.parametrize("kind", Kind)
def test_a_standstill_is_shown_since_when_and_of_whom_and_no_more_once_it_is_over(world: World, kind: Kind) -> None:
    assert still(world) == []
    subject = BROUGHT_ABOUT[kind](world)
    (found,) = still(world)
    assert found.key == (kind, subject)
    assert SECONDS <= found.waiting.seconds < SECONDS + 30
    assert found.waiting.count == (2 if kind is Kind.PLACING else 1)
    said = found.sentence()
    assert f" for {found.waiting.seconds:.0f} s" in said
    assert said.endswith(".")
    assert ("An account" in said) == (subject == "acct_team_a")
    assert ("An account" in found.sentence(by_name=False)) is False
    move_on(world, kind)
    assert still(world) == []


REASONS_NOT_TO_CALL = (
    "UPDATE campaigns SET status = 'paused', pause_reason = 'requested', stopped_at = clock_timestamp()",
    "UPDATE campaigns SET max_concurrent_calls = 1",
    "UPDATE campaigns SET updated_at = clock_timestamp()",
    "UPDATE campaigns SET filled_at = clock_timestamp()",
    "UPDATE campaigns SET call_window_start = '03:00', call_window_end = '04:00', call_window_timezone = 'UTC'",
    "UPDATE runs SET max_calls = 1, calls_used = 1",
    "UPDATE runs SET opened_at = clock_timestamp()",
    "UPDATE teams SET max_concurrent_calls = 1",
    "UPDATE calls SET reserved_at = clock_timestamp()",
    "UPDATE campaign_contacts SET due_at = dialer_now() + interval '1 hour'",
    "UPDATE campaign_contacts SET due_at = dialer_now() - interval '10 seconds'",
    "UPDATE clock SET speed = 0",
    "UPDATE clock SET speed = 0.1",
    "UPDATE clock SET real_at = clock_timestamp(), business_at = business_at + interval '1 hour'",
    "UPDATE phone_numbers SET enabled = false",
    "UPDATE phone_numbers SET max_concurrent_calls = 1 WHERE id IN (SELECT number_id FROM calls);"
    "UPDATE phone_numbers SET resting_until = clock_timestamp() + interval '1 hour'"
    " WHERE id NOT IN (SELECT number_id FROM calls)",
    "UPDATE phone_numbers SET resting_until = clock_timestamp() - interval '10 seconds'",
    "UPDATE carrier_accounts SET enabled = false",
    "UPDATE carrier_accounts SET max_concurrent_calls = 1",
    "UPDATE carrier_accounts SET channels = 0",
    "UPDATE carrier_accounts SET resting_until = clock_timestamp() + interval '1 hour'",
    "UPDATE carrier_accounts SET resting_until = clock_timestamp() - interval '10 seconds'",
    "UPDATE carrier_accounts SET breaker_until = clock_timestamp() - interval '1 second'",
    "UPDATE carrier_accounts SET calls_per_second = 0.04",
)


def test_a_campaign_that_has_a_reason_not_to_call_does_not_stand_still(world: World) -> None:
    nobody_fills(world)
    with world.engine.connect() as conn:
        for reason in REASONS_NOT_TO_CALL:
            assert [found.waiting.kind for found in read_once(conn, world.dialer.bounds).still] == [Kind.DUE]
            conn.exec_driver_sql(reason)
            assert not read_once(conn, world.dialer.bounds).still, reason
            conn.rollback()


def test_a_campaign_stands_still_though_another_of_its_team_dials(world: World) -> None:
    """Whoever was filled longest ago has its turn first, so it would have been called, were it looked at."""
    campaign = nobody_fills(world)
    other = world.campaign(world.contacts(1))
    world.run(other)
    assert [found.key for found in still(world)] == [(Kind.DUE, campaign)]
    world.sql("UPDATE teams SET max_concurrent_calls = 3")
    assert still(world) == [], "with the team nearly full the other may have had its turn a moment ago"


@pytest.mark.slow
def test_who_shares_a_rate_with_many_waits_for_its_round(world: World) -> None:
    campaign = nobody_fills(world)
    world.sql("UPDATE carrier_accounts SET calls_per_second = 0.1")
    assert [found.key for found in still(world)] == [(Kind.DUE, campaign)]
    for _ in range(2):
        world.run(world.campaign(world.contacts(1)))
    world.sql("UPDATE calls SET state = 'placed', placed_at = clock_timestamp() WHERE state < 'placed'")
    assert still(world) == [], "three campaigns, ten seconds each"


@pytest.mark.parametrize("column", ["account", "number"])
def test_reserved_calls_have_time_for_their_turn_at_a_slow_rate(world: World, column: str) -> None:
    nobody_places(world)
    assert [found.waiting.kind for found in still(world)] == [Kind.PLACING]
    table = "carrier_accounts" if column == "account" else "phone_numbers"
    world.sql(f"UPDATE {table} SET calls_per_second = 0.02")
    assert still(world) == []
    world.sql("UPDATE calls SET reserved_at = reserved_at - interval '5 minutes'")
    assert [found.waiting.kind for found in still(world)] == [Kind.PLACING]


@pytest.mark.parametrize(
    "excuse",
    [
        "UPDATE call_events SET held_until = clock_timestamp() + interval '5 seconds'",
        "UPDATE call_events SET held_until = clock_timestamp() - interval '5 seconds'",
        "UPDATE call_events SET outcome = 'stale'",
    ],
)
def test_news_that_is_held_waits_from_when_it_no_longer_is(world: World, excuse: str) -> None:
    BROUGHT_ABOUT[Kind.NEWS](world)
    world.sql(excuse)
    assert still(world) == []


@pytest.mark.parametrize(
    ("kind", "column"),
    [
        (Kind.NEWS, "call_events.received_at"),
        (Kind.PLACING, "calls.reserved_at"),
        (Kind.REQUESTS, "calls.dialing_at"),
        (Kind.HANG_UPS, "calls.end_requested_at"),
        (Kind.DUE, "campaigns.filled_at"),
    ],
)
def test_what_waits_since_before_the_clock_was_set_back_is_shown_at_once(world: World, kind: Kind, column: str) -> None:
    BROUGHT_ABOUT[kind](world)
    table, name = column.split(".")
    world.sql(f"UPDATE {table} SET {name} = clock_timestamp() + interval '55 minutes'")
    assert [found.waiting.kind for found in still(world)] == [kind]


def test_what_moves_between_two_looks_was_only_passing(world: World) -> None:
    nobody_places(world)
    moved = read_standstill(world.engine, world.dialer.bounds, pause=lambda _: move_on(world, Kind.PLACING))
    assert list(moved.still) == []


def test_everything_at_once_is_shown_at_once_the_worst_first(world: World) -> None:
    for kind in (Kind.NEWS, Kind.DUE, Kind.TICK):
        BROUGHT_ABOUT[kind](world)
    assert [found.waiting.kind for found in still(world)] == [Kind.TICK, Kind.NEWS, Kind.DUE]
