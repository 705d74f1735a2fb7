"""The sentence that says why nothing is dialed, case by case; and it is true: the next tick dials, or does not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.standing import BROUGHT_ABOUT, move_on
from tests.world import World
from worker.carriers.simulated.protocol import Status
from worker.domain.activity import Activity
from worker.domain.errors import NotFound
from worker.domain.standstill import Kind
from worker.flow import admit
from worker.flow.base import Dial
from worker.flow.plan import CandidatePage, plan_calls
from worker.operations.progress import read_progress
from worker.simulator.lives import Life
from worker.slots import Slots, connect
from worker.store.database import once

pytestmark = pytest.mark.usefixtures("at_work")

SHUT = {"callWindowStart": "09:00", "callWindowEnd": "10:00", "callWindowTimezone": "America/New_York"}
NOBODY_LISTENS = "redis://127.0.0.1:1/0"
LONG = Life(5, 900)


def said(world: World, campaign: str, *, broker_answers: bool = True) -> Activity:
    return read_progress(world.dialer, world.team, campaign, broker_answers=lambda: broker_answers).activity


def running(world: World, contacts: int = 3, **body: object) -> str:
    """A campaign that runs, of which nobody has dialed anything yet."""
    return started(world, world.contacts(contacts), **body)


def started(world: World, contacts: Sequence[str], **body: object) -> str:
    at = world.now + timedelta(seconds=1)
    campaign = world.campaign(contacts, scheduledStartAt=at.isoformat(), **body)
    world.set_clock(at)
    assert admit.start(world.dialer, campaign) == world.team
    return campaign


def shut_window(world: World) -> str:
    return running(world, **SHUT)


def an_end_before_its_window(world: World) -> str:
    return running(world, **SHUT, scheduledEndAt=(world.now + timedelta(hours=1)).isoformat())


def an_end_before_anybody_is_due(world: World) -> str:
    return nobody_due(world, scheduledEndAt=(world.now + timedelta(minutes=30)).isoformat())


def nobody_due(world: World, **body: object) -> str:
    world.script({"*": Life(0, 0, ending=Status.BUSY)})
    campaign = world.campaign(world.contacts(1), retryDelayMinutes=60, **body)
    world.run(campaign)
    world.advance(5)
    return campaign


def all_slots_of_the_campaign(world: World) -> str:
    world.script({"*": LONG})
    campaign = world.campaign(world.contacts(3), maxConcurrentCalls=2)
    world.run(campaign)
    return campaign


def all_slots_of(table: str) -> Callable[[World], str]:
    def arrange(world: World) -> str:
        other = all_slots_of_the_campaign(world)
        live = len(world.calls(other))
        world.sql(f"UPDATE {table} SET max_concurrent_calls = :live", live=live if table != "phone_numbers" else 1)
        return running(world)

    return arrange


def a_slow_account(world: World) -> str:
    world.sql("UPDATE carrier_accounts SET calls_per_second = 0.5")
    campaign = world.campaign(world.contacts(3), maxConcurrentCalls=10)
    world.reserve(campaign)
    return campaign


def a_disabled_number(world: World) -> str:
    world.sql("UPDATE phone_numbers SET enabled = false, disabled_reason = 'not ours any more'")
    return running(world)


def a_disabled_account(world: World) -> str:
    world.sql("UPDATE carrier_accounts SET enabled = false")
    return running(world)


def a_resting_number(world: World) -> str:
    world.sql("UPDATE phone_numbers SET resting_until = '2099-01-01T00:00:00Z'")
    return running(world)


def a_resting_account(world: World) -> str:
    world.sql("UPDATE carrier_accounts SET resting_until = '2099-01-01T00:00:00Z', resting_reason = 'HTTP 429'")
    return running(world)


def a_used_budget(world: World) -> str:
    world.script({"*": LONG})
    campaign = world.campaign(world.contacts(3))
    world.run(campaign, max_calls=1)
    return campaign


def a_budget_that_paused_it(world: World) -> str:
    campaign = world.campaign(world.contacts(3))
    world.run(campaign, max_calls=1)
    world.until(campaign, "paused")
    return campaign


def a_window_nobody_can_read(world: World) -> str:
    campaign = running(world, **SHUT)
    world.edit_campaign(campaign, call_window_timezone="Mars/Olympus")
    return campaign


def the_last_calls(world: World) -> str:
    world.script({"*": LONG})
    campaign = world.campaign(world.contacts(2))
    world.run(campaign)
    return campaign


def that_is(status: str) -> Callable[[World], str]:
    return lambda world: world.campaign_that_is(status)


CASES: list[tuple[Callable[[World], str], str, str]] = [
    (that_is("draft"), "not_started", "run or schedule it"),
    (that_is("scheduled"), "scheduled", "The campaign starts: 18:00 UTC, in 1 h."),
    (that_is("paused"), "paused", "resume it"),
    (that_is("completed"), "completed", "Every contact"),
    (that_is("cancelled"), "cancelled", "for good"),
    (a_budget_that_paused_it, "paused", "as many calls as it may; open a new run"),
    (a_used_budget, "max_calls_reached", "1 call is still live"),
    (the_last_calls, "nothing_waiting", "2 calls are still live"),
    (a_disabled_number, "no_caller_id", "+12025550001 is disabled (not ours any more); +12025550002 is disabled"),
    (a_disabled_account, "no_caller_id", "the carrier account of +12025550001 is disabled"),
    (a_resting_number, "resting", "The phone number +12025550001 rests; calls go on: 2099-01-01 00:00 UTC, in "),
    (a_resting_account, "resting", "The carrier account of +12025550001 rests (HTTP 429)"),
    (nobody_due, "nothing_due", "Nobody is due before 18:00 UTC, in 1 h"),
    (shut_window, "window_shut", "shut until Tue 09:00 New York, in 21 h"),
    (an_end_before_its_window, "ends_before_call", "called before Tue 09:00 New York, in 21 h, and the campaign ends"),
    (an_end_before_anybody_is_due, "ends_before_call", "Nobody may be called before 18:00 UTC, in 1 h, and the"),
    (a_window_nobody_can_read, "window_unreadable", "cannot be read"),
    (all_slots_of_the_campaign, "dialing", "2 of 2 calls are live, as many as the campaign may"),
    (all_slots_of("teams"), "team_limit", "The team has 2 live calls, as many"),
    (all_slots_of("phone_numbers"), "number_limit", "phone numbers"),
    (all_slots_of("carrier_accounts"), "account_limit", "carrier account"),
    (a_slow_account, "rate_limit", "as many calls a second as it may"),
]


@pytest.mark.parametrize(("arrange", "code", "word"), CASES, ids=[f"{code}: {word[:24]}" for _, code, word in CASES])
def test_what_keeps_a_campaign_from_dialing_is_shown_and_is_true(
    world: World, arrange: Callable[[World], str], code: str, word: str
) -> None:
    campaign = arrange(world)
    found = said(world, campaign)
    assert (found.code, found.is_dialing) == (code, False)
    assert word in found.message
    before = len(world.calls(campaign))
    world.sql("UPDATE campaigns SET next_wake_at = dialer_now() WHERE status = 'running'")
    assert not [step for step in world.steps_of_a_tick() if isinstance(step, Dial)]
    assert len(world.calls(campaign)) == before


def test_where_nothing_is_in_the_way_the_next_tick_dials(world: World) -> None:
    world.script({"*": LONG})
    campaign = running(world, maxConcurrentCalls=2)
    assert said(world, campaign).code == "starting"
    assert said(world, campaign).is_dialing
    world.tick()
    assert len(world.calls(campaign)) == 2
    assert not said(world, campaign).is_dialing
    world.edit_campaign(campaign, max_concurrent_calls=5)
    assert said(world, campaign).is_dialing
    assert said(world, campaign).message == "2 of 5 calls are live."
    world.advance(2)
    assert len(world.calls(campaign)) == 3


def test_an_obstacle_that_is_gone_is_not_shown_any_more(world: World) -> None:
    world.script({"*": LONG})
    campaign = a_resting_account(world)
    world.sql("UPDATE carrier_accounts SET resting_until = '2020-01-01T00:00:00Z'")
    assert said(world, campaign).is_dialing
    world.tick()
    assert len(world.calls(campaign)) == 3


def test_one_zone_that_is_open_is_enough_and_none_is_shown_with_the_first_to_open(world: World) -> None:
    window = {**SHUT, "callWindowEnd": "11:00"}  # it is noon in New York, ten in Denver
    contacts = [world.contact(), world.contact(timezone="America/Denver"), world.contact(timezone="Europe/Berlin")]
    campaign = started(world, contacts, **window)
    assert said(world, campaign).is_dialing
    world.advance(10)
    assert len(world.calls(campaign)) == 1
    found = said(world, campaign)
    assert (found.code, str(found.until)) == ("window_shut", "2027-03-02 08:00:00+00:00")


def test_who_falls_due_before_the_window_of_another_opens_is_shown(world: World) -> None:
    busy, tokyo = world.contact(), world.contact(timezone="Asia/Tokyo")
    world.script({world.phone(busy): Life(0, 0, ending=Status.BUSY)})
    campaign = world.campaign([busy, tokyo], retryDelayMinutes=60, **SHUT | {"callWindowEnd": "17:00"})
    world.run(campaign)
    world.advance(5)
    found = said(world, campaign)
    assert found.code == "nothing_due"
    assert found.message.startswith("Nobody whose call window is open is due before 13:00 New York, in 1 h.")
    assert found.until == world.entry(campaign, busy).due_at


def test_that_nobody_ticks_is_said_and_the_broker_is_asked_only_then(world: World) -> None:
    campaign = running(world)
    world.sql("UPDATE ticks SET last_at = clock_timestamp() - interval '9 seconds'")
    assert said(world, campaign, broker_answers=False).code == "starting"
    world.sql("UPDATE ticks SET last_at = clock_timestamp() - interval '61 seconds'")
    assert said(world, campaign).message.startswith("No worker has ticked for 61 s; start beat and a worker")
    assert said(world, campaign, broker_answers=False).code == "broker_away"
    world.sql("DELETE FROM ticks")
    world.sql("UPDATE schema_migrations SET applied_at = clock_timestamp() - interval '1 minute'")
    assert "No worker has ever ticked" in said(world, campaign).message
    world.tick()
    assert said(world, campaign).code not in ("not_ticking", "broker_away")


def test_a_redis_that_was_emptied_is_shown_until_its_slots_are_written_anew(world: World) -> None:
    campaign = running(world)
    world.redis.flushall()
    found = said(world, campaign)
    assert (found.code, found.is_dialing) == ("slots_rebuilding", False)
    world.tick()
    assert said(world, campaign).code != "slots_rebuilding"


def test_a_redis_that_is_away_is_shown_and_is_no_error(world: World) -> None:
    campaign = running(world)
    there = world.dialer
    world.dialer = replace(there, slots=Slots(connect(NOBODY_LISTENS, answer_seconds=0.2, retries=0), "test"))
    assert said(world, campaign).code == "redis_away"
    world.dialer = there


def test_slots_that_are_held_for_no_call_are_shown(world: World) -> None:
    campaign = running(world, maxConcurrentCalls=1)
    assert said(world, campaign).is_dialing
    plan = once(world.dialer.db, lambda conn: plan_calls(conn, world.dialer, world.team, CandidatePage([campaign])))
    (call,) = plan.calls
    world.dialer.slots.acquire([call.slot], plan.limits, plan.generation)
    assert said(world, campaign).code == "slots_held"
    world.dialer.slots.release([call.slot])
    assert said(world, campaign).is_dialing


def test_a_campaign_of_another_team_is_not_found(world: World) -> None:
    campaign = running(world)
    with pytest.raises(NotFound):
        read_progress(world.dialer, "team_b", campaign)


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (Kind.PLACING, "calls_not_placed"),
        (Kind.REQUESTS, "requests_unanswered"),
        (Kind.LOOK_UPS, "calls_not_looked_up"),
        (Kind.DUE, "not_taken_up"),
    ],
)
def test_what_of_the_campaign_stands_still_is_the_reason_until_it_moves(world: World, kind: Kind, code: str) -> None:
    BROUGHT_ABOUT[kind](world)
    (campaign,) = {row.campaign_id for row in world.all_calls()}
    found = said(world, campaign)
    assert (found.code, found.is_dialing) == (code, False)
    assert " for 43 s" in found.message or " for 44 s" in found.message
    move_on(world, kind)
    assert said(world, campaign).code != code


def test_what_waits_inside_the_workers_is_read_with_the_progress(world: World) -> None:
    campaign = world.campaign(world.contacts(2))
    world.reserve(campaign)
    (waiting,) = read_progress(world.dialer, world.team, campaign).waiting
    assert (waiting.kind, waiting.count, waiting.name) == (Kind.PLACING, 2, "An account")
    world.tick()
