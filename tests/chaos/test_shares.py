"""A team's few slots, wanted by a campaign of thousands and by small ones: each gets its turn."""

from __future__ import annotations

import pytest

from tests.chaos.cast import Limits, Team
from tests.chaos.harness import Chaos
from tests.chaos.judge import await_end, judge

MANY, SOME, FEW = 20_000, 100, 10
ROUND = 4 * 5
"""Calls of others between two of one campaign, at most: they take turns, of the team's five slots each."""


@pytest.mark.slow
def test_small_campaigns_are_not_starved_by_a_large_one_of_the_same_team(chaos: Chaos) -> None:
    chaos.man(workers=2)
    team = Team(chaos, Limits(team=5))
    many = team.campaign_of([f"+13059{n:06d}" for n in range(MANY)], limit=50)
    some = team.campaign((SOME, "plain"), limit=50)
    few = team.campaign((FEW, "plain"), limit=50)
    many.run()
    chaos.wait(lambda: many.calls("ended_at IS NULL") == 5, "the large one has every slot")
    some.run()
    few.run()
    await_end(team, few, seconds=60)
    some_left = some.by_status().get("completed", 0)
    await_end(team, some, seconds=120)
    rang = chaos.ledger(team.account)
    calls = {campaign: [n for n, call in enumerate(rang.placed) if call.to_number in campaign.phones]
             for campaign in team.campaigns}  # fmt: skip
    print({c.id: len(v) for c, v in calls.items()}, some_left)
    for campaign in (some, few):
        print(max(after - before for before, after in zip(calls[campaign], calls[campaign][1:], strict=False)))
    in_between = [n for n in calls[many] if calls[some][0] < n < calls[some][-1]]
    assert len(in_between) > SOME, "the large one gets its share all the while"
    many.cancel()
    chaos.wait(lambda: many.by_status().keys() <= {"completed", "cancelled", "exhausted"}, "its contacts are swept")
    chaos.wait(lambda: many.calls("ended_at IS NULL") == 0, "its last calls have ended")
    judge(team, cancelled=[many])
