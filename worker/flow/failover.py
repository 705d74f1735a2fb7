"""Notice that another server has taken the database's place, and hold calls back for what it may have lost.

Why, and what is not guaranteed, stands in :mod:`worker.store.failovers`.
"""

from __future__ import annotations

import structlog
from sqlalchemy import Connection

from worker.domain.model import Bounds
from worker.flow.base import Dialer
from worker.store import audit, failovers
from worker.store.database import once
from worker.store.dialing import overhead_seconds
from worker.store.failovers import NoticedServer

log = structlog.get_logger()


def note_server(conn: Connection, bounds: Bounds) -> NoticedServer | None:
    """Note which server this is, before anything is claimed on it; ``None`` where nothing has changed."""
    return failovers.notice(
        conn,
        overhead_seconds=overhead_seconds(bounds),
        callee_seconds=float(bounds.ring_seconds + bounds.longest_call_seconds),
    )


def log_server(noted: NoticedServer | None) -> None:
    """Say that another server has taken the place of the one before."""
    if noted is not None and noted.failed_over_at is not None:
        log.error("database_failed_over", at=noted.failed_over_at.isoformat(), held_until=str(noted.held_until))


def lift_hold(dialer: Dialer, *, actor: str) -> bool:
    """Place calls again after a failover; false if none were held back."""

    def work(conn: Connection) -> bool:
        is_lifted = failovers.lift(conn)
        if is_lifted:
            audit.note(conn, None, actor, "lift_failover_hold", "database")
        return is_lifted

    return once(dialer.db, work)
