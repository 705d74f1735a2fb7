"""Findings about what the dialer stands on: the services, their clocks, and what waits at the broker."""

from __future__ import annotations

from sqlalchemy import Connection, text

from worker.cli.findings import Finding
from worker.clock import wall
from worker.domain.errors import Broken, Unavailable
from worker.flow.base import Dialer
from worker.operations.server import read_server
from worker.process import queues
from worker.store import migrate, probe
from worker.store.database import once

CLOCKS_APART_SECONDS = 2.0
MESSAGE_OLD_SECONDS = 30.0
"""Messages mean "look again" and take milliseconds; one that has waited so long waits for a worker."""


def postgres(dialer: Dialer) -> list[Finding]:
    """The server and the schema on it."""

    def read(conn: Connection) -> list[Finding]:
        server = conn.execute(text("SHOW server_version")).scalar_one()
        number = int(conn.execute(text("SHOW server_version_num")).scalar_one())
        version, newest = migrate.version(conn), migrate.newest()
        schema = "none; run: dialer db migrate" if version is None else f"version {version} of {newest}"
        return [
            Finding("PostgreSQL", server, number >= migrate.OLDEST_SERVER),
            Finding("schema", schema, version == newest),
        ]

    found = once(dialer.db, read)
    return [*found, _writes(dialer)] if all(finding.ok for finding in found) else found


def _writes(dialer: Dialer) -> Finding:
    """Reading is not enough: a standby does it, and so does a server whose disk is full."""
    try:
        probe.write(dialer.db, "doctor")
    except (Unavailable, Broken) as error:
        return Finding("writes", str(error), ok=False)
    return Finding("writes", "are taken", ok=True)


def redis(dialer: Dialer) -> list[Finding]:
    """The server of the slots."""
    version, _ = dialer.slots.server()
    return [Finding("Redis", version, tuple(int(part) for part in version.split(".")[:2]) >= (6, 2))]


def clocks(dialer: Dialer) -> list[Finding]:
    """Whether both servers, and this machine, agree about the time."""
    _, redis_at = dialer.slots.server()
    postgres_at: float = once(
        dialer.db, lambda conn: conn.execute(text("SELECT extract(epoch FROM clock_timestamp())::float")).scalar_one()
    )
    clocks = (("PostgreSQL and Redis", redis_at), ("PostgreSQL and this machine", wall()))
    return [
        Finding(
            f"clocks of {names}", f"{abs(at - postgres_at):.2f} s apart", abs(at - postgres_at) <= CLOCKS_APART_SECONDS
        )
        for names, at in clocks
    ]


def server(dialer: Dialer) -> list[Finding]:
    """What a failure of the database's server may lose, and whether it or its clock is another than it was."""
    return [Finding(fact.name, fact.sentence, fact.ok) for fact in once(dialer.db, read_server)]


def messages(_: Dialer) -> list[Finding]:
    """What waits at the broker."""
    return [_queue(f"queue {name}", waiting) for name, waiting in queues.queue_lengths().items()]


def _queue(name: str, waiting: queues.QueueLength) -> Finding:
    age = waiting.oldest_seconds
    found = f"{waiting.messages} waiting" if age is None else f"{waiting.messages} waiting, the oldest for {age:.1f} s"
    return Finding(name, found, age is None or age <= MESSAGE_OLD_SECONDS)
