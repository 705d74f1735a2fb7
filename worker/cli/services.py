"""What of a deployment on this machine is running, in which version, and how it does."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version

from sqlalchemy import Connection

from worker.cli.processes import Deployment
from worker.domain.errors import Unavailable
from worker.process import queues
from worker.store import migrate, ticks
from worker.store.database import once

CELERYS = ("worker", "beat")


@dataclass(frozen=True, slots=True)
class Service:
    """One of them; ``health`` is for a person to read."""

    name: str
    version: str
    health: str


def services(running: Deployment) -> list[Service]:
    """The servers first, then the processes in the order they were started."""
    postgres, ticked = _postgres(running)
    found = [postgres, _redis(running)]
    for child in running.stack.children:
        is_celerys = child.name.startswith(CELERYS)
        said = "running" if child.exit_code is None else f"ended with {child.exit_code}"
        package = "celery" if is_celerys else "campaign-dialer"
        health = f"{said}, {ticked}" if is_celerys else said
        found.append(Service(child.name, f"{package} {version(package)}", health))
    return found


def _postgres(running: Deployment) -> tuple[Service, str]:
    """PostgreSQL, and what it knows of those who tick."""

    def ask(conn: Connection) -> tuple[tuple[int | str, ...], int | None, float | None]:
        return conn.dialect.server_version_info or (), migrate.version(conn), ticks.age_seconds(conn, "tick")

    try:
        server, schema, age = once(running.dialer.db, ask)
    except Unavailable as error:
        return Service("PostgreSQL", "?", str(error)), "nobody knows when it ticked"
    ticked = "never ticked" if age is None else f"ticked {max(0.0, age):.0f} s ago"
    health = f"ready, schema {schema} of {migrate.newest()}"
    return Service("PostgreSQL", ".".join(map(str, server)), health), ticked


def _redis(running: Deployment) -> Service:
    try:
        found, _ = running.dialer.slots.server()
        waiting = sum(found.messages for found in queues.queue_lengths().values())
    except Unavailable as error:
        return Service("Redis", "?", str(error))
    return Service(running.stack.valkey.title, found, f"ready, {waiting} message{'' if waiting == 1 else 's'} waiting")
