"""Pause, resume and cancel, whatever a call is doing at that moment."""

from __future__ import annotations

import pytest

from tests.world import World
from worker.carriers.simulated.protocol import Status
from worker.flow import stop
from worker.operations.campaign_edit import edit_campaign
from worker.simulator.lives import Callbacks, Life, Reply

LONG = Life(10, 60)


def started(world: World, life: Life = LONG, contacts: int = 1) -> str:
    world.script({"*": life})
    campaign = world.campaign(world.contacts(contacts), maxConcurrentCalls=contacts)
    world.run(campaign)
    return campaign


def test_after_a_pause_nothing_reserved_is_placed(world: World) -> None:
    campaign = world.campaign(world.contacts(3))
    steps = world.reserve(campaign)
    world.pause(campaign)
    world.carry_out(steps)
    assert world.stage.requests == []
    assert {call.disposition for call in world.calls(campaign)} == {"not_sent"}
    assert world.by_status(campaign) == {"queued": 3}
    assert world.counts(campaign)["called"] == 0
    assert world.dialer.slots.members() == {}


def test_what_was_reserved_with_a_caller_id_the_campaign_has_lost_since_is_not_placed(world: World) -> None:
    """Paused, edited and resumed before anybody came to release what was reserved."""
    campaign = world.campaign(world.contacts(1))
    steps = world.reserve(campaign)
    (reserved,) = world.calls(campaign)
    left = [number_id for number_id in world.numbers if number_id != reserved.number_id]
    world.pause_behind_its_back(campaign)
    edit_campaign(world.dialer, world.team, campaign, {"fromNumberIds": left}, actor="test")
    world.resume(campaign)
    world.carry_out(steps)
    assert [call.disposition for call in world.calls(campaign) if call.number_id == reserved.number_id] == ["not_sent"]
    world.until(campaign, "completed")
    assert {call.number_id for call in world.calls(campaign) if call.id != reserved.id} == set(left)


def test_a_pause_cancels_what_the_carrier_still_keeps_in_its_queue(world: World) -> None:
    world.stage.hold_queued = True
    campaign = started(world)
    world.pause(campaign)
    world.play()
    assert world.stage.live() == []
    call = world.call(campaign)
    assert call.disposition == "canceled"
    assert world.entry(campaign, call.contact_id).attempts == 0


def test_a_call_cancelled_without_a_word_counts_for_it_may_have_rung(world: World) -> None:
    """Its callbacks are lost: that it rang nobody reported, and a look-up says only how it ended."""
    campaign = started(world, Life(10, 60, callbacks=Callbacks.NONE))
    world.advance(5)
    world.pause(campaign)
    world.pass_machine_time(60)
    world.tick()
    call = world.call(campaign)
    assert call.disposition == "canceled"
    assert world.entry(campaign, call.contact_id).attempts == 1


@pytest.mark.parametrize("after_seconds", [1, 15], ids=["ringing", "talking"])
def test_a_pause_lets_calls_that_ring_or_talk_go_on_and_records_their_end(world: World, after_seconds: int) -> None:
    campaign = started(world)
    world.advance(after_seconds)
    world.pause(campaign)
    world.advance(80)
    assert world.call(campaign).disposition == "answered"
    assert world.by_status(campaign) == {"completed": 1}
    assert world.status(campaign) == "paused"


def test_a_pause_lets_a_call_in_doubt_go_on_when_it_turns_out_to_ring(world: World) -> None:
    """Queued calls are cancelled; whether one in doubt is queued nobody knows until there is news of it."""
    campaign = started(world, Life(10, 60, reply=Reply.ERROR, queue_seconds=3))
    world.pause(campaign)
    assert world.call(campaign).state == "unknown"
    world.advance(100)
    assert world.call(campaign).disposition == "answered"
    assert world.stage.end_requests == []


def test_a_call_that_began_to_ring_before_the_carrier_was_asked_goes_on(world: World) -> None:
    world.script({"*": Life(20, 60, queue_seconds=3)})
    campaign = world.campaign(world.contacts(1))
    world.run(campaign)
    world.stage.can_end = False
    world.pause(campaign)
    world.advance(5)
    world.stage.can_end = True
    world.advance(100)
    assert world.call(campaign).disposition == "answered"


def test_a_call_accepted_after_the_pause_is_ended_at_the_carrier(world: World) -> None:
    """Committed before the pause, answered after it: the request was on its way."""
    campaign = world.campaign(world.contacts(1))
    steps = world.reserve(campaign)
    world.stage.hold_queued = True
    world.stage.answer = lambda call_request: world.pause_behind_its_back(campaign)
    world.carry_out(steps)
    world.advance(3)
    assert world.stage.live() == []
    assert world.call(campaign).disposition == "canceled"


def test_a_resumed_campaign_goes_on_where_it_was_with_its_run(world: World) -> None:
    campaign = world.campaign(world.contacts(4), maxConcurrentCalls=1)
    world.run(campaign, max_calls=4)
    run = world.campaign_row(campaign).run_id
    world.advance(8)
    world.pause(campaign)
    world.advance(600)
    assert world.by_status(campaign) == {"completed": 2, "pending": 2}
    world.resume(campaign)
    world.until(campaign, "completed")
    row = world.campaign_row(campaign)
    assert (row.run_id, row.pause_reason) == (run, None)
    assert len(world.stage.requests) == 4


def test_a_paused_campaign_dials_nobody_however_long_and_keeps_its_contacts(world: World) -> None:
    world.script({"*": Life(1, 5)})
    campaign = world.campaign(world.contacts(3), maxConcurrentCalls=1)
    world.run(campaign)
    world.pause(campaign)
    world.advance(7200)
    assert len(world.stage.requests) == 1
    assert world.counts(campaign)["pending"] == 2
    row = world.campaign_row(campaign)
    assert (row.status, row.pause_reason, row.next_wake_at) == ("paused", "requested", None)


@pytest.mark.parametrize("hang_up", [False, True])
def test_cancel_ends_everything_that_waits_and_live_calls_only_if_asked_to(world: World, hang_up: bool) -> None:
    world.script({"*": LONG})
    talking, waiting = world.contacts(1), world.contacts(4)
    campaign = world.campaign([*talking, *waiting], maxConcurrentCalls=1)
    world.run(campaign)
    world.advance(15)
    world.cancel(campaign, hang_up=hang_up)
    world.tick()
    assert bool(world.stage.live()) is not hang_up
    world.advance(80)
    assert world.status(campaign) == "cancelled"
    assert world.by_status(campaign) == {"completed": 1, "cancelled": 4}
    assert world.campaign_row(campaign).next_wake_at is None
    assert len(world.stage.requests) == 1


def test_a_contact_that_would_be_called_again_is_cancelled_with_its_campaign(world: World) -> None:
    campaign = started(world, Life(20, ending=Status.BUSY))
    world.advance(5)
    world.cancel(campaign)
    world.advance(30)
    assert world.call(campaign).disposition == "busy"
    assert world.by_status(campaign) == {"cancelled": 1}


def test_waiting_contacts_of_a_cancelled_campaign_are_swept_in_batches(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stop, "MOST_SWEPT", 4, raising=False)
    campaign = world.campaign(world.contacts(10))
    world.cancel(campaign)
    world.advance(5)
    assert world.by_status(campaign) == {"cancelled": 10}
    assert world.counts(campaign)["cancelled"] == 10


@pytest.mark.parametrize("before", ["draft", "scheduled", "running", "paused"])
def test_cancel_is_legal_from_every_status_but_the_final_ones(world: World, before: str) -> None:
    campaign = world.campaign_that_is(before)
    world.cancel(campaign)
    world.advance(120)
    assert world.status(campaign) == "cancelled"
    assert set(world.by_status(campaign)) <= {"cancelled", "completed"}


def test_a_stop_in_the_middle_of_a_refill_leaves_no_slot_behind(world: World) -> None:
    campaign = started(world, Life(1, 3), contacts=3)
    world.advance(2)
    world.cancel(campaign, hang_up=True)
    world.advance(5)
    assert world.dialer.slots.members() == {}


def test_a_second_pause_is_done_already_whoever_asks_for_it(world: World) -> None:
    campaign = started(world)
    world.pause(campaign)
    world.pause(campaign)
    assert stop.pause_campaign(world.dialer, campaign, "account_stopped", actor="dialer") == []
    assert world.campaign_row(campaign).pause_reason == "requested"


def test_a_cancelled_campaign_can_be_made_to_hang_up_too(world: World) -> None:
    campaign = started(world, Life(1, 60))
    world.advance(5)
    world.cancel(campaign)
    world.advance(5)
    talking = len(world.stage.live())
    assert talking > 0
    world.cancel(campaign, hang_up=True)
    world.advance(5)
    assert world.stage.live() == []


def test_hang_up_ends_calls_in_doubt_as_soon_as_there_is_news_of_them(world: World) -> None:
    campaign = started(world, Life(10, 60, reply=Reply.ERROR, queue_seconds=3))
    world.cancel(campaign, hang_up=True)
    world.advance(20)
    assert world.stage.live() == []
