"""Two claims at once, for what only one of them can have."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.store.dialing import claiming, running
from tests.store.racing import Race, result
from tests.world import World
from worker.flow import reconcile

PHONE = "+12025550777"


def claim_twice(world: World, race: Race, first: str, second: str) -> tuple[list[str], list[str]]:
    """Both plan while there is room; the second claims while the first has claimed and not committed."""
    one, other = race.session(), race.session()
    won = one.do(claiming(world, first))
    claim = other.start(claiming(world, second))
    race.until_waiting(claim)
    one.commit()
    lost = result(claim)
    other.commit()
    reconcile.reconcile(world.dialer)
    return won, lost


def two_campaigns(world: World, scope: str) -> tuple[str, str]:
    """Campaigns with two contacts each that meet in this scope, which has room for one call."""
    limits = {
        "team": "UPDATE teams SET max_concurrent_calls = 1",
        "number": "UPDATE phone_numbers SET max_concurrent_calls = 1",
        "account": "UPDATE carrier_accounts SET max_concurrent_calls = 1",
    }
    one_number = world.numbers[:1]
    if scope == "campaign":
        campaign = running(world, world.contacts(2), maxConcurrentCalls=1)
        return campaign, campaign
    world.sql(limits[scope])
    first = running(world, world.contacts(2), fromNumberIds=one_number)
    other_number = one_number if scope == "number" else world.numbers[1:]
    return first, running(world, world.contacts(2), fromNumberIds=other_number)


@pytest.mark.parametrize("scope", ["team", "campaign", "number", "account"])
def test_the_last_slot_of_a_scope_is_claimed_once(world: World, race: Race, scope: str) -> None:
    first, second = two_campaigns(world, scope)
    won, lost = claim_twice(world, race, first, second)
    assert len(won) == 1
    assert lost == []
    contacts = dict(world.sql("SELECT status, count(*) FROM campaign_contacts GROUP BY status"))
    assert contacts == {"calling": 1, "pending": 1 if first == second else 3}
    budgets = world.sql("SELECT sum(calls_used) FROM runs")
    assert budgets == [(1,)]


def test_one_contact_is_claimed_once(world: World, race: Race) -> None:
    campaign = running(world, [world.contact()])
    won, lost = claim_twice(world, race, campaign, campaign)
    assert (len(won), lost) == (1, [])


def test_a_contact_of_two_campaigns_is_claimed_by_one_and_put_back_by_the_other(world: World, race: Race) -> None:
    contact = world.contact()
    first, second = running(world, [contact]), running(world, [contact])
    won, lost = claim_twice(world, race, first, second)
    assert (len(won), lost) == (1, [])
    assert world.by_status(second) == {"queued": 1}
    assert due_at(world, second) == world.now + timedelta(seconds=30)


def test_a_number_of_two_contacts_is_claimed_by_one_and_put_back_by_the_other(world: World, race: Race) -> None:
    first, second = running(world, [world.contact(PHONE)]), running(world, [world.contact(PHONE)])
    won, lost = claim_twice(world, race, first, second)
    assert (len(won), lost) == (1, [])
    assert world.by_status(second) == {"queued": 1}
    assert due_at(world, second) == world.now + timedelta(seconds=30)


@pytest.mark.parametrize("budget", [1, 3])
def test_two_claims_never_take_more_than_the_budget(world: World, race: Race, budget: int) -> None:
    campaign = running(world, world.contacts(6), max_calls=budget, maxConcurrentCalls=10)
    won, lost = claim_twice(world, race, campaign, campaign)
    assert (len(won), lost) == (budget, [])
    assert world.sql("SELECT calls_used FROM runs") == [(budget,)]


def test_a_claim_that_was_rolled_back_leaves_its_slot_to_the_other(world: World, race: Race) -> None:
    campaign = running(world, world.contacts(1), max_calls=1, maxConcurrentCalls=1)
    one, other = race.session(), race.session()
    one.do(claiming(world, campaign))
    claim = other.start(claiming(world, campaign))
    race.until_waiting(claim)
    one.rollback()
    assert len(result(claim)) == 1
    other.commit()
    reconcile.reconcile(world.dialer)


def due_at(world: World, campaign: str) -> object:
    return world.sql("SELECT due_at FROM campaign_contacts WHERE campaign_id = :id", id=campaign)[0][0]
