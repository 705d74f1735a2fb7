"""Calls that leave at once: committed by the claim where nothing keeps them, and reserved where anything does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.store.dialing import running
from tests.store.racing import Race, result
from tests.world import World
from worker.bulkheads import Permits, Taken
from worker.flow import fill, reconcile
from worker.flow.base import Batch, Dial, DialMore
from worker.flow.claim import claim
from worker.flow.departing import Departing
from worker.flow.plan import CandidatePage
from worker.flow.stop import cancel_campaign, pause_campaign
from worker.operations import contacts
from worker.simulator.lives import Life

CALLS = 3


class Held:
    """Places calls, and keeps those that leave in hand, for the test to place."""

    can = True

    def __init__(self, senders: int = 100, room: int = 100) -> None:
        self.batches: list[Batch] = []
        self.permits, self._room = Permits(senders), room

    def senders(self, account_id: str, most: int) -> Taken:
        return Taken(self.permits, self.permits.take(most))

    def room(self, account_id: str) -> int:
        return self._room

    def leave(self, batch: Batch) -> None:
        self.batches.append(batch)


def holding(world: World, held: Held) -> None:
    world.dialer = replace(world.dialer, placing=lambda: held)


def states(world: World) -> dict[str, int]:
    return dict(world.sql("SELECT state, count(*) FROM calls GROUP BY state"))


NOW = "UPDATE calls SET provable_end_at = clock_timestamp(), checked_at = clock_timestamp() - interval '1 hour'," \
      " next_check_at = clock_timestamp() - interval '1 minute' WHERE ended_at IS NULL"  # fmt: skip


def end_all(world: World) -> None:
    """Whatever was committed and never left is provably over."""
    world.sql("UPDATE carrier_accounts SET breaker_until = NULL, calls_per_second = NULL")
    world.finish_all()
    for _ in range(3):
        world.sql(NOW)
        world.tick()


def test_calls_that_nothing_keeps_leave_by_the_claim_itself(world: World) -> None:
    held = Held()
    holding(world, held)
    campaign = running(world, world.contacts(CALLS), maxConcurrentCalls=CALLS)
    filled = fill.fill(world.dialer, world.team, [campaign])
    assert states(world) == {"dialing": CALLS}
    assert (len(filled.reserved), filled.steps) == (CALLS, ())
    (batch,) = held.batches
    assert sorted(call.id for call in batch.calls) == sorted(call.id for call in world.calls(campaign))
    assert world.sql("SELECT DISTINCT attempts, called FROM campaign_contacts") == [(1, True)]
    row = world.sql("SELECT * FROM calls")[0]
    assert (row.attempt, row.called_before, row.max_attempts) == (1, False, 3)
    assert None not in (row.valid_until, row.dialed_at, row.dialing_at, row.next_check_at, row.provable_end_at)
    world.leave(batch)
    world.carry_out([])
    world.until(campaign, "completed")
    assert world.stage.peak() == {"all": CALLS}


KEPT: Mapping[str, str] = {
    "its account has a rate": "UPDATE carrier_accounts SET calls_per_second = 100",
    "its caller ID has a rate": "UPDATE phone_numbers SET calls_per_second = 100",
    "its account's breaker lets one try": (
        "UPDATE carrier_accounts SET breaker_until = clock_timestamp() - interval '1 second', "
        "breaker_opened_at = clock_timestamp() - interval '1 minute', breaker_trips = 1"
    ),
}


@pytest.mark.parametrize("because", KEPT.values(), ids=KEPT)
def test_a_call_that_something_keeps_is_reserved_and_goes_the_long_way(world: World, because: str) -> None:
    held = Held()
    holding(world, held)
    campaign = running(world, world.contacts(CALLS), maxConcurrentCalls=CALLS)
    world.sql(because)
    filled = fill.fill(world.dialer, world.team, [campaign])
    assert set(states(world)) == {"reserved"}
    assert held.batches == []
    assert all(isinstance(step, Dial) for step in filled.steps)
    assert held.permits.free == 100
    end_all(world)


def test_a_call_of_a_carrier_that_is_not_set_up_is_reserved_and_its_campaign_pauses(world: World) -> None:
    held = Held()
    holding(world, held)
    campaign = running(world, world.contacts(CALLS), maxConcurrentCalls=CALLS)
    carriers, world.dialer = world.dialer.carriers, replace(world.dialer, carriers={})
    filled = fill.fill(world.dialer, world.team, [campaign])
    assert (set(states(world)), held.batches) == ({"reserved"}, [])
    world.carry_out(filled.steps)
    assert world.status(campaign) == "paused"
    world.dialer = replace(world.dialer, carriers=carriers)


def test_no_more_leave_than_there_are_senders_and_no_more_are_in_hand_than_there_is_room(world: World) -> None:
    held = Held(senders=1, room=1)
    holding(world, held)
    campaign = running(world, world.contacts(CALLS), maxConcurrentCalls=CALLS)
    filled = fill.fill(world.dialer, world.team, [campaign])
    assert states(world) == {"dialing": 1, "reserved": 2}
    (in_hand, for_others) = filled.steps
    assert isinstance(in_hand, Dial)
    assert len(in_hand.call_ids) == 1
    assert for_others == DialMore()
    at_once = world.sql("SELECT id FROM calls WHERE rung_at = 'epoch'")
    assert len(at_once) == 1
    assert at_once[0].id not in in_hand.call_ids
    for batch in held.batches:
        world.leave(batch)
    holding(world, Held())
    world.carry_out(filled.steps)
    world.until(campaign, "completed")


def test_a_call_whose_window_shuts_soon_does_not_leave(world: World) -> None:
    held = Held()
    holding(world, held)
    world.set_clock(world.now + timedelta(seconds=50))  # noon, and the margin has begun
    campaign = running(
        world, world.contacts(1), callWindowStart="09:00", callWindowEnd="12:01", callWindowTimezone="America/New_York"
    )
    fill.fill(world.dialer, world.team, [campaign])
    assert held.batches == []
    assert "dialing" not in states(world)


def claiming(world: World, campaign: str, departing: list[Departing]) -> Callable[..., list[str]]:
    """A claim by which calls leave; its transaction stays open."""

    def work(conn: object) -> list[str]:
        departing.append(Departing(world.dialer, Held()))
        claimed = claim(
            conn,
            world.dialer,
            world.team,
            CandidatePage([campaign]),
            lambda plan: plan.calls,
            departing=departing[-1],
        )
        return [each.call_id for each in claimed.reservations if each.leaves]

    return work


STOPS: Mapping[str, Callable[[World, str, str], object]] = {
    "a pause": lambda world, campaign, contact: pause_campaign(world.dialer, campaign, actor="test"),
    "a cancel": lambda world, campaign, contact: cancel_campaign(world.dialer, campaign, actor="test"),
    "a ban": lambda world, campaign, contact: contacts.ban_numbers(
        world.dialer, world.team, {"numbers": [world.phone(contact)]}, actor="test"
    ),
    "an edit": lambda world, campaign, contact: contacts.edit_contact(
        world.dialer, world.team, contact, {"phone": "+12025559999"}, actor="test"
    ),
}


@pytest.mark.parametrize("stop", STOPS.values(), ids=STOPS)
def test_a_stop_waits_for_a_claim_by_which_calls_leave_and_is_seen_by_the_next(
    world: World, race: Race, stop: Callable[[World, str, str], object]
) -> None:
    world.script({"*": Life(1, 600)})
    contact = world.contact()
    campaign = running(world, [contact])
    departing: list[Departing] = []
    claimant = race.session()
    assert len(claimant.do(claiming(world, campaign, departing))) == 1
    stopping = race.start(lambda: stop(world, campaign, contact))
    race.until_waiting(stopping)
    claimant.commit()
    result(stopping)
    departing[-1].drop()
    another = running(world, [contact])
    follower = race.session()
    leaves = follower.do(claiming(world, another, departing))
    follower.commit()
    departing[-1].drop()
    assert leaves == [], "the one who is called, or was stopped, is not called beside it"
    reconcile.reconcile(world.dialer)
    end_all(world)
