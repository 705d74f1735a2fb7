"""A carrier that allows fewer calls at once than the campaign: nobody is lost to it, and it is not hammered at."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.world import World
from worker.carriers.base import Action, CallRequest, Outcome, Rejected
from worker.domain.model import Disposition
from worker.flow import dial
from worker.flow.base import Dial
from worker.operations.progress import read_progress
from worker.simulator.lives import Life

FULL = Rejected("90010 D1", Action.CHANNELS)


@pytest.fixture
def channels(world: World) -> list[int]:
    """How many calls at once the carrier allows: the last of these."""
    allowed = [2]

    def answer(call_request: CallRequest) -> Outcome | None:
        return FULL if len(world.stage.live()) >= allowed[-1] else None

    world.stage.answer = answer
    world.script({"*": Life(1, 60)})
    return allowed


def account(world: World) -> Any:
    return world.sql(
        "SELECT *, extract(epoch FROM resting_until - clock_timestamp())::float AS rests FROM carrier_accounts"
    )[0]


def let_rest(world: World, seconds: float) -> None:
    """Let the account have rested, everybody be due, and a tick find it so."""
    world.pass_machine_time(seconds + 0.01)
    world.sql("UPDATE campaign_contacts SET due_at = dialer_now() WHERE status = 'queued'")
    world.set_clock(world.now + timedelta(seconds=1))
    world.play()
    world.tick()


def test_everybody_is_reached_and_nobody_counts_as_failed(world: World, channels: list[int]) -> None:
    world.script({"*": Life(1, 9)})
    campaign = world.campaign(world.contacts(8), maxConcurrentCalls=7, maxAttemptsPerContact=1)
    world.run(campaign)
    assert len(world.stage.requests) == 3, "one was refused, and the others had not left yet"
    assert world.by_status(campaign) == {"calling": 2, "queued": 5, "pending": 1}
    pauses = 0
    while world.status(campaign) != "completed":
        let_rest(world, 8)
        pauses += 1
    assert world.by_status(campaign) == {"completed": 8}
    assert max(world.stage.peak().values()) == 2
    assert len(world.stage.requests) - len(world.stage.calls) <= 1 + pauses, "one call tries for more after each"
    entries = world.sql("SELECT attempts, technical_failures FROM campaign_contacts")
    assert set(entries) == {(1, 0)}
    assert (account(world).recent_results, account(world).breaker_until) == ("", None)


def test_the_pauses_grow_while_it_refuses_and_begin_anew_with_a_call_that_is_taken(
    world: World, channels: list[int]
) -> None:
    campaign = world.campaign(world.contacts(12), maxConcurrentCalls=10)
    world.run(campaign)
    rests = []
    for _ in range(6):
        requests = len(world.stage.requests)
        rests.append(account(world).rests)
        let_rest(world, rests[-1])
        assert len(world.stage.requests) == requests + 1, "one call tries for more"
    assert [round(rest + 0.4) for rest in rests] == [1, 2, 4, 8, 8, 8]
    channels.append(3)
    let_rest(world, 8)
    assert (account(world).channel_refusals, account(world).channels) == (0, 3)
    let_rest(world, 0)
    assert (account(world).channel_refusals, 0 < account(world).rests <= 1) == (1, True)
    world.finish_all()


def test_a_carrier_that_allows_more_is_believed_a_call_at_a_time(world: World, channels: list[int]) -> None:
    campaign = world.campaign(world.contacts(12), maxConcurrentCalls=6)
    world.sql("UPDATE carrier_accounts SET max_concurrent_calls = 5")
    world.run(campaign)
    channels.append(100)
    live = []
    for _ in range(4):
        let_rest(world, 8)
        live.append(len(world.stage.live()))
    assert live == [3, 4, 5, 5]
    assert account(world).channels is None, "as many as people have set"
    world.finish_all()


def test_the_reason_says_what_the_carrier_seems_to_allow(world: World, channels: list[int]) -> None:
    campaign = world.campaign(world.contacts(5), maxConcurrentCalls=5)
    world.run(campaign)
    reason = "the carrier has no channel free (90010 D1); it seems to allow 2 calls at once"
    assert account(world).resting_reason == reason
    said = read_progress(world.dialer, world.team, campaign).activity
    assert (said.code, reason in said.message) == ("resting", True)
    world.pass_machine_time(2)
    world.sql("UPDATE campaign_contacts SET due_at = dialer_now() WHERE status = 'queued'")
    held = read_progress(world.dialer, world.team, campaign).activity
    assert held.message == "2 of 5 calls are live; the carrier seems to allow the account of +12025550001 2 at once."
    channels.append(0)
    world.finish_all()
    other = world.campaign(world.contacts(1))
    world.pass_machine_time(10)
    world.run(other)
    assert account(world).resting_reason.endswith("no call of the dialer is live, so others use the account")


def test_what_was_reserved_before_waits_and_asks_nothing(world: World, channels: list[int]) -> None:
    campaign = world.campaign(world.contacts(8), maxConcurrentCalls=8)
    (step,) = world.reserve(campaign)
    assert isinstance(step, Dial)
    dial.dial(world.dialer, step.call_ids[:3])
    requests = len(world.stage.requests)
    dial.dial(world.dialer, step.call_ids[3:])
    assert len(world.stage.requests) == requests
    ended = [call for call in world.calls(campaign) if call.disposition == Disposition.NOT_SENT]
    assert len(ended) == 6
    assert world.sql("SELECT sum(calls_used) AS used FROM runs")[0].used == 2
    world.finish_all()


def test_refusals_that_were_on_their_way_together_lengthen_the_pause_once(world: World, channels: list[int]) -> None:
    (step,) = world.reserve(world.campaign(world.contacts(2), maxConcurrentCalls=2))
    assert isinstance(step, Dial)
    others = [Dial(step.account_id, step.call_ids[1:])]

    def answer_both(call_request: CallRequest) -> Outcome:
        while others:
            world.do(others.pop())
        return FULL

    world.stage.answer = answer_both
    world.do(Dial(step.account_id, step.call_ids[:1]))
    assert len(world.stage.requests) == 2
    assert (account(world).channel_refusals, 0 < account(world).rests <= 1) == (1, True)
    world.finish_all()
