"""Who is not called, when that is noticed, and what the run says about it."""

from __future__ import annotations

import pytest

from tests.world import World
from worker.domain.errors import Conflict, NotFound
from worker.operations import campaigns, contacts
from worker.simulator.lives import Life


def test_those_who_cannot_be_called_are_named_with_the_reason_and_the_others_are_called(world: World) -> None:
    fine, mute, marked = world.contact(), world.contact(phone=None), world.contact(do_not_call=True)
    wrong, again = world.contact(phone="+1202555"), world.contact(phone=world.phone(fine))
    campaign = world.campaign([fine, mute, marked, wrong, again])
    result = world.run(campaign)
    assert [call.contact_id for call in result.calls] == [fine]
    assert result.failed == 4
    assert result.errors == (
        f"Contact {mute} has no phone number",
        f"Contact {marked} is marked do-not-call",
        f"Contact {wrong} has an invalid phone number",
        f"Contact {again} has the same phone number as another contact of this campaign",
    )
    assert result.remaining == 0
    world.until(campaign, "completed")
    assert world.by_status(campaign) == {"completed": 1, "skipped": 3, "failed": 1}


def test_one_who_may_not_be_called_and_one_who_is_on_the_phone_are_passed_over_together(world: World) -> None:
    first, second, banned, busy, last = people = world.contacts(5)
    world.script({world.phone(busy): Life(1, 600), "*": Life(1, 5)})
    world.run(world.campaign([busy]))
    campaign = world.campaign(people, maxConcurrentCalls=2)
    world.run(campaign)
    world.ban(world.phone(banned))
    world.advance(10)
    assert [world.entry(campaign, it).status for it in (first, second, banned)] == ["completed", "completed", "skipped"]
    assert world.entry(campaign, busy).status == "queued"
    assert world.dialed(last) != []


@pytest.mark.parametrize("phone", ["(202) 555-0123", "+1 202 555", "+1 900 555 0123", "+12025550123 ext. 5", "nobody"])
def test_numbers_that_cannot_be_dialed_are_never_dialed(world: World, phone: str) -> None:
    (contact,) = people_ = [world.contact(phone=phone)]
    campaign = world.campaign(people_)
    result = world.run(campaign)
    assert result.errors == (f"Contact {contact} has an invalid phone number",)
    world.tick()
    assert world.status(campaign) == "completed"
    assert world.stage.requests == []


def test_at_most_a_thousand_errors_are_listed_and_all_are_counted(world: World) -> None:
    campaign = world.campaign(world.contacts(1005, phone=None))
    result = world.run(campaign)
    assert (len(result.errors), result.failed) == (1000, 1005)


def test_adding_twice_adds_once_and_an_unknown_id_adds_nobody(world: World) -> None:
    known = world.contacts(2)
    campaign = world.campaign(known)
    assert campaigns.add_contacts(world.dialer, campaign, [*known, *known], actor="test")[0].new == 0
    new = world.contact()
    with pytest.raises(NotFound, match="cont_nobody, cont_noone"):
        campaigns.add_contacts(world.dialer, campaign, [new, "cont_nobody", "cont_noone"], actor="test")
    assert world.by_status(campaign) == {"pending": 2}
    assert campaigns.add_contacts(world.dialer, campaign, [new, new], actor="test")[0].new == 1


def test_another_teams_contact_is_unknown(world: World) -> None:
    world.another_team("team_b")
    theirs = world.contact(team="team_b")
    with pytest.raises(NotFound, match=theirs):
        campaigns.add_contacts(world.dialer, world.campaign(), [theirs], actor="test")


def test_contacts_added_to_a_running_campaign_are_dialed(world: World) -> None:
    world.script({"*": Life(1, 60)})
    campaign = world.campaign(world.contacts(1))
    world.run(campaign)
    late = world.contact()
    world.carry_out(campaigns.add_contacts(world.dialer, campaign, [late], actor="test")[1])
    assert world.dialed(late)


def test_contacts_added_to_a_completed_campaign_wait_for_the_next_run(world: World) -> None:
    campaign = world.campaign(world.contacts(1))
    world.run(campaign)
    world.until(campaign, "completed")
    late = world.contact()
    world.carry_out(campaigns.add_contacts(world.dialer, campaign, [late], actor="test")[1])
    world.advance(300)
    assert (world.dialed(late), world.status(campaign)) == ([], "completed")
    assert len(world.run(campaign).calls) == 1
    world.until(campaign, "completed")


def test_contacts_cannot_be_added_to_a_cancelled_campaign(world: World) -> None:
    campaign = world.campaign()
    world.cancel(campaign)
    with pytest.raises(Conflict, match="is cancelled"):
        campaigns.add_contacts(world.dialer, campaign, world.contacts(1), actor="test")


@pytest.mark.parametrize("by", ["contact", "list"])
def test_do_not_call_is_asked_again_when_a_run_opens(world: World, by: str) -> None:
    contact, other = people_ = world.contacts(2)
    campaign = world.campaign(people_)
    if by == "contact":
        world.edit_contact(contact, doNotCall=True)
    else:
        world.ban(world.phone(contact))
    result = world.run(campaign)
    assert result.errors == (f"Contact {contact} is marked do-not-call",)
    assert [call.contact_id for call in result.calls] == [other]
    assert world.entry(campaign, contact).status == "skipped"


@pytest.mark.parametrize("by", ["contact", "list"])
def test_do_not_call_is_asked_again_at_the_last_moment_before_a_call(world: World, by: str) -> None:
    (contact,) = people_ = world.contacts(1)
    campaign = world.campaign(people_)
    steps = world.reserve(campaign)
    if by == "contact":
        world.edit_contact(contact, doNotCall=True)
    else:
        world.ban(world.phone(contact))
    world.carry_out(steps)
    entry = world.entry(campaign, contact)
    assert (world.stage.requests, entry.status, entry.reason) == ([], "skipped", "do_not_call")
    assert world.status(campaign) == "completed"


def test_a_number_that_was_taken_away_is_named_by_the_run(world: World) -> None:
    contact, other = people_ = world.contacts(2)
    campaign = world.campaign(people_)
    world.edit_contact(contact, phone=None)
    result = world.run(campaign)
    assert result.errors == (f"Contact {contact} has no phone number",)
    assert (result.failed, result.remaining) == (1, 0)
    assert [call.contact_id for call in result.calls] == [other]


def test_a_contact_edited_before_its_call_is_called_by_its_new_number(world: World) -> None:
    (contact,) = people_ = world.contacts(1)
    campaign = world.campaign(people_)
    before = world.phone(contact)
    steps = world.reserve(campaign)
    world.edit_contact(contact, phone="+12025559999")
    world.carry_out(steps)
    assert [order.to_number for order in world.stage.requests] == ["+12025559999"]
    assert world.stage.of(before) == []
    world.until(campaign, "completed")
    assert world.entry(campaign, contact).attempts == 1


def test_a_contact_edited_before_its_call_waits_for_its_new_zones_window(world: World) -> None:
    (contact,) = people_ = world.contacts(1)
    window = {"callWindowStart": "09:00", "callWindowEnd": "17:00", "callWindowTimezone": "America/New_York"}
    campaign = world.campaign(people_, **window)
    steps = world.reserve(campaign)
    world.edit_contact(contact, timezone="Asia/Tokyo")
    world.carry_out(steps)
    assert world.stage.requests == []
    world.until(campaign, "completed")
    assert world.dialed(contact)[0].isoformat() == "2027-03-02T00:00:00+00:00"


def test_a_waiting_contact_whose_zone_changed_is_found_in_its_new_zone(world: World) -> None:
    world.script({"*": Life(1, 60)})
    contact = world.contact(timezone="Asia/Tokyo")
    window = {"callWindowStart": "09:00", "callWindowEnd": "17:00", "callWindowTimezone": "America/New_York"}
    campaign = world.campaign([contact], **window)
    world.run(campaign)
    assert world.stage.requests == []
    world.edit_contact(contact, timezone="America/New_York")
    world.tick()
    assert world.dialed(contact)


def test_a_zone_that_disagrees_with_its_contacts_does_not_spin(world: World) -> None:
    """An edit that commits beside an adding leaves the old zone in the campaign; the call is held back for it."""
    contact = world.contact(timezone="America/New_York")
    campaign = world.campaign([contact])
    world.sql("UPDATE contacts SET timezone = 'America/Chicago' WHERE id = :id", id=contact)
    waiting = world.reserve(campaign)
    for _ in range(12):
        waiting = world.do_all(waiting)
    assert not waiting, "reserved and released, over and over"
    world.until(campaign, "completed")


def test_a_contact_that_was_mended_is_called_by_the_next_run(world: World) -> None:
    mute, marked = world.contact(phone=None), world.contact(do_not_call=True)
    banned = world.contact()
    world.ban(world.phone(banned))
    campaign = world.campaign([mute, marked, banned])
    world.run(campaign)
    world.tick()
    assert world.status(campaign) == "completed"
    world.edit_contact(mute, phone="+12025559998")
    world.edit_contact(marked, doNotCall=False)
    contacts.unban_number(world.dialer, world.team, world.phone(banned), actor="test")
    result = world.run(campaign)
    assert {call.contact_id for call in result.calls} == {mute, marked, banned}
    assert (result.failed, result.errors) == (0, ())
    world.until(campaign, "completed")


def test_of_two_with_one_number_the_second_is_called_when_the_first_got_another(world: World) -> None:
    first = world.contact()
    second = world.contact(phone=world.phone(first))
    campaign = world.campaign([first, second])
    world.edit_contact(first, phone="+12025559998")
    result = world.run(campaign)
    assert {call.contact_id for call in result.calls} == {first, second}


def test_one_who_may_not_be_called_does_not_stand_for_another_with_the_same_number(world: World) -> None:
    """Whether both are added in one request or in two, the outcome is the same."""
    phone = "+12025559998"
    pairs = [[world.contact(phone=phone, do_not_call=True), world.contact(phone=phone)] for _ in range(2)]
    at_once, one_by_one = world.campaign(pairs[0]), world.campaign(pairs[1][:1])
    campaigns.add_contacts(world.dialer, one_by_one, pairs[1][1:], actor="test")
    assert world.entry(at_once, pairs[0][1]).status == world.entry(one_by_one, pairs[1][1]).status


def test_the_second_number_of_a_contact_is_never_dialed(world: World) -> None:
    contact = world.contact(phone=None, phone_secondary="+12025559998")
    result = world.run(world.campaign([contact]))
    assert result.errors == (f"Contact {contact} has no phone number",)
    assert world.stage.requests == []
