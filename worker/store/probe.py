"""Ask PostgreSQL by a connection of one's own, made for this and closed after it: whether one can be had at all, and
whether what is written there stays. The connections of the pool may all be silent, or lead to a server that has become
a standby; and what is asked here must not wait for them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import assert_never

from sqlalchemy import Engine, text

from worker.store.database import CommitHook, Database, Joined, Pinned, once, open_database

STATEMENT_MS = 4000

WRITE = text("""
INSERT INTO ticks (name, last_at) VALUES (:name, clock_timestamp())
ON CONFLICT (name) DO UPDATE SET last_at = excluded.last_at
""")


@contextmanager
def fresh(db: Database) -> Iterator[Engine]:
    """An engine for the same server and database, whose connections are new ones."""
    engine = open_database(
        _engine(db).url.render_as_string(hide_password=False), pool_size=1, statement_ms=STATEMENT_MS
    )
    try:
        yield engine
    finally:
        engine.dispose()


def write(db: Database, name: str) -> None:
    """Commit a row of a few bytes, under the name of who asks. Raises :class:`~worker.domain.errors.Unavailable` where
    the server is away, :class:`~worker.domain.errors.Broken` where it takes no writes."""
    once(db, lambda conn: conn.execute(WRITE, {"name": name}))


def _engine(db: Database) -> Engine:
    match db:
        case CommitHook(engine, _):
            return engine
        case Joined(connection) | Pinned(connection):
            return connection.engine
        case Engine():
            return db
        case never:
            assert_never(never)
