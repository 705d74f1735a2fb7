"""A carrier that hangs holds up its own calls: no more are committed than it has senders, and nobody waits for it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.patience import PATIENCE_SECONDS
from tests.world import World
from worker.bulkheads import Bulkheads
from worker.carriers.base import Accepted, Ambiguous, CallRequest, Outcome
from worker.flow.base import Dial, Step
from worker.threads import Threads

SENDERS = 3


class Hanging:
    """Requests to this account get no answer until it is let, and then this one."""

    def __init__(self, account: str) -> None:
        self.account = account
        self.answer: Outcome = Ambiguous("ReadTimeout")
        self.asked = threading.Semaphore(0)
        self.let = threading.Event()

    def __call__(self, call_request: CallRequest) -> Outcome | None:
        if call_request.account_id != self.account:
            return None
        self.asked.release()
        assert self.let.wait(PATIENCE_SECONDS)
        return self.answer if not isinstance(self.answer, Accepted) else Accepted(f"sim_{call_request.call_id}")

    def wait_until_asked(self, times: int) -> None:
        for _ in range(times):
            assert self.asked.acquire(timeout=PATIENCE_SECONDS)


@pytest.fixture
def hanging(world: World) -> Iterator[Hanging]:
    """The world's own account hangs; the dialer has threads of its own, and does not wait for those that are late."""
    hanging = Hanging(f"acct_{world.team}")
    followed: list[Step] = []
    world.dialer = replace(
        world.dialer,
        bulkheads=Bulkheads(Threads("test").run, senders=SENDERS),
        bounds=replace(world.dialer.bounds, gather_seconds=0.0),
        follow_up=followed.extend,
    )
    world.stage.answer = hanging
    yield hanging
    hanging.let.set()


def reserved(world: World, contacts: int) -> tuple[str, Dial]:
    campaign = world.campaign(world.contacts(contacts), maxConcurrentCalls=contacts)
    (step,) = world.reserve(campaign)
    assert isinstance(step, Dial)
    return campaign, step


def answered(world: World, team: str = "team_a") -> None:
    """Wait until every sender of the team's account has written down what it was answered."""
    assert world.dialer.bulkheads.of(f"acct_{team}").senders.wait(PATIENCE_SECONDS)


def test_no_more_calls_are_committed_than_there_are_senders_free(world: World, hanging: Hanging) -> None:
    campaign, step = reserved(world, 5)
    following = world.do(step)
    hanging.wait_until_asked(SENDERS)
    later = [Dial(step.account_id, step.call_ids[SENDERS:])]
    assert following == later, "the others are left for when a sender is free"
    assert world.do(later[0]) == later
    states = [call.state for call in world.calls(campaign)]
    assert sorted(states) == ["dialing"] * SENDERS + ["reserved"] * 2
    hanging.let.set()
    answered(world)
    assert {call.state for call in world.calls(campaign) if call.id not in later[0].call_ids} == {"unknown"}
    world.stage.answer = lambda call_request: None
    world.carry_out(later)
    answered(world)
    assert len(world.stage.requests) == 5


@pytest.mark.parametrize("answer", [Accepted(""), Ambiguous("ReadTimeout")], ids=["accepted", "in doubt"])
def test_an_answer_that_comes_late_is_written_down_when_it_comes(
    world: World, hanging: Hanging, answer: Outcome
) -> None:
    hanging.answer = answer
    campaign, step = reserved(world, 2)
    world.do(step)
    hanging.wait_until_asked(2)
    assert {call.state for call in world.calls(campaign)} == {"dialing"}
    hanging.let.set()
    answered(world)
    expected = "placed" if isinstance(answer, Accepted) else "unknown"
    assert {call.state for call in world.calls(campaign)} == {expected}


def test_calls_of_another_account_are_placed_meanwhile(world: World, hanging: Hanging) -> None:
    world.another_team("team_b")
    number = world.number("+12025550009", team="team_b")
    campaign, step = reserved(world, SENDERS)
    world.do(step)
    hanging.wait_until_asked(SENDERS)
    other = world.campaign(world.contacts(2, team="team_b"), teamId="team_b", fromNumberIds=[number])
    world.run(other)
    answered(world, "team_b")
    assert {call.state for call in world.calls(other)} <= {"placed", "ringing", "in_progress", "ended"}
    assert {call.state for call in world.calls(campaign)} == {"dialing"}
    hanging.let.set()
    answered(world)
