"""For what those wait who wait: the dry run counts them, and the sentence says so."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.world import World
from worker.domain.waits import Waits
from worker.operations import consents, views
from worker.operations.progress import read_progress
from worker.operations.teams import edit_team

WINDOW = {"callWindowStart": "09:00", "callWindowEnd": "17:00", "callWindowTimezone": "America/New_York"}
NEW_YORK, HONOLULU, PROVIDENCE, TOLL_FREE = "+12125550101", "+18085550101", "+14015550101", "+18005550101"


def waits_of(world: World, campaign: str) -> Waits:
    found = world.run(campaign, dry_run=True).waits
    assert found is not None
    return found


def counts(waits: Waits) -> dict[str, int]:
    return {name: each.count for name, each in waits.by_name().items() if each.count}


@pytest.fixture(autouse=True)
def half_past_nine_in_new_york(world: World) -> None:
    world.set_clock(datetime(2027, 3, 2, 14, 30, tzinfo=UTC))
    edit_team(world.dialer, world.team, {"zoneFromNumber": True}, actor="test")


def test_a_dry_run_says_who_waits_for_what_and_until_when(world: World) -> None:
    people = [world.contact(NEW_YORK), world.contact(HONOLULU), world.contact(TOLL_FREE), world.contact("12")]
    banned = world.contact("+12125550102", do_not_call=True)
    campaign = world.campaign([*people, banned], **WINDOW)
    waits = waits_of(world, campaign)
    assert counts(waits) == {"now": 1, "hours": 1, "placeUnknown": 1, "doNotCall": 1}
    assert waits.hours.next == datetime(2027, 3, 2, 19, 0, tzinfo=UTC)
    shown: Any = views.run_answer(world.run(campaign, dry_run=True))["waiting"]
    assert shown["hours"] == {"count": 1, "next": "2027-03-02T19:00:00Z", "places": {"US-HI": 1}}
    assert shown["placeUnknown"] == {"count": 1, "next": None, "places": {}}
    assert views.run_answer(world.run(campaign))["waiting"] is None
    assert counts(waits_of(world, campaign)) == {"hours": 1, "placeUnknown": 1, "doNotCall": 1}, "one is called"


def test_the_sentence_says_who_waits_for_their_hours_and_who_is_nowhere(world: World) -> None:
    campaign = world.campaign(
        [world.contact(HONOLULU), world.contact("+18085550102"), world.contact(TOLL_FREE)], **WINDOW
    )
    world.run(campaign)
    found = read_progress(world.dialer, world.team, campaign).activity
    assert (found.code, found.until) == ("window_shut", datetime(2027, 3, 2, 19, 0, tzinfo=UTC))
    assert found.message == (
        "2 wait for their hours (US-HI), the first until 14:00 New York, in 4 h 30 min; "
        "1 waits because nobody knows where they are."
    )
    held = world.campaign([world.contact("+18005550102")], **WINDOW)
    world.run(held)
    found = read_progress(world.dialer, world.team, held).activity
    assert (found.code, found.message) == ("place_unknown", "1 waits because nobody knows where they are.")


def test_whose_number_has_had_its_calls_is_counted_apart_with_the_instant(world: World) -> None:
    campaign = world.campaign([world.contact(NEW_YORK), world.contact("+12125550103")], **WINDOW)
    later = datetime(2027, 3, 3, 15, 0, tzinfo=UTC)
    world.sql(
        "UPDATE campaign_contacts SET status = 'queued', reason = 'frequency', due_at = :at WHERE contact_id = "
        "(SELECT id FROM contacts WHERE phone_e164 = '+12125550103')", at=later,
    )  # fmt: skip
    waits = waits_of(world, campaign)
    assert (counts(waits), waits.frequency.next) == ({"now": 1, "frequency": 1}, later)


def test_a_dry_run_counts_apart_whom_the_rules_will_leave_out(world: World) -> None:
    """Who is counted as called is called, and each of the others is left out at the first turn, for the same cause."""
    consenting, seattle = [NEW_YORK, HONOLULU, "+12065550101"], "+12065550102"
    people = [world.contact(number) for number in (*consenting, "+12125550103", "+18085550104", seattle)]
    said = {"numbers": consenting, "kind": "written", "givenAt": "2027-01-01T00:00:00Z"}
    consents.add_consents(world.dialer, world.team, said, actor="test")
    campaign = world.campaign(people, **WINDOW, purpose="telemarketing")
    waits = waits_of(world, campaign)
    assert counts(waits) == {"now": 1, "hours": 1, "consent": 2, "prohibited": 2}
    assert list(waits.clauses(world.now, None))[1:] == [
        "2 have not given the consent it takes",
        "2 may not be called where they are, by the rules there",
    ]
    debt = world.campaign(people, **WINDOW, purpose="debt")
    assert counts(waits_of(world, debt)) == {"now": 1, "hours": 2, "consent": 3}


def test_a_dry_run_counts_whom_it_finds_to_have_had_their_calls(world: World) -> None:
    campaign = world.campaign([world.contact(NEW_YORK)], **WINDOW)
    world.run(campaign)
    world.advance(900)
    again = world.campaign([world.contact(NEW_YORK)], **WINDOW, frequency=[{"calls": 1, "hours": 24}])
    waits = waits_of(world, again)
    assert counts(waits) == {"frequency": 1}
    assert waits.frequency.next is not None
    world.run(again)
    (entry,) = world.sql("SELECT reason, due_at FROM campaign_contacts WHERE campaign_id = :id", id=again)
    assert (entry.reason, entry.due_at) == ("frequency", waits.frequency.next)


def test_a_campaign_that_uses_none_of_this_says_what_it_said(world: World) -> None:
    edit_team(world.dialer, world.team, {"zoneFromNumber": False}, actor="test")
    campaign = world.campaign([world.contact(NEW_YORK)], **(WINDOW | {"callWindowStart": "12:00"}))
    assert counts(waits_of(world, campaign)) == {"hours": 1}
    world.run(campaign)
    said = read_progress(world.dialer, world.team, campaign).activity.message
    assert said == "The call window is shut until 12:00 New York, in 2 h 30 min."
