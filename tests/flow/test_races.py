"""Two workers at one thing: threads on connections of their own, each waiting for the other where it must."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.patience import PATIENCE_SECONDS
from tests.world import World
from worker.domain.errors import Conflict
from worker.flow import admit, fill, finish, promote, results, stop
from worker.operations import campaigns as campaign_operations
from worker.simulator.lives import Life
from worker.store import campaigns, gate
from worker.store.crm import contacts

TALK = Life(1, 60)


def at_once(*work: Callable[[], Any]) -> list[Any]:
    """Do all of it side by side; what each returned or raised."""
    start = threading.Barrier(len(work))

    def one(do: Callable[[], object]) -> object:
        start.wait(PATIENCE_SECONDS)
        try:
            return do()
        except Conflict as refused:
            return refused

    with ThreadPoolExecutor(len(work)) as threads:
        return list(threads.map(one, work, timeout=PATIENCE_SECONDS))


@pytest.mark.parametrize("emptied", [False, True], ids=["slots kept", "redis emptied"])
def test_many_fills_at_once_never_reserve_past_a_limit(world: World, emptied: bool) -> None:
    world.sql("UPDATE teams SET max_concurrent_calls = 7")
    made = [world.campaign(world.contacts(12), maxConcurrentCalls=5) for _ in range(2)]
    for campaign in made:
        world.reserve(campaign)
        world.sql("UPDATE calls SET ended_at = NULL")
    if emptied:
        world.redis.flushall()
    at_once(*(lambda c=campaign: world.carry_out(list(fill.fill(world.dialer, world.team, [c]).steps))
              for campaign in made * 2))  # fmt: skip
    live = Counter(call.campaign_id for call in world.all_calls())
    assert live.total() == 7
    assert max(live.values()) <= 5
    world.finish_all()


def test_two_runs_at_once_leave_one_open_run_and_call_nobody_twice(world: World) -> None:
    world.script({"*": TALK})
    campaign = world.campaign(world.contacts(4), maxConcurrentCalls=2)
    answers = at_once(*[lambda: admit.run_campaign(world.dialer, campaign, opened_by="api")] * 2)
    world.carry_out(step for _, steps in answers for step in steps)
    world.advance(20)
    assert Counter(run.state for run in world.sql("SELECT state FROM runs")) == {"open": 1, "ended": 1}
    assert world.stage.peak() == {"all": 2}
    world.finish_all()


def test_two_promotes_at_once_open_one_run(world: World) -> None:
    made = [world.campaign(world.contacts(1), scheduledStartAt="2027-03-01T18:00:00Z") for _ in range(3)]
    world.advance(0)
    world.sql("SELECT dialer_set_clock('2027-03-01T18:00:00Z', 0)")
    steps = at_once(*[lambda: promote.promote(world.dialer)] * 2)
    assert sum(len(one) for one in steps) == 3
    assert len(world.sql("SELECT * FROM runs")) == 3
    for campaign in made:
        world.until(campaign, "completed")


def test_adding_contacts_and_completing_never_cross(world: World) -> None:
    """An adding that holds its campaign makes completing wait, and completing then finds the new contact."""
    world.settles_at_receipt = False  # the fill that follows would wait for the adding, too
    campaign = world.campaign(world.contacts(1))
    world.run(campaign)
    world.set_clock(world.stage.next_at)
    late = world.contact()
    with ThreadPoolExecutor(1) as threads:
        with world.engine.begin() as adding:
            assert campaigns.share(adding, campaign) is not None
            contacts.add(adding, world.team, campaign, [late])
            while (at := world.stage.next_at) is not None:
                world.set_clock(at)
                events = world.stage.play()
                world.report_before_answer(events)
            completing = threads.submit(finish.finish, world.dialer, [campaign])
            world.wait_for_blocked()
        completing.result(10)
    assert world.status(campaign) == "running"
    world.until(campaign, "completed")
    assert world.by_status(campaign) == {"completed": 2}


@pytest.mark.parametrize("verb", ["pause", "cancel"])
def test_a_stop_waits_for_a_dialing_commit_under_way_and_nothing_is_committed_after_it(world: World, verb: str) -> None:
    campaign = world.campaign(world.contacts(1))
    steps = world.reserve(campaign)
    stops = {"pause": stop.pause_campaign, "cancel": stop.cancel_campaign}
    with ThreadPoolExecutor(1) as threads:
        with world.engine.begin() as dialing:
            dialing.exec_driver_sql(
                "SELECT pg_advisory_xact_lock_shared(hashtextextended('team ' || %s, 0))", (world.team,)
            )
            stopping = threads.submit(stops[verb], world.dialer, campaign, actor="test")
            world.wait_for_blocked()
            assert world.status(campaign) == "running"
        world.carry_out(stopping.result(10))
    world.carry_out(steps)
    assert world.stage.requests == []


def run_again(world: World, campaign: str) -> object:
    return admit.run_campaign(world.dialer, campaign, opened_by="api")


def retire_its_number(world: World, campaign: str) -> object:
    (row,) = world.sql("SELECT team_id, number_id FROM calls")
    return results._retire_number(world.dialer, row, "13229")


@pytest.mark.parametrize("stops", [run_again, retire_its_number], ids=lambda stops: str(stops.__name__))
def test_what_stops_a_call_by_the_way_waits_for_a_dialing_commit_under_way_too(
    world: World, stops: Callable[[World, str], object]
) -> None:
    """A newer run stops what the older one has reserved; a carrier that refuses a caller ID, what would show it."""
    campaign = world.campaign(world.contacts(1))
    world.reserve(campaign)
    asked = "SELECT run_id, enabled FROM campaigns, phone_numbers"
    before = world.sql(asked)
    with ThreadPoolExecutor(1) as threads:
        with world.engine.begin() as dialing:
            gate.pass_gate(dialing, world.team)
            stopping = threads.submit(stops, world, campaign)
            world.wait_for_blocked()
            assert world.sql(asked) == before
        stopping.result(PATIENCE_SECONDS)
    assert world.sql(asked) != before


def test_pause_and_resume_from_many_sides_leave_a_campaign_that_can_go_on(world: World) -> None:
    campaign = world.campaign(world.contacts(4), maxConcurrentCalls=2)
    world.run(campaign)
    at_once(
        lambda: stop.pause_campaign(world.dialer, campaign, actor="a"),
        lambda: stop.pause_campaign(world.dialer, campaign, actor="b"),
        lambda: admit.resume(world.dialer, campaign, actor="c"),
        lambda: campaign_operations.add_contacts(world.dialer, campaign, world.contacts(1), actor="test"),
    )
    if world.status(campaign) == "paused":
        world.resume(campaign)
    world.until(campaign, "completed")
    assert world.by_status(campaign) == {"completed": 5}
