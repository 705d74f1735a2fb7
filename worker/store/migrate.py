"""Bring a database to the current schema: ``schema.sql``, then the numbered migrations that are newer.

A fresh database gets ``schema.sql``, which always describes the newest state, and the migrations it includes
are noted as applied. An older one gets the missing migrations in order. Everything happens in one transaction
under an advisory lock, so that doing it twice, or from ten processes at once, does it once. Migrations only
add while older code may still run beside the newer.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from hashlib import sha256
from importlib import resources
from pathlib import Path

from sqlalchemy import Connection, text

import worker
from worker.domain.errors import Refused
from worker.store.carriers import add
from worker.store.database import Database, once

_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('migrate dialer', 0))")
_RESTORE = text("SELECT set_config('lock_timeout', :lock, true), set_config('statement_timeout', :statement, true)")
_EXISTS = text("""
SELECT EXISTS (SELECT FROM information_schema.columns
               WHERE table_schema = current_schema() AND table_name = 'schema_migrations' AND column_name = 'sha256')
""")
_HAS_ANYTHING = text("""
SELECT EXISTS (SELECT FROM pg_class WHERE relnamespace = to_regnamespace(current_schema()))
    OR EXISTS (SELECT FROM pg_type WHERE typnamespace = to_regnamespace(current_schema()))
""")
_CREATE = text("""
CREATE TABLE schema_migrations (
    version    integer PRIMARY KEY,
    name       text NOT NULL,
    sha256     text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
)
""")
_APPLIED = text("SELECT version, sha256 FROM schema_migrations ORDER BY version")
_NOTE = text("INSERT INTO schema_migrations (version, name, sha256) VALUES (:version, :name, :sha256)")
_VERSION = text("SELECT max(version) FROM schema_migrations")

OLDEST_SERVER = 140_000
_FILE = re.compile(r"(\d{4})_(\w+)\.sql")


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered step, from ``migrations/NNNN_name.sql``; 0 is ``schema.sql`` itself."""

    version: int
    name: str
    sql: str

    @property
    def sha256(self) -> str:
        return sha256(self.sql.encode()).hexdigest()


def schema() -> str:
    """The text of ``schema.sql``: from the checkout, or as packaged."""
    checkout = Path(worker.__file__).parent.parent / "schema.sql"
    packaged = resources.files("worker.store") / "schema.sql"
    return checkout.read_text() if checkout.exists() else packaged.read_text()


def migrations() -> list[Migration]:
    """The numbered migrations in order."""
    found = []
    for file in (resources.files("worker.store") / "migrations").iterdir():
        match = _FILE.fullmatch(file.name)
        if match is not None:
            found.append(Migration(int(match[1]), match[2], file.read_text()))
    return sorted(found, key=lambda migration: migration.version)


def newest() -> int:
    """The schema version this code is written for."""
    return max((migration.version for migration in migrations()), default=0)


def version(conn: Connection) -> int | None:
    """The schema version of the database; ``None`` if it has none."""
    if not conn.execute(_EXISTS).scalar_one():
        return None
    found: int | None = conn.execute(_VERSION).scalar_one()
    return found


def migrate(database: Database, carriers: Collection[str] = ()) -> list[str]:
    """Apply what is missing; returns the names of what was applied.

    ``carriers`` are the names of those there are; the ones that are new to the database are made known to it.

    Raises :class:`Refused` for a server older than PostgreSQL 14, and for a migration that was changed after
    it had been applied.
    """
    return once(database, lambda conn: [*_migrate(conn), *(f"carrier {name}" for name in add(conn, carriers))])


def _migrate(conn: Connection) -> list[str]:
    server = int(conn.exec_driver_sql("SHOW server_version_num").scalar_one())
    if server < OLDEST_SERVER:
        raise Refused(f"PostgreSQL {server // 10_000} is too old; use version 14 or later.")
    _lock(conn)
    if not conn.execute(_EXISTS).scalar_one():
        if conn.execute(_HAS_ANYTHING).scalar_one():
            raise Refused("The database holds something of another origin; give the dialer a database of its own.")
        return _create(conn)
    applied = {row.version: row.sha256 for row in conn.execute(_APPLIED)}
    done = []
    for migration in migrations():
        if migration.version not in applied:
            _run(conn, migration.sql)
            _note(conn, migration)
            done.append(migration.name)
        elif applied[migration.version] != migration.sha256:
            raise Refused(f"Migration {migration.version} was changed after it was applied; add a new one instead.")
    return done


def _lock(conn: Connection) -> None:
    """Wait for whoever migrates now, however long that takes; only for them, for what a migration itself has to
    wait for still has its bound."""
    lock = conn.exec_driver_sql("SHOW lock_timeout").scalar_one()
    statement = conn.exec_driver_sql("SHOW statement_timeout").scalar_one()
    conn.exec_driver_sql("SET LOCAL lock_timeout = 0")
    conn.exec_driver_sql("SET LOCAL statement_timeout = 0")
    conn.execute(_LOCK)
    conn.execute(_RESTORE, {"lock": lock, "statement": statement})


def _create(conn: Connection) -> list[str]:
    base = Migration(0, "schema", schema())
    _run(conn, base.sql)
    conn.execute(_CREATE)
    for migration in (base, *migrations()):
        _note(conn, migration)
    return [base.name]


def _run(conn: Connection, script: str) -> None:
    """Many statements at once, which only the driver's own way without parameters allows."""
    driver = conn.connection.driver_connection
    assert driver is not None
    driver.execute(script)


def _note(conn: Connection, migration: Migration) -> None:
    conn.execute(_NOTE, {"version": migration.version, "name": migration.name, "sha256": migration.sha256})
