"""A team's few slots, wanted by a campaign of thousands and by small ones: each gets its turn."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import pytest

from tests.chaos.harness import Chaos
from tests.chaos.judge import await_end, judge
from tests.chaos.teams import Campaign, Limits, Team
from worker.simulator.ledger import RecordedCall

MANY, SOME, FEW = 100_000, 100, 10
SLOTS = 5
MOST_IN_BETWEEN = 4 * SLOTS
"""Calls of others between two of one campaign while all want every slot; that they take turns leaves half of it."""


@pytest.mark.slow
def test_small_campaigns_are_not_starved_by_a_large_one_of_the_same_team(chaos: Chaos) -> None:
    chaos.scale(workers=2)
    team = Team(chaos, Limits(team=SLOTS))
    many = team.campaign_of([f"+13059{n:06d}" for n in range(MANY)], limit=50)
    some = team.campaign((SOME, "plain"), limit=50)
    few = team.campaign((FEW, "plain"), limit=50)
    many.run()
    chaos.wait(lambda: many.calls("ended_at IS NULL") == SLOTS, "the large one has every slot")
    some.run()
    few.run()
    await_end(team, few, seconds=60)
    assert some.by_status().get("completed", 0) < SOME, "the smallest is through first"
    await_end(team, some, seconds=120)
    placed = chaos.ledger(team.account).placed
    for campaign in (some, few):
        assert longest_wait(campaign, placed) <= MOST_IN_BETWEEN
    assert longest_wait(many, placed) <= MOST_IN_BETWEEN, "nor is the large one held up"
    many.cancel()
    chaos.wait(lambda: many.calls("ended_at IS NULL") == 0, "its last calls have ended")
    chaos.wait(lambda: not waiting(many), "its contacts are swept", 60)
    judge(team, cancelled=[many])


def longest_wait(campaign: Campaign, placed: Sequence[RecordedCall]) -> int:
    """The most calls of others that went out between two of the campaign's."""
    own = [n for n, call in enumerate(placed) if call.to_number in campaign.phones]
    return max(after - before - 1 for before, after in itertools.pairwise(own))


def waiting(campaign: Campaign) -> bool:
    return not campaign.by_status().keys().isdisjoint(("pending", "queued"))
