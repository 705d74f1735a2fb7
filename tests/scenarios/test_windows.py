"""Calls leave inside the window only, judged by the carrier's record and a clock read with pytz alone."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pytest
import pytz

from tests.world import MONDAY_NOON, World
from worker.carriers.simulated.protocol import Status
from worker.simulator.lives import Life

NEW_YORK, LOS_ANGELES, TOKYO = "America/New_York", "America/Los_Angeles", "Asia/Tokyo"
QUICK = Life(1, 5)
NINE_TO_FIVE = {"callWindowStart": "09:00", "callWindowEnd": "17:00", "callWindowTimezone": NEW_YORK}


def at_home(zone: str, *wall: int) -> datetime:
    """The instant at which the wall clock in the zone reads this."""
    return pytz.timezone(zone).localize(datetime(*wall)).astimezone(UTC)  # noqa: DTZ001


def outside(instants: Iterable[datetime], start: str, end: str, zone: str) -> list[str]:
    """Those of the instants at which the wall clock in the zone is not in ``[start, end)``."""
    late = []
    for at in instants:
        clock = at.astimezone(pytz.timezone(zone)).strftime("%H:%M:%S")
        inside = start <= clock < end if start < end else clock >= start or clock < end
        if not inside:
            late.append(clock)
    return late


def test_a_campaign_that_spans_closing_goes_on_when_the_window_opens_the_next_day(world: World) -> None:
    world.script({"*": Life(10, 50)})
    world.set_clock(at_home(NEW_YORK, 2027, 3, 1, 16, 57))
    people = world.contacts(8)
    campaign = world.campaign(people, **NINE_TO_FIVE, maxConcurrentCalls=1)
    world.run(campaign)
    world.until(campaign, "completed")
    dialed = world.dialed()
    assert len(dialed) == 8
    assert not outside(dialed, "09:00:00", "17:00:00", NEW_YORK)
    assert dialed[2] < at_home(NEW_YORK, 2027, 3, 1, 17, 0) < dialed[3]
    assert dialed[3] == at_home(NEW_YORK, 2027, 3, 2, 9, 0)


def test_a_run_while_the_window_is_shut_says_when_it_opens_and_starts_nothing(world: World) -> None:
    world.set_clock(at_home(NEW_YORK, 2027, 3, 1, 20, 0))
    campaign = world.campaign(world.contacts(2), **NINE_TO_FIVE)
    result = world.run(campaign)
    opening = at_home(NEW_YORK, 2027, 3, 2, 9, 0)
    assert result.calls == ()
    assert result.opens_at == opening
    assert "the call window is shut until Tue 09:00 New York, in 13 h" in result.message
    assert result.remaining == 2
    world.until(campaign, "completed")
    assert world.dialed() == [opening, opening]


def test_opens_at_is_the_first_opening_among_the_zones_of_those_who_wait(world: World) -> None:
    world.set_clock(at_home(NEW_YORK, 2027, 3, 1, 20, 0))
    people = [world.contact(timezone=TOKYO), world.contact(timezone=LOS_ANGELES), world.contact()]
    campaign = world.campaign(people, **NINE_TO_FIVE | {"callWindowEnd": "10:30"})
    assert world.run(campaign).opens_at is None, "10:00 in Tokyo"
    other = world.campaign(people[1:], **NINE_TO_FIVE | {"callWindowEnd": "10:30"})
    assert world.run(other).opens_at == at_home(NEW_YORK, 2027, 3, 2, 9, 0)


def test_a_run_without_a_window_says_so(world: World) -> None:
    campaign = world.campaign(world.contacts(1))
    result = world.run(campaign)
    assert not result.has_window
    assert "no call window" in result.message
    assert result.opens_at is None


def test_a_run_with_an_open_window_mentions_neither(world: World) -> None:
    campaign = world.campaign(world.contacts(2), **NINE_TO_FIVE)
    result = world.run(campaign)
    assert result.message == "Started 2 calls"
    assert result.opens_at is None


@pytest.mark.parametrize(
    ("seconds_before_closing", "dialed"), [(21, 1), (20, 0), (19, 0), (1, 0), (0, 0)], ids=lambda v: str(v)
)
def test_nothing_is_committed_in_the_last_twenty_seconds(
    world: World, seconds_before_closing: int, dialed: int
) -> None:
    world.set_clock(at_home(NEW_YORK, 2027, 3, 1, 17, 0) - timedelta(seconds=seconds_before_closing))
    campaign = world.campaign(world.contacts(1), **NINE_TO_FIVE)
    assert len(world.run(campaign).calls) == dialed
    assert len(world.stage.requests) == dialed


def test_a_call_reserved_in_time_and_dialed_too_late_is_released_and_placed_the_next_day(world: World) -> None:
    world.set_clock(at_home(NEW_YORK, 2027, 3, 1, 16, 59, 30))
    (person,) = people = world.contacts(1)
    campaign = world.campaign(people, **NINE_TO_FIVE)
    steps = world.reserve(campaign)
    world.set_clock(at_home(NEW_YORK, 2027, 3, 1, 16, 59, 41))
    world.carry_out(steps)
    assert world.stage.requests == []
    entry = world.entry(campaign, person)
    assert (entry.status, entry.attempts, entry.called) == ("queued", 0, False)
    world.until(campaign, "completed")
    assert world.dialed() == [at_home(NEW_YORK, 2027, 3, 2, 9, 0)]


def test_ringing_and_talking_may_run_past_the_end(world: World) -> None:
    world.script({"*": Life(20, 300)})
    world.set_clock(at_home(NEW_YORK, 2027, 3, 1, 16, 59, 30))
    campaign = world.campaign(world.contacts(1), **NINE_TO_FIVE)
    world.run(campaign)
    world.until(campaign, "completed")
    assert world.call(campaign).disposition == "answered"
    assert world.stage.end_requests == []


def test_calls_still_queued_at_the_carrier_are_ended_when_the_window_closes(world: World) -> None:
    world.script({"*": Life(5, 5, queue_seconds=4)})
    world.stage.hold_queued = True
    world.set_clock(at_home(NEW_YORK, 2027, 3, 1, 16, 59, 30))
    campaign = world.campaign(world.contacts(1), **NINE_TO_FIVE)
    world.run(campaign)
    world.advance(60)
    assert world.stage.live() == [], "a call the carrier kept would ring after closing"


@pytest.mark.parametrize("zone", [LOS_ANGELES, TOKYO, "Pacific/Kiritimati", "Asia/Kathmandu"])
def test_a_contact_is_called_by_its_own_clock(world: World, zone: str) -> None:
    world.script({"*": QUICK})
    person = world.contact(timezone=zone)
    campaign = world.campaign([person], **NINE_TO_FIVE | {"callWindowEnd": "09:30"})
    world.run(campaign)
    world.until(campaign, "completed")
    assert not outside(world.dialed(person), "09:00:00", "09:30:00", zone)


def test_people_of_many_zones_are_each_called_within_their_own_hours(world: World) -> None:
    world.script({"*": [Life(1, ending=Status.BUSY), Life(1, ending=Status.BUSY), QUICK]})
    zones = [NEW_YORK, LOS_ANGELES, TOKYO, "Europe/Berlin", "Australia/Lord_Howe", None]
    people = {world.contact(timezone=zone): zone or NEW_YORK for zone in zones}
    campaign = world.campaign(
        list(people), **NINE_TO_FIVE, maxConcurrentCalls=2, retryDelayMinutes=260, maxAttemptsPerContact=3
    )
    world.run(campaign)
    world.until(campaign, "completed", hours=96)
    for person, zone in people.items():
        dialed = world.dialed(person)
        assert len(dialed) == 3
        assert not outside(dialed, "09:00:00", "17:00:00", zone), zone


def test_the_contacts_own_zone_can_be_turned_off(world: World) -> None:
    world.script({"*": QUICK})
    person = world.contact(timezone=TOKYO)
    campaign = world.campaign([person], **NINE_TO_FIVE, settings={"useContactTimezone": False})
    world.run(campaign)
    assert world.dialed(person) == [MONDAY_NOON]
    assert world.campaign_row(campaign).settings == {"useContactTimezone": False}


def test_an_overnight_window_is_open_on_both_sides_of_midnight(world: World) -> None:
    world.script({"*": Life(1, 3000)})
    world.set_clock(at_home(NEW_YORK, 2027, 3, 1, 21, 30))
    people = world.contacts(6)
    overnight = {"callWindowStart": "22:00", "callWindowEnd": "02:00", "callWindowTimezone": NEW_YORK}
    campaign = world.campaign(people, **overnight, maxConcurrentCalls=1)
    world.run(campaign)
    world.until(campaign, "completed")
    dialed = world.dialed()
    assert dialed[0] == at_home(NEW_YORK, 2027, 3, 1, 22, 0)
    assert not outside(dialed, "22:00:00", "02:00:00", NEW_YORK)
    assert len({at.astimezone(pytz.timezone(NEW_YORK)).date() for at in dialed}) >= 2


def test_a_window_to_twenty_four_hundred_runs_up_to_midnight(world: World) -> None:
    world.set_clock(at_home(NEW_YORK, 2027, 3, 1, 23, 59, 30))
    campaign = world.campaign(world.contacts(1), **NINE_TO_FIVE | {"callWindowEnd": "24:00"})
    assert len(world.run(campaign).calls) == 1


def test_on_the_day_an_hour_is_skipped_a_window_within_it_does_not_open(world: World) -> None:
    world.script({"*": QUICK})
    world.set_clock(at_home(NEW_YORK, 2027, 3, 14, 0, 30))
    window = {"callWindowStart": "02:00", "callWindowEnd": "03:00", "callWindowTimezone": NEW_YORK}
    campaign = world.campaign(world.contacts(1), **window)
    world.run(campaign)
    world.until(campaign, "completed")
    assert world.dialed() == [at_home(NEW_YORK, 2027, 3, 15, 2, 0)]


def test_on_the_day_an_hour_is_repeated_a_window_within_it_opens_twice(world: World) -> None:
    world.script({"*": [Life(1, ending=Status.BUSY), QUICK]})
    world.set_clock(datetime(2027, 11, 7, 5, 30, tzinfo=UTC))  # 01:30, the first time
    window = {"callWindowStart": "01:00", "callWindowEnd": "02:00", "callWindowTimezone": NEW_YORK}
    campaign = world.campaign(world.contacts(1), **window, retryDelayMinutes=45)
    world.run(campaign)
    world.until(campaign, "completed")
    first, second = world.dialed()
    assert second - first < timedelta(hours=1)
    assert not outside([first, second], "01:00:00", "02:00:00", NEW_YORK)


def test_a_window_edited_while_paused_counts_at_once(world: World) -> None:
    world.script({"*": QUICK})
    world.set_clock(at_home(NEW_YORK, 2027, 3, 1, 18, 0))
    campaign = world.campaign(world.contacts(2), **NINE_TO_FIVE)
    world.run(campaign)
    world.pause(campaign)
    world.edit_campaign(campaign, call_window_start="18:00", call_window_end="19:00")
    world.resume(campaign)
    assert world.dialed() == [world.now] * 2


def test_a_call_reserved_under_a_window_that_was_moved_away_is_not_placed(world: World) -> None:
    campaign = world.campaign(world.contacts(1), **NINE_TO_FIVE)
    steps = world.reserve(campaign)
    world.edit_campaign(campaign, call_window_start="13:00", call_window_end="14:00")
    world.carry_out(steps)
    assert world.stage.requests == []
    world.until(campaign, "completed")
    assert not outside(world.dialed(), "13:00:00", "14:00:00", NEW_YORK)


def test_a_contact_due_while_the_window_is_shut_is_dialed_at_the_opening_there_is_then(world: World) -> None:
    world.script({"*": [Life(1, ending=Status.BUSY), QUICK]})
    world.set_clock(at_home(NEW_YORK, 2027, 3, 1, 16, 30))
    campaign = world.campaign(world.contacts(1), **NINE_TO_FIVE, retryDelayMinutes=60)
    world.run(campaign)
    world.advance(1800)
    world.pause(campaign)
    world.edit_campaign(campaign, call_window_start="11:00")
    world.resume(campaign)
    world.until(campaign, "completed")
    assert world.dialed()[1] == at_home(NEW_YORK, 2027, 3, 2, 11, 0)


@pytest.mark.parametrize("where", ["campaign", "contact"])
def test_a_zone_that_cannot_be_read_shuts_the_window(world: World, where: str) -> None:
    person = world.contact()
    campaign = world.campaign([person], **NINE_TO_FIVE)
    if where == "campaign":
        world.edit_campaign(campaign, call_window_timezone="Mars/Olympus_Mons")
    else:
        world.sql("UPDATE contacts SET timezone = 'Mars/Olympus_Mons'")
        world.sql("UPDATE campaign_contacts SET zone = 'Mars/Olympus_Mons'")
        world.sql("UPDATE campaign_zones SET zone = 'Mars/Olympus_Mons'")
    assert world.run(campaign).calls == ()
    world.advance(600)
    assert world.stage.requests == []


def test_the_deployments_window_is_taken_where_all_three_fields_are_left_out(world: World) -> None:
    world.deploy(default_window="13:00-14:00 America/New_York")
    world.script({"*": QUICK})
    campaign = world.campaign(world.contacts(1))
    row = world.campaign_row(campaign)
    assert (row.call_window_start, row.call_window_end, row.call_window_timezone) == ("13:00", "14:00", NEW_YORK)
    world.run(campaign)
    world.until(campaign, "completed")
    assert world.dialed() == [at_home(NEW_YORK, 2027, 3, 1, 13, 0)]


def test_within_the_last_twenty_seconds_the_answer_says_when_it_goes_on(world: World) -> None:
    world.set_clock(at_home(NEW_YORK, 2027, 3, 1, 16, 59, 50))
    campaign = world.campaign(world.contacts(1), **NINE_TO_FIVE)
    result = world.run(campaign)
    assert result.calls == ()
    assert result.opens_at == at_home(NEW_YORK, 2027, 3, 2, 9, 0)
