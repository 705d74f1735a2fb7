"""What assistants report of their calls, and who waits for it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from tests.world import MONDAY_NOON, World
from worker.carriers.simulated.protocol import Status
from worker.domain.errors import Conflict, Invalid, NotFound
from worker.flow import close, outcomes, stop
from worker.simulator.lives import Callbacks, Life

OUTCOMES = {"interested": "done", "busy_now": {"retryAfterMinutes": 120}, "wrong_person": "never"}
TALKS = Life(1, 60)


def campaign_of(world: World, count: int = 1, **more: Any) -> str:
    return world.campaign(world.contacts(count), **{"outcomes": OUTCOMES, **more})


def report(world: World, call_id: str, word: str = "interested", **more: Any) -> Mapping[str, Any]:
    body = {"outcome": word, **more}
    answer, steps = outcomes.report_outcome(world.dialer, world.team, call_id, body, actor="test")
    world.carry_out(steps)
    return answer


def step(world: World, seconds: float) -> None:
    """Let so much happen on the stage, and no tick."""
    world.set_clock(world.now + timedelta(seconds=seconds))
    world.play()


def call_in_progress(world: World, **more: Any) -> tuple[str, Any]:
    """A campaign, and its only call, which talks."""
    world.script({"*": TALKS})
    campaign = campaign_of(world, **more)
    world.run(campaign)
    step(world, 2)
    call = world.call(campaign)
    assert call.state == "in_progress"
    return campaign, call


def call_ended(world: World, **more: Any) -> tuple[str, Any]:
    """A campaign, and its only call, which was answered and has ended."""
    campaign, _ = call_in_progress(world, **more)
    step(world, 60)
    call = world.call(campaign)
    assert call.disposition == "answered"
    return campaign, call


def outcome_row(world: World, call_id: str) -> Any:
    (row,) = world.sql("SELECT * FROM call_outcomes WHERE call_id = :id", id=call_id)
    return row


MEANINGS = {
    "interested": ("completed", None),
    "busy_now": ("queued", None),
    "wrong_person": ("failed", "never_again"),
}


@pytest.mark.parametrize("settles_at_receipt", [True, False])
@pytest.mark.parametrize("when", ["in mid-call", "after it"])
@pytest.mark.parametrize("word", MEANINGS)
def test_the_word_decides_whenever_it_comes(world: World, word: str, when: str, settles_at_receipt: bool) -> None:
    world.settles_at_receipt = settles_at_receipt
    if when == "in mid-call":
        campaign, call = call_in_progress(world)
        answer = report(world, call.id, word)
        assert (answer["effect"], answer["next"] is None) == ("decides_at_end", False)
        assert world.entry(campaign, call.contact_id).status == "calling"
        step(world, 60)
    else:
        campaign, call = call_ended(world)
        assert world.entry(campaign, call.contact_id).status == "calling"
        assert report(world, call.id, word)["effect"] == "decides"
    entry = world.entry(campaign, call.contact_id)
    assert (entry.status, entry.reason) == MEANINGS[word]
    assert entry.answered
    assert outcome_row(world, call.id).decided_at is not None
    if word == "busy_now":
        assert entry.due_at == world.now + timedelta(minutes=120)
        world.advance(120 * 60 + 5)
        assert len(world.calls(campaign)) == 2, "it is called again when it is time"
    else:
        world.advance(180 * 60)
        assert len(world.calls(campaign)) == 1
        assert world.status(campaign) == "completed"


def test_who_answered_waits_and_without_a_word_was_reached(world: World) -> None:
    campaign, call = call_ended(world)
    world.advance(3600)
    assert (world.status(campaign), world.by_status(campaign)) == ("running", {"calling": 1})
    assert world.counts(campaign)["answered"] == 1
    world.pass_machine_time(world.dialer.bounds.outcome_wait_seconds + 1)
    world.tick()
    assert (world.status(campaign), world.by_status(campaign)) == ("completed", {"completed": 1})
    late = report(world, call.id, "busy_now", summary="too late")
    assert (late["effect"], late["next"]) == ("annotates", None)
    assert world.by_status(campaign) == {"completed": 1}
    row = outcome_row(world, call.id)
    assert (row.outcome, row.summary, row.next) == ("busy_now", "too late", None)


def test_without_outcomes_nobody_waits_and_a_report_annotates(world: World) -> None:
    campaign, call = call_in_progress(world, outcomes=None)
    assert report(world, call.id, "anything", summary="hello")["effect"] == "annotates"
    step(world, 60)
    assert world.by_status(campaign) == {"completed": 1}
    assert outcome_row(world, call.id).outcome == "anything"


def test_a_call_that_nobody_answered_is_retried_as_ever(world: World) -> None:
    world.script({"*": (Life(1, ending=Status.BUSY), Life(1, 5))})
    campaign = campaign_of(world)
    world.run(campaign)
    step(world, 5)
    assert world.by_status(campaign) == {"queued": 1}
    assert world.sql("SELECT * FROM call_outcomes") == []
    world.advance(3700)
    assert [call.disposition for call in world.calls(campaign)] == ["busy", "answered"]
    assert world.by_status(campaign) == {"calling": 1}


def test_the_last_word_before_the_end_decides(world: World) -> None:
    campaign, call = call_in_progress(world)
    report(world, call.id, "busy_now", summary="he is driving")
    assert report(world, call.id, "wrong_person")["next"] == "never"
    step(world, 60)
    assert world.by_status(campaign) == {"failed": 1}
    row = outcome_row(world, call.id)
    assert (row.outcome, row.summary, row.next, row.retry_minutes) == ("wrong_person", "he is driving", "never", None)


def test_the_same_report_again_is_answered_the_same_and_changes_nothing(world: World) -> None:
    campaign, call = call_ended(world)
    at = (world.now + timedelta(hours=3)).isoformat()
    first = report(world, call.id, "interested", callbackAt=at, data={"a": 1})
    before = (outcome_row(world, call.id), world.entry(campaign, call.contact_id))
    world.set_clock(world.now + timedelta(days=2))  # the instant has passed; it was accepted all the same
    assert report(world, call.id, "interested", data={"a": 1}, callbackAt=at) == first
    assert (outcome_row(world, call.id), world.entry(campaign, call.contact_id)) == before
    other = report(world, call.id, "wrong_person")
    assert other["effect"] == "annotates"
    assert world.entry(campaign, call.contact_id).status == "queued"
    assert report(world, call.id, "interested", callbackAt=at, data={"a": 1}) == first


def test_a_callback_is_called_at_its_instant_and_not_before(world: World) -> None:
    campaign, call = call_in_progress(world)
    at = MONDAY_NOON + timedelta(hours=3, minutes=7)
    report(world, call.id, "interested", callbackAt=at.isoformat())
    step(world, 60)
    entry = world.entry(campaign, call.contact_id)
    assert (entry.status, entry.due_at) == ("queued", at)
    world.advance((at - world.now).total_seconds() + 2)
    (_, second) = world.dialed(call.contact_id)
    assert at <= second <= at + timedelta(seconds=2)


def test_a_callback_goes_once_beyond_the_attempts_and_survives_the_end_of_the_wait(world: World) -> None:
    campaign, call = call_ended(world, maxAttemptsPerContact=1)
    at = (world.now + timedelta(hours=3)).isoformat()
    assert report(world, call.id, "busy_now", callbackAt=at)["call_at"] == at.replace("+00:00", "Z")
    entry = world.entry(campaign, call.contact_id)
    assert (entry.status, entry.callback_at, entry.rank) == ("queued", world.now + timedelta(hours=3), 0)


@pytest.mark.parametrize(("word", "status"), [("busy_now", "cancelled"), ("interested", "completed")])
def test_a_campaign_that_ends_waits_for_the_outcome_of_its_last_call(world: World, word: str, status: str) -> None:
    campaign, call = call_ended(world)
    world.carry_out(close.complete_campaign(world.dialer, campaign, actor="test"))
    world.tick()
    assert (world.status(campaign), world.by_status(campaign)) == ("running", {"calling": 1})
    report(world, call.id, word)
    world.advance(15)
    assert (world.status(campaign), world.by_status(campaign)) == ("completed", {status: 1})


def test_never_again_takes_a_callback_back(world: World) -> None:
    campaign, call = call_in_progress(world)
    report(world, call.id, "busy_now", callbackAt=(world.now + timedelta(hours=3)).isoformat())
    report(world, call.id, "wrong_person")
    step(world, 60)
    entry = world.entry(campaign, call.contact_id)
    assert (entry.status, entry.callback_at, entry.rank) == ("failed", None, entry.priority)


def test_a_report_is_kept_though_nobody_can_be_called_back(world: World) -> None:
    campaign, call = call_in_progress(world)
    stop.cancel_campaign(world.dialer, campaign, actor="test")
    answer = report(world, call.id, "interested", callbackAt=(world.now + timedelta(hours=3)).isoformat())
    assert (answer["outcome"], answer["call_at"]) == ("interested", None)
    assert "is cancelled" in answer["callback"]


def test_a_retry_keeps_to_the_attempts(world: World) -> None:
    campaign, call = call_ended(world, maxAttemptsPerContact=1)
    report(world, call.id, "busy_now")
    assert world.by_status(campaign) == {"exhausted": 1}
    world.tick()
    assert world.status(campaign) == "completed"


def test_a_word_that_was_said_decides_though_the_carrier_says_nothing_of_the_end(world: World) -> None:
    """The call is lost at its provable end, and would be retried; the assistant has spoken to the callee."""
    world.stage.loses = lambda event: event.kind == "ended"
    campaign, call = call_in_progress(world)
    report(world, call.id, "interested")
    step(world, 60)
    world.stage.calls.clear()
    world.pass_machine_time(4 * 3600)
    world.tick()
    world.tick()
    ended = world.call(campaign)
    assert ended.disposition in ("lost", "answered")
    assert world.by_status(campaign) == {"completed": 1}


@pytest.mark.parametrize("callbacks", [Callbacks.TWICE, Callbacks.REVERSED, Callbacks.LATE])
def test_callbacks_in_any_order_decide_once(world: World, callbacks: Callbacks) -> None:
    world.script({"*": Life(1, 5, callbacks=callbacks, callbacks_late_seconds=30)})
    campaign = campaign_of(world)
    world.run(campaign)
    step(world, 1)
    report(world, world.call(campaign).id, "busy_now")
    for _ in range(5):
        step(world, 20)
    assert world.by_status(campaign) == {"queued": 1}
    assert world.counts(campaign)["answered"] == 1


def test_do_not_call_binds_at_once_in_every_campaign(world: World) -> None:
    """A call of another campaign to the same person is reserved while the first talks about it; it never leaves."""
    _campaign, call = call_in_progress(world)
    number = world.phone(call.contact_id)
    elsewhere = world.campaign([call.contact_id])
    report(world, call.id, "wrong_person", doNotCall=True)
    assert world.sql("SELECT number, reason FROM do_not_call") == [(number, "the callee said so in a call")]
    assert world.sql("SELECT do_not_call FROM contacts WHERE id = :id", id=call.contact_id)[0][0]
    step(world, 60)
    assert world.run(elsewhere).failed == 1
    world.advance(3600)
    assert len(world.stage.of(number)) == 1
    assert world.by_status(elsewhere) == {"skipped": 1}


def test_a_call_that_was_reserved_before_the_callee_said_do_not_call_never_leaves(world: World) -> None:
    world.script({"*": Life(1, 5)})
    _campaign, call = call_ended(world)
    report(world, call.id, "interested")
    elsewhere = world.campaign([call.contact_id])
    held_back = world.reserve(elsewhere)
    assert world.call(elsewhere).state == "reserved"
    assert report(world, call.id, "interested", doNotCall=True)["effect"] == "annotates"
    world.carry_out(held_back)
    assert world.call(elsewhere).disposition == "not_sent"
    assert len(world.stage.of(world.phone(call.contact_id))) == 1


def test_a_paused_campaign_takes_the_word_and_a_cancelled_one_calls_nobody_again(world: World) -> None:
    campaign, call = call_ended(world)
    world.pause(campaign)
    report(world, call.id, "busy_now")
    assert world.by_status(campaign) == {"queued": 1}
    other, its_call = call_ended(world)
    world.cancel(other)
    report(world, its_call.id, "busy_now")
    world.advance(60)
    assert world.by_status(other) == {"cancelled": 1}
    world.finish_all()


def test_a_wait_outlives_the_cancel_of_its_campaign(world: World) -> None:
    campaign, _ = call_ended(world)
    world.cancel(campaign)
    world.advance(60)
    assert world.by_status(campaign) == {"calling": 1}
    world.pass_machine_time(world.dialer.bounds.outcome_wait_seconds + 1)
    world.tick()
    assert world.by_status(campaign) == {"completed": 1}


def test_what_cannot_be_reported_is_refused(world: World) -> None:
    campaign, call = call_in_progress(world)
    with pytest.raises(NotFound):
        report(world, "call_of_nobody")
    with pytest.raises(Invalid, match="busy_now, interested, wrong_person"):
        report(world, call.id, "intrested", doNotCall=True)
    assert world.sql("SELECT * FROM do_not_call") == [], "a report that is refused does nothing"
    waiting = campaign_of(world)
    world.reserve(waiting)
    with pytest.raises(Conflict, match="has not been placed"):
        report(world, world.call(waiting).id)
    for n in range(20):
        report(world, call.id, summary=str(n))
    with pytest.raises(Conflict, match="20 different reports"):
        report(world, call.id, summary="one more")
    assert report(world, call.id, summary="3")["effect"] == "decides_at_end"
    assert report(world, call.id, doNotCall=True)["do_not_call"], "but for who is not to be called"
    with pytest.raises(Conflict, match="20 different reports"):
        report(world, call.id, doNotCall=True, summary="once more")
    step(world, 60)
    assert world.by_status(campaign) == {"completed": 1}
    world.finish_all()
