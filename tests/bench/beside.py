"""The baselines beside ours: how many calls a second, how long a slot stays empty, and what they break.

A round is a baseline's: the calls of P1's shape (short ones, for speed) or of P5's (of a second, for the gap). What is
broken is counted: calls beyond the limit, contacts called twice, and, after the worker was killed in mid-run and
started again, contacts that nobody calls any more.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from statistics import quantiles
from typing import Any

import psycopg
from celery import Celery

from tests.bench.bare import Bare, bare
from tests.bench.deployment import REPOSITORY, THREADS, started
from tests.bench.report import say
from worker.dev.stack import Stack

SHORT, SECOND = "0.010 0.090", "0.5 1.5"
STALLED_SECONDS = 20.0

PEAK = """
SELECT coalesce(max(live), 0) FROM (
    SELECT sum(n) OVER (PARTITION BY campaign_id ORDER BY at, n) AS live
    FROM (SELECT campaign_id, began_at AS at, 1 AS n FROM naive_calls
          UNION ALL SELECT campaign_id, ended_at, -1 FROM naive_calls WHERE ended_at IS NOT NULL) AS moments) AS history
"""


@dataclass(frozen=True, slots=True)
class Shape:
    """What is called."""

    campaigns: int
    slots: int
    contacts: int
    call_seconds: str


SPEED = Shape(20, 50, 2000, SHORT)
GAP = Shape(10, 3, 180, SECOND)


@dataclass(frozen=True, slots=True)
class Found:
    """What one baseline came to."""

    name: str
    calls_per_second: float | None
    gap_p95_seconds: float | None
    peak: int
    limit: int
    doubled: int
    stuck: int
    of: int

    def __str__(self) -> str:
        speed = "no call ended" if self.calls_per_second is None else f"{self.calls_per_second:,.0f} calls/s"
        gap = (
            "nobody knows how long" if self.gap_p95_seconds is None else f"{1000 * self.gap_p95_seconds:,.0f} ms (p95)"
        )
        return (
            f"{self.name}: {speed}; a slot stays empty for {gap}; up to {self.peak} calls at once in a campaign of "
            f"{self.limit}; after a killed worker {self.doubled} of {self.of} contacts called twice and "
            f"{self.stuck} never again"
        )


def measure(stack: Stack) -> list[Found]:
    found = []
    for n, name in enumerate(("countdown", "count-then-dial")):
        with bare(stack, f"baseline_{n}") as there:
            short = _round(there, name, SPEED, kill=False)
            gaps = _round(there, name, GAP, kill=False)
            broken = _round(there, name, GAP, kill=True)
        peak, limit = max((short["peak"], SPEED.slots), (gaps["peak"], GAP.slots), key=lambda it: it[0] - it[1])
        found.append(
            Found(name, short["speed"], gaps["gap"], peak, limit, broken["doubled"], broken["stuck"], GAP.contacts)
        )
        say(str(found[-1]))
    return found


def _round(there: Bare, name: str, shape: Shape, *, kill: bool) -> dict[str, Any]:
    environment = {**os.environ, **there.environment, "BASELINE": name, "BENCH_CALL_SECONDS": shape.call_seconds}
    celery = [sys.executable, "-m", "celery", "-A", "tests.bench.baselines"]
    worker = [*celery, "worker", "-P", "threads", "-c", str(THREADS), "-l", "error", "-n", f"{name}@bench"]
    beat = [*celery, "beat", "-l", "error", "-S", "celery.beat:Scheduler"]
    with psycopg.connect(environment["DATABASE_URL"], autocommit=True) as db, ExitStack() as running:
        first = running.enter_context(started(there.stack, f"{name}-worker", worker, environment))
        _create(db, shape, environment)
        running.enter_context(started(there.stack, f"{name}-beat", beat, environment))
        with Celery(broker=there.settings.broker_url) as app:
            app.conf.broker_transport_options = {"global_keyprefix": f"{there.settings.redis_prefix}:"}
            if name == "count-then-dial":
                for campaign in range(1, shape.campaigns + 1):
                    app.send_task("naive.call_next", [campaign])
        if kill:
            _wait(db, shape.contacts // 4)
            os.kill(first.pid, signal.SIGKILL)
            running.enter_context(started(there.stack, f"{name}-worker-again", worker, environment))
        _wait(db, shape.contacts)
        return _results(db, shape)


def _create(db: psycopg.Connection, shape: Shape, environment: Mapping[str, str]) -> None:
    """Its tables, empty, and its campaigns; by a process of its own, for the module reads the environment."""
    code = "from tests.bench.baselines import Base as b, engine as e; b.metadata.drop_all(e); b.metadata.create_all(e)"
    subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, env=environment, check=True)
    db.execute(
        "INSERT INTO naive_campaigns (id, slots, attempts) SELECT n, %s, 1 FROM generate_series(1, %s) AS n",
        [shape.slots, shape.campaigns],
    )
    share = shape.contacts // shape.campaigns
    db.execute(
        "INSERT INTO naive_contacts (campaign_id, status, attempts) SELECT 1 + (n - 1) / %s, 'pending', 0 "
        "FROM generate_series(1, %s) AS n",
        [share, shape.contacts],
    )


def _wait(db: psycopg.Connection, count: int) -> None:
    """Until so many contacts are completed, or nothing has changed for a while."""
    pause, changed_at, was = threading.Event(), time.monotonic(), -1
    while (done := _number(db, "SELECT count(*) FROM naive_contacts WHERE status = 'completed'")) < count:
        if done != was:
            was, changed_at = done, time.monotonic()
        if time.monotonic() - changed_at > STALLED_SECONDS:
            return
        pause.wait(0.05)


def _number(db: psycopg.Connection, statement: str) -> int:
    row = db.execute(statement).fetchone()
    return int(row[0]) if row else 0


def _results(db: psycopg.Connection, shape: Shape) -> dict[str, Any]:
    calls = db.execute("SELECT campaign_id, began_at, ended_at FROM naive_calls WHERE ended_at IS NOT NULL").fetchall()
    speed, gap = assess_calls(calls, shape)
    twice = "SELECT count(*) FROM (SELECT FROM naive_calls GROUP BY contact_id HAVING count(*) > 1) AS twice"
    return {
        "speed": speed,
        "gap": gap,
        "peak": _number(db, PEAK),
        "doubled": _number(db, twice),
        "stuck": _number(db, "SELECT count(*) FROM naive_contacts WHERE status <> 'completed'"),
    }


def assess_calls(calls: Sequence[tuple[Any, ...]], shape: Shape) -> tuple[float | None, float | None]:
    """Calls a second, and the p95 of the seconds that a slot stays empty, of calls (campaign, began, ended); ``None``
    where too few ended to say."""
    if not calls:
        return None, None
    gaps = []
    for campaign in range(1, shape.campaigns + 1):
        began = sorted(call[1] for call in calls if call[0] == campaign)
        ended = sorted(call[2] for call in calls if call[0] == campaign)
        gaps += [max(0.0, at - room) for room, at in zip(ended, began[shape.slots :], strict=False)]
    seconds = max(call[2] for call in calls) - min(call[1] for call in calls)
    return len(calls) / seconds if seconds else None, quantiles(gaps, n=20)[-1] if len(gaps) > 1 else None
