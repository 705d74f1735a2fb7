"""Each fault that may befall a deployment, and how long it lasts.

A fault returns how it is to be undone, and after how many seconds, where that does not happen by itself. Dead
processes are started again by :class:`tests.chaos.nemesis.Nemesis`, as a platform does it. Where a fault sleeps, that
is the fault: how long Redis is gone, or how old the file is that it comes back with.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from urllib.parse import urlencode

import psycopg
from redis import Redis
from redis.exceptions import RedisError

from tests.chaos.harness import Chaos, Process
from worker.carriers.twilio.signature import HEADER, sign
from worker.slots import connect

Undoing = tuple[float, Callable[[], None]] | None
LOCKED_SECONDS = 5.0
LONGEST_ANSWER_SECONDS = 0.5
MOST_FORGED = 3
NEWS_FORGED = "carrier: news forged by another's key"
LIVE = """
SELECT token, coalesce(carrier_call_id, 'CA-forged') FROM calls
WHERE ended_at IS NULL AND state IN ('unknown', 'placed', 'ringing', 'in_progress') ORDER BY id LIMIT 200
"""


@dataclass(frozen=True, slots=True)
class Fault:
    """One entry of the schedule: what befalls whom at which second. ``dice`` seeds what it leaves open."""

    at: float
    kind: str
    nth: int
    dice: int


PROCESSES: Mapping[str, tuple[signal.Signals, float]] = {
    "SIGKILL": (signal.SIGKILL, 0.0),
    "SIGTERM": (signal.SIGTERM, 0.0),
    "SIGSTOP 0.5 s": (signal.SIGSTOP, 0.5),
    "SIGSTOP 3 s": (signal.SIGSTOP, 3.0),
    "SIGSTOP 10 s": (signal.SIGSTOP, 10.0),
}


def strike(process: Process, word: str) -> Undoing:
    """Send a process the signal of this word; one that stands still goes on after a while."""
    number, seconds = PROCESSES[word]
    process.signal(number)
    return (seconds, lambda: process.signal(signal.SIGCONT)) if seconds else None


LOGS: Mapping[str, tuple[signal.Signals, float]] = {
    "log, its reader gone": (signal.SIGKILL, 0.0),
    "log, unread for 4 s": (signal.SIGSTOP, 4.0),
}


def break_log(process: Process, word: str) -> Undoing:
    """What a process says cannot be written any more, or has to wait. A reader that is gone does not come back."""
    number, seconds = LOGS[word]
    process.signal_log_writer(number)
    return (seconds, lambda: process.signal_log_writer(signal.SIGCONT)) if seconds else None


def flush(chaos: Chaos, dice: Random) -> Undoing:
    with _redis(chaos) as redis:
        redis.flushall()
    return None


def kill_redis_without_file(chaos: Chaos, dice: Random) -> Undoing:
    _kill_redis(chaos, dice)
    return None


def kill_redis_with_file(chaos: Chaos, dice: Random) -> Undoing:
    """It comes back with what it knew a moment before."""
    with _redis(chaos) as redis:
        redis.save()
    time.sleep(dice.uniform(0.2, 0.8))
    _kill_redis(chaos, dice)
    (Path(chaos.stack.valkey.data_dir) / "dump.rdb").unlink(missing_ok=True)
    return None


def _kill_redis(chaos: Chaos, dice: Random) -> None:
    chaos.stack.valkey.kill()
    time.sleep(dice.uniform(0.0, 1.0))
    chaos.stack.valkey.restart()


def freeze_redis(chaos: Chaos, dice: Random) -> Undoing:
    with _redis(chaos) as redis:
        pid = int(redis.info("server")["process_id"])
        os.kill(pid, signal.SIGSTOP)
        return dice.choice((0.5, 3.0)), lambda: _go_on(pid)
    return None


def _go_on(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGCONT)


def drop_clients(chaos: Chaos, dice: Random) -> Undoing:
    with _redis(chaos) as redis:
        redis.client_kill_filter(_type="normal", skipme=True)
    return None


def remove_members(chaos: Chaos, dice: Random) -> Undoing:
    """Every other slot is given back that nobody gave back."""
    with _redis(chaos) as redis:
        for key in _scopes(redis, chaos.name):
            members = sorted(redis.zrange(key, 0, -1))
            gone = [member for member in members if dice.random() < 0.5]
            if gone:
                redis.zrem(key, *gone)
    return None


def add_members(chaos: Chaos, dice: Random) -> dict[str, float]:
    """Slots are taken by calls that do not exist; returns those, and when."""
    ghosts: dict[str, float] = {}
    with _redis(chaos) as redis:
        for key in _scopes(redis, chaos.name):
            ghost = f"call_ghost{dice.randrange(1 << 40):x}"
            ghosts[ghost] = time.time()
            redis.zadd(key, {ghost: int(ghosts[ghost] * 1000)})
    return ghosts


def _scopes(redis: Redis, prefix: str) -> list[str]:
    return sorted(redis.scan_iter(match=f"{{{prefix}slots}}:*", count=500, _type="zset"))


def end_sessions(chaos: Chaos, dice: Random) -> Undoing:
    with contextlib.suppress(psycopg.Error), psycopg.connect(chaos.stack.postgres.url, autocommit=True) as admin:
        admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()",
            [chaos.name],
        )
    return None


def restart_postgres_fast(chaos: Chaos, dice: Random) -> Undoing:
    chaos.stack.postgres.restart()
    return None


def restart_postgres_immediately(chaos: Chaos, dice: Random) -> Undoing:
    """As a crash: it recovers from its log."""
    chaos.stack.postgres.kill()
    chaos.stack.postgres.restart()
    return None


def forge_news(chaos: Chaos, dice: Random) -> Undoing:
    """Somebody with another carrier's key says of live calls that they are over, by their tokens and ids. It goes to
    the web process itself: the relay keeps account of true news."""
    rows = []
    with (
        contextlib.suppress(psycopg.Error),
        psycopg.connect(chaos.environment["DATABASE_URL"], connect_timeout=2) as session,
    ):
        rows = session.execute(LIVE).fetchall()
    for token, call_id in dice.sample(rows, min(len(rows), MOST_FORGED)):
        path = f"/carriers/twilio/events/{token}"
        fields = {"CallSid": call_id, "AccountSid": chaos.environment["TWILIO_ACCOUNT_SID"], "CallStatus": "busy"}
        signed = sign(
            chaos.environment["TWILIO_AUTH_TOKEN"], chaos.environment["PUBLIC_BASE_URL"] + path, fields.items()
        )
        request = urllib.request.Request(
            f"http://127.0.0.1:{chaos.web_port}{path}",
            urlencode(fields).encode(),
            {HEADER: signed, "Content-Type": "application/x-www-form-urlencoded"},
        )
        with contextlib.suppress(OSError):  # whoever is away gets nothing
            urllib.request.urlopen(request, timeout=LONGEST_ANSWER_SECONDS).close()
    return None


def lock_campaign(chaos: Chaos, dice: Random) -> Undoing:
    """Somebody's session holds a running campaign's row."""
    over = threading.Event()

    def hold() -> None:
        with (
            contextlib.suppress(psycopg.Error),
            psycopg.connect(chaos.environment["DATABASE_URL"], connect_timeout=2) as session,
        ):
            rows = session.execute("SELECT id FROM campaigns WHERE status = 'running' ORDER BY id").fetchall()
            if rows:
                session.execute("SELECT 1 FROM campaigns WHERE id = %s FOR UPDATE", dice.choice(rows))
                over.wait(LOCKED_SECONDS)

    threading.Thread(target=hold, daemon=True).start()
    return LOCKED_SECONDS, over.set


SERVICES: Mapping[str, Callable[[Chaos, Random], Undoing]] = {
    "redis: flushall": flush,
    "redis: SIGKILL, its file kept": kill_redis_with_file,
    "redis: SIGKILL, empty": kill_redis_without_file,
    "redis: SIGSTOP": freeze_redis,
    "redis: clients dropped": drop_clients,
    "redis: members removed": remove_members,
    "postgresql: sessions ended": end_sessions,
    "postgresql: restart, fast": restart_postgres_fast,
    "postgresql: restart, immediate": restart_postgres_immediately,
    "postgresql: campaign locked": lock_campaign,
    NEWS_FORGED: forge_news,
}
MEMBERS_ADDED = "redis: members added"
LOSING = ("redis: flushall", "redis: SIGKILL, its file kept", "redis: SIGKILL, empty")
"""What makes Redis forget."""


@contextlib.contextmanager
def _redis(chaos: Chaos) -> Iterator[Redis]:
    """A client that does not wait. A Redis that is away already cannot be broken further."""
    with (
        contextlib.suppress(RedisError),
        connect(chaos.stack.valkey.url, answer_seconds=LONGEST_ANSWER_SECONDS, retries=0) as client,
    ):
        yield client
