"""Hang-ups that fail are tried again, later each time, and in the end no more; nobody asks for what is being asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.stage import Played
from tests.world import World
from worker.bulkheads import REQUESTS_AT_ONCE, REQUESTS_WAITING
from worker.carriers.base import CallEvent, CannotTell
from worker.domain.model import EventKind
from worker.flow import hang_up, stop
from worker.simulator.lives import Life

ROOM = REQUESTS_AT_ONCE + REQUESTS_WAITING
LONG = Life(10, 600)
REFUSALS = {
    "an error of the carrier's": CannotTell("http_500"),
    "no answer at all": CannotTell("ReadTimeout"),
    "too fast": CannotTell("http_429", too_fast=True, retry_after_seconds=7),
    "too fast, and no word on how long": CannotTell("http_429", too_fast=True),
    "not allowed": CannotTell("http_403"),
}


def talking(world: World, contacts: int = 1) -> str:
    world.script({"*": LONG})
    campaign = world.campaign(world.contacts(contacts), maxConcurrentCalls=contacts)
    world.run(campaign)
    world.advance(15)
    return campaign


def refusing(world: World, answers: Callable[[], CannotTell | None]) -> None:
    """Have the carrier answer every hang-up so."""

    def end(order: object, carrier_call_id: str) -> CannotTell | None:
        world.stage.end_requests.append(carrier_call_id)
        return answers()

    world.dialer = replace(world.dialer, carriers={"simulator": _Refusing(world.stage, end)})


class _Refusing:
    def __init__(self, stage: object, end: Callable[[object, str], CannotTell | None]) -> None:
        self._stage, self.end = stage, end

    def __getattr__(self, name: str) -> object:
        return getattr(self._stage, name)


def back_on_stage(world: World) -> None:
    world.dialer = replace(world.dialer, carriers={"simulator": world.stage})


@pytest.mark.parametrize("why", REFUSALS.values(), ids=REFUSALS)
def test_a_hang_up_that_fails_waits_longer_each_time_and_ends_with_a_word(
    world: World, why: CannotTell, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = 1000.0  # seconds, so that three ticks are never as long, on whatever machine
    monkeypatch.setattr(hang_up, "FIRST_WAIT_SECONDS", first)
    monkeypatch.setattr(hang_up, "LONGEST_WAIT_SECONDS", 60 * first)
    campaign = talking(world)
    refusing(world, lambda: why)
    world.cancel(campaign, hang_up=True)
    waits = []
    tries = world.dialer.bounds.hang_up_tries
    for n in range(1, tries + 1):
        assert len(world.stage.end_requests) == n
        for _ in range(3):
            world.tick()
        assert len(world.stage.end_requests) == n, "nobody asks again before its time"
        call = world.call(campaign)
        assert (call.end_tries, call.end_told_at) == (n, None)
        waits.append((call.next_end_at - call.end_tried_at).total_seconds())
        world.pass_machine_time(waits[-1])
        world.tick()
    least = why.retry_after_seconds or 0
    assert waits == pytest.approx([max(least, first * min(2.0**n, 60)) for n in range(tries)])
    assert len(world.stage.end_requests) == tries
    (entry,) = world.sql("SELECT * FROM audit_log WHERE action = 'give_up_hanging_up'")
    assert (entry.actor, entry.subject_id, entry.team_id) == ("dialer", world.call(campaign).id, world.team)
    assert entry.detail["reason"] == why.reason
    (account,) = world.sql("SELECT resting_until IS NOT NULL AS rests FROM carrier_accounts")
    assert account.rests == why.too_fast
    back_on_stage(world)
    world.advance(700)
    assert world.call(campaign).disposition == "answered", "it was live until it was over"


def test_a_call_that_rings_has_its_fifteen_seconds_before_it_is_hung_up(world: World) -> None:
    """A stop stops dialing at once all the same."""
    world.script({"*": Life(40, 60)})
    campaign = world.campaign(world.contacts(5), maxConcurrentCalls=2)
    world.run(campaign)
    world.advance(5)
    world.cancel(campaign, hang_up=True)
    world.advance(9)
    assert (len(world.stage.live()), len(world.stage.requests), world.stage.end_requests) == (2, 2, [])
    world.advance(5)
    assert world.stage.live() == []
    world.advance(1)
    assert {call.disposition for call in world.calls(campaign)} == {"canceled"}


def test_a_hang_up_that_works_at_last_is_the_last(world: World) -> None:
    campaign = talking(world)
    answers = iter([CannotTell("http_503"), CannotTell("http_503")])
    refusing(world, lambda: next(answers))
    world.cancel(campaign, hang_up=True)
    world.pass_machine_time(10)
    world.tick()
    back_on_stage(world)
    world.pass_machine_time(10)
    world.tick()
    world.play()
    assert world.call(campaign).disposition == "answered"
    assert len(world.stage.end_requests) == 3


@pytest.mark.parametrize("failing", [0, ROOM + 3])
def test_calls_whose_hang_up_fails_hide_no_others(world: World, failing: int) -> None:
    """However many fail, those tried longest ago are next; those that work are all requested at once."""
    campaign = talking(world, ROOM * 3)
    doomed = set(list(world.stage.calls)[:failing])

    def end(order: object, carrier_call_id: str) -> CannotTell | None:
        return CannotTell("http_500") if carrier_call_id in doomed else world.stage.end(order, carrier_call_id)

    world.dialer = replace(world.dialer, carriers={"simulator": _Refusing(world.stage, end)})
    world.cancel(campaign, hang_up=True)
    for _ in range(3):
        world.tick()
    world.play()
    assert {played.carrier_call_id for played in world.stage.live()} == doomed
    back_on_stage(world)
    world.pass_machine_time(5)
    for _ in range(3):
        world.tick()
    world.play()
    assert world.stage.live() == []


def test_what_one_worker_asks_no_other_asks(world: World) -> None:
    campaign = talking(world)

    def another_looks(order: object, carrier_call_id: str) -> None:
        world.stage.end_requests.append(carrier_call_id)
        stop.stop_calls(world.dialer)

    world.dialer = replace(world.dialer, carriers={"simulator": _Refusing(world.stage, another_looks)})
    world.cancel(campaign, hang_up=True)
    assert len(world.stage.end_requests) == 1
    back_on_stage(world)
    world.advance(700)


@pytest.mark.parametrize("ago", [1, -1], ids=["it is over", "the clock was moved back"])
def test_a_lease_of_a_worker_that_died_is_over_in_time(world: World, ago: int) -> None:
    campaign = talking(world)
    world.dialer = replace(world.dialer, carriers={})  # it takes the row, and asks nobody
    world.cancel(campaign, hang_up=True)
    back_on_stage(world)
    world.tick()
    assert world.stage.end_requests == []
    seconds = hang_up.LEASE_REQUESTS * world.dialer.bounds.request_seconds if ago > 0 else -3600
    world.sql(
        "UPDATE calls SET end_tried_at = end_tried_at - :ago, next_end_at = next_end_at - :ago",
        ago=timedelta(seconds=seconds),
    )
    world.tick()
    world.play()
    assert len(world.stage.end_requests) == 1
    assert world.call(campaign).disposition == "answered"


@pytest.mark.parametrize("token", ["of a call", "of nobody"])
def test_a_call_that_is_none_of_ours_is_hung_up_until_it_is_over(world: World, token: str) -> None:
    campaign = talking(world)
    call = world.call(campaign)
    refusing(world, lambda: CannotTell("http_500"))
    which = call.token if token == "of a call" else "f" * 32
    for n in range(2):  # reported again, it is the same
        world.report([CallEvent(which, f"answered {n}", "sim_other", EventKind.ANSWERED)])
    assert world.stage.end_requests == ["sim_other"]
    world.stage.calls["sim_other"] = Played(world.stage.requests[0], "sim_other", world.now, LONG, is_extra=True)
    back_on_stage(world)
    world.tick()
    assert len(world.stage.end_requests) == 1
    world.pass_machine_time(5)
    world.tick()
    assert world.stage.end_requests == ["sim_other"] * 2
    assert not world.stage.calls["sim_other"].is_live
    world.pass_machine_time(5)
    world.tick()
    assert len(world.stage.end_requests) == 2
    (kept,) = world.sql("SELECT account_id, end_told_at IS NOT NULL AS is_hung_up FROM unmatched_calls")
    assert kept == (call.account_id if token == "of a call" else None, True)
    world.advance(700)
