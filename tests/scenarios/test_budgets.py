"""``maxCalls`` caps the calls a run places: retries included, contacts that cannot be called not."""

from __future__ import annotations

import pytest

from tests.stage import refuse_connection
from tests.world import World
from worker.carriers.simulated.protocol import Status
from worker.domain.errors import Conflict, Invalid
from worker.simulator.lives import Life

BUSY = Life(1, ending=Status.BUSY)
ANSWERED = Life(1, 5)


def test_a_budget_stops_the_run_and_pauses_the_campaign_when_its_calls_have_ended(world: World) -> None:
    campaign = world.campaign(world.contacts(6), maxConcurrentCalls=2)
    result = world.run(campaign, max_calls=3)
    assert (len(result.calls), result.remaining) == (2, 4)
    world.advance(7)
    assert (len(world.stage.requests), world.status(campaign)) == (3, "running")
    world.advance(6)
    row = world.campaign_row(campaign)
    assert (row.status, row.pause_reason) == ("paused", "max_calls_reached")
    world.advance(3600)
    assert len(world.stage.requests) == 3
    assert world.by_status(campaign) == {"completed": 3, "pending": 3}
    (run,) = world.sql("SELECT * FROM runs")
    assert (run.state, run.calls_used, run.end_reason) == ("ended", 3, "max_calls_reached")


def test_retries_count_against_the_budget(world: World) -> None:
    world.script({"*": BUSY})
    campaign = world.campaign(world.contacts(1), retryDelayMinutes=1, maxAttemptsPerContact=9)
    world.run(campaign, max_calls=4)
    world.until(campaign, "paused")
    assert len(world.stage.requests) == 4


def test_contacts_that_cannot_be_called_do_not(world: World) -> None:
    people = [*world.contacts(3, phone=None), *world.contacts(3, do_not_call=True), *world.contacts(2)]
    campaign = world.campaign(people)
    result = world.run(campaign, max_calls=2)
    assert (len(result.calls), result.failed) == (2, 6)


def test_contacts_ruled_out_at_the_last_moment_do_not(world: World) -> None:
    people = world.contacts(4)
    campaign = world.campaign(people, maxConcurrentCalls=2)
    steps = world.reserve(campaign, max_calls=2)
    world.ban(*(world.phone(person) for person in people[:2]))
    world.carry_out(steps)
    assert len(world.stage.requests) == 2
    world.until(campaign, "completed")


def test_calls_that_never_left_give_their_part_back(world: World) -> None:
    world.stage.answer = refuse_connection
    campaign = world.campaign(world.contacts(2))
    world.run(campaign, max_calls=2)
    world.stage.answer = lambda call_request: None
    for _ in range(3):
        world.pass_machine_time(30)
        world.advance(20)
    assert len([call for call in world.calls(campaign) if call.disposition == "answered"]) == 2
    assert world.status(campaign) == "completed"


def test_completion_comes_before_the_budgets_pause(world: World) -> None:
    campaign = world.campaign(world.contacts(3))
    world.run(campaign, max_calls=3)
    world.until(campaign, "completed")
    assert world.campaign_row(campaign).pause_reason is None


def test_a_new_run_goes_on_with_a_budget_of_its_own(world: World) -> None:
    campaign = world.campaign(world.contacts(5), maxConcurrentCalls=5)
    world.run(campaign, max_calls=2)
    world.until(campaign, "paused")
    assert len(world.run(campaign, max_calls=1).calls) == 1
    world.until(campaign, "paused")
    assert len(world.run(campaign).calls) == 2
    world.until(campaign, "completed")
    assert [run.calls_used for run in world.sql("SELECT * FROM runs ORDER BY opened_at")] == [2, 1, 2]


def test_a_run_that_is_spent_cannot_be_resumed(world: World) -> None:
    campaign = world.campaign(world.contacts(2))
    world.run(campaign, max_calls=1)
    world.until(campaign, "paused")
    with pytest.raises(Conflict, match="has used its maxCalls"):
        world.resume(campaign)
    assert world.status(campaign) == "paused"


def test_a_paused_run_that_is_not_spent_keeps_what_is_left_of_its_budget(world: World) -> None:
    campaign = world.campaign(world.contacts(5), maxConcurrentCalls=1)
    world.run(campaign, max_calls=3)
    world.pause(campaign)
    world.advance(20)
    world.resume(campaign)
    world.until(campaign, "paused")
    assert world.campaign_row(campaign).pause_reason == "max_calls_reached"
    assert len(world.stage.requests) == 3


def test_the_newest_run_governs_and_what_an_older_one_only_reserved_is_released(world: World) -> None:
    campaign = world.campaign(world.contacts(4), maxConcurrentCalls=2)
    old = world.reserve(campaign, max_calls=4)
    result = world.run(campaign, max_calls=1)
    world.carry_out(old)
    world.advance(60)
    assert len(world.stage.requests) == 1
    placed = [call for call in world.calls(campaign) if call.disposition != "not_sent"]
    assert {call.run_id for call in placed} == {result.run_id}
    assert world.status(campaign) == "paused"


def test_a_run_opened_while_calls_of_an_older_one_live_lets_them_end(world: World) -> None:
    campaign = world.campaign(world.contacts(4), maxConcurrentCalls=3)
    world.run(campaign, max_calls=2)
    world.advance(2)
    assert len(world.run(campaign, max_calls=1).calls) == 1
    world.until(campaign, "paused")
    assert world.by_status(campaign) == {"completed": 3, "pending": 1}


@pytest.mark.parametrize("max_calls", [0, -1, 2_000_000_001, 10**12, True, 1.5, "20"])
def test_a_budget_that_is_no_budget_is_refused_in_one_sentence(world: World, max_calls: object) -> None:
    campaign = world.campaign(world.contacts(1))
    with pytest.raises(Invalid) as refused:
        world.run(campaign, max_calls=max_calls)
    assert [fault.path for fault in refused.value.faults] == ["maxCalls"]
    assert world.status(campaign) == "draft"
