"""A database that test after test empties and goes on in, with the sessions of those before it.

A new database costs ten times as much, and so does truncating every table. A new session costs more than most tests do:
it knows nothing of the schema, and has planned no statement.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from psycopg import Connection as Session
from psycopg import sql
from sqlalchemy import Connection, Engine, event, text
from sqlalchemy.pool import QueuePool

from worker.store.database import open_database, transact

SESSIONS = 16
GROWN_BYTES = 500_000
"""From here on a table is truncated: what was deleted from it costs whoever looks through it."""

TABLES = """
SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'schema_migrations' ORDER BY tablename
"""
SEQUENCES = "SELECT sequencename FROM pg_sequences WHERE schemaname = 'public' ORDER BY sequencename"

# Whoever was left here by another test is thrown out, but for the sessions that are kept; also these, if one of them is
# gone or at work. No trigger counts what goes, and no foreign key orders it: this session is a replica's.
MAKE = """
CREATE OR REPLACE FUNCTION pg_temp.empty(kept integer[]) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    are_at_rest boolean := (SELECT count(*) = cardinality(kept) FROM pg_stat_activity
                            WHERE pid = ANY (kept) AND datname = current_database() AND state = 'idle');
BEGIN
    PERFORM pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
      AND NOT (are_at_rest AND pid = ANY (kept));
    {emptying}
    INSERT INTO slot_generation (generation) VALUES (1);
    INSERT INTO call_secret (secret) VALUES (sha256('of the tests'));
    RETURN are_at_rest;
END $$
"""
EMPTY_TABLE = """
    IF pg_relation_size({name}) > {grown} THEN
        TRUNCATE {table} CASCADE;
    ELSIF EXISTS (SELECT FROM {table}) THEN
        DELETE FROM {table};
    END IF;"""
EMPTY = text("SELECT pg_temp.empty(CAST(:kept AS integer[]))")


class EmptiedDatabase:
    """The database at ``url``, which has the schema."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._engine = open_database(url, pool_size=SESSIONS)
        self._kept: list[int] = []
        event.listen(self._engine, "connect", lambda session, record: self._kept.append(session.info.backend_pid))
        self._emptier = open_database(f"{url}&options=-c%20session_replication_role%3Dreplica", pool_size=1)
        event.listen(self._emptier, "connect", lambda session, record: _make(session))

    def empty(self) -> None:
        """Leave the schema and nothing else."""
        pool = cast(QueuePool, self._engine.pool)
        kept = [] if pool.checkedout() else list(self._kept)

        def empty(conn: Connection) -> bool:  # again, if it was thrown out itself
            return bool(conn.execute(EMPTY, {"kept": kept}).scalar_one())

        if not transact(self._emptier, empty) or kept != self._kept:
            self._engine.dispose()
            self._kept.clear()

    def engine(self) -> Engine:
        """For one test: whatever it listens to on it, no other test hears of."""
        return self._engine.execution_options()

    def close(self) -> None:
        self._engine.dispose()
        self._emptier.dispose()


def _make(session: Session[Any]) -> None:
    """The function that empties, known to this session alone, for whose life its statements are planned once."""
    emptying = [
        sql.SQL(EMPTY_TABLE).format(name=name, table=sql.Identifier(name), grown=GROWN_BYTES)
        for name in _names(session, TABLES)
    ]
    emptying += [sql.SQL("PERFORM setval({}, 1, false);").format(name) for name in _names(session, SEQUENCES)]
    session.execute(sql.SQL(MAKE).format(emptying=sql.SQL("\n").join(emptying)))
    session.commit()


def _names(session: Session[Any], query: str) -> Sequence[str]:
    return [name for (name,) in session.execute(query.encode())]
