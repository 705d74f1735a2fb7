"""A worker stands still past every bound — a laptop's lid, a paused container, a host that swaps — and wakes up.

By then the others have given its calls up and gone on. Whatever it had in hand is out of date, and it must find
that out by itself.
"""

from __future__ import annotations

import random

import pytest

from tests.chaos.harness import Chaos
from tests.chaos.judge import await_end, judge
from tests.chaos.teams import Limits, Team

FENCE = {"SEND_FENCE_SECONDS": "1.8"}
"""Longer than the second within which calls are paced, so that what stands still has calls to send."""


def test_a_worker_that_stood_still_before_its_requests_left_sends_none_and_changes_nothing(chaos: Chaos) -> None:
    team, (other,) = Team(chaos, Limits(calls_per_second=3)), chaos.processes["worker"]
    chaos.freeze_idle(other)
    sleeper = chaos.worker(**FENCE)
    campaign = team.campaign((4, "plain"), limit=4)
    campaign.run()
    chaos.wait(lambda: campaign.calls("state = 'dialing'") and chaos.placed(team.account), "one call has left")
    chaos.freeze(sleeper)
    sent = {call.token for call in chaos.ledger(team.account).placed}
    committed = {row.token for row in chaos.sql(
        "SELECT token FROM calls WHERE campaign_id = :id AND dialing_at IS NOT NULL", id=campaign.id)}  # fmt: skip
    assert committed > sent, "it stands still with calls in hand"
    chaos.thaw(other)
    await_end(team)
    before, rang = campaign.books(), chaos.ledger(team.account)
    chaos.thaw(sleeper)
    chaos.wait(lambda: "calls_dialed" in sleeper.log, "what it was at has come to its end")
    assert chaos.ledger(team.account) == rang
    assert campaign.books() == before
    assert not {call.token for call in judge(team).placed} & (committed - sent), "a request left late"
    chaos.kill(sleeper)


@pytest.mark.slow
def test_a_worker_that_stood_still_with_a_transaction_open_holds_nobody_up(chaos: Chaos) -> None:
    """PostgreSQL ends the transaction after ten seconds, which no setting shortens."""
    team, (other,) = Team(chaos, Limits()), chaos.processes["worker"]
    chaos.freeze_idle(other)
    sleeper = chaos.worker()
    campaign = team.campaign((4, "kept"), limit=4)  # they are placed for seconds, whoever is late to look
    campaign.run()
    with chaos.dialer.db.begin() as conn:
        chaos.wait(lambda: campaign.calls("state = 'placed'"), "calls are placed")
        conn.exec_driver_sql("LOCK TABLE campaign_contacts IN EXCLUSIVE MODE")
        chaos.wait(lambda: waiting_for_a_lock(chaos), "it waits with its transaction half done")
        chaos.freeze(sleeper)
    chaos.thaw(other)
    await_end(team)
    before = campaign.books()
    chaos.freeze_idle(other)
    chaos.thaw(sleeper)
    later = team.campaign((4, "plain"), limit=4)
    later.run()
    await_end(team)
    assert campaign.books() == before
    chaos.thaw(other)
    judge(team)
    chaos.kill(sleeper)


def waiting_for_a_lock(chaos: Chaos) -> bool:
    return bool(chaos.sql("""SELECT FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event_type = 'Lock' AND xact_start IS NOT NULL"""))  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_workers_that_stand_still_in_turn_at_any_moment_call_nobody_twice(chaos: Chaos, seed: int) -> None:
    dice, team = random.Random(seed), Team(chaos, Limits())
    chaos.scale(workers=3)
    campaign = team.campaign((60, "plain"), (4, "silent"))
    campaign.run()
    for _ in range(8):
        sleeper = dice.choice(chaos.processes["worker"])
        placed = chaos.placed(team.account)
        chaos.freeze(sleeper)
        enough = placed + dice.randint(4, 16)
        chaos.wait(
            lambda enough=enough: chaos.placed(team.account) >= enough or campaign.status == "completed",
            "the others go on",
        )
        chaos.thaw(sleeper)
    await_end(team)
    judge(team)
