"""How often a number is called, and how soon again: caps and quiet times across the campaigns of a team."""

from __future__ import annotations

from datetime import datetime, timedelta

from tests.world import World
from worker.carriers.simulated.protocol import Status
from worker.domain.frequency import MARGIN
from worker.simulator.lives import Life

HOUR, SECOND = timedelta(hours=1), timedelta(seconds=1)
BUSY = Life(1, ending=Status.BUSY)
TALKS = Life(1, 30)
THREE_A_DAY = [{"calls": 3, "hours": 24}]


def commits(world: World, number: str) -> list[datetime]:
    """When calls to a number were committed, the first one first."""
    rows = world.sql("SELECT dialed_at FROM calls WHERE to_number = :n AND dialed_at IS NOT NULL ORDER BY 1", n=number)
    return [row.dialed_at for row in rows]


def test_three_calls_then_the_fourth_at_exactly_the_instant_and_not_before(world: World) -> None:
    world.script({"*": BUSY})
    contact = world.contact()
    campaign = world.campaign([contact], frequency=THREE_A_DAY, maxAttemptsPerContact=4, retryDelayMinutes=5)
    world.run(campaign)
    world.until(campaign, "completed")
    first, _, third, fourth = commits(world, world.phone(contact))
    assert third < first + HOUR
    assert fourth == first + 24 * HOUR + MARGIN
