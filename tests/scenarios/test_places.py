"""Campaigns that go by places: by the clocks of wherever a callee may be, and by the rules of every such place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.world import World
from worker.carriers.simulated.protocol import Status
from worker.domain.errors import PurposeRequired
from worker.domain.places import place_of
from worker.operations.campaign_edit import edit_campaign
from worker.operations.campaigns import schedule
from worker.operations.copies import clone_campaign
from worker.operations.progress import read_progress
from worker.operations.teams import edit_team
from worker.operations.test_call import place_test_call
from worker.simulator.lives import Life

# Monday 2027-03-01, 12:00 in New York.
WINDOW = {"callWindowStart": "09:00", "callWindowEnd": "17:00", "callWindowTimezone": "America/New_York"}
NEW_YORK, LOS_ANGELES, HONOLULU, TOLL_FREE = "+12125550101", "+12135550101", "+18085550101", "+18005550101"
PARIS = "+33139980001"


def team(world: World, **policy: Any) -> None:
    _, steps = edit_team(world.dialer, world.team, policy, actor="test")
    world.carry_out(steps)


def contact(world: World, phone: str, **known: Any) -> str:
    """A contact that was placed when it was written."""
    (made,) = world.contacts(1, phone=phone, timezone=known.get("timezone"))
    world.sql("UPDATE contacts SET place = :place WHERE id = :id", place=place_of(phone, **known).code, id=made)
    return made


def edit(world: World, campaign: str, **fields: Any) -> None:
    world.carry_out(edit_campaign(world.dialer, world.team, campaign, fields, actor="test"))


def local(at: datetime) -> str:
    return f"{at.astimezone(UTC):%a %H:%M}"


def law_of(world: World, campaign: str) -> Mapping[str, Any] | None:
    law: Mapping[str, Any] | None = world.call(campaign).law
    return law


@pytest.mark.parametrize(
    ("phone", "known", "opens"),
    [
        (NEW_YORK, {}, "Mon 17:00"),
        (LOS_ANGELES, {}, "Mon 17:00"),  # 9:00 there
        (HONOLULU, {}, "Mon 19:00"),
        (LOS_ANGELES, {"timezone": "America/New_York"}, "Mon 17:00"),  # both: 9 to 14 there
        (LOS_ANGELES, {"timezone": "America/New_York", "timezone_confirmed": True}, "Mon 17:00"),
        (HONOLULU, {"timezone": "America/New_York"}, "Mon 19:00"),
        (NEW_YORK, {"timezone": "Pacific/Honolulu", "timezone_confirmed": True}, "Mon 19:00"),
        ("+12195550101", {}, "Mon 17:00"),  # Indiana: Chicago or New York
        (PARIS, {}, "Tue 08:00"),
    ],
)
def test_who_has_no_zone_is_called_by_the_clocks_of_his_number(
    world: World, phone: str, known: dict[str, Any], opens: str
) -> None:
    team(world, zoneFromNumber=True)
    campaign = world.campaign([contact(world, phone, **known)], **WINDOW)
    world.run(campaign)
    world.until(campaign, "completed")
    (at,) = world.dialed()
    assert local(at) == opens
    assert law_of(world, campaign) is None, "places alone are no rule"


@pytest.mark.parametrize("turned", ["by the team", "by the campaign"])
def test_contacts_that_wait_move_when_places_are_turned_on_and_off(world: World, turned: str) -> None:
    world.set_clock(datetime(2027, 3, 2, 14, 30, tzinfo=UTC))  # 9:30 in New York, 4:30 in Honolulu
    people = [contact(world, HONOLULU), contact(world, NEW_YORK), contact(world, "+18085550199", timezone="Asia/Tokyo")]
    campaign = world.campaign(people[:2] if turned == "by the team" else people, **WINDOW)

    def turn(on: bool) -> None:
        if turned == "by the team":
            team(world, zoneFromNumber=on)
        else:
            edit(world, campaign, purpose="research" if on else None)

    zones = {person: world.entry(campaign, person).zone for person in people if person in people[:2]}
    assert set(zones.values()) == {""}
    turn(True)
    turn(False)
    turn(True)
    world.run(campaign)
    assert world.entry(campaign, people[0]).zone == place_of(HONOLULU).code
    assert world.entry(campaign, people[1]).zone == place_of(NEW_YORK).code
    if turned == "by the team":
        assert [call.to_number for call in world.calls(campaign)] == [NEW_YORK]
        turn(False)
        world.tick()
        world.advance(5)
        assert world.entry(campaign, people[0]).zone == ""
        assert len(world.calls(campaign)) == 2


def test_who_has_not_consented_is_not_called_where_rules_want_it(world: World) -> None:
    world.set_clock(datetime(2027, 3, 7, 17, 0, tzinfo=UTC))  # a Sunday noon in New York
    campaign = world.campaign([called := contact(world, NEW_YORK)], purpose="informational")
    world.run(campaign)
    row = world.entry(campaign, called)
    assert (row.status, row.reason) == ("skipped", "no_consent"), "an AI voice wants consent"


@pytest.mark.parametrize(
    ("policy", "known", "status"),
    [
        ({}, {}, "pending"),
        ({"unknownPlace": "strictest"}, {}, "pending"),  # strictest of no country
        ({"unknownPlace": "strictest", "country": "US"}, {}, "completed"),
        ({"unknownPlace": "strictest"}, {"timezone": "America/Chicago"}, "completed"),
        ({}, {"timezone": "America/Chicago"}, "completed"),
    ],
)
def test_who_is_at_a_place_nobody_knows_is_held_or_called_when_anywhere_is_open(
    world: World, policy: dict[str, Any], known: dict[str, Any], status: str
) -> None:
    team(world, zoneFromNumber=True, **policy)
    world.set_clock(datetime(2027, 3, 1, 20, 30, tzinfo=UTC))  # 10:30 in Honolulu, 15:30 in New York
    campaign = world.campaign([held := contact(world, TOLL_FREE, **known)], **WINDOW)
    world.run(campaign)
    world.advance(30)
    assert world.entry(campaign, held).status == status


def test_no_common_hour_ends_the_wait_with_a_reason(world: World) -> None:
    team(world, zoneFromNumber=True)
    lost = contact(world, NEW_YORK, timezone="Asia/Tokyo")
    campaign = world.campaign([lost, contact(world, LOS_ANGELES)], **WINDOW)
    world.run(campaign)
    world.until(campaign, "completed", hours=30)
    assert (world.entry(campaign, lost).status, world.entry(campaign, lost).reason) == ("skipped", "no_common_hour")
    assert len(world.dialed()) == 1


def test_a_shut_place_is_not_looked_at_until_it_opens(world: World) -> None:
    team(world, zoneFromNumber=True)
    world.set_clock(datetime(2027, 3, 2, 14, 30, tzinfo=UTC))
    campaign = world.campaign([contact(world, HONOLULU), contact(world, NEW_YORK)], **WINDOW)
    world.run(campaign)
    shut = dict(world.sql("SELECT zone, shut_until FROM campaign_zones WHERE campaign_id = :id", id=campaign))
    there = place_of(HONOLULU).code
    assert shut[there] is not None
    assert shut[there] <= world.now + timedelta(hours=1)
    assert shut[place_of(NEW_YORK).code] is None
    world.pause(campaign)
    edit(world, campaign, callWindowStart="00:00", callWindowEnd="24:00")
    world.resume(campaign)
    world.advance(10)
    dialed = {order.to_number for order in world.stage.requests}
    assert dialed == {HONOLULU, NEW_YORK}, "what was known of the window before is forgotten"


@pytest.mark.parametrize("whose", ["team", "deployment"])
def test_a_campaign_without_a_purpose_does_not_run_where_one_is_required(world: World, whose: str) -> None:
    later = (world.now + timedelta(hours=1)).isoformat()
    scheduled = world.campaign([contact(world, NEW_YORK)], scheduledStartAt=later)
    draft = world.campaign([contact(world, LOS_ANGELES)])
    if whose == "team":
        team(world, requirePurpose=True)
    else:
        world.dialer = replace(world.dialer, require_purpose=True)
    who = "its team" if whose == "team" else "this deployment"
    for refused in (
        lambda: world.run(draft),
        lambda: world.run(draft, dry_run=True),
        lambda: schedule(world.dialer, draft, later, actor="test"),
        lambda: place_test_call(world.dialer, world.team, draft, "+12025550177", opened_by="api", actor="test"),
    ):
        with pytest.raises(PurposeRequired, match=f"has no purpose, and {who} requires one"):
            refused()
    world.advance(3700)
    assert world.status(scheduled) == "draft"
    said = read_progress(world.dialer, world.team, scheduled).activity
    assert said.code == "start_missed"
    assert "it has no purpose" in said.message
    assert not world.dialed()
    edit(world, draft, purpose="research")
    world.run(draft)


SYDNEY = "+61291920101"


@pytest.mark.parametrize(
    ("phone", "purpose", "from_", "opens"),
    [
        (SYDNEY, "telemarketing", datetime(2027, 3, 5, 17, 0, tzinfo=UTC), "Fri 22:00"),  # Saturday, 9:00 there
        (SYDNEY, "telemarketing", datetime(2027, 3, 6, 7, 0, tzinfo=UTC), "Sun 22:00"),  # no Sundays
        (SYDNEY, "telemarketing", datetime(2027, 3, 25, 10, 0, tzinfo=UTC), "Fri 22:00"),  # not on Good Friday
        (SYDNEY, "health", datetime(2027, 3, 6, 18, 0, tzinfo=UTC), "Sat 18:00"),  # no rule is about those
    ],
)
@pytest.mark.parametrize("leaves", [True, False], ids=["leaves at once", "is reserved first"])
def test_rules_shut_what_no_window_does(
    world: World, phone: str, purpose: str, from_: datetime, opens: str, leaves: bool
) -> None:
    world.places = leaves
    world.set_clock(from_)
    campaign = world.campaign([contact(world, phone)], purpose=purpose)
    world.run(campaign)
    world.until(campaign, "completed", hours=24 * 6)
    (at,) = world.dialed()
    assert local(at) == opens
    law = law_of(world, campaign)
    assert law is not None
    assert law["place"] == place_of(phone).code
    assert law["consent"] == "none"


def test_what_waits_for_its_turn_is_not_dialed_when_its_place_or_policy_changes(world: World) -> None:
    campaign = world.campaign([moved := contact(world, PARIS), contact(world, "+33139980002")], purpose="debt")
    steps = world.reserve(campaign)
    world.sql("UPDATE contacts SET place = 'DE:*' WHERE id = :id", id=moved)
    world.carry_out(steps)
    zones = [(call.to_number, call.zone) for call in world.calls(campaign) if call.disposition != "not_sent"]
    assert sorted(zones) == [("+33139980001", "DE:*"), ("+33139980002", "FR:*")]
    other = world.campaign([contact(world, "+33139980003")])
    steps = world.reserve(other)
    team(world, purpose="debt")
    world.carry_out(steps)
    assert "+33139980003" not in {order.to_number for order in world.stage.requests}
    world.advance(30)
    assert [call.law is None for call in world.calls(other)] == [True, False], "by the policy of now"


@pytest.mark.parametrize("leaves", [True, False], ids=["leaves at once", "is reserved first"])
def test_a_second_number_is_called_only_where_its_own_place_is_open_too(world: World, leaves: bool) -> None:
    team(world, zoneFromNumber=True)
    world.places = leaves
    person = contact(world, NEW_YORK)
    world.sql("UPDATE contacts SET phone_secondary = :there WHERE id = :id", there=HONOLULU, id=person)
    world.script({"*": Life(1, ending=Status.BUSY)})
    campaign = world.campaign([person], useSecondaryPhone=True, maxAttemptsPerContact=4, retryDelayMinutes=60, **WINDOW)
    world.run(campaign)
    world.until(campaign, "completed")
    numbers = [order.to_number for order in world.stage.requests]
    assert numbers == [NEW_YORK, NEW_YORK, NEW_YORK, HONOLULU], "12:00, 13:00 (8:00 there), 14:00, 15:00"


def test_law_off_lets_no_rules_bind(world: World) -> None:
    team(world, purpose="telemarketing")
    free = world.campaign([contact(world, NEW_YORK)], law="off")
    world.run(free)
    world.until(free, "completed")
    assert law_of(world, free) is None
    assert world.sql("SELECT detail FROM audit_log WHERE action = 'create' AND subject_id = :id", id=free)[0][0] == {
        "law": "off"
    }
    copy, _ = clone_campaign(world.dialer, world.team, free, None, with_contacts=False, actor="test")
    assert world.campaign_row(copy).law is None


def test_what_let_a_call_pass_is_kept_with_it(world: World) -> None:
    campaign = world.campaign([contact(world, PARIS)], purpose="debt")
    world.run(campaign)
    world.until(campaign, "completed")
    law = law_of(world, campaign)
    assert law is not None
    assert law["areas"] == ["FR"]
    assert law["zones"] == ["Europe/Paris"]
    assert law["place"] == place_of(PARIS).code
