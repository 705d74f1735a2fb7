"""PostgreSQL's disk is full: what would write to a table is refused with 53100, what reads goes on.

A file system of a size of its own takes root, and PostgreSQL knows no quota. So the answer is the database's own, by
a trigger before each statement that would extend a table, and what is not tried is a log of changes that cannot be
written: that ends the server, as its crash does, which is tried.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from random import Random

import psycopg

from tests.chaos.faults import Undoing
from tests.chaos.harness import Chaos

SECONDS = (2.0, 5.0)
TABLES = (
    ("calls", "counter_deltas"),
    ("call_events",),
    ("campaign_contacts", "runs", "campaigns"),
    ("audit_log",),
    ("ticks",),
)
"""Which are full together, as those of one tablespace; or all of them are."""

MAKE = """
CREATE SCHEMA chaos;
CREATE TABLE chaos.full_tables (name text PRIMARY KEY);
CREATE FUNCTION chaos.refuse_what_is_full() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM chaos.full_tables WHERE name = TG_TABLE_NAME) THEN
        RAISE EXCEPTION 'could not extend file "base/16384/16385": No space left on device' USING
            ERRCODE = '53100', HINT = 'Check free disk space.';
    END IF;
    RETURN NULL;
END $$;
"""


def make(database_url: str) -> None:
    """Give the database tables that can be full."""
    with psycopg.connect(database_url, autocommit=True) as database:
        database.execute(MAKE.encode())
        for table in (table for group in TABLES for table in group):
            database.execute(
                f"CREATE TRIGGER disk_may_be_full BEFORE INSERT OR UPDATE ON {table} "
                "FOR EACH STATEMENT EXECUTE FUNCTION chaos.refuse_what_is_full()".encode()
            )


def fill_disk(chaos: Chaos, dice: Random) -> Undoing:
    """Nothing more goes into some tables, or into any."""
    full = dice.choice((*TABLES, tuple(table for group in TABLES for table in group)))
    _set(chaos, full)
    return dice.choice(SECONDS), lambda: _set(chaos, ())


def _set(chaos: Chaos, tables: tuple[str, ...]) -> None:
    """A server that is away has no room either; it is tried again when it is back, by the last one who heals."""
    with (
        contextlib.suppress(psycopg.Error),
        psycopg.connect(chaos.environment["DATABASE_URL"], connect_timeout=2) as database,
    ):
        database.execute("DELETE FROM chaos.full_tables")
        for table in tables:
            database.execute("INSERT INTO chaos.full_tables VALUES (%s)", [table])


FAULTS: Mapping[str, Callable[[Chaos, Random], Undoing]] = {"postgresql: disk full": fill_disk}
