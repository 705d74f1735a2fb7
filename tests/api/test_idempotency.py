"""The same POST again: done once, answered the same."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from hashlib import sha256
from typing import Any

import pytest
from httpx2 import Client, ConnectError, Response, TransportError
from sqlalchemy import text

from tests.api.client import CAMPAIGNS, created, new_campaign, refused
from tests.cli.running import ROOT, environment, wait_until
from tests.patience import PATIENCE_SECONDS
from tests.world import World
from worker.api import campaigns
from worker.crashpoint import VARIABLE
from worker.dev.stack import Stack
from worker.domain.errors import Unavailable
from worker.flow import admit
from worker.store import idempotency as store

KEY = {"Idempotency-Key": "order 66"}


def count(world: World, table: str) -> int:
    return int(world.sql(f"SELECT count(*) FROM {table}")[0][0])


def test_a_repeated_post_is_given_the_first_answer(web: World, client: Client) -> None:
    body = new_campaign(web)
    first = client.post(CAMPAIGNS, json=body, headers=KEY)
    assert first.status_code == 200
    web.sql("UPDATE campaigns SET name = 'Renamed since'")
    again = client.post(CAMPAIGNS, json=body, headers=KEY)
    assert again.content == first.content
    assert again.headers["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first.headers
    assert count(web, "campaigns") == 1


def test_without_a_key_every_post_is_done(web: World, client: Client) -> None:
    for _ in range(2):
        assert client.post(CAMPAIGNS, json=new_campaign(web)).status_code == 200
    assert count(web, "campaigns") == 2


def test_ten_at_once_with_one_key_make_one_campaign(web: World, client: Client) -> None:
    barrier = threading.Barrier(10)
    body = new_campaign(web)

    def post(_: int) -> Response:
        barrier.wait(PATIENCE_SECONDS)
        while True:
            answer = client.post(CAMPAIGNS, json=body, headers=KEY)
            if answer.status_code != 409:
                return answer
            refused(answer, 409, "idempotency_key_in_use")
            assert answer.headers["Retry-After"] == "1"

    with ThreadPoolExecutor(10) as threads:
        answers = list(threads.map(post, range(10)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert count(web, "campaigns") == 1


def test_a_key_is_for_one_request_only(web: World, client: Client) -> None:
    campaign = created(client, web)
    client.post(CAMPAIGNS, json=new_campaign(web), headers=KEY)
    for path, body in (
        (CAMPAIGNS, new_campaign(web, name="Another")),
        (f"{CAMPAIGNS}/{campaign}/cancel", {}),
    ):
        refused(client.post(path, json=body, headers=KEY), 422, "idempotency_key_reused")
    assert web.status(campaign) == "draft"


def test_two_teams_may_use_the_same_key(web: World, client: Client, other: Client) -> None:
    assert client.post(CAMPAIGNS, json=new_campaign(web), headers=KEY).status_code == 200
    (number,) = web.sql("SELECT id FROM phone_numbers WHERE team_id = 'team_b'")
    theirs = new_campaign(
        web, teamId="team_b", assistantId="asst_team_b", companyId="comp_team_b", fromNumberIds=[number.id]
    )
    assert other.post(CAMPAIGNS, json=theirs, headers=KEY).status_code == 200
    assert count(web, "campaigns") == 2


@pytest.mark.parametrize("key", ["", "k" * 256, "tab\there"])
def test_a_key_that_cannot_be_one_is_refused(web: World, client: Client, key: str) -> None:
    answer = client.post(CAMPAIGNS, json=new_campaign(web), headers={"Idempotency-Key": key})
    assert [fault["path"] for fault in answer.json()["errors"]] == ["Idempotency-Key"]


def test_a_refusal_is_an_answer_like_any_other(web: World, client: Client) -> None:
    campaign = created(client, web)
    first = client.post(f"{CAMPAIGNS}/{campaign}/run", headers=KEY)
    refused(first, 409, "conflict")
    client.post(f"{CAMPAIGNS}/{campaign}/contacts", json={"contactIds": web.contacts(1)})
    again = client.post(f"{CAMPAIGNS}/{campaign}/run", headers=KEY)
    assert (again.status_code, again.content) == (409, first.content)
    assert web.status(campaign) == "draft"


def test_what_failed_on_our_side_may_be_sent_again_at_once(
    web: World, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> str:
        raise Unavailable("PostgreSQL cannot be reached.")

    with monkeypatch.context() as broken:
        broken.setattr(campaigns, "create", fail)
        answer = client.post(CAMPAIGNS, json=new_campaign(web), headers=KEY)
        refused(answer, 503, "unavailable")
        assert int(answer.headers["Retry-After"]) > 0
    assert client.post(CAMPAIGNS, json=new_campaign(web), headers=KEY).status_code == 200
    assert count(web, "campaigns") == 1


def test_what_was_done_and_not_answered_was_not_done(
    web: World, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The work is finished when its answer cannot be kept: both are undone."""
    with monkeypatch.context() as broken:
        broken.setattr("worker.store.idempotency.answer", lambda *_: (_ for _ in ()).throw(AssertionError("crash")))
        assert client.post(CAMPAIGNS, json=new_campaign(web), headers=KEY).status_code == 500
    assert count(web, "campaigns") == 0
    assert client.post(CAMPAIGNS, json=new_campaign(web), headers=KEY).status_code == 200
    assert count(web, "campaigns") == 1


def as_if_dead(world: World, key: str, path: str, body: bytes, *, worked: bool, seconds: int) -> None:
    """A key whose request took it so long ago and never came back."""
    request = store.KeyedRequest(world.team, key, "POST", path, sha256(body).digest())

    def work(conn: Any) -> None:
        taken = store.take(conn, request)
        assert taken is not None
        if worked:
            assert store.note_work(conn, request, taken.at)
        conn.execute(text("UPDATE idempotency_keys SET taken_at = taken_at - :s * interval '1 second'"), {"s": seconds})

    world.write(work)


@pytest.mark.parametrize(
    ("worked", "seconds", "code"),
    [
        (False, 59, "idempotency_key_in_use"),
        (True, 59, "idempotency_key_in_use"),
        (True, 61, "idempotency_answer_lost"),
    ],
)
def test_a_request_that_may_have_worked_is_not_done_again(
    web: World, client: Client, worked: bool, seconds: int, code: str
) -> None:
    campaign = web.campaign(web.contacts(2))
    path = f"{CAMPAIGNS}/{campaign}/run"
    as_if_dead(web, KEY["Idempotency-Key"], path, b"", worked=worked, seconds=seconds)
    refused(client.post(path, headers=KEY), 409, code)
    assert web.status(campaign) == "draft"


def test_a_key_whose_request_died_without_work_is_free_after_a_minute(
    web: World, client: Client, sent: list[Any]
) -> None:
    campaign = web.campaign(web.contacts(2))
    path = f"{CAMPAIGNS}/{campaign}/run"
    as_if_dead(web, KEY["Idempotency-Key"], path, b"other", worked=False, seconds=61)
    answer = client.post(path, headers=KEY)
    assert answer.status_code == 200
    assert client.post(path, headers=KEY).content == answer.content
    assert count(web, "runs") == 1


def test_a_request_that_was_given_up_cannot_commit_after_all(
    web: World, client: Client, monkeypatch: pytest.MonkeyPatch, sent: list[Any]
) -> None:
    """The first request hangs before its work for over a minute; the second takes the key and works."""
    campaign = web.campaign(web.contacts(2))
    path = f"{CAMPAIGNS}/{campaign}/run"
    hangs, goes_on = threading.Event(), threading.Event()
    run = admit.run_campaign

    def run_late(*arguments: Any, **options: Any) -> Any:
        if not hangs.is_set():
            hangs.set()
            assert goes_on.wait(PATIENCE_SECONDS)
        return run(*arguments, **options)

    monkeypatch.setattr(admit, "run_campaign", run_late)
    with ThreadPoolExecutor(1) as thread, ExitStack() as finally_:
        finally_.callback(goes_on.set)
        first = thread.submit(client.post, path, headers=KEY)
        assert hangs.wait(PATIENCE_SECONDS)
        web.sql("UPDATE idempotency_keys SET taken_at = taken_at - interval '61 seconds'")
        second = client.post(path, headers=KEY)
        assert second.status_code == 200
        goes_on.set()
        refused(first.result(20), 409, "idempotency_key_in_use")
    assert [run.id for run in web.sql("SELECT id FROM runs")] == [second.json()["runId"]]
    assert client.post(path, headers=KEY).content == second.content


def test_a_run_that_answered_nobody_is_noticed_and_not_doubled(
    web: World, client: Client, monkeypatch: pytest.MonkeyPatch, sent: list[Any]
) -> None:
    """The process dies after the run's commit, before its answer is kept."""
    campaign = web.campaign(web.contacts(2))
    path = f"{CAMPAIGNS}/{campaign}/run"
    with monkeypatch.context() as dying:
        dying.setattr(admit, "fill", lambda *_: (_ for _ in ()).throw(AssertionError("crash")))
        assert client.post(path, headers=KEY).status_code == 500
    assert count(web, "runs") == 1
    web.sql("UPDATE idempotency_keys SET taken_at = taken_at - interval '61 seconds'")
    message = refused(client.post(path, headers=KEY), 409, "idempotency_answer_lost")
    assert "answer was lost" in message
    assert count(web, "runs") == 1


def test_a_dry_run_is_repeated_as_it_was(web: World, client: Client) -> None:
    campaign = web.campaign(web.contacts(2))
    path = f"{CAMPAIGNS}/{campaign}/run"
    first = client.post(path, json={"dryRun": True}, headers=KEY)
    assert first.json()["started"] == 2
    assert client.post(path, json={"dryRun": True}, headers=KEY).content == first.content
    assert count(web, "runs") == 0


def test_keys_are_forgotten_after_a_day(web: World, client: Client) -> None:
    first = client.post(CAMPAIGNS, json=new_campaign(web), headers=KEY)
    with web.engine.begin() as conn:
        assert store.purge(conn) == 0
    web.sql("UPDATE idempotency_keys SET created_at = created_at - interval '24 hours'")
    again = client.post(CAMPAIGNS, json=new_campaign(web, name="Another"), headers=KEY)
    assert again.json()["campaign"]["id"] != first.json()["campaign"]["id"]
    web.sql("UPDATE idempotency_keys SET created_at = created_at - interval '24 hours'")
    with web.engine.begin() as conn:
        assert store.purge(conn) == 1
    assert count(web, "idempotency_keys") == 0


def test_the_steps_of_work_are_sent_once_it_is_committed_and_not_again(
    web: World, client: Client, sent: list[Any]
) -> None:
    campaign = web.campaign_that_is("running")
    sent.clear()
    for _ in range(2):
        assert client.post(f"{CAMPAIGNS}/{campaign}/pause", headers=KEY).json()["campaign"]["status"] == "paused"
    assert len(sent) == 1
    web.carry_out(sent)


def test_a_client_that_went_away_finds_its_answer_when_it_returns(
    web: World, client: Client, url: str, sent: list[Any]
) -> None:
    campaign = web.campaign(web.contacts(2))
    path = f"{CAMPAIGNS}/{campaign}/run"
    host, _, port = url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port))) as gone:
        head = f"POST {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: {client.headers['Authorization']}\r\n"
        gone.sendall(f"{head}Idempotency-Key: {KEY['Idempotency-Key']}\r\nContent-Length: 0\r\n\r\n".encode())
    answer = client.post(path, headers=KEY)
    while answer.status_code == 409:
        refused(answer, 409, "idempotency_key_in_use")
        answer = client.post(path, headers=KEY)
    assert (answer.status_code, answer.json()["started"]) == (200, 2)
    assert count(web, "runs") == 1
    web.carry_out(sent)


def test_a_process_that_is_killed_in_the_middle_of_a_run_leaves_a_key_that_does_not_run_again(
    web: World, client: Client, stack: Stack
) -> None:
    campaign = web.campaign(web.contacts(2))
    path = f"{CAMPAIGNS}/{campaign}/run"
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    surroundings = environment(
        **stack.environment
        | {"DATABASE_URL": web.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)},
        REDIS_PREFIX="test",
        **{VARIABLE: "admit.after_commit"},
    )
    command = [sys.executable, "-m", "worker", "web", "--host", "127.0.0.1", "--port", str(port)]
    with (
        subprocess.Popen(command, cwd=ROOT, env=surroundings, stderr=subprocess.DEVNULL) as doomed,
        Client(
            verify=False, base_url=f"http://127.0.0.1:{port}", headers=client.headers, timeout=PATIENCE_SECONDS
        ) as theirs,
    ):
        wait_until(lambda: doomed.poll() is not None or is_up(theirs), "the web process comes up")
        with pytest.raises(TransportError):
            theirs.post(path, headers=KEY)
    assert doomed.returncode == -signal.SIGKILL
    assert web.status(campaign) == "running"
    refused(client.post(path, headers=KEY), 409, "idempotency_key_in_use")
    web.sql("UPDATE idempotency_keys SET taken_at = taken_at - interval '61 seconds'")
    refused(client.post(path, headers=KEY), 409, "idempotency_answer_lost")
    assert count(web, "runs") == 1


def is_up(client: Client) -> bool:
    try:
        return client.get("/healthz").status_code == 200
    except ConnectError:
        return False
