"""``dialer doctor`` as an operator runs it: all is well, or what is wrong is named, and exit 1."""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from celery import Celery

from tests.at_work import AHEAD
from tests.cli.running import AWAY, dialer
from tests.standing import BROUGHT_ABOUT, move_on
from tests.world import World, watch_server
from worker.carriers.base import Action, CallEvent, Rejected
from worker.cli.doctor import SERVICES
from worker.cli.findings import run_checks
from worker.cli.findings_work import standing_still
from worker.clock import wall
from worker.domain.model import EventKind
from worker.domain.standstill import NAMES, Kind
from worker.flow import record
from worker.operations import standstill
from worker.process import celery_app
from worker.process.settings import Settings
from worker.slots import SlotRequest, Slots, connect
from worker.store.database import open_database
from worker.store.invariants import BY_NAME

pytestmark = pytest.mark.usefixtures("at_work")

LOOKED_AT = {
    "Python", "tzdb of pytz", "PostgreSQL", "schema", "Redis", "last tick", "queue control", "queue dial",
    "clocks of PostgreSQL and Redis", "clocks of PostgreSQL and this machine", "commits", "slots", "writes",
    "standstill", "oldest snapshot", "kept", "rules of calling", "places of contacts", *BY_NAME,
}  # fmt: skip

Doctor = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def doctor(database_url: str, redis_url: str) -> Doctor:
    """The command, with the addresses of the world's services."""

    def examine(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
        there = {"DATABASE_URL": database_url, "REDIS_URL": redis_url, "REDIS_PREFIX": "test"}
        return dialer("doctor", *arguments, **{**there, **settings})

    return examine


def findings(answer: subprocess.CompletedProcess[str]) -> dict[str, dict[str, Any]]:
    assert len(answer.stdout.splitlines()) == 1, answer.stdout
    assert "Traceback" not in answer.stderr
    return {finding["name"]: finding for finding in json.loads(answer.stdout)}


def wrong(answer: subprocess.CompletedProcess[str]) -> set[str]:
    assert answer.returncode == 1
    return {name for name, finding in findings(answer).items() if not finding["ok"]}


def send(redis_url: str, *, sent_before_seconds: float) -> None:
    """A message that nobody takes, as if sent so long ago."""
    app = Celery("test")
    celery_app.configure(app, Settings.model_validate({"redis_url": redis_url, "redis_prefix": "test"}))
    with app.connection_for_write() as connection:
        app.send_task("worker.tick", connection=connection)
        channel: Any = connection.default_channel
        (message,) = channel.client.lrange("test:control", 0, -1)
        sent = json.loads(message)
        assert wall() - sent["headers"][celery_app.SENT_AT] < 60, "every message says when it was sent"
        sent["headers"][celery_app.SENT_AT] = wall() - sent_before_seconds
        channel.client.lset("test:control", 0, json.dumps(sent))


def test_when_all_is_well_everything_was_looked_at_and_the_exit_is_0(world: World, doctor: Doctor) -> None:
    world.run(world.campaign(world.contacts(2)))
    world.tick()
    answer = doctor("--json")
    found = findings(answer)
    assert found.keys() == LOOKED_AT
    assert answer.returncode == 0, wrong(answer)
    assert all(finding["ok"] and not finding["offenders"] for finding in found.values())
    assert found["slots"]["found"] == "2 live calls, 2 hold slots"
    assert found["queue dial"]["found"] == "0 waiting"
    assert "calls in" in found["kept"]["found"]
    assert "never deleted" in found["kept"]["found"]


def test_news_of_no_call_of_ours_is_shown_with_how_much_is_kept_and_what_it_may_mean(
    world: World, doctor: Doctor
) -> None:
    world.run(world.campaign(world.contacts(1)))
    token = world.all_calls()[0].token
    record.record(world.dialer, "twilio", [CallEvent(token, "x", "CA1", EventKind.RINGING)])
    world.report([CallEvent("f" * 32, f"n{n}", "sim_x", EventKind.RINGING, raw={"said": "much"}) for n in range(3)])
    world.tick()
    answer = doctor("--json", UNKNOWN_NEWS_KEPT="5")
    assert wrong(answer) == {"foreign news of twilio"}
    foreign, unknown = (findings(answer)[f"{kind}"] for kind in ("foreign news of twilio", "unknown news of simulator"))
    assert foreign["found"].startswith("1, the first ")
    assert "another carrier, or another account there, placed; they changed nothing" in foreign["found"]
    assert unknown["found"].startswith("3, the first ")
    assert "; 3 kept (at most 5), " in unknown["found"]
    world.sql("UPDATE call_events SET received_at = received_at - interval '1 hour'")
    assert wrong(doctor("--json", UNKNOWN_NEWS_KEPT="2")) == {"unknown news of simulator"}


def test_a_secret_that_can_be_guessed_is_refused_by_doctor_as_at_every_start(doctor: Doctor) -> None:
    answer = doctor(SIMULATOR_SECRET="simulator")
    assert (answer.returncode, answer.stdout) == (2, "")
    assert "SIMULATOR_SECRET: It is shorter than 16 characters" in answer.stderr


def test_what_is_wrong_is_named_with_its_offenders(world: World, doctor: Doctor, redis_url: str) -> None:
    world.sql("DELETE FROM ticks")
    world.sql("UPDATE schema_migrations SET applied_at = clock_timestamp() - interval '1 minute'")
    campaign = world.campaign(world.contacts(2))
    world.run(campaign)
    one, other = world.calls(campaign)
    ago = timedelta(hours=9)
    world.sql("UPDATE calls SET reserved_at = reserved_at - :ago, provable_end_at = provable_end_at - :ago", ago=ago)
    world.dialer.slots.release([SlotRequest(one.id, one.team_id, campaign, one.number_id, one.account_id)])
    send(redis_url, sent_before_seconds=100)
    answer = doctor("--json")
    assert wrong(answer) == {"last tick", "queue control", "slots", "calls_end_in_time"}
    found = findings(answer)
    assert found["last tick"]["found"] == "never; start a worker and beat"
    assert found["queue control"]["found"].startswith("1 waiting, the oldest for 10")
    assert found["slots"] == {
        "name": "slots", "found": "2 live calls, 1 hold slots, 1 should", "ok": False, "offenders": [one.id],
    }  # fmt: skip
    assert found["calls_end_in_time"]["offenders"] == sorted([one.id, other.id])
    shown = doctor()
    assert shown.returncode == 1
    assert all(word in shown.stdout for word in ("never; start a worker and beat", "Broken by 2:", one.id))
    world.sql("UPDATE calls SET provable_end_at = provable_end_at + :ago", ago=ago)
    world.tick()


def test_a_deployment_of_some_seconds_age_is_not_scolded(world: World, doctor: Doctor) -> None:
    world.sql("DELETE FROM ticks")
    world.sql(f"UPDATE schema_migrations SET applied_at = clock_timestamp() + interval '{AHEAD}'")  # and kept so
    answer = doctor("--json")
    assert answer.returncode == 0
    assert findings(answer)["last tick"]["found"].startswith("none yet, ")


@pytest.mark.slow
def test_services_that_are_away_are_findings_and_no_errors(doctor: Doctor) -> None:
    assert wrong(doctor("--json", **AWAY)) == {"PostgreSQL", "Redis", "broker"}


def test_a_database_without_the_schema_says_what_to_do(doctor: Doctor, empty_database_url: str) -> None:
    answer = doctor("--json", DATABASE_URL=empty_database_url)
    assert wrong(answer) == {"schema"}
    assert findings(answer)["schema"]["found"] == "none; run: dialer db migrate"


def test_after_a_restore_nothing_dials_until_somebody_has_looked(world: World, doctor: Doctor) -> None:
    done, running, scheduled, draft = (
        world.campaign_that_is(status) for status in ("completed", "running", "scheduled", "draft")
    )
    answer = doctor("--after-restore", "--json")
    assert answer.stderr == (
        "Paused 2 campaigns; look at each and resume it.\n"
        "No erasure is known here; `dialer erasures replay FILE` does those that were exported since.\n"
    )
    assert findings(answer)
    assert [world.status(campaign) for campaign in (running, scheduled, draft, done)] == [
        "paused", "draft", "draft", "completed",
    ]  # fmt: skip
    assert world.campaign_row(running).pause_reason == "restored_from_backup"
    placed = len(world.stage.requests)
    world.advance(2 * 3600)
    assert len(world.stage.requests) == placed
    world.resume(running)
    world.until(running, "completed")


def test_an_account_whose_carrier_has_no_channel_free_is_named_and_nothing_is_wrong(
    world: World, doctor: Doctor
) -> None:
    world.stage.answer = lambda call_request: Rejected("90010", Action.CHANNELS)
    world.run(world.campaign(world.contacts(1)))
    world.tick()
    answer = doctor("--json")
    found = findings(answer)["channels of An account"]
    assert (answer.returncode, found["ok"]) == (0, True)
    assert "the carrier has no channel free (90010)" in found["found"]
    assert "1000 by our limit" in found["found"]


@pytest.mark.parametrize("kind", NAMES)
def test_what_stands_still_is_named_with_since_when_and_what_to_do(
    world: World, kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(standstill, "AGAIN_AFTER_SECONDS", 0.0)
    world.tick()
    subject = BROUGHT_ABOUT[kind](world)
    (found,) = (finding for finding in standing_still(world.dialer) if not finding.ok)
    assert (found.name, found.offenders) == (f"standstill: {NAMES[kind]}", (subject,) if subject else ())
    assert " for 4" in found.found
    move_on(world, kind)
    assert all(finding.ok for finding in standing_still(world.dialer))


def test_the_command_names_everything_that_stands_still(world: World, doctor: Doctor) -> None:
    world.tick()
    for kind in (Kind.NEWS, Kind.PLACING):
        BROUGHT_ABOUT[kind](world)
    assert wrong(doctor("--json")) == {"standstill: news", "standstill: calls to be placed"}


def test_what_only_waits_inside_the_workers_is_shown_and_nothing_is_wrong(world: World) -> None:
    world.tick()
    world.reserve(world.campaign(world.contacts(2)))
    well, waits = standing_still(world.dialer)
    assert (well.found, well.ok) == ("nothing stands still", True)
    assert (waits.name, waits.ok) == ("calls to be placed at An account", True)
    assert waits.found.startswith("2, the oldest for ")
    world.tick()


def test_a_service_that_takes_connections_and_says_nothing_is_named_and_holds_nobody(world: World) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        there = open_database(f"postgresql://127.0.0.1:{port}/none", pool_size=1)
        away = replace(world.dialer, db=there, slots=Slots(connect(f"redis://127.0.0.1:{port}/0"), "test"))
        found = {finding.name: finding.found for finding in run_checks(away, SERVICES[:2], within_seconds=0.5)}
    assert found == {name: f"no answer from {name} within 0.5 s" for name in ("PostgreSQL", "Redis")}


def test_calls_that_a_failover_holds_back_are_shown_and_let_go_by_hand(world: World, doctor: Doctor) -> None:
    watch_server(world.dialer)
    world.sql("UPDATE database_server SET timeline = timeline - 1, is_synchronous = false")
    watch_server(world.dialer)
    answer = doctor("--json")
    assert wrong(answer) == {"server"}
    assert "dialer doctor --after-failover" in findings(answer)["server"]["found"]
    answer = doctor("--json", "--after-failover")
    assert (answer.returncode, answer.stderr.strip()) == (0, "Calls are placed again.")
    assert doctor("--after-failover").stdout.startswith("No calls were held back for a failover.")
