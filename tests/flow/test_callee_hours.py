"""Whoever runs a campaign, or imports into it, is warned of numbers that are where it is another hour."""

from __future__ import annotations

import pytest

from tests.world import World
from worker.domain.contact_file import read_contacts
from worker.flow import callee_hours
from worker.operations.import_request import Loaded
from worker.operations.imports import load_contacts

NOON_IN_NEW_YORK = {"callWindowStart": "09:00", "callWindowEnd": "17:00", "callWindowTimezone": "America/New_York"}
BERLIN = "+493023125012"


def imported(world: World, campaign: str, *lines: str, **options: object) -> Loaded:
    text = [f"{line}\n" for line in ("phone,timezone,do_not_call", *lines)]
    return load_contacts(world.dialer, world.team, None, read_contacts(text), campaign_id=campaign, **options)


def test_a_run_and_a_dry_run_speak_of_those_who_wait_without_a_zone_of_their_own(world: World) -> None:
    berlin = world.contact(BERLIN)
    at_home, in_tokyo = world.contact(), world.contact("+81312345678", timezone="Asia/Tokyo")
    campaign = world.campaign([berlin, at_home, in_tokyo], **NOON_IN_NEW_YORK)
    for options in ({"dry_run": True}, {}):
        (warning,) = world.run(campaign, **options).warnings
        assert warning.startswith("1 of 2 contacts that wait without a time zone of their own have numbers")
        assert "Europe/Berlin" in warning
        assert "Tokyo" not in warning


def test_for_a_campaign_that_calls_everybody_by_its_clock_everybody_counts(world: World) -> None:
    in_tokyo = world.contact("+81312345678", timezone="Asia/Tokyo")
    campaign = world.campaign([in_tokyo], **NOON_IN_NEW_YORK, settings={"useContactTimezone": False})
    (warning,) = world.run(campaign, dry_run=True).warnings
    assert warning.startswith("1 of 1 contacts that wait have numbers")


def test_for_a_campaign_without_a_window_or_with_callees_of_its_zone_alone_nothing_is_said(world: World) -> None:
    assert world.run(world.campaign([world.contact(BERLIN)]), dry_run=True).warnings == ()
    assert world.run(world.campaign(world.contacts(2), **NOON_IN_NEW_YORK), dry_run=True).warnings == ()


def test_a_run_looks_at_no_more_than_a_bounded_number_and_says_so(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(callee_hours, "MOST_LOOKED_AT", 2)
    people = [world.contact(f"+4930231250{n}") for n in range(10, 15)]
    (warning,) = world.run(world.campaign(people, **NOON_IN_NEW_YORK), dry_run=True).warnings
    assert warning.startswith("2 of the first 2 contacts that wait without")


def test_an_import_into_a_campaign_counts_its_lines(world: World) -> None:
    campaign = world.campaign(**NOON_IN_NEW_YORK)
    lines = [f"{BERLIN},,", "+81312345678,,", "+33123456789,Europe/Paris,", "+493023125013,,yes", "+12025550101,,"]
    for dry_run in (True, False):
        (warning,) = imported(world, campaign, *lines, dry_run=dry_run).warnings
        assert warning.startswith("2 of 3 lines without a time zone have numbers that cannot be in America/New_York")
    assert imported(world, world.campaign(), *lines).warnings == ()
    assert imported(world, campaign, "+12025550102,,").warnings == ()


def test_the_zone_of_a_line_is_read_with_the_country_of_its_number_and_of_the_file(world: World) -> None:
    lines = [
        "(202) 555-0101,Eastern,",
        "+8613812345678,CST,",
        "+12025550103,Pacific Standard Time,",
        "+12025550104,EST,",
        "+12025550105,EST,yes",
    ]
    loaded = imported(world, world.campaign(), *lines, region="US")
    zones = dict(world.sql("SELECT phone_e164, timezone FROM contacts"))
    assert zones == {
        "+12025550101": "America/New_York",
        "+12025550103": "America/Los_Angeles",
        "+12025550105": None,
    }
    messages = {fault.line: fault.message for fault in loaded.faults}
    assert messages[3] == 'timezone: "CST" may mean several time zones; write Asia/Shanghai or America/Chicago.'
    assert "America/New_York" in messages[5]
