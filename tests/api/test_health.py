"""Alive, and ready."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Event, Semaphore

import pytest
from httpx2 import Client

from tests.world import World
from worker import tasks
from worker.settings import settings
from worker.store import migrate
from worker.store.database import open_database

THREADS = 40
"""As many as the framework has for what may wait."""


def ready(url: str) -> tuple[int, dict[str, str]]:
    answer = Client(base_url=url).get("/readyz")
    return answer.status_code, answer.json()


def test_a_process_that_answers_is_alive(web: World, url: str) -> None:
    answer = Client(base_url=url).get("/healthz")
    assert (answer.status_code, answer.json()["status"]) == (200, "ok")


def test_it_is_alive_though_every_thread_waits_for_a_service(
    web: World, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_over, entered = Event(), Semaphore(0)

    def stalls() -> bool:
        entered.release()
        return is_over.wait(20)

    monkeypatch.setattr(tasks, "broker_answers", stalls)
    with ThreadPoolExecutor(THREADS) as clients:
        waiting = [clients.submit(ready, url) for _ in range(THREADS)]
        try:
            assert all(entered.acquire(timeout=20) for _ in waiting)
            assert Client(base_url=url).get("/healthz").status_code == 200
            assert not is_over.is_set()
        finally:
            is_over.set()


def test_it_is_ready_when_everything_is_there_and_somebody_ticks(web: World, url: str) -> None:
    web.tick()
    well = {"status": "ok", "database": "ok", "schema": "ok", "tick": "ok", "broker": "ok"}
    assert ready(url) == (200, well)
    web.sql("UPDATE ticks SET last_at = last_at - interval '31 seconds'")
    status, said = ready(url)
    assert status == 503
    assert said == well | {"status": "unavailable", "tick": said["tick"]}
    assert said["tick"].startswith("31 s ago") or said["tick"].startswith("32 s ago")
    web.sql("DELETE FROM ticks")
    status, said = ready(url)
    assert (status, said["tick"]) == (503, "never; start beat and a worker")


def test_it_is_not_ready_without_its_schema(web: World, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    web.tick()
    wanted = migrate.newest()
    monkeypatch.setattr(migrate, "newest", lambda: wanted + 1)
    status, said = ready(url)
    assert status == 503
    assert said["schema"] == f"version {wanted}, this code is for {wanted + 1}; run the migrations"


def test_it_is_not_ready_without_its_services(web: World, url: str, configure: Callable[..., None]) -> None:
    web.tick()
    alive = web.dialer
    web.dialer = replace(alive, db=open_database("postgresql://127.0.0.1:1/none", pool_size=1))
    configure(celery_broker_url="redis://127.0.0.1:1")
    tasks.configure(tasks.app, settings())
    assert ready(url) == (
        503,
        {"status": "unavailable", "database": "away", "schema": "unknown", "tick": "unknown", "broker": "away"},
    )
    web.dialer = alive


def test_it_is_not_ready_while_a_failover_holds_calls_back(web: World, url: str) -> None:
    web.tick()
    web.sql("UPDATE database_server SET timeline = timeline - 1, is_synchronous = false")
    web.tick()
    status, said = ready(url)
    assert status == 503
    assert said["server"].startswith("failed over at ")
