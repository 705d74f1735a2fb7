"""A carrier account that fails: left alone, tried with one call, and taken back; whatever the number of workers."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.stage import refuse_connection
from tests.world import World
from worker.carriers.base import Action, Ambiguous, CallRequest, NotSent, Outcome, Rejected
from worker.carriers.simulated.protocol import Status
from worker.flow import dial
from worker.flow.base import Dial
from worker.operations.progress import read_progress
from worker.simulator.lives import Life


@pytest.fixture
def world(world: World) -> World:
    """One in which four requests are looked at."""
    world.deploy(breaker_window=4)
    return world


def account(world: World) -> Any:
    return world.sql(
        "SELECT *, extract(epoch FROM breaker_until - clock_timestamp())::float AS opens_in,"
        " extract(epoch FROM resting_until - clock_timestamp())::float AS rests FROM carrier_accounts"
    )[0]


def tripped(world: World, contacts: int = 8, limit: int = 4) -> str:
    """A campaign whose first four requests find nobody."""
    world.stage.answer = refuse_connection
    campaign = world.campaign(world.contacts(contacts), maxConcurrentCalls=limit)
    world.run(campaign)
    assert account(world).breaker_until is not None
    return campaign


def failing(outcome: Outcome) -> Callable[[CallRequest], Outcome]:
    return lambda call_request: outcome


@pytest.mark.parametrize(
    "outcome",
    [NotSent("connection refused"), Ambiguous("http_500"), Ambiguous("read timeout"), Rejected("x", Action.FAILED)],
    ids=["no connection", "5xx", "timeout", "unknown 4xx"],
)
def test_requests_that_fail_open_the_breaker_with_its_own_reason(world: World, outcome: Outcome) -> None:
    world.stage.answer = failing(outcome)
    campaign = world.campaign(world.contacts(3), maxConcurrentCalls=3)
    world.run(campaign)
    row = account(world)
    assert 50 < row.opens_in <= 60
    assert row.rests >= row.opens_in - 1
    assert row.resting_reason == "3 of the last 4 requests to the carrier failed"
    assert world.sql("SELECT action FROM audit_log WHERE subject_id = :id", id=row.id) == [("open_breaker",)]
    world.finish_all()


@pytest.mark.parametrize(
    "outcome",
    [NotSent("the send fence had passed", connection=False), Rejected("429", Action.BACK_OFF, 5.0),
     Rejected("21211", Action.INVALID_NUMBER), Rejected("21216", Action.BLOCKED)],
    ids=["fence", "429", "invalid number", "blocked"],
)  # fmt: skip
def test_what_says_nothing_against_the_carrier_never_opens_it(world: World, outcome: Outcome) -> None:
    world.stage.answer = failing(outcome)
    campaign = world.campaign(world.contacts(6), maxConcurrentCalls=6)
    world.run(campaign)
    row = account(world)
    assert (row.breaker_until, row.recent_results) == (None, "")
    world.stage.answer = lambda call_request: None


def test_calls_that_the_network_fails_open_it_when_they_end(world: World) -> None:
    world.script({"*": Life(1, ending=Status.FAILED)})
    campaign = world.campaign(world.contacts(4), maxConcurrentCalls=4)
    world.run(campaign)
    assert account(world).recent_results == "", "accepted is no result yet"
    world.advance(2)
    assert account(world).breaker_until is not None


def test_calls_that_nobody_answers_do_not_open_it(world: World) -> None:
    world.script({"*": Life(1, ending=Status.BUSY)})
    campaign = world.campaign(world.contacts(6), maxConcurrentCalls=6)
    world.run(campaign)
    world.advance(2)
    assert (account(world).breaker_until, account(world).recent_results) == (None, "")


def test_good_results_are_only_counted_once_one_has_failed(world: World) -> None:
    world.stage.answer = lambda call_request: NotSent("down") if len(world.stage.requests) == 1 else None
    campaign = world.campaign(world.contacts(3), maxConcurrentCalls=1)
    world.run(campaign)
    world.pass_machine_time(5)
    world.until(campaign, "completed")
    assert account(world).recent_results == "x..."


def test_nobody_is_called_while_it_is_open_and_then_one(world: World) -> None:
    campaign = tripped(world)
    requests = len(world.stage.requests)
    world.stage.answer = lambda call_request: None
    world.advance(40)
    assert len(world.stage.requests) == requests
    world.script({"*": Life(1, 5, queue_seconds=4)})
    world.pass_machine_time(61)
    world.advance(3)
    assert len(world.stage.requests) == requests + 1, "nobody has answered the probe yet"
    world.advance(6)
    assert account(world).breaker_until is None
    assert len(world.stage.requests) >= requests + 4, "its coming back fills at once"
    assert [
        row.action for row in world.sql("SELECT action FROM audit_log WHERE action LIKE '%breaker' ORDER BY id")
    ] == [
        "open_breaker",
        "close_breaker",
    ]
    world.until(campaign, "completed")


def test_each_failed_probe_is_one_request_and_doubles_the_pause(world: World) -> None:
    tripped(world)
    for minutes in (2, 4, 8):
        requests = len(world.stage.requests)
        world.pass_machine_time(minutes * 30 + 1)
        world.advance(15)
        world.tick()
        assert len(world.stage.requests) == requests + 1
        assert minutes * 60 - 5 < account(world).opens_in <= minutes * 60
        assert account(world).resting_reason == "the call that tried the carrier account failed, too"
    world.stage.answer = lambda call_request: None
    world.pass_machine_time(500)
    world.finish_all()


def test_a_probe_the_network_fails_opens_it_again(world: World) -> None:
    tripped(world)
    world.stage.answer = lambda call_request: None
    world.script({"*": Life(0, ending=Status.FAILED)})
    world.advance(15)
    world.pass_machine_time(61)
    world.advance(2)
    world.advance(1)
    assert 115 < account(world).opens_in <= 120


def test_a_probe_that_never_left_makes_room_for_the_next(world: World) -> None:
    campaign = tripped(world)
    world.stage.answer = failing(NotSent("the send fence had passed", connection=False))
    world.advance(15)
    world.pass_machine_time(61)
    world.tick()
    assert account(world).opens_in < 0, "still half open"
    world.stage.answer = lambda call_request: None
    world.until(campaign, "completed")


def test_a_probe_that_was_called_off_has_proved_nothing(world: World) -> None:
    campaign = tripped(world)
    world.stage.answer = lambda call_request: None
    world.stage.hold_queued = True
    world.advance(15)
    world.pass_machine_time(61)
    world.advance(2)
    world.pause(campaign)
    world.advance(1)
    assert account(world).opens_in < 0, "still half open"
    requests = len(world.stage.requests)
    world.stage.hold_queued = False
    world.resume(campaign)
    assert len(world.stage.requests) == requests + 1
    world.until(campaign, "completed")


def test_calls_reserved_before_it_opened_do_not_leave(world: World) -> None:
    campaign = world.campaign(world.contacts(8), maxConcurrentCalls=8)
    (step,) = world.reserve(campaign)
    assert isinstance(step, Dial)
    world.stage.answer = refuse_connection
    world.do(Dial(step.account_id, step.call_ids[:4]))
    requests = len(world.stage.requests)
    world.do(Dial(step.account_id, step.call_ids[4:]))
    assert len(world.stage.requests) == requests
    assert {call.disposition for call in world.calls(campaign)} == {"not_sent"}
    world.finish_all()


def test_of_many_workers_one_lets_one_call_through(world: World) -> None:
    campaign = world.campaign(world.contacts(8), maxConcurrentCalls=8)
    (step,) = world.reserve(campaign)
    assert isinstance(step, Dial)
    world.sql("UPDATE carrier_accounts SET breaker_trips = 1, breaker_until = clock_timestamp() - interval '1 second'")
    with ThreadPoolExecutor(5) as workers:
        list(workers.map(lambda call_id: dial.dial(world.dialer, [call_id]), step.call_ids))
    assert len(world.stage.requests) == 1
    (call,) = [call for call in world.calls(campaign) if call.state == "placed"]
    assert account(world).breaker_probe == call.id
    world.until(campaign, "completed")


def test_the_campaign_says_why_it_waits(world: World) -> None:
    campaign = tripped(world)
    world.advance(15)
    said = read_progress(world.dialer, world.team, campaign).activity
    assert said.code == "breaker_open"
    assert "4 of the last 4 requests to the carrier failed" in said.message
    assert "one call tries it: " in said.message
    world.stage.answer = lambda call_request: None
    world.stage.hold_queued = True
    world.pass_machine_time(61)
    world.advance(2)
    assert "one call tries it now" in read_progress(world.dialer, world.team, campaign).activity.message
    world.finish_all()
