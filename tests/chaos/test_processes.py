"""Beats, webs and workers come, go and are doubled, as platforms do to them; no call is cut, none doubled."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

import pytest

from tests.chaos.harness import Chaos
from tests.chaos.judge import await_end, judge
from tests.chaos.teams import Campaign, Limits, Team
from worker.flow.base import Dial, LookUp, Stop
from worker.simulator.ledger import Ledger


def nobody_was_cut_off(rang: Ledger) -> bool:
    return all(call.end_requested_at is None for call in rang.placed)


def calls_under_way(campaign: Campaign, least: int = 8) -> None:
    """Wait until the campaign is in the midst of it."""
    team = campaign.team
    team.chaos.wait(lambda: team.chaos.placed(team.account) >= least, f"{least} calls were placed")


def callbacks(chaos: Chaos) -> dict[str, Any]:
    """The simulator's own count of its callbacks."""
    request = urllib.request.Request(
        f"{chaos.environment['SIMULATOR_URL']}/v1/stats",
        headers={"Authorization": f"Bearer {chaos.environment['SIMULATOR_SECRET']}"},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        return dict(json.load(answer)["callbacks"])


def test_everything_gets_sigterm_at_once_and_starts_again(chaos: Chaos) -> None:
    """SIGTERM to web, beat and workers in the same moment, as a platform's daily restart sends it."""
    chaos.scale(workers=2)
    team = Team(chaos, Limits())
    campaign = team.campaign((20, "plain"))
    campaign.run()
    calls_under_way(campaign)
    everybody = [process for role in ("web", "beat", "worker") for process in chaos.processes[role]]
    chaos.terminate(*everybody)
    chaos.scale(workers=2)
    await_end(team)
    assert nobody_was_cut_off(judge(team))


def test_nothing_is_lost_while_the_web_process_is_dead(chaos: Chaos) -> None:
    team = Team(chaos, Limits())
    campaign = team.campaign((12, "plain"))
    campaign.run()
    calls_under_way(campaign, 4)
    chaos.kill(chaos.processes["web"][0])
    chaos.wait(lambda: not chaos.ledger(team.account).live(), "every call has ended at the carrier")
    chaos.web()
    await_end(team)
    assert nobody_was_cut_off(judge(team))
    assert callbacks(chaos)["given_up"] == 0


def test_without_a_beat_schedules_start_and_calls_settle_but_nobody_is_called_again_until_it_is_back(
    chaos: Chaos,
) -> None:
    """A beat that is away costs time and nothing else: whoever settles goes on filling, so first calls go out, and the
    workers' timers start what is scheduled; a retry's delay, a window's opening, a lost message wait for it."""
    chaos.kill(chaos.processes["beat"][0])
    team = Team(chaos, Limits())
    running = team.campaign((10, "plain"), limit=4, retryDelayMinutes=1)
    scheduled = team.campaign((2, "plain"), starts_in=60)
    running.run()
    chaos.wait(lambda: running.by_status() == {"queued": 10}, "each was called once, and what ended was settled")
    chaos.wait(
        lambda: (
            not chaos.sql(
                "SELECT FROM campaign_contacts WHERE campaign_id = :id AND due_at > dialer_now() - interval '1 minute'",
                id=running.id,
            )
        ),
        "everybody has been due again for a minute",
    )
    assert running.by_status() == {"queued": 10}, "nobody wakes them"
    chaos.wait(lambda: scheduled.status != "scheduled", "what was scheduled has started by itself")
    chaos.beat()
    await_end(team)
    judge(team)


def test_of_two_beats_one_ticks(chaos: Chaos) -> None:
    chaos.scale(beats=2, workers=2)
    team = Team(chaos, Limits())
    campaign = team.campaign((12, "plain"), starts_in=60)
    chaos.wait(lambda: campaign.status == "running", "it has started by itself")
    await_end(team)
    judge(team)
    assert len(chaos.sql("SELECT FROM runs WHERE campaign_id = :id", id=campaign.id)) == 1


def test_messages_that_come_doubled_or_again_change_nothing(chaos: Chaos) -> None:
    """As they do when a worker that held them was given up by the broker, or an old Redis came back."""
    chaos.scale(workers=2)
    team = Team(chaos, Limits())
    campaign = team.campaign((8, "plain"))
    campaign.run(messages=3)
    await_end(team)
    books, rang = campaign.books(), chaos.ledger(team.account)
    ids = tuple(str(row[0]) for row in books)
    chaos.send([Dial(team.account, ids), LookUp(ids), Stop()] * 2)
    chaos.wait(lambda: chaos.waiting_messages() == 0, "every message was taken")
    later = team.campaign((4, "plain"))
    later.run()
    await_end(team, later)
    judge(team)
    assert campaign.books() == books
    assert not {call.token for call in chaos.ledger(team.account).placed if call.to_number in campaign.phones} - {
        call.token for call in rang.placed
    }


def test_a_message_that_requests_a_run_opens_one_however_often_it_comes(chaos: Chaos) -> None:
    chaos.scale(workers=2)
    team = Team(chaos, Limits())
    campaign = team.campaign((4, "plain"))
    chaos.redis.flushall()
    for _ in range(4):
        chaos.celery.send_task("worker.run_campaign", [campaign.id], task_id="the same")
    await_end(team)
    judge(team)
    assert len(chaos.sql("SELECT FROM runs WHERE campaign_id = :id", id=campaign.id)) == 1


@pytest.mark.slow
def test_a_killed_beat_leaves_nothing_behind_that_its_successor_would_miss(chaos: Chaos) -> None:
    team = Team(chaos, Limits())
    campaign = team.campaign((12, "plain"), (2, "silent"), retryDelayMinutes=1)
    campaign.run()
    for _ in range(3):
        chaos.kill(chaos.processes["beat"][0])
        chaos.beat()
    await_end(team)
    judge(team)


@pytest.mark.slow
def test_workers_are_replaced_one_by_one(chaos: Chaos) -> None:
    chaos.scale(workers=3)
    team = Team(chaos, Limits())
    campaign = team.campaign((80, "plain"))
    campaign.run()
    for old in tuple(chaos.processes["worker"]):
        calls_under_way(campaign, min(60, chaos.placed(team.account) + 6))
        chaos.worker()
        chaos.terminate(old)
    await_end(team)
    assert nobody_was_cut_off(judge(team))


@pytest.mark.slow
def test_many_workers_and_many_beats_are_no_more_than_one(chaos: Chaos) -> None:
    chaos.scale(workers=8, beats=3)
    teams = [Team(chaos, Limits()) for _ in range(2)]
    for team in teams:
        for _ in range(2):
            team.campaign((20, "plain"), (2, "silent"), starts_in=60)
    for team in teams:
        await_end(team)
        judge(team)


@pytest.mark.slow
def test_workers_killed_at_any_moment_call_nobody_twice(chaos: Chaos) -> None:
    chaos.scale(workers=2)
    team = Team(chaos, Limits())
    campaign = team.campaign((80, "plain"), (4, "silent"))
    campaign.run()
    for n in range(8):
        calls_under_way(campaign, min(100, chaos.placed(team.account) + 1 + n % 3))
        chaos.kill(chaos.processes["worker"][0])
        chaos.worker()
    await_end(team)
    judge(team)
