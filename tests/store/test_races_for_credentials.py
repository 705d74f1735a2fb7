"""Two teams that share credentials claim at once, for what only one of them can have."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import Connection

from tests.scenarios.test_shared_credentials import TEAMS, Shared, deploy
from tests.store.racing import Race, result
from tests.world import World
from worker.domain.resources import ACCOUNT
from worker.flow import reconcile
from worker.flow.claim import claim
from worker.flow.plan import CandidatePage
from worker.operations import resources


def claiming(shared: Shared, account: str) -> Callable[[Connection], int]:
    """Claim what there is room for; how many calls that came to."""
    dialer, campaign = shared.world.dialer, shared.campaigns[account]
    team = shared.world.campaign_row(campaign).team_id
    page = CandidatePage([campaign])
    return lambda conn: len(claim(conn, dialer, team, page, lambda plan: plan.calls).reservations)


@pytest.mark.parametrize("ends", ["commit", "rollback"])
def test_the_second_claim_waits_for_the_first_and_takes_what_it_left(world: World, race: Race, ends: str) -> None:
    shared = deploy(world, TEAMS[:2])
    world.sql("UPDATE carrier_accounts SET max_concurrent_calls = 7")
    world.sql("UPDATE campaigns SET max_concurrent_calls = 5")
    works = [claiming(shared, account) for account in shared.campaigns]
    one, other = race.session(), race.session()
    assert one.do(works[0]) == 5
    second = other.start(works[1])
    race.until_waiting(second)
    getattr(one, ends)()
    assert result(second) == (2 if ends == "commit" else 5)
    other.commit()
    reconcile.reconcile(world.dialer)


def test_an_account_is_made_when_the_claims_under_way_are_over(world: World, race: Race) -> None:
    """They have not seen it; whoever claims by it must see what they did."""
    shared = deploy(world, TEAMS[:1])
    claimant = race.session()
    assert claimant.do(claiming(shared, "acct_0")) == 30
    body = {"carrier": "twilio", "name": "A second one"}
    made = race.start(lambda: resources.create_resource(world.dialer, ACCOUNT, world.team, body, actor="test"))
    race.until_waiting(made)
    claimant.commit()
    assert result(made)["carrier"] == "twilio"
    reconcile.reconcile(world.dialer)


def test_an_account_that_was_made_meanwhile_is_counted_by_whoever_claims_next(world: World, race: Race) -> None:
    shared = deploy(world, TEAMS[:2])
    world.sql("UPDATE carrier_accounts SET max_concurrent_calls = 3")
    work = claiming(shared, "acct_1")
    assert shared.fill("acct_0") == 3
    session = race.session()
    assert session.do(work) == 0
    session.commit()


def test_teams_of_accounts_that_share_nothing_do_not_wait_for_each_other(world: World, race: Race) -> None:
    shared = deploy(world, TEAMS[:2])
    world.stage.shares_credentials = False
    one, other = race.session(), race.session()
    works = [claiming(shared, account) for account in shared.campaigns]
    assert one.do(works[0]) == other.do(works[1]) == 30
    one.commit()
    other.commit()
    reconcile.reconcile(world.dialer)
