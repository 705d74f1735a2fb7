"""Contacts that ask to be called back: at their instant, before others, once beyond their attempts."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.scenarios.test_windows import NINE_TO_FIVE, at_home
from tests.world import MONDAY_NOON, World
from worker.carriers.base import NotSent
from worker.carriers.simulated.protocol import Status
from worker.domain.callback import Callback
from worker.domain.errors import Conflict, Invalid, NotFound
from worker.operations import callbacks
from worker.operations.campaign_contacts import list_campaign_contacts
from worker.operations.progress import read_progress
from worker.simulator.lives import Life

HOUR = timedelta(hours=1)
BUSY, ANSWERED, LONG = Life(1, ending=Status.BUSY), Life(1, 5), Life(1, 600)
TWICE = {"maxAttemptsPerContact": 2, "retryDelayMinutes": 10}


def call_back(world: World, campaign: str, contact: str, at: object) -> Callback:
    said = at.isoformat() if isinstance(at, datetime) else at
    return callbacks.call_back(world.dialer, world.team, campaign, contact, said, actor="test")


def cancel(world: World, campaign: str, contact: str) -> bool:
    return callbacks.cancel_callback(world.dialer, world.team, campaign, contact, actor="test")


def exhausted(world: World, **policy: Any) -> tuple[str, str]:
    """A running campaign, and a contact of it whose attempts are used."""
    world.script({"*": BUSY})
    contact = world.contact()
    campaign = world.campaign([contact], keepOpen=True, **TWICE | policy)
    world.run(campaign)
    world.advance(1800)
    assert world.entry(campaign, contact).status == "exhausted"
    return campaign, contact


def test_it_is_called_at_its_instant_and_once_beyond_its_attempts(world: World) -> None:
    campaign, contact = exhausted(world)
    at = MONDAY_NOON + 2 * HOUR
    call_back(world, campaign, contact, at)
    entry = world.entry(campaign, contact)
    assert (entry.status, entry.due_at, entry.callback_at, entry.rank) == ("queued", at, at, 0)
    world.advance(3 * 3600)
    assert world.dialed(contact)[2:] == [at]
    entry = world.entry(campaign, contact)
    assert (entry.status, entry.attempts, entry.callbacks_used, entry.callback_at) == ("exhausted", 3, 1, None)
    call = world.calls(campaign)[-1]
    assert (call.callback_at, call.is_extra, call.attempt, call.max_attempts) == (at, True, 3, 3)
    with pytest.raises(Conflict, match="called back once beyond them"):
        call_back(world, campaign, contact, world.now + HOUR)


def test_one_who_was_reached_is_called_again_and_counts_as_reached(world: World) -> None:
    contact = world.contact()
    campaign = world.campaign([contact], keepOpen=True)
    world.run(campaign)
    world.advance(60)
    call_back(world, campaign, contact, MONDAY_NOON + HOUR)
    assert world.counts(campaign)["queued"] == 1
    world.advance(3600 + 60)
    assert len(world.dialed(contact)) == 2
    assert world.entry(campaign, contact).status == "completed"


def test_those_called_back_come_before_those_merely_due(world: World) -> None:
    people = world.contacts(5)
    campaign = world.campaign(people, maxConcurrentCalls=1)
    call_back(world, campaign, people[3], MONDAY_NOON + HOUR)
    world.set_clock(MONDAY_NOON + HOUR)
    world.run(campaign)
    world.until(campaign, "completed")
    assert world.dialed(people[3]) == [MONDAY_NOON + HOUR]
    assert all(at > MONDAY_NOON + HOUR for each in people if each != people[3] for at in world.dialed(each))


def test_the_instant_is_read_by_its_own_clock_and_its_window_may_put_it_off(world: World) -> None:
    tokyo = world.contact(timezone="Asia/Tokyo")
    campaign = world.campaign([tokyo], **NINE_TO_FIVE)
    asked = call_back(world, campaign, tokyo, "2027-03-03T07:30:00")
    assert asked.at == at_home("Asia/Tokyo", 2027, 3, 3, 7, 30)
    assert asked.call_at == at_home("Asia/Tokyo", 2027, 3, 3, 9)
    assert "on 2027-03-03 09:00 Tokyo: on 2027-03-03 07:30 Tokyo the campaign may not call" in asked.message
    assert "is draft; the call is made once it runs" in asked.message
    world.run(campaign)
    world.until(campaign, "completed", hours=72)
    assert world.dialed() == [asked.call_at]


def test_one_on_the_phone_is_called_when_that_call_is_over_and_the_instant_has_come(world: World) -> None:
    world.script({"*": [LONG, BUSY]})
    first, second = world.contacts(2)
    campaign = world.campaign([first, second])
    world.run(campaign)
    world.advance(60)
    soon, later = MONDAY_NOON + timedelta(seconds=120), MONDAY_NOON + HOUR
    assert "on the phone now" in call_back(world, campaign, first, soon).message
    call_back(world, campaign, second, later)
    world.advance(2 * 3600)
    assert world.dialed(second)[1] == later
    again = world.dialed(first)[1]
    over = world.calls(campaign)[0]
    assert soon < again <= MONDAY_NOON + timedelta(seconds=601 + 62)
    assert over.disposition == "answered"


@pytest.mark.parametrize("places", [True, False], ids=["leaves at once", "reserved first"])
def test_a_call_that_never_left_gives_the_callback_back(world: World, places: bool) -> None:
    campaign, contact = exhausted(world)
    world.places = places
    at = MONDAY_NOON + 2 * HOUR
    call_back(world, campaign, contact, at)
    world.stage.answer = lambda request: NotSent("late", connection=False) if len(world.stage.requests) == 3 else None
    world.advance(3 * 3600)
    assert [call.disposition for call in world.calls(campaign)][2:] == ["not_sent", "busy"]
    assert all(each >= at for each in world.dialed(contact)[2:])
    entry = world.entry(campaign, contact)
    assert (entry.attempts, entry.callbacks_used, entry.callback_at) == (3, 1, None)


def test_a_reserved_call_is_held_back_when_its_callee_asks_to_be_called_later(world: World) -> None:
    contact = world.contact()
    campaign = world.campaign([contact])
    steps = world.reserve(campaign)
    later = MONDAY_NOON + HOUR
    call_back(world, campaign, contact, later)
    world.carry_out(steps)
    assert world.stage.requests == []
    world.until(campaign, "completed")
    assert world.dialed() == [later]


def test_taken_back_it_is_as_it_was(world: World) -> None:
    campaign, contact = exhausted(world)
    assert not cancel(world, campaign, contact)
    call_back(world, campaign, contact, MONDAY_NOON + 2 * HOUR)
    assert cancel(world, campaign, contact)
    assert world.entry(campaign, contact).status == "exhausted"
    waiting = world.contact()
    other = world.campaign([waiting])
    due = world.entry(other, waiting).due_at
    for _ in range(2):
        call_back(world, other, waiting, MONDAY_NOON + 3 * HOUR)
    assert cancel(world, other, waiting)
    entry = world.entry(other, waiting)
    assert (entry.status, entry.due_at, entry.rank, entry.callback_at) == ("pending", due, 5, None)
    world.advance(4 * 3600)
    assert len(world.dialed(contact)) == 2


def test_it_is_shown_and_counted(world: World) -> None:
    campaign, contact = exhausted(world)
    at = MONDAY_NOON + 2 * HOUR
    call_back(world, campaign, contact, at)
    assert read_progress(world.dialer, world.team, campaign).facts.callbacks == 1
    page = list_campaign_contacts(world.dialer, world.team, campaign, None, limit=10, offset=0)
    (found,) = page.contacts
    assert (found.row.callback_at, found.next_call_at) == (at, at)


@pytest.mark.parametrize(
    ("at", "says"),
    [
        ("2027-03-01T16:59:59Z", "is in the past"),
        ("2027-04-30T17:00:01Z", "is too far away"),
        ("2027-03-01T18:00:00", "has no offset"),
        ("tomorrow", "is not an ISO 8601"),
        (None, "cannot be null"),
        (17, "Give an ISO 8601"),
    ],
)
def test_an_instant_that_is_none_is_refused(world: World, at: object, says: str) -> None:
    contact = world.contact()
    campaign = world.campaign([contact])
    with pytest.raises(Invalid) as refusal:
        call_back(world, campaign, contact, at)
    assert says.lower() in refusal.value.faults[0].message.lower()


def test_who_is_not_called_is_not_called_back(world: World) -> None:
    banned, stranger, good = world.contact(do_not_call=True), world.contact(), world.contact()
    campaign = world.campaign([banned, good])
    at = MONDAY_NOON + HOUR
    with pytest.raises(Conflict, match="do-not-call"):
        call_back(world, campaign, banned, at)
    with pytest.raises(NotFound):
        call_back(world, campaign, stranger, at)
    world.cancel(campaign)
    with pytest.raises(Conflict, match="is cancelled"):
        call_back(world, campaign, good, at)
