"""Alive, and ready."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Event, Semaphore
from typing import Any

import httpx2
import pytest
from httpx2 import Client

from tests.standing import BROUGHT_ABOUT, SECONDS, move_on
from tests.world import World
from worker.api import health
from worker.domain.standstill import OF_AN_ACCOUNT, Kind
from worker.operations import standstill
from worker.process import celery_app
from worker.process.settings import settings
from worker.store import migrate
from worker.store.database import open_database

THREADS = 40
"""As many as the framework has for what may wait."""
WELL = dict.fromkeys(("status", "database", "schema", "writes", "tick", "work", "server", "broker"), "ok")


@pytest.fixture(autouse=True)
def _in_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standstill, "AGAIN_AFTER_SECONDS", 0.0)


def ready(url: str) -> tuple[int, dict[str, Any]]:
    answer = httpx2.get(f"{url}/readyz", verify=False, timeout=30)
    return answer.status_code, answer.json()


def words(url: str) -> tuple[int, dict[str, str]]:
    """The status, and what is not as it should be."""
    status, said = ready(url)
    return status, {name: said[name] for name in WELL if said[name] != "ok"}


def test_a_process_that_answers_is_alive(web: World, url: str) -> None:
    answer = httpx2.get(f"{url}/healthz", verify=False)
    assert (answer.status_code, answer.json()["status"]) == (200, "ok")


def test_it_answers_though_every_thread_waits_for_a_service(
    web: World, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    web.tick()
    is_over, entered = Event(), Semaphore(0)

    def stalls(*_: object) -> None:
        entered.release()
        is_over.wait(60)

    monkeypatch.setattr("worker.api.access.who_bears", stalls)
    with (
        Client(verify=False, base_url=url, timeout=60, headers={"Authorization": "Bearer x"}) as asked,
        ThreadPoolExecutor(THREADS) as clients,
    ):
        waiting = [clients.submit(asked.get, "/api/crm/campaigns") for _ in range(THREADS)]
        try:
            assert all(entered.acquire(timeout=30) for _ in waiting)
            assert httpx2.get(f"{url}/healthz", verify=False).status_code == 200
            assert words(url) == (200, {})
            assert not is_over.is_set()
        finally:
            is_over.set()


def test_it_is_ready_when_everything_is_there_and_somebody_ticks(web: World, url: str) -> None:
    web.tick()
    assert ready(url) == (200, {**WELL, "standing_still": [], "waiting": {}})
    web.sql("UPDATE ticks SET last_at = last_at - interval '31 seconds' WHERE name = 'tick'")
    status, found = words(url)
    assert (status, found.keys()) == (503, {"status", "tick"})
    assert found["tick"].startswith(("31 s ago", "32 s ago"))
    web.sql("DELETE FROM ticks")
    status, found = words(url)
    assert (status, found["tick"]) == (503, "never; start beat and a worker")


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind is not Kind.TICK])
def test_it_says_what_stands_still_until_it_is_over(web: World, url: str, kind: Kind) -> None:
    web.tick()
    subject = BROUGHT_ABOUT[kind](web)
    status, said = ready(url)
    assert (status, said["work"]) == (503, "1 thing stands still")
    (still,) = said["standing_still"]
    assert (still["what"], still["of"]) == (kind, subject or None)
    assert SECONDS <= still["seconds"] < SECONDS + 30
    assert still["message"].endswith(".")
    assert "An account" not in still["message"], "no key was asked for"
    if kind in OF_AN_ACCOUNT:
        assert said["waiting"][subject][kind]["count"] == still["count"]
    move_on(web, kind)
    status, said = ready(url)
    assert (status, said["standing_still"]) == (200, [])


def test_it_is_not_ready_without_its_schema(web: World, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    web.tick()
    wanted = migrate.newest()
    monkeypatch.setattr(migrate, "newest", lambda: wanted + 1)
    said = f"version {wanted}, this code is for {wanted + 1}; run the migrations"
    assert words(url) == (503, {"status": "unavailable", "schema": said})


def test_it_is_not_ready_without_its_services(web: World, url: str, configure: Callable[..., None]) -> None:
    web.tick()
    alive = web.dialer
    web.dialer = replace(alive, db=open_database("postgresql://127.0.0.1:1/none", pool_size=1))
    configure(celery_broker_url="redis://127.0.0.1:1")
    celery_app.configure(celery_app.app, settings())
    unknown = dict.fromkeys(("schema", "writes", "tick", "work", "server"), "unknown")
    assert words(url) == (503, {"status": "unavailable", "database": "away", "broker": "away", **unknown})
    web.dialer = alive


@pytest.fixture
def read_only(web: World) -> Iterator[None]:
    """The server as a standby is: what is written is refused, in every session that begins from now on."""
    web.tick()
    name = web.sql("SELECT current_database()")[0][0]
    web.sql(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
    yield
    web.sql(f'SET transaction_read_only = off; ALTER DATABASE "{name}" RESET default_transaction_read_only')


@pytest.mark.usefixtures("read_only")
def test_it_is_not_ready_where_nothing_can_be_written(web: World, url: str) -> None:
    said = "takes none: a standby, read-only, or without room on its disk"
    assert words(url) == (503, {"status": "unavailable", "writes": said})


def test_a_silent_database_holds_neither_it_nor_who_asks_after_it(
    web: World, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "ANSWER_SECONDS", 0.2)
    alive = web.dialer
    with socket.create_server(("127.0.0.1", 0)) as silent:  # the kernel takes connections, and nobody answers
        port = silent.getsockname()[1]
        web.dialer = replace(alive, db=open_database(f"postgresql://127.0.0.1:{port}/none", pool_size=1))
        for _ in range(2 * health.MOST_AT_ONCE):
            status, found = words(url)
            assert (status, found["database"]) == (503, "no answer in time")
    web.dialer = alive


def test_it_is_not_ready_while_a_failover_holds_calls_back(web: World, url: str) -> None:
    web.tick()
    web.sql("UPDATE database_server SET timeline = timeline - 1, is_synchronous = false")
    web.tick()
    status, said = ready(url)
    assert status == 503
    assert said["server"].startswith("failed over ")
