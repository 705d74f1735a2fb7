"""Contacts that were given up and are put back by hand."""

from __future__ import annotations

import pytest

from tests.world import World
from worker.carriers.simulated.protocol import AnsweredBy, Status
from worker.domain.errors import Conflict, NotFound
from worker.flow.stop import cancel_campaign
from worker.operations.campaign_edit import edit_campaign
from worker.operations.requeue import requeue_contacts
from worker.simulator.lives import Life

ANSWERED = Life(1, 5)
BUSY = Life(1, ending=Status.BUSY)
FAILED = Life(1, ending=Status.FAILED)
DECLINED = Life(2, ending=Status.DECLINED)
FAX = Life(3, 20, answered_by=AnsweredBy.FAX)


def requeue(world: World, campaign: str, *contacts: str) -> tuple[int, list[str]]:
    requeued, steps = requeue_contacts(world.dialer, world.team, campaign, contacts, actor="test")
    world.carry_out(steps)
    return requeued.count, [error.removeprefix("Contact ") for error in requeued.errors]


def give_up(world: World, life: Life, *then: Life, attempts: int = 5, contacts: int = 1) -> tuple[str, list[str]]:
    """A completed campaign whose contacts had this life at every call until they were given up."""
    made = world.contacts(contacts)
    world.script({"*": life})
    campaign = world.campaign(made, maxAttemptsPerContact=attempts, retryDelayMinutes=0)
    world.run(campaign)
    world.until(campaign, "completed")
    if then:
        world.script({"*": then})
    return campaign, made


def test_attempts_that_were_raised_are_used_by_who_is_put_back(world: World) -> None:
    busy, other = world.contact(), world.contact()
    world.script({world.phone(busy): (BUSY, ANSWERED), "*": Life(1, 60)})
    campaign = world.campaign([busy, other], maxAttemptsPerContact=1)
    world.run(campaign)
    world.advance(5)
    assert world.entry(campaign, busy).status == "exhausted"
    assert requeue(world, campaign, busy) == (
        0, [f"{busy} has used the one attempt a contact may have in this campaign"],
    )  # fmt: skip
    world.pause(campaign)
    edit_campaign(world.dialer, world.team, campaign, {"maxAttemptsPerContact": 2}, actor="test")
    assert requeue(world, campaign, busy, other) == (1, [])
    assert world.by_status(campaign) == {"queued": 1, "calling": 1}
    world.resume(campaign)
    world.until(campaign, "completed")
    entry = world.entry(campaign, busy)
    assert (entry.status, entry.attempts) == ("completed", 2)


def test_a_completed_campaign_keeps_who_is_put_back_for_its_next_run(world: World) -> None:
    campaign, (contact,) = give_up(world, FAILED, ANSWERED)
    assert world.entry(campaign, contact).reason == "technical"
    assert world.counts(campaign)["finished"] == 1
    assert requeue(world, campaign, contact) == (1, [])
    assert world.counts(campaign)["finished"] == 0
    assert world.status(campaign) == "completed"
    world.run(campaign)
    world.until(campaign, "completed")
    entry = world.entry(campaign, contact)
    assert (entry.status, entry.attempts, entry.reason) == ("completed", 4, None)


def test_one_more_technical_failure_gives_the_contact_up_again(world: World) -> None:
    campaign, (contact,) = give_up(world, FAILED)
    requeue(world, campaign, contact)
    world.run(campaign)
    world.until(campaign, "completed")
    assert len(world.dialed(contact)) == 4
    assert requeue(world, campaign, contact) == (1, [])
    world.run(campaign)
    world.until(campaign, "completed")
    assert requeue(world, campaign, contact) == (
        0, [f"{contact} has used all 5 attempts a contact may have in this campaign"],
    )  # fmt: skip


def test_in_a_running_campaign_who_is_put_back_is_called(world: World) -> None:
    failing, talking = world.contact(), world.contact()
    world.script({world.phone(failing): (FAILED, FAILED, FAILED, ANSWERED), "*": Life(1, 600)})
    campaign = world.campaign([failing, talking], maxAttemptsPerContact=9, retryDelayMinutes=0)
    world.run(campaign)
    world.advance(30)
    assert world.entry(campaign, failing).status == "failed"
    assert requeue(world, campaign, failing) == (1, [])
    assert world.entry(campaign, failing).status == "calling"
    assert requeue(world, campaign, failing) == (0, [])
    world.until(campaign, "completed")
    assert world.entry(campaign, failing).status == "completed"


def test_who_declined_or_is_not_to_be_called_is_left_in_peace(world: World) -> None:
    campaign, (declined,) = give_up(world, DECLINED)
    assert requeue(world, campaign, declined) == (0, [f"{declined} declined the calls and is left in peace"])
    campaign, (failed, banned) = give_up(world, FAILED, contacts=2)
    world.edit_contact(failed, doNotCall=True)
    world.ban(world.phone(banned))
    assert requeue(world, campaign, failed, banned) == (
        0, [f"{failed} is marked do-not-call", f"{banned} is marked do-not-call"],
    )  # fmt: skip


def test_a_number_that_was_corrected_is_called_and_one_that_was_not_is_not(world: World) -> None:
    campaign, (fax, other) = give_up(world, FAX, ANSWERED, contacts=2)
    assert requeue(world, campaign, fax) == (0, [f"{fax} has a fax machine for a phone number; correct it first"])
    world.edit_contact(fax, phone="12")
    assert requeue(world, campaign, fax) == (0, [f"{fax} has an invalid phone number; correct it first"])
    world.edit_contact(fax, phone="+12025550177")
    world.edit_contact(other, phone="+1 202 555 0177")
    assert requeue(world, campaign, fax, other) == (
        1, [f"{other} has the same phone number as another contact of this campaign"],
    )  # fmt: skip
    world.run(campaign)
    world.until(campaign, "completed")
    assert world.entry(campaign, fax).status == "completed"
    assert requeue(world, campaign, fax, other)[1] == [
        f"{fax} has been reached",
        f"{other} has the same phone number as another contact of this campaign",
    ]


def test_what_cannot_be_found_or_moved_is_refused_as_a_whole(world: World) -> None:
    campaign, (contact,) = give_up(world, FAILED)
    world.another_team("team_b")
    theirs, stranger = world.contact(team="team_b"), world.contact()
    with pytest.raises(NotFound, match=theirs):
        requeue(world, campaign, contact, theirs)
    with pytest.raises(NotFound, match=campaign):
        requeue_contacts(world.dialer, "team_b", campaign, [theirs], actor="test")
    assert world.entry(campaign, contact).status == "failed"
    assert requeue(world, campaign, contact, stranger) == (1, [f"{stranger} is not in the campaign"])
    assert [row.detail for row in world.sql("SELECT detail FROM audit_log WHERE action = 'requeue_contacts'")] == [
        {"requeued": 1, "refused": 1}
    ]
    world.run(campaign)
    cancel_campaign(world.dialer, campaign, actor="test")
    with pytest.raises(Conflict, match="cancelled"):
        requeue(world, campaign, contact)
    world.finish_all()
