"""The generation of the slots that is good; it goes up by one with every rebuild."""

from __future__ import annotations

from sqlalchemy import Connection, text

LOCK = text("SELECT pg_try_advisory_xact_lock(hashtextextended('rebuild slots', 0))")
READ = text("SELECT generation FROM slot_generation")
RAISE = text("UPDATE slot_generation SET generation = generation + 1 RETURNING generation")


def lock(conn: Connection) -> bool:
    """Whether this transaction may rebuild; false when another does."""
    return bool(conn.execute(LOCK).scalar_one())


def read(conn: Connection) -> int:
    """The generation whose slots are good."""
    return int(conn.execute(READ).scalar_one())


def raise_by_one(conn: Connection) -> int:
    """A new generation; known to others when the transaction commits."""
    return int(conn.execute(RAISE).scalar_one())
