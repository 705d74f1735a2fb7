"""The second number of a contact: dialed at every other attempt, where its campaign says so."""

from __future__ import annotations

from typing import Any

from tests.world import World
from worker.carriers.simulated.protocol import Status
from worker.simulator.lives import Life

BUSY = Life(1, ending=Status.BUSY)
SECOND = "+12025559001"


def dialed(world: World, *, second: str | None = SECOND, **body: Any) -> tuple[str, str, list[str]]:
    world.script({"*": BUSY})
    contact = world.contact(phone_secondary=second)
    policy = {"useSecondaryPhone": True, "maxAttemptsPerContact": 4, "retryDelayMinutes": 5} | body
    campaign = world.campaign([contact], **policy)
    world.run(campaign)
    world.until(campaign, "completed")
    return campaign, contact, [request.to_number for request in world.stage.requests]


def test_every_other_attempt_goes_to_the_second_number(world: World) -> None:
    campaign, contact, numbers = dialed(world, second="+1 (202) 555-9001")
    first = world.phone(contact)
    assert numbers == [first, SECOND, first, SECOND]
    assert world.entry(campaign, contact).attempts == 4


def test_it_stays_where_it_is_where_the_campaign_says_nothing(world: World) -> None:
    _, contact, numbers = dialed(world, useSecondaryPhone=False)
    assert set(numbers) == {world.phone(contact)}


def test_a_second_number_that_is_not_to_be_called_is_not(world: World) -> None:
    world.ban(SECOND)
    _, contact, numbers = dialed(world)
    assert numbers == [world.phone(contact)] * 4


def test_a_second_number_that_is_none_or_somebody_elses_is_not_called(world: World) -> None:
    world.script({"*": BUSY})
    other = world.contact(phone=SECOND)
    twin, none = world.contact(phone_secondary=SECOND), world.contact(phone_secondary="see notes")
    campaign = world.campaign([other, twin, none], useSecondaryPhone=True, retryDelayMinutes=5)
    world.run(campaign)
    world.until(campaign, "completed")
    assert len(world.dialed(other)) == len(world.dialed(twin)) == len(world.dialed(none)) == 3


def test_a_second_number_that_is_on_the_phone_waits(world: World) -> None:
    world.script({SECOND: Life(1, 900), "*": BUSY})
    other = world.contact(phone=SECOND)
    elsewhere = world.campaign([other])
    world.run(elsewhere)
    contact = world.contact(phone_secondary=SECOND)
    campaign = world.campaign([contact], useSecondaryPhone=True, retryDelayMinutes=5, maxAttemptsPerContact=2)
    world.run(campaign)
    world.until(campaign, "completed")
    assert [request.to_number for request in world.stage.requests] == [SECOND, world.phone(contact), SECOND]


def test_a_second_number_changed_or_banned_after_its_call_was_reserved_is_not_called(world: World) -> None:
    world.script({"*": BUSY})
    people = [world.contact(phone_secondary=f"+1202555900{n}") for n in range(2)]
    campaign = world.campaign(people, useSecondaryPhone=True, retryDelayMinutes=5, maxAttemptsPerContact=2)
    world.run(campaign)
    world.advance(10)
    world.places = False
    world.set_clock(world.entry(campaign, people[0]).due_at)
    steps = world.steps_of_a_tick()
    assert [call.secondary for call in world.calls(campaign)][2:] == ["+12025559000", "+12025559001"]
    world.edit_contact(people[0], phoneSecondary="+12025559007")
    world.ban("+12025559001")
    world.carry_out(steps)
    world.until(campaign, "completed")
    called = [request.to_number for request in world.stage.requests]
    assert sorted(called[2:]) == sorted([world.phone(people[1]), "+12025559007"])
