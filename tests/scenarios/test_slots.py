"""Redis emptied, messages lost, workers gone in between: rows decide, and what was lost is made good."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection

from tests.world import World
from worker.flow import dial, fill, reconcile
from worker.flow.base import Dial, RebuildSlots
from worker.simulator.lives import Life
from worker.slots import SlotRequest
from worker.store.database import transact

TALK = Life(1, 30)


def flush(world: World) -> None:
    world.redis.flushall()


def held(world: World) -> set[str]:
    return {call for calls in world.dialer.slots.members().values() for call in calls}


@pytest.mark.parametrize("ticks_between", [0, 1])
def test_limits_hold_and_the_campaign_completes_though_redis_is_emptied_again_and_again(
    world: World, ticks_between: int
) -> None:
    people = world.contacts(12)
    world.script({world.phone(c): Life(1, 1 + n % 4) for n, c in enumerate(people)})
    campaign = world.campaign(people, maxConcurrentCalls=3)
    world.run(campaign)
    for _ in range(20):
        flush(world)
        if ticks_between:
            world.tick()
        world.advance(1)
    world.until(campaign, "completed")
    assert world.stage.peak() == {"all": 3}
    assert len(world.stage.requests) == 12


def test_an_emptied_redis_admits_nobody_until_it_was_rebuilt_from_the_live_calls(world: World) -> None:
    world.script({"*": TALK})
    campaign = world.campaign(world.contacts(4), maxConcurrentCalls=2)
    world.run(campaign)
    flush(world)
    world.edit_campaign(campaign, max_concurrent_calls=3)
    filled = fill.fill(world.dialer, world.team, [campaign])
    assert (filled.reserved, filled.steps) == ((), (RebuildSlots(),))
    world.carry_out(filled.steps)
    assert held(world) == {call.id for call in world.calls(campaign)}
    world.tick()
    assert len(world.stage.live()) == 3


def test_an_older_generation_is_not_believed(world: World) -> None:
    world.sql("UPDATE slot_generation SET generation = generation + 1")
    campaign = world.campaign(world.contacts(1))
    world.run(campaign)
    world.until(campaign, "completed")


def test_slots_without_a_call_are_dropped_after_the_grace_and_calls_without_a_slot_get_one(world: World) -> None:
    world.script({"*": TALK})
    campaign = world.campaign(world.contacts(1))
    world.run(campaign)
    (call,) = world.calls(campaign)
    world.dialer.slots.release([SlotRequest(call.id, call.team_id, campaign, call.number_id, call.account_id)])
    generation = world.sql("SELECT generation FROM slot_generation")[0].generation
    ghost = SlotRequest("call_ghost", call.team_id, campaign, call.number_id, call.account_id)
    assert world.dialer.slots.acquire([ghost], dict.fromkeys(ghost.scopes, 9), generation).granted
    reconcile.reconcile(world.dialer)
    assert held(world) == {call.id, "call_ghost"}
    world.deploy(slot_grace_seconds=-1.0)
    reconcile.reconcile(world.dialer)
    assert held(world) == {call.id}


def test_slots_taken_by_a_fill_that_died_lower_concurrency_and_break_nothing(world: World) -> None:
    world.script({"*": TALK})
    campaign = world.campaign(world.contacts(3), maxConcurrentCalls=2)
    generation = world.sql("SELECT generation FROM slot_generation")[0].generation
    account = f"acct_{world.team}"
    ghost = SlotRequest("call_ghost", world.team, campaign, world.numbers[0], account)
    world.dialer.slots.acquire([ghost], dict.fromkeys(ghost.scopes, 2), generation)
    assert len(world.run(campaign).calls) == 1
    world.deploy(slot_grace_seconds=-1.0)
    reconcile.reconcile(world.dialer)
    world.tick()
    assert len(world.stage.live()) == 2


def test_a_reserved_call_whose_message_was_lost_is_rung_again_by_the_tick(world: World) -> None:
    campaign = world.campaign(world.contacts(2))
    world.reserve(campaign)
    world.tick()
    assert world.stage.requests == []
    world.pass_machine_time(11)
    world.tick()
    assert len(world.stage.requests) == 2
    assert {call.state for call in world.calls(campaign)} == {"placed"}


def test_a_dispatch_is_made_once_in_ten_seconds_and_not_on_every_tick(world: World) -> None:
    campaign = world.campaign(world.contacts(1))
    world.reserve(campaign)
    world.pass_machine_time(11)
    steps = world.steps_of_a_tick()
    assert [step for step in steps if isinstance(step, Dial)]
    assert not [step for step in world.steps_of_a_tick() if isinstance(step, Dial)]
    world.carry_out(steps)
    world.until(campaign, "completed")


def test_a_message_that_comes_twice_places_one_call(world: World) -> None:
    campaign = world.campaign(world.contacts(2))
    steps = world.reserve(campaign)
    world.carry_out([*steps, *steps])
    world.advance(100)
    world.carry_out(steps)
    assert len(world.stage.requests) == 2


def test_a_call_reserved_for_too_long_is_released_and_its_contact_called(world: World) -> None:
    (contact,) = people = world.contacts(1)
    campaign = world.campaign(people)
    world.reserve(campaign)
    (stale,) = world.calls(campaign)
    world.pass_machine_time(130)
    world.tick()
    calls = {call.id: call for call in world.calls(campaign)}
    assert calls[stale.id].disposition == "not_sent"
    assert len(world.dialed(contact)) == 1
    world.until(campaign, "completed")
    assert world.entry(campaign, contact).attempts == 1


def test_reserved_calls_of_an_older_run_are_released_by_the_tick_though_their_message_was_lost(world: World) -> None:
    campaign = world.campaign(world.contacts(3), maxConcurrentCalls=3)
    world.reserve(campaign)
    stale = {call.id for call in world.calls(campaign)}
    world.run(campaign)
    world.tick()
    world.tick()
    assert {call.disposition for call in world.calls(campaign) if call.id in stale} == {"not_sent"}
    assert len(world.stage.requests) == 3
    world.until(campaign, "completed")


def test_a_worker_that_died_after_its_commit_leaves_a_call_that_is_asked_for_and_not_sent_again(world: World) -> None:
    campaign = world.campaign(world.contacts(1), retryDelayMinutes=1)
    (step,) = world.reserve(campaign)
    assert isinstance(step, Dial)
    world.stage.answer = _die
    with pytest.raises(KeyboardInterrupt):
        dial.dial(world.dialer, step.call_ids)
    world.stage.answer = lambda call_request: None
    assert world.call(campaign).state == "dialing"
    world.carry_out([step])
    world.advance(60)
    assert len(world.stage.requests) == 1
    for _ in range(4):
        world.pass_machine_time(110)
        world.tick()
    assert world.calls(campaign)[0].disposition == "lost"
    world.until(campaign, "completed")


def _die(call_request: object) -> None:
    raise KeyboardInterrupt


def test_two_rebuilds_at_once_leave_one_generation(world: World) -> None:
    before = world.sql("SELECT generation FROM slot_generation")[0].generation
    flush(world)

    def within(conn: Connection) -> None:
        conn.exec_driver_sql("SELECT pg_advisory_xact_lock(hashtextextended('rebuild slots', 0))")
        reconcile.reconcile(world.dialer)

    transact(world.dialer.db, within)
    assert world.sql("SELECT generation FROM slot_generation")[0].generation == before
    reconcile.reconcile(world.dialer)
    assert world.sql("SELECT generation FROM slot_generation")[0].generation == before + 1


def test_a_run_that_finds_the_slots_gone_writes_them_anew_and_starts_its_calls(world: World) -> None:
    world.redis.flushall()
    assert len(world.run(world.campaign(world.contacts(3))).calls) == 3
    assert len(world.stage.requests) == 3
