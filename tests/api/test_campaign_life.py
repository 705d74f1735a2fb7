"""Run, schedule, pause, resume, cancel."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from celery import Celery
from httpx2 import Client, Response
from sqlalchemy import Engine

from tests.api.client import CAMPAIGNS, campaign_of, created, paths, refused
from tests.patience import PATIENCE_SECONDS
from tests.world import World
from worker.process import celery_app, dispatch
from worker.process.settings import settings
from worker.simulator.lives import Life
from worker.slots import Slots, connect
from worker.store import runs

AT_NINE = {"callWindowStart": "09:00", "callWindowEnd": "10:00", "callWindowTimezone": "America/New_York"}


def post(client: Client, campaign: str, verb: str, body: Any = None) -> Response:
    return (
        client.post(f"{CAMPAIGNS}/{campaign}/{verb}", json=body)
        if body is not None
        else client.post(f"{CAMPAIGNS}/{campaign}/{verb}")
    )


def everything(world: World) -> dict[str, list[str]]:
    """Every row of every table, but for when a key was used."""
    tables = [row.tablename for row in world.sql("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
    return {
        table: sorted(str(row) for row in world.sql(f"SELECT t.* FROM {table} t"))
        for table in tables
        if table not in ("api_keys", "idempotency_keys")
    }


def test_a_dry_run_writes_nothing_and_names_the_calls_of_the_real_run(
    web: World, client: Client, sent: list[Any]
) -> None:
    campaign = web.campaign([*web.contacts(5), web.contact(None)], maxConcurrentCalls=3)
    before = everything(web)
    dry = post(client, campaign, "run", {"dryRun": True, "maxCalls": 2}).json()
    assert everything(web) == before
    assert sent == []
    real = post(client, campaign, "run", {"maxCalls": 2}).json()
    named = [
        [(call["contact_id"], call["from_number"], call["to_number"], call["status"]) for call in answer["calls"]]
        for answer in (dry, real)
    ]
    assert named[0] == named[1]
    assert (dry["dryRun"], real["dryRun"]) == (True, False)
    assert dry["message"].startswith("Would start 2 calls")
    assert dry["runId"] is None
    assert {call["id"] for call in dry["calls"]} == {None}
    for field in ("success", "started", "failed", "errors", "remaining", "opensAt"):
        assert dry[field] == real[field]
    stored = web.sql("SELECT id, contact_id, run_id FROM calls ORDER BY id")
    assert {(call["id"], call["contact_id"], call["run_id"]) for call in real["calls"]} == set(map(tuple, stored))
    web.carry_out(sent)
    web.until(campaign, "paused")
    assert campaign_of(client, campaign)["pause_reason"] == "max_calls_reached"


def test_a_run_without_a_body_and_one_with_nulls_run_everything(web: World, client: Client, sent: list[Any]) -> None:
    for body in (None, {}, {"maxCalls": None, "dryRun": None, "accountSlug": None}):
        campaign = web.campaign(web.contacts(2))
        answer = post(client, campaign, "run", body).json()
        assert (answer["started"], answer["dryRun"], answer["remaining"]) == (2, False, 0)
    web.carry_out(sent)


def test_the_faults_of_a_run_are_listed(web: World, client: Client) -> None:
    campaign = web.campaign(web.contacts(2))
    for body, wrong in (
        ({"maxCalls": 0, "dryRun": "yes", "accountSlug": 5, "more": 1}, {"maxCalls", "dryRun", "accountSlug", "more"}),
        ({"maxCalls": True}, {"maxCalls"}),
        ({"maxCalls": 2.5}, {"maxCalls"}),
        ({"accountSlug": "team-b"}, {"accountSlug"}),
    ):
        assert set(paths(post(client, campaign, "run", body))) == wrong
    assert web.status(campaign) == "draft"


def test_the_slug_of_the_campaigns_team_is_accepted(web: World, client: Client, sent: list[Any]) -> None:
    campaign = web.campaign(web.contacts(1))
    assert post(client, campaign, "run", {"accountSlug": "team-a"}).json()["started"] == 1
    web.carry_out(sent)


def test_a_run_with_its_window_shut_says_when_it_opens(web: World, client: Client) -> None:
    campaign = web.campaign(web.contacts(2), **AT_NINE)
    answer = post(client, campaign, "run").json()
    assert (answer["started"], answer["remaining"], answer["opensAt"]) == (0, 2, "2027-03-02T14:00:00Z")
    assert answer["message"] == "Started 0 calls; the call window is shut until Tue 09:00 New York, in 21 h"


def test_a_run_without_a_window_says_so(web: World, client: Client, sent: list[Any]) -> None:
    campaign = web.campaign(web.contacts(1))
    assert (
        post(client, campaign, "run").json()["message"].startswith("Started 1 call; this campaign has no call window")
    )
    web.carry_out(sent)


def test_at_most_a_thousand_errors_are_listed_and_all_are_counted(web: World, client: Client) -> None:
    campaign = web.campaign(web.contacts(1001, phone=None))
    answer = post(client, campaign, "run").json()
    assert (answer["failed"], len(answer["errors"]), answer["started"]) == (1001, 1000, 0)


def test_two_runs_at_once_place_no_contact_twice_and_the_newer_governs(
    web: World, client: Client, sent: list[Any]
) -> None:
    campaign = web.campaign(web.contacts(6), maxConcurrentCalls=4)
    barrier = threading.Barrier(2)

    def run(_: int) -> Response:
        barrier.wait(PATIENCE_SECONDS)
        return post(client, campaign, "run")

    with ThreadPoolExecutor(2) as threads:
        answers = list(threads.map(run, range(2)))
    assert {answer.status_code for answer in answers} == {200}
    bodies = [answer.json() for answer in answers]
    called = [call["contact_id"] for body in bodies for call in body["calls"]]
    assert len(called) == len(set(called)) <= 4
    runs = client.get(f"{CAMPAIGNS}/{campaign}/runs").json()["runs"]
    assert {run["id"] for run in runs} == {body["runId"] for body in bodies}
    assert [run["status"] for run in runs] == ["open", "ended"]
    assert runs[1]["end_reason"] == "superseded"
    assert campaign_of(client, campaign)["run_id"] == runs[0]["id"]
    web.carry_out(sent)
    web.until(campaign, "completed")
    assert all(len(web.stage.of(web.phone(contact))) == 1 for contact in called)


def test_a_refused_move_names_both_states(web: World, client: Client) -> None:
    refusals = {
        "draft": ["unschedule", "pause", "resume"],
        "scheduled": ["pause", "resume"],
        "running": ["schedule", "unschedule", "resume"],
        "paused": ["schedule", "unschedule"],
        "completed": ["schedule", "unschedule", "pause", "resume", "cancel", "run"],
        "cancelled": ["schedule", "unschedule", "pause", "resume", "run"],
    }
    leads_to = {
        "schedule": "scheduled", "unschedule": "draft", "pause": "paused", "resume": "running", "cancel": "cancelled",
        "run": "running",
    }  # fmt: skip
    for status, verbs in refusals.items():
        campaign = web.campaign_that_is(status)
        for verb in verbs:
            body = {"scheduledStartAt": "2027-06-01T09:00:00Z"} if verb == "schedule" else None
            message = refused(post(client, campaign, verb, body), 409, "conflict")
            assert f"is {status}" in message, message
            assert leads_to[verb] in message, message
        assert web.status(campaign) == status


def test_a_stop_that_is_already_so_is_done_and_changes_nothing(web: World, client: Client) -> None:
    for status, verb, body in (("paused", "pause", None), ("cancelled", "cancel", None), ("cancelled", "cancel", {})):
        campaign = web.campaign_that_is(status)
        noted = web.sql("SELECT count(*) FROM audit_log")[0][0]
        before = campaign_of(client, campaign)
        assert post(client, campaign, verb, body).json()["campaign"] == before
        assert web.sql("SELECT count(*) FROM audit_log")[0][0] == noted
        client.delete(f"{CAMPAIGNS}/{campaign}")
        assert "is deleted" in refused(post(client, campaign, verb, body), 409, "conflict")


def test_a_run_says_which_one_it_replaces(web: World, client: Client, sent: list[Any]) -> None:
    campaign = web.campaign(web.contacts(2), maxConcurrentCalls=1)
    first = post(client, campaign, "run").json()
    assert first["replacedRunId"] is None
    would = post(client, campaign, "run", {"dryRun": True}).json()
    assert (would["replacedRunId"], would["runId"]) == (first["runId"], None)
    second = post(client, campaign, "run").json()
    assert second["replacedRunId"] == first["runId"]
    assert f"replaced run {first['runId']}" in second["message"]
    web.carry_out(sent)
    web.until(campaign, "completed")


def test_a_campaign_is_scheduled_moved_and_unscheduled(web: World, client: Client) -> None:
    campaign = created(client, web)
    for text, instant in (
        ("2027-03-02T09:00:00-05:00", "2027-03-02T14:00:00Z"),
        ("2027-03-03T00:00:00Z", "2027-03-03T00:00:00Z"),
    ):
        shown = post(client, campaign, "schedule", {"scheduledStartAt": text}).json()["campaign"]
        assert (shown["status"], shown["scheduled_start_at"]) == ("scheduled", instant)
    shown = post(client, campaign, "unschedule").json()["campaign"]
    assert (shown["status"], shown["scheduled_start_at"]) == ("draft", None)
    for wrong in ("2027-03-02T09:00:00", "2020-01-01T00:00:00Z", "2040-01-01T00:00:00Z", "soon", 5, None):
        assert paths(post(client, campaign, "schedule", {"scheduledStartAt": wrong})) == ["scheduledStartAt"]
    assert paths(post(client, campaign, "schedule", {})) == ["scheduledStartAt"]


def test_a_paused_campaign_calls_nobody_until_it_is_resumed(web: World, client: Client, sent: list[Any]) -> None:
    web.script({"*": Life(5, 30)})
    campaign = web.campaign(web.contacts(4), maxConcurrentCalls=2)
    post(client, campaign, "run")
    web.carry_out(sent)
    web.advance(10)
    paused = post(client, campaign, "pause").json()["campaign"]
    assert (paused["status"], paused["pause_reason"]) == ("paused", "requested")
    web.carry_out(sent)
    web.advance(600)
    assert len(web.stage.requests) == 2
    assert web.by_status(campaign) == {"completed": 2, "pending": 2}
    sent.clear()
    resumed = post(client, campaign, "resume").json()["campaign"]
    assert (resumed["status"], resumed["pause_reason"]) == ("running", None)
    web.carry_out(sent)
    web.until(campaign, "completed")


def test_a_used_up_run_is_not_resumed(web: World, client: Client, sent: list[Any]) -> None:
    campaign = web.campaign(web.contacts(2))
    post(client, campaign, "run", {"maxCalls": 1})
    web.carry_out(sent)
    web.until(campaign, "paused")
    assert "maxCalls" in refused(post(client, campaign, "resume"), 409, "conflict")


@pytest.mark.parametrize("hang_up", [False, True])
def test_a_cancelled_campaign_keeps_its_talks_unless_it_is_to_hang_up(
    web: World, client: Client, sent: list[Any], hang_up: bool
) -> None:
    web.script({"*": Life(5, 300)})
    campaign = web.campaign(web.contacts(3), maxConcurrentCalls=1)
    post(client, campaign, "run")
    web.carry_out(sent)
    web.advance(60)
    shown = post(client, campaign, "cancel", {"hangUp": hang_up}).json()["campaign"]
    assert shown["status"] == "cancelled"
    contacts = client.get(f"{CAMPAIGNS}/{campaign}/contacts").json()["contacts"]
    assert sorted(contact["status"] for contact in contacts) == ["calling", "cancelled", "cancelled"]
    web.carry_out(sent)
    assert len(web.stage.live()) == (0 if hang_up else 1)
    web.advance(600)
    assert len(web.stage.requests) == 1


def test_without_redis_a_run_is_refused_and_nothing_is_half_done(
    web: World, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign = web.campaign(web.contacts(2))
    before = everything(web)
    alive = web.dialer
    web.dialer = replace(alive, slots=Slots(connect("redis://127.0.0.1:1", answer_seconds=0.2, retries=0), "test"))
    answer = post(client, campaign, "run")
    refused(answer, 503, "unavailable")
    assert int(answer.headers["Retry-After"]) > 0
    assert everything(web) == before
    assert post(client, campaign, "run", {"dryRun": True}).json()["started"] == 2
    web.dialer = alive


def test_redis_lost_in_the_middle_of_a_run_leaves_it_to_the_tick(
    web: World, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run is committed, then the slots cannot be asked: the answer is true, and nobody need ask again."""
    campaign = web.campaign(web.contacts(2))
    with monkeypatch.context() as dying:
        dying.setattr(Slots, "acquire", Slots(connect("redis://127.0.0.1:1", retries=0), "test").acquire)
        answer = post(client, campaign, "run").json()
    assert (answer["started"], answer["calls"], answer["remaining"]) == (0, [], 2)
    assert web.status(campaign) == "running"
    web.advance(60)
    web.until(campaign, "completed")


def test_without_postgresql_every_request_is_answered_503(
    web: World, client: Client, monkeypatch: pytest.MonkeyPatch, stack: Any
) -> None:
    from worker.store.database import open_database

    campaign = web.campaign(web.contacts(1))
    alive = web.dialer
    nowhere: Engine = open_database("postgresql://127.0.0.1:1/none", pool_size=2)
    web.dialer = replace(alive, db=nowhere)
    for method, path in (("GET", CAMPAIGNS), ("POST", CAMPAIGNS), ("POST", f"{CAMPAIGNS}/{campaign}/run")):
        answer = client.request(method, path, headers={"Idempotency-Key": "k"})
        refused(answer, 503, "unavailable")
        assert "PostgreSQL" not in answer.text
    web.dialer = alive
    nowhere.dispose()
    assert web.status(campaign) == "draft"


def test_postgresql_lost_before_the_commit_leaves_nothing(
    web: World, client: Client, monkeypatch: pytest.MonkeyPatch, sent: list[Any]
) -> None:
    """The server ends the session in the middle of the run's transaction; the whole is run again, once."""
    campaign = web.campaign(web.contacts(2))
    opens = runs.open_run
    killed: list[int] = []

    def killed_once(conn: Any, *arguments: Any, **options: Any) -> None:
        opens(conn, *arguments, **options)
        if not killed:
            killed.append(1)
            pid = conn.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
            web.sql("SELECT pg_terminate_backend(:pid)", pid=pid)

    monkeypatch.setattr(runs, "open_run", killed_once)
    answer = post(client, campaign, "run")
    assert answer.status_code == 200
    assert [run.id for run in web.sql("SELECT id FROM runs")] == [answer.json()["runId"]]
    web.carry_out(sent)


def test_a_pause_holds_though_the_broker_is_away(
    web: World, client: Client, configure: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stops are rows; only the message is lost, and the tick does what it would have done."""
    web.script({"*": Life(5, 30, queue_seconds=5)})
    campaign = web.campaign_that_is("running")
    lonely = Celery("lonely")
    configure(celery_broker_url="redis://127.0.0.1:1")
    celery_app.configure(lonely, settings())
    monkeypatch.setattr(dispatch, "app", lonely)
    shown = post(client, campaign, "pause").json()["campaign"]
    assert shown["status"] == "paused"
    assert len(web.stage.live()) == 2
    web.tick()
    assert web.stage.live() == []
