"""Workers and beat while PostgreSQL and Redis go and come back: they say so in a line, and go on by themselves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import pytest
from sqlalchemy import Engine, text

from tests.cli.running import ROOT, environment, wait_until
from worker.dev.process import Child
from worker.dev.stack import Stack
from worker.store.database import open_database
from worker.store.migrate import migrate

AWAY = "PostgreSQL cannot be reached"


@dataclass(frozen=True)
class Running:
    """A worker and a beat that were started while PostgreSQL was down."""

    stack: Stack
    db: Engine
    worker: Child
    beat: Child

    def log(self) -> str:
        return "".join(child.log_path.read_text() for child in (self.worker, self.beat))

    def ticked_at(self) -> datetime | None:
        """When somebody last ticked, by the database."""
        self.db.dispose()
        with self.db.connect() as conn:
            at: datetime | None = conn.execute(text("SELECT max(last_at) FROM ticks WHERE name = 'tick'")).scalar_one()
            return at

    def await_tick(self, since: datetime | None) -> None:
        wait_until(lambda: self.ticked_at() != since, lambda: f"a tick after {since}; {self.log()[-2000:]}")

    def await_word(self, child: Child, word: str, times: int = 1) -> None:
        said = child.log_path.read_text
        wait_until(lambda: said().count(word) >= times, lambda: f"{word!r} {times} times; {said()[-2000:]}")


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    with Stack() as stack:
        db = open_database(stack.postgres.url)
        migrate(db)
        db.dispose()
        stack.postgres.kill()
        settings = environment(**stack.environment)
        worker = stack.spawn("worker", ["celery", "-A", "worker", "worker"], settings, cwd=ROOT)
        beat = stack.spawn("beat", ["celery", "-A", "worker", "beat"], settings, cwd=ROOT)
        yield Running(stack, db, worker, beat)
        db.dispose()


@pytest.mark.slow
def test_services_that_are_away_are_shown_line_by_line_and_work_goes_on_when_they_are_back(running: Running) -> None:
    """One test, for each step needs the one before it."""
    worker_started_without_postgresql_ticks_when_it_is_there(running)
    worker_and_beat_find_a_broker_that_was_gone(running)
    postgresql_that_goes_while_work_is_done_comes_back(running)
    assert "Traceback" not in running.log()
    assert "most recent call last" not in running.log()
    assert (running.worker.exit_code, running.beat.exit_code) == (None, None), "nobody has ended"


def worker_started_without_postgresql_ticks_when_it_is_there(running: Running) -> None:
    running.await_word(running.worker, AWAY, times=2)
    running.stack.postgres.restart()
    running.await_tick(None)
    logged = [line for line in running.log().splitlines() if AWAY in line]
    assert all("service_away" in line and "[warning" in line for line in logged)


def worker_and_beat_find_a_broker_that_was_gone(running: Running) -> None:
    running.stack.valkey.kill()
    running.await_word(running.worker, "Cannot connect to")
    running.await_word(running.beat, "Connection refused")
    at = running.ticked_at()
    running.stack.valkey.restart()
    running.await_tick(at)


def postgresql_that_goes_while_work_is_done_comes_back(running: Running) -> None:
    said = running.worker.log_path.read_text().count(AWAY)
    running.stack.postgres.kill()
    running.await_word(running.worker, AWAY, times=said + 1)
    running.stack.postgres.restart()
    running.await_tick(running.ticked_at())
