"""Every limit holds at every moment, by the carrier's record; and nobody waits longer than a round for others."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.world import World
from worker.flow.base import Dial
from worker.simulator.lives import Life

TALK = Life(1, 4)


def uneven(world: World, contacts: list[str]) -> None:
    """Lives of unequal length, so that calls end one by one."""
    world.script({world.phone(c): Life(1, 2 + n % 5) for n, c in enumerate(contacts)})


def limit_team(world: World, limit: int) -> None:
    world.sql("UPDATE teams SET max_concurrent_calls = :limit", limit=limit)


@pytest.mark.parametrize("limit", [1, 3, 7])
def test_a_campaigns_limit_holds_and_is_used_up_to_it(world: World, limit: int) -> None:
    people = world.contacts(14)
    uneven(world, people)
    campaign = world.campaign(people, maxConcurrentCalls=limit)
    assert len(world.run(campaign).calls) == limit
    world.until(campaign, "completed")
    assert world.stage.peak() == {"all": limit}


@pytest.mark.parametrize("scope", ["team", "account", "number"])
def test_a_shared_limit_holds_over_two_campaigns_and_is_used_up_to_it(world: World, scope: str) -> None:
    tables = {"team": "teams", "account": "carrier_accounts", "number": "phone_numbers"}
    world.sql(f"UPDATE {tables[scope]} SET max_concurrent_calls = 2")
    people = world.contacts(20)
    uneven(world, people)
    campaigns = [world.campaign(people[:10], maxConcurrentCalls=9), world.campaign(people[10:], maxConcurrentCalls=9)]
    for campaign in campaigns:
        world.run(campaign)
    for campaign in campaigns:
        world.until(campaign, "completed")
    by_number = world.stage.peak(lambda p: p.call_request.from_number)
    if scope == "number":
        assert sorted(by_number.values()) == [2, 2]
    else:
        assert world.stage.peak() == {"all": 2}


def test_every_call_holds_a_slot_in_each_of_its_scopes(world: World) -> None:
    campaign = world.campaign(world.contacts(3))
    world.run(campaign)
    held = {scope.kind.value: len(calls) for scope, calls in world.dialer.slots.members().items()}
    assert {"team": 3, "campaign": 3, "account": 3}.items() <= held.items()
    assert sum(len(c) for s, c in world.dialer.slots.members().items() if s.kind == "number") == 3


def test_lowering_a_limit_cuts_no_live_call_and_holds_back_new_ones(world: World) -> None:
    world.script({"*": Life(1, 30)})
    people = world.contacts(8)
    campaign = world.campaign(people, maxConcurrentCalls=4)
    world.run(campaign)
    world.edit_campaign(campaign, max_concurrent_calls=1)
    world.advance(20)
    assert len(world.stage.live()) == 4
    world.advance(13)
    assert len(world.stage.live()) == 1
    assert world.stage.end_requests == []


def test_raising_a_limit_is_used_at_the_next_tick(world: World) -> None:
    world.script({"*": Life(1, 30)})
    campaign = world.campaign(world.contacts(8), maxConcurrentCalls=2)
    world.run(campaign)
    world.advance(2)
    world.edit_campaign(campaign, max_concurrent_calls=5)
    world.advance(2)
    assert len(world.stage.live()) == 5


def test_a_small_campaign_never_waits_more_than_a_round_behind_a_big_one(world: World) -> None:
    limit_team(world, 2)
    big, small = world.contacts(40), world.contacts(8)
    world.script({"*": TALK})
    campaigns = [world.campaign(big, maxConcurrentCalls=50), world.campaign(small, maxConcurrentCalls=50)]
    for campaign in campaigns:
        world.run(campaign)
    world.until(campaigns[1], "completed")
    turns = ["small" if c.campaign_id == campaigns[1] else "big" for c in world.all_calls()]
    last = len(turns) - 1 - turns[::-1].index("small")
    waits = "".join("s" if turn == "small" else "." for turn in turns[: last + 1]).split("s")
    assert max(len(wait) for wait in waits) <= 2, turns
    world.cancel(campaigns[0], hang_up=True)


def test_three_campaigns_that_share_a_slot_take_turns(world: World) -> None:
    limit_team(world, 1)
    world.script({"*": TALK})
    campaigns = [world.campaign(world.contacts(n), maxConcurrentCalls=50) for n in (12, 6, 3)]
    for campaign in campaigns:
        world.run(campaign)
    world.until(campaigns[2], "completed")
    turns = [campaigns.index(call.campaign_id) for call in world.all_calls()]
    assert turns[:9] == [0, 1, 2] * 3
    world.cancel(campaigns[0])
    world.cancel(campaigns[1])
    world.advance(10)


def test_slots_that_come_free_together_are_shared_by_the_campaigns_that_wait(world: World) -> None:
    """Three campaigns, three slots, all freed in one batch: nobody is passed over twice."""
    limit_team(world, 3)
    world.script({"*": TALK})
    campaigns = [world.campaign(world.contacts(9), maxConcurrentCalls=50) for _ in range(3)]
    for campaign in campaigns:
        world.run(campaign)
    world.advance(11)
    called = Counter(call.campaign_id for call in world.all_calls())
    assert len(called) == 3, "one campaign waited longer than a round"
    for campaign in campaigns:
        world.cancel(campaign, hang_up=True)
    world.advance(1)


def test_one_persons_number_in_two_campaigns_never_rings_twice_at_once_and_holds_nobody_up(world: World) -> None:
    world.script({"*": Life(5, 55)})
    shared, other = world.contact(), world.contact()
    first = world.campaign([shared])
    second = world.campaign([shared, other], maxConcurrentCalls=1)
    world.run(first)
    result = world.run(second)
    assert [call.contact_id for call in result.calls] == [other]
    entry = world.entry(second, shared)
    assert (entry.status, (entry.due_at - world.now).total_seconds(), entry.attempts) == ("queued", 30, 0)
    world.until(second, "completed")
    once, again = world.dialed(shared)
    assert (again - once).total_seconds() >= 60


def test_two_contacts_with_one_number_in_two_campaigns_never_ring_at_once(world: World) -> None:
    world.script({"*": Life(5, 55)})
    number = "+12025557777"
    campaigns = [world.campaign([world.contact(phone=number)]) for _ in range(2)]
    for campaign in campaigns:
        world.run(campaign)
    for campaign in campaigns:
        world.until(campaign, "completed")
    assert len(world.stage.of(number)) == 2


def test_a_crowd_that_is_on_the_phone_elsewhere_holds_nobody_up_for_more_than_two_ticks(world: World) -> None:
    world.script({"*": Life(5, 300)})
    crowd = world.contacts(30)
    world.sql("UPDATE phone_numbers SET max_concurrent_calls = 100")
    world.run(world.campaign(crowd, maxConcurrentCalls=30))
    assert len(world.stage.live()) == 30
    last = world.contact()
    campaign = world.campaign([*crowd, last], maxConcurrentCalls=1)
    world.run(campaign)
    world.advance(2)
    assert world.dialed(last), "it is due, its window is open, every scope has room"


def test_two_teams_do_not_share_anything(world: World) -> None:
    world.another_team("team_b", limit=1)
    limit_team(world, 1)
    world.sql("UPDATE teams SET max_concurrent_calls = 50 WHERE id = :team", team=world.team)
    number = "+12025557777"
    world.script({"*": Life(1, 30)})
    ours = world.contact(phone=number)
    campaign = world.campaign([ours])
    theirs = world.contact(phone=number, team="team_b")
    other = world.campaign([theirs], teamId="team_b", fromNumberIds=[world.number("+12025550009", team="team_b")])
    assert len(world.run(campaign).calls) == 1
    assert len(world.run(other).calls) == 1
    world.stage.may_overlap.add(number)


# -- calls per second (machine time: nothing here waits for it)


def test_an_account_of_one_call_a_second_reserves_two_seconds_worth_and_sends_one_at_once(world: World) -> None:
    world.sql("UPDATE carrier_accounts SET calls_per_second = 0.01")
    campaign = world.campaign(world.contacts(10), maxConcurrentCalls=10)
    steps = world.reserve(campaign)
    assert len(world.calls(campaign)) == 1
    world.do_all(steps)
    assert len(world.stage.requests) == 1


def test_what_cannot_be_sent_within_a_second_stays_reserved_for_a_message_of_its_own(world: World) -> None:
    campaign = world.campaign(world.contacts(6), maxConcurrentCalls=6)
    (dial,) = world.reserve(campaign)
    assert isinstance(dial, Dial)
    world.sql("UPDATE carrier_accounts SET calls_per_second = 0.5")
    following = world.do(dial)
    assert len(world.stage.requests) == 1
    (later,) = [step for step in following if isinstance(step, Dial)]
    assert len(later.call_ids) == 5
    states = Counter(call.state for call in world.calls(campaign))
    assert states == {"placed": 1, "reserved": 5}


def test_a_numbers_own_rate_holds_beside_the_accounts(world: World) -> None:
    world.sql("UPDATE phone_numbers SET calls_per_second = 0.2")
    campaign = world.campaign(world.contacts(6), maxConcurrentCalls=6)
    world.do_all(world.reserve(campaign))
    assert Counter(order.from_number for order in world.stage.requests) == {"+12025550001": 1, "+12025550002": 1}


def test_the_rate_is_shared_by_the_campaigns_of_an_account(world: World) -> None:
    world.sql("UPDATE carrier_accounts SET calls_per_second = 0.2")
    campaigns = [world.campaign(world.contacts(3)) for _ in range(2)]
    for campaign in campaigns:
        world.do_all(world.reserve(campaign))
    assert len(world.stage.requests) == 1
