"""Requests whose answer is unknown, callbacks that go astray: what is known wins, and nobody is rung on a doubt.

A doubt is resolved by the first of a callback, a look-up, misses enough, the provable end. Machine time passes
by making the rows older, business time by the clock.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.world import World
from worker.carriers.base import Ambiguous, CallEvent
from worker.carriers.simulated.protocol import Status
from worker.domain.model import Disposition, EventKind
from worker.flow import record
from worker.simulator.lives import Callbacks, Life, Refusal, Reply

NORMAL = Life(5, 30)
SILENT = Life(5, 30, callbacks=Callbacks.NONE)
DOUBT = Life(5, 30, reply=Reply.ERROR)
DARK = Life(5, 30, reply=Reply.ERROR, callbacks=Callbacks.NONE)
NEVER_PLACED = Life(refusal=Refusal(503))


def called(world: World, life: Life, **policy: object) -> tuple[str, str]:
    """A running campaign whose one contact was just called; a second call would be answered."""
    contact = world.contact()
    world.script({world.phone(contact): [life, NORMAL]})
    campaign = world.campaign([contact], **policy)
    world.run(campaign)
    return campaign, contact


@pytest.mark.parametrize("reply", [Reply.ERROR, Reply.RESET, Reply.NO_ID, Reply.TIMEOUT])
def test_an_ambiguous_answer_leaves_the_call_live_with_its_slot_and_its_attempt(world: World, reply: Reply) -> None:
    campaign, contact = called(world, Life(5, 30, reply=reply))
    call = world.call(campaign)
    assert (call.state, call.carrier_call_id, call.ended_at) == ("unknown", None, None)
    assert call.id in {held for members in world.dialer.slots.members().values() for held in members}
    assert world.entry(campaign, contact).attempts == 1
    assert world.counts(campaign)["called"] == 1


def test_a_doubt_is_resolved_by_the_first_callback_with_the_calls_token(world: World) -> None:
    campaign, _ = called(world, DOUBT)
    world.advance(1)
    call = world.call(campaign)
    assert (call.state, call.carrier_call_id) == ("ringing", "sim_0")
    world.until(campaign, "completed")
    assert len(world.stage.requests) == 1


def test_a_doubt_is_resolved_by_a_look_up_that_shows_the_call(world: World) -> None:
    campaign, _ = called(world, DARK)
    world.advance(10)
    world.pass_machine_time(60)
    world.tick()
    call = world.call(campaign)
    assert (call.state, call.carrier_call_id) == ("in_progress", "sim_0")
    world.advance(60)
    world.pass_machine_time(4000)
    world.tick()
    assert world.call(campaign).disposition == "answered"
    assert world.status(campaign) == "completed"


def test_three_misses_prove_nothing_before_five_minutes_and_a_loss_after_them(world: World) -> None:
    campaign, contact = called(world, NEVER_PLACED, retryDelayMinutes=60)
    for _ in range(4):
        world.pass_machine_time(40)
        world.tick()
    assert world.call(campaign).misses >= 3
    assert world.call(campaign).ended_at is None
    world.pass_machine_time(160)
    world.tick()
    assert world.call(campaign).disposition == "lost"
    entry = world.entry(campaign, contact)
    assert (entry.status, entry.attempts) == ("queued", 1)
    assert (entry.due_at - world.now).total_seconds() == pytest.approx(3600, abs=1)
    world.until(campaign, "completed")


def test_five_minutes_prove_nothing_before_three_misses(world: World) -> None:
    campaign, _ = called(world, NEVER_PLACED)
    world.pass_machine_time(400)
    world.tick()
    call = world.call(campaign)
    assert (call.misses, call.ended_at) == (1, None)


def test_a_carrier_without_a_list_is_never_counted_as_a_miss(world: World) -> None:
    world.stage.can_find = False
    campaign, _ = called(world, NEVER_PLACED)
    for _ in range(5):
        world.pass_machine_time(100)
        world.tick()
    call = world.call(campaign)
    assert (call.misses, call.state) == (0, "unknown")
    world.pass_machine_time(2000)
    world.tick()
    assert world.call(campaign).disposition == "lost"


def test_a_call_nobody_ever_speaks_of_is_lost_at_its_provable_end_and_not_before(world: World) -> None:
    world.stage.can_find = False
    campaign, contact = called(world, DARK, settings={"retryDelays": {"lost": 5}})
    bounds = world.dialer.bounds
    call = world.call(campaign)
    assert (call.provable_end_at - call.dialing_at).total_seconds() == pytest.approx(
        bounds.send_fence_seconds + bounds.request_seconds + bounds.carrier_queue_seconds + bounds.ring_seconds
        + bounds.longest_call_seconds + bounds.provable_end_margin_seconds, abs=0.1,
    )  # fmt: skip
    world.advance(120)
    world.pass_machine_time(1900)
    world.tick()
    assert world.call(campaign).ended_at is None
    world.pass_machine_time(100)
    world.tick()
    assert world.call(campaign).disposition == "lost"
    assert (world.entry(campaign, contact).due_at - world.now).total_seconds() == pytest.approx(300, abs=1)
    world.until(campaign, "completed")
    assert len(world.dialed(contact)) == 2


def test_the_last_attempt_in_doubt_exhausts_the_contact(world: World) -> None:
    world.stage.can_find = False
    campaign, contact = called(world, DARK, maxAttemptsPerContact=1)
    world.advance(60)
    world.pass_machine_time(3000)
    world.tick()
    assert world.entry(campaign, contact).status == "exhausted"
    assert world.status(campaign) == "completed"


def test_a_call_whose_callbacks_are_all_lost_is_asked_for_and_ended(world: World) -> None:
    campaign, _ = called(world, SILENT)
    world.advance(60)
    assert world.call(campaign).state == "placed"
    world.pass_machine_time(60)
    world.tick()
    assert world.call(campaign).disposition == "answered"
    assert world.status(campaign) == "completed"


def test_a_call_that_still_lives_at_its_provable_end_is_hung_up_before_it_is_written_off(world: World) -> None:
    campaign, _ = called(world, Life(5, 1500, callbacks=Callbacks.NONE))
    world.advance(20)
    world.pass_machine_time(4000)
    world.tick()
    world.tick()
    assert world.stage.live() == [], "written off as lost while somebody talks"
    world.pass_machine_time(60)
    world.tick()
    assert world.call(campaign).disposition == "answered", "by the look-up that follows"


@pytest.mark.parametrize("callbacks", [Callbacks.TWICE, Callbacks.REVERSED, Callbacks.BEFORE_ANSWER])
def test_doubled_reordered_and_early_callbacks_end_a_call_once(world: World, callbacks: Callbacks) -> None:
    campaign, contact = called(world, replace(NORMAL, callbacks=callbacks))
    world.until(campaign, "completed")
    entry = world.entry(campaign, contact)
    assert (entry.status, entry.attempts) == ("completed", 1)
    assert world.counts(campaign)["answered"] == 1


def test_a_whole_life_reported_before_the_answer_is_not_undone_by_the_answer(world: World) -> None:
    short = Life(0, ending=Status.BUSY, callbacks=Callbacks.BEFORE_ANSWER)
    campaign, contact = called(world, short, retryDelayMinutes=60)
    assert world.call(campaign).disposition == "busy"
    assert world.entry(campaign, contact).status == "queued"
    assert world.dialer.slots.members() == {}


def test_a_call_in_doubt_is_never_placed_again_while_it_may_live(world: World) -> None:
    world.stage.can_find = False
    campaign, contact = called(world, DARK, retryDelayMinutes=0)
    for _ in range(10):
        world.advance(100)
        world.pass_machine_time(100)
    assert len(world.dialed(contact)) == 1
    world.pass_machine_time(2000)
    world.until(campaign, "completed")


def test_callbacks_hours_late_for_a_lost_call_change_nothing(world: World) -> None:
    world.stage.can_find = False
    campaign, contact = called(world, Life(5, 30, reply=Reply.ERROR, callbacks=Callbacks.LATE,
                                           callbacks_late_seconds=7200), retryDelayMinutes=600)  # fmt: skip
    world.advance(100)
    world.pass_machine_time(3000)
    world.tick()
    lost = world.call(campaign)
    world.advance(7300)
    assert world.call(campaign).ended_at == lost.ended_at
    assert world.call(campaign).disposition == "lost"
    assert world.entry(campaign, contact).attempts == 1
    assert world.counts(campaign)["answered"] == 0


def write_off(world: World, life: Life, **policy: object) -> tuple[str, str]:
    """A call the dialer has given up and that lives at the carrier."""
    world.stage.can_find = False
    world.stage.loses = lambda event: True
    campaign, contact = called(world, life, **policy)
    world.advance(3)
    world.pass_machine_time(3000)
    world.tick()
    assert world.calls(campaign)[0].disposition == "lost"
    world.stage.loses = lambda event: False
    return campaign, contact


def test_live_evidence_for_a_lost_call_is_counted_and_hung_up(world: World) -> None:
    campaign, _ = write_off(world, Life(10, 600, reply=Reply.ERROR), maxAttemptsPerContact=1)
    world.advance(20)
    assert world.stage.live() == []
    call = world.call(campaign)
    assert call.late_evidence_at is not None
    assert call.disposition == "lost"


def test_a_contact_is_kept_off_while_a_call_to_it_that_was_given_up_lives(world: World) -> None:
    world.stage.can_end = False
    campaign, contact = write_off(
        world, Life(10, 600, reply=Reply.ERROR), settings={"retryDelays": {"lost": 1}}, maxAttemptsPerContact=2
    )
    world.advance(300)
    assert len(world.dialed(contact)) == 1, "the carrier says that it talks"
    world.until(campaign, "completed")


def test_a_second_carrier_call_for_one_token_is_hung_up_and_the_first_goes_on(world: World) -> None:
    campaign, contact = called(world, Life(5, 60, extra_calls=1))
    world.advance(20)
    (own, extra) = world.stage.of(world.phone(contact))
    assert not extra.is_live
    assert own.is_live
    world.until(campaign, "completed")
    assert world.call(campaign).disposition == "answered"


def test_an_orphan_in_the_same_batch_as_the_first_news_is_hung_up_too(world: World) -> None:
    """In doubt, no carrier id is known yet: the first that speaks is ours, whatever else the batch holds."""
    campaign, contact = called(world, Life(5, 60, reply=Reply.ERROR, extra_calls=1))
    world.advance(20)
    assert len([played for played in world.stage.of(world.phone(contact)) if played.is_live]) == 1
    outcomes = {row.outcome for row in world.sql("SELECT outcome FROM call_events")}
    assert "orphan" in outcomes
    world.until(campaign, "completed")


def test_of_two_calls_that_a_look_up_shows_one_is_adopted_and_the_other_hung_up(world: World) -> None:
    campaign, contact = called(world, Life(5, 600, reply=Reply.ERROR, callbacks=Callbacks.NONE, extra_calls=1))
    world.advance(10)
    world.pass_machine_time(60)
    world.tick()
    assert len([played for played in world.stage.of(world.phone(contact)) if played.is_live]) == 1
    world.advance(700)
    world.pass_machine_time(60)
    world.until(campaign, "completed")


def test_the_end_of_an_orphan_does_not_end_the_call(world: World) -> None:
    campaign, _ = called(world, Life(5, 60))
    world.advance(10)
    call = world.call(campaign)
    event = CallEvent(call.token, "x", "sim_other", EventKind.ENDED, disposition=Disposition.BUSY)
    world.report([event])
    assert world.call(campaign).state == "in_progress"
    assert world.sql("SELECT outcome FROM call_events WHERE event_id = 'x'")[0].outcome == "orphan"
    world.until(campaign, "completed")


def test_an_unknown_token_is_kept_and_named(world: World) -> None:
    world.report([CallEvent("0" * 32, "x", "sim_x", EventKind.RINGING)])
    assert world.sql("SELECT outcome FROM call_events")[0].outcome == "unknown_token"


def test_events_whose_message_was_lost_are_drained_by_the_tick(world: World) -> None:
    campaign, _ = called(world, NORMAL)
    world.set_clock(world.stage.next_at)
    record.record(world.dialer, "simulator", world.stage.play())
    assert world.call(campaign).state == "placed"
    world.sql("UPDATE call_events SET received_at = received_at - interval '2 seconds'")
    world.tick()
    assert world.call(campaign).state == "ringing"


def test_a_call_the_carrier_kept_in_its_queue_for_long_is_ended_at_once(world: World) -> None:
    campaign, contact = called(world, Life(5, 30, queue_seconds=60))
    world.advance(10)
    assert not world.stage.of(world.phone(contact))[0].is_live
    assert world.calls(campaign)[0].disposition == "canceled"


def test_ambiguous_means_the_request_may_have_left_whatever_the_carrier_does(world: World) -> None:
    world.stage.answer = lambda call_request: Ambiguous("read timeout")
    campaign, _ = called(world, NORMAL)
    world.stage.answer = lambda call_request: None
    world.until(campaign, "completed")
    assert world.call(campaign).disposition == "answered"
