"""Redis and PostgreSQL go away in mid-campaign and come back, whole, emptied or out of date.

Nobody is restarted; dialing goes on by itself within seconds, and no limit was broken meanwhile.
"""

from __future__ import annotations

import threading
from pathlib import Path

import psycopg
import pytest

from tests.chaos.harness import Chaos
from tests.chaos.judge import await_end, judge
from tests.chaos.teams import Campaign, Limits, Team

RESUMES_WITHIN_SECONDS = 10.0
"""What the product promises is five; the rest is for a machine that does other things as well."""


def in_mid_campaign(chaos: Chaos, contacts: int = 40) -> Campaign:
    chaos.scale(workers=2)
    team = Team(chaos, Limits())
    campaign = team.campaign((contacts, "plain"), (2, "silent"))
    campaign.run()
    chaos.wait(lambda: chaos.placed(team.account) >= 12, "it is in the midst of dialing")
    return campaign


def goes_on(campaign: Campaign) -> float:
    """Wait until a call is placed that was not placed now; returns how long that took."""
    chaos, account = campaign.team.chaos, campaign.team.account
    placed = chaos.placed(account)
    return chaos.wait(lambda: chaos.placed(account) > placed, "dialing goes on")


def ends_well(campaign: Campaign) -> None:
    await_end(campaign.team, seconds=90)
    judge(campaign.team, services_fail=True)


def everybody_works_again(campaign: Campaign) -> None:
    """Each worker has said something since that only one with living connections says."""
    chaos = campaign.team.chaos
    already = {process: len(process.log) for process in chaos.processes["worker"]}
    more = campaign.team.campaign((40, "plain"))
    more.run()
    await_end(campaign.team, more, seconds=60)
    assert all("calls_dialed" in process.log[seen:] for process, seen in already.items())


def test_redis_is_emptied_again_and_again(chaos: Chaos) -> None:
    campaign = in_mid_campaign(chaos)
    for _ in range(3):
        chaos.redis.flushall()
        assert goes_on(campaign) < RESUMES_WITHIN_SECONDS
    ends_well(campaign)


@pytest.mark.slow
def test_redis_is_restarted_and_empty(chaos: Chaos) -> None:
    campaign = in_mid_campaign(chaos)
    chaos.stack.valkey.kill()
    chaos.stack.valkey.restart()
    assert goes_on(campaign) < RESUMES_WITHIN_SECONDS
    ends_well(campaign)


@pytest.mark.slow
def test_redis_is_restarted_with_what_it_knew_earlier(chaos: Chaos) -> None:
    campaign = in_mid_campaign(chaos)
    chaos.redis.save()
    goes_on(campaign)
    chaos.stack.valkey.kill()
    chaos.stack.valkey.restart()
    assert goes_on(campaign) < RESUMES_WITHIN_SECONDS
    (Path(chaos.stack.valkey.data_dir) / "dump.rdb").unlink()
    ends_well(campaign)


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [4, 30])
def test_redis_is_away_for_a_while(chaos: Chaos, seconds: float) -> None:
    campaign = in_mid_campaign(chaos)
    chaos.stack.valkey.kill()
    away(seconds)
    chaos.stack.valkey.restart()
    assert goes_on(campaign) < RESUMES_WITHIN_SECONDS
    everybody_works_again(campaign)
    ends_well(campaign)


def test_every_session_of_postgresql_is_ended(chaos: Chaos) -> None:
    campaign = in_mid_campaign(chaos)
    with psycopg.connect(chaos.stack.postgres.url, autocommit=True) as admin:
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [chaos.name])
    assert goes_on(campaign) < RESUMES_WITHIN_SECONDS
    ends_well(campaign)


@pytest.mark.slow
@pytest.mark.parametrize("end", ["kill", "stop"])
def test_postgresql_is_restarted(chaos: Chaos, end: str) -> None:
    campaign = in_mid_campaign(chaos)
    if end == "kill":
        chaos.stack.postgres.kill()
    chaos.stack.postgres.restart()
    assert goes_on(campaign) < RESUMES_WITHIN_SECONDS
    ends_well(campaign)


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [4, 30])
def test_postgresql_is_away_for_a_while(chaos: Chaos, seconds: float) -> None:
    campaign = in_mid_campaign(chaos)
    chaos.stack.postgres.kill()
    away(seconds)
    chaos.stack.postgres.restart()
    assert goes_on(campaign) < RESUMES_WITHIN_SECONDS
    everybody_works_again(campaign)
    ends_well(campaign)


def test_a_run_that_is_requested_while_postgresql_is_away_is_opened_when_it_is_back(chaos: Chaos) -> None:
    team = Team(chaos, Limits())
    campaign = team.campaign((4, "plain"))
    (worker,) = chaos.processes["worker"]
    chaos.stack.postgres.kill()
    chaos.celery.send_task("worker.run_campaign", [campaign.id])
    chaos.wait(lambda: "run_postponed" in worker.log, "it was tried")
    chaos.stack.postgres.restart()
    ends_well(campaign)


def away(seconds: float) -> None:
    """The absence is what is tested; there is no event in it to wait for."""
    threading.Event().wait(seconds)
