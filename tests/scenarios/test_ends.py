"""Campaigns that end at an instant, or by hand; starts that were missed."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.world import MONDAY_NOON, World
from worker.carriers.simulated.protocol import Status
from worker.domain.errors import Conflict
from worker.flow import close
from worker.operations import campaigns as campaign_operations
from worker.operations.campaign_edit import edit_campaign
from worker.operations.progress import read_progress
from worker.simulator.lives import Life

HOUR = timedelta(hours=1)
AT_ONE = (MONDAY_NOON + HOUR).isoformat()
LONG = Life(5, 600)
BUSY = Life(1, ending=Status.BUSY)


def statuses(world: World, campaign: str) -> set[tuple[str, str | None]]:
    rows = world.sql("SELECT status, reason FROM campaign_contacts WHERE campaign_id = :id", id=campaign)
    return {(row.status, row.reason) for row in rows}


def activity(world: World, campaign: str) -> tuple[str, str]:
    found = read_progress(world.dialer, world.team, campaign).activity
    return found.code, found.message


def test_from_its_end_on_nothing_is_dialed_and_who_waits_is_cancelled(world: World) -> None:
    world.script({"*": LONG})
    campaign = world.campaign(world.contacts(20), scheduledEndAt=AT_ONE, maxConcurrentCalls=2)
    world.run(campaign)
    world.until(campaign, "completed")
    assert all(at < MONDAY_NOON + HOUR - timedelta(seconds=20) for at in world.dialed())
    assert world.now >= MONDAY_NOON + HOUR
    called = len(world.dialed())
    assert statuses(world, campaign) == {("completed", None), ("cancelled", "campaign_ended")}
    left = f"The campaign has ended; {20 - called} contacts were left uncalled."
    assert activity(world, campaign) == ("completed", left)
    (run,) = world.sql("SELECT * FROM runs")
    assert (run.state, run.end_reason) == ("ended", "campaign_ended")


def test_who_waits_reads_as_cancelled_at_once_however_many(world: World) -> None:
    world.script({"*": LONG})
    campaign = world.campaign(world.contacts(10), maxConcurrentCalls=1)
    world.run(campaign)
    steps = close.complete_campaign(world.dialer, campaign, actor="test")
    assert read_progress(world.dialer, world.team, campaign).counts["cancelled"] == 9
    ending = "The campaign has ended and calls nobody more; 1 call is still live."
    assert activity(world, campaign) == ("ending", ending)
    for refused in (
        lambda: world.pause(campaign),
        lambda: world.run(campaign),
        lambda: campaign_operations.add_contacts(world.dialer, campaign, world.contacts(1), actor="test"),
    ):
        with pytest.raises(Conflict, match="is ending"):
            refused()
    assert close.complete_campaign(world.dialer, campaign, actor="test") == []
    world.carry_out(steps)
    world.until(campaign, "completed")
    assert len(world.dialed()) == 1
    assert close.complete_campaign(world.dialer, campaign, actor="test") == []


def test_a_paused_campaign_ends_and_one_that_has_not_begun_is_not_ended(world: World) -> None:
    paused = world.campaign(world.contacts(2), scheduledEndAt=AT_ONE)
    draft = world.campaign(world.contacts(1), scheduledEndAt=AT_ONE)
    world.run(paused, max_calls=1)
    world.until(paused, "paused")
    world.advance(3600)
    assert world.status(paused) == "completed"
    assert statuses(world, paused) == {("completed", None), ("cancelled", "campaign_ended")}
    assert world.status(draft) == "draft"
    with pytest.raises(Conflict, match="move its scheduledEndAt first"):
        world.run(draft)
    with pytest.raises(Conflict, match="has not begun"):
        close.complete_campaign(world.dialer, draft, actor="test")


def test_an_end_is_moved_while_the_campaign_runs(world: World) -> None:
    world.script({"*": BUSY})
    campaign = world.campaign(world.contacts(1), scheduledEndAt=AT_ONE, retryDelayMinutes=45)
    world.run(campaign)
    later = (MONDAY_NOON + 2 * HOUR).isoformat()
    world.carry_out(
        edit_campaign(world.dialer, world.team, campaign, {"scheduledEndAt": later}, actor="test")
    )  # fmt: skip
    world.until(campaign, "completed")
    assert len(world.dialed()) == 3
    assert world.now < MONDAY_NOON + 2 * HOUR


def test_a_call_that_was_reserved_is_not_dialed_after_the_end(world: World) -> None:
    campaign = world.campaign(world.contacts(1), scheduledEndAt=AT_ONE)
    steps = world.reserve(campaign)
    world.set_clock(MONDAY_NOON + HOUR)
    world.carry_out(steps)
    assert world.stage.requests == []
    world.until(campaign, "completed")
    assert world.stage.requests == []


def test_a_start_that_comes_too_late_is_none(world: World) -> None:
    at = {"scheduledStartAt": AT_ONE}
    in_time = world.campaign(world.contacts(1), **at, startNoLaterThanMinutes=30)
    late = world.campaign(world.contacts(1), **at, startNoLaterThanMinutes=29)
    over = world.campaign(world.contacts(1), **at, scheduledEndAt=(MONDAY_NOON + 1.5 * HOUR).isoformat())
    anyhow = world.campaign(world.contacts(1), **at)
    world.set_clock(MONDAY_NOON + 1.5 * HOUR)
    world.tick()
    assert [world.status(each) for each in (in_time, late, over, anyhow)] == ["running", "draft", "draft", "running"]
    row = world.campaign_row(late)
    assert (row.missed_start_at, row.scheduled_start_at) == (MONDAY_NOON + HOUR, None)
    code, message = activity(world, late)
    assert code == "start_missed"
    assert "did not start at 18:00 UTC, 30 min ago" in message
    world.run(late)
    assert world.campaign_row(late).missed_start_at is None
