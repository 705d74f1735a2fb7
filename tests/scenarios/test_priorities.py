"""Of those who are due, those of priority 1 are called first and those of 9 last."""

from __future__ import annotations

import pytest

from tests.world import World
from worker.domain.additions import parse_additions, parse_priorities
from worker.domain.errors import Invalid
from worker.operations import campaigns


def order(world: World, people: list[str]) -> list[str]:
    """The contacts in the order in which they were dialed."""
    by_number = {world.phone(each): each for each in people}
    return [by_number[request.to_number] for request in world.stage.requests]


def test_contacts_are_called_in_the_order_of_their_priority(world: World) -> None:
    people = world.contacts(6)
    campaign = world.campaign(maxConcurrentCalls=1)
    priorities = {people[0]: 9, people[3]: 1, people[4]: 6}
    campaigns.add_contacts(world.dialer, campaign, people, priorities=priorities, actor="test")
    changed = campaigns.prioritize_contacts(
        world.dialer, world.team, campaign, [people[5], people[3], world.contact()], 1, actor="test"
    )
    assert changed == 1
    world.run(campaign)
    world.until(campaign, "completed")
    assert order(world, people) == [people[n] for n in (3, 5, 1, 2, 4, 0)]


def test_a_crowd_that_cannot_be_called_holds_up_no_other_rank(world: World) -> None:
    """Those of the first rank are on the phone in another campaign."""
    people = world.contacts(4)
    elsewhere = world.campaign(people[:2])
    world.run(elsewhere)
    campaign = world.campaign()
    campaigns.add_contacts(world.dialer, campaign, people, priorities=dict.fromkeys(people[:2], 1), actor="test")
    world.run(campaign)
    assert {call.contact_id for call in world.calls(campaign)} == set(people[2:])


def test_a_request_names_contacts_with_a_priority_for_all_or_for_each() -> None:
    each = [{"contactId": "b", "priority": 1}, {"contactId": "c"}]
    body = {"contactIds": ["a", "b"], "contacts": each, "priority": 7}
    wanted = parse_additions(body)
    assert (wanted.contact_ids, wanted.priorities) == (["a", "b", "c"], {"a": 7, "b": 1, "c": 7})
    assert parse_additions({"contactIds": ["a"], "priority": 5}).priorities == {}
    assert parse_priorities({"contactIds": ["a"], "priority": 9}) == (["a"], 9)


@pytest.mark.parametrize(
    ("body", "paths"),
    [
        ({}, ["contactIds"]),
        ({"contactIds": []}, ["contactIds"]),
        ({"contacts": []}, ["contacts"]),
        ({"contacts": [{"contactId": "a", "priority": 0}, {"priority": 1}, 3]},
         ["contacts[0].priority", "contacts[1].contactId", "contacts[2]"]),
        ({"contactIds": ["a"], "priority": 10, "rank": 1}, ["rank", "priority"]),
    ],
)  # fmt: skip
def test_every_fault_of_a_request_is_named(body: dict[str, object], paths: list[str]) -> None:
    with pytest.raises(Invalid) as refusal:
        parse_additions(body)
    assert [fault.path for fault in refusal.value.faults] == paths
