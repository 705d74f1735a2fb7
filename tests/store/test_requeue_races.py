"""Contacts put back while somebody else is at work on them: whoever is second sees what the first has done."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection

from tests.store.racing import Race, result
from tests.world import World
from worker.carriers.simulated.protocol import Status
from worker.flow import finish
from worker.flow.base import Step
from worker.operations import contacts
from worker.operations.requeue import Requeued, requeue_contacts
from worker.simulator.lives import Life
from worker.store import campaigns
from worker.store.crm import campaign_contacts, campaign_edits


@pytest.fixture
def given_up(world: World) -> tuple[str, str]:
    """A running campaign in which one contact was given up and another talks."""
    failing, talking = world.contact(), world.contact()
    world.script({world.phone(failing): Life(1, ending=Status.FAILED), "*": Life(1, 600)})
    campaign = world.campaign([failing, talking], maxAttemptsPerContact=5, retryDelayMinutes=0)
    world.run(campaign)
    world.advance(30)
    assert world.entry(campaign, failing).status == "failed"
    return campaign, failing


def requeue(world: World, campaign: str, contact: str) -> tuple[Requeued, list[Step]]:
    return requeue_contacts(world.dialer, world.team, campaign, [contact], actor="test")


def test_of_two_who_put_the_same_contact_back_one_does(world: World, race: Race, given_up: tuple[str, str]) -> None:
    both = [race.start(lambda: requeue(world, *given_up)) for _ in range(2)]
    counts = [result(one)[0] for one in both]
    assert sorted(one.count for one in counts) == [0, 1]
    assert [one.errors for one in counts] == [(), ()]
    world.finish_all()


def test_completing_waits_for_who_is_being_put_back_and_then_does_not(
    world: World, race: Race, given_up: tuple[str, str]
) -> None:
    campaign, contact = given_up
    putting_back = race.session()

    def put_back(conn: Connection) -> None:
        assert campaigns.share(conn, campaign) is not None
        assert campaign_contacts.requeue(conn, campaign, [contact]) == 1

    putting_back.do(put_back)
    while (at := world.stage.next_at) is not None:
        world.set_clock(at)
        world.report_before_answer(world.stage.play())
    assert not world.sql("SELECT FROM calls WHERE ended_at IS NULL")
    completing = race.start(lambda: finish.finish(world.dialer, [campaign]))
    race.until_waiting(completing)
    putting_back.commit()
    result(completing)
    assert world.status(campaign) == "running"
    world.finish_all()


def test_attempts_that_are_lowered_meanwhile_are_the_ones_that_count(
    world: World, race: Race, given_up: tuple[str, str]
) -> None:
    campaign, contact = given_up
    lowering = race.session()

    def lower(conn: Connection) -> None:
        campaigns.lock(conn, campaign)
        campaign_edits.edit(conn, campaign, {"max_attempts_per_contact": 3}, is_policy=True)

    lowering.do(lower)
    putting_back = race.start(lambda: requeue(world, campaign, contact))
    race.until_waiting(putting_back)
    lowering.commit()
    assert result(putting_back)[0].count == 0
    world.finish_all()


def test_whoever_is_banned_right_after_is_not_called(world: World, given_up: tuple[str, str]) -> None:
    campaign, contact = given_up
    dialed = len(world.dialed(contact))
    _, steps = requeue(world, campaign, contact)
    contacts.ban_numbers(world.dialer, world.team, {"numbers": [world.phone(contact)]}, actor="test")
    world.carry_out(steps)
    world.until(campaign, "completed")
    assert len(world.dialed(contact)) == dialed
    assert world.entry(campaign, contact).reason == "do_not_call"
