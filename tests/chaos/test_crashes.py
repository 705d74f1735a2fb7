"""A process is killed at every place where a crash may fall; the others go on, and nothing is lost.

One worker survives all of it. It stands still until the other has met its fate, so that the fate is met; then it
goes on, and what it has to mend is only what the dead one left.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from tests.chaos.cast import Campaign, Limits, Team, script
from tests.chaos.harness import Chaos, deployed
from tests.chaos.judge import await_end, judge
from worker.crashpoint import POINTS
from worker.dev.process import Child
from worker.dev.stack import Stack


@dataclass
class Crew:
    """What runs while others die."""

    chaos: Chaos
    survivor: Child
    web: Child


@pytest.fixture(scope="module")
def crew(servers: Stack, schema: str) -> Iterator[Crew]:
    with deployed(servers, schema, "crashes", script()) as chaos:
        web = chaos.web()
        chaos.beat()
        chaos.prepare_spare()
        yield Crew(chaos, chaos.worker(), web)


def a_scheduled_campaign(team: Team) -> Campaign:
    return team.campaign((8, "plain"), starts_in=1.0)


def a_campaign(team: Team) -> Campaign:
    campaign = team.campaign((8, "plain"))
    campaign.run()
    return campaign


def a_campaign_whose_calls_end_in_silence(team: Team) -> Campaign:
    campaign = team.campaign((2, "silent"), (4, "plain"))
    campaign.run()
    return campaign


WORKER = {
    "promote.after_commit": a_scheduled_campaign,
    "fill.after_slots": a_campaign,
    "fill.after_commit": a_campaign,
    "dial.after_commit": a_campaign,
    "dial.after_request": a_campaign,
    "dial.after_store": a_campaign,
    "settle.before_commit": a_campaign,
    "settle.after_commit": a_campaign,
    "settle.after_release": a_campaign,
    "reap.after_take": a_campaign_whose_calls_end_in_silence,
    "reap.after_look_up": a_campaign_whose_calls_end_in_silence,
    "roll_up.before_commit": a_campaign,
}


@pytest.mark.parametrize("point", WORKER)
def test_a_worker_killed_there_is_not_missed(crew: Crew, point: str) -> None:
    chaos, team = crew.chaos, Team(crew.chaos, Limits())
    t0 = time.monotonic()
    chaos.freeze_idle(crew.survivor)
    victim = chaos.worker(point)
    t1 = time.monotonic()
    WORKER[point](team)
    t2 = time.monotonic()
    chaos.died_at(victim, point)
    t3 = time.monotonic()
    chaos.thaw(crew.survivor)
    chaos.prepare_spare()
    await_end(team)
    t4 = time.monotonic()
    judge(team)
    t5 = time.monotonic()
    print(f"TIMES {point} start {t1-t0:.2f} campaign {t2-t1:.2f} death {t3-t2:.2f} end {t4-t3:.2f} judge {t5-t4:.2f}")
