"""Periodic work, made to happen once however many beats there are; and the roll-up of counters."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, text

CLAIM = text("""
INSERT INTO ticks AS t (name, last_at) VALUES (:name, clock_timestamp())
ON CONFLICT (name) DO UPDATE SET last_at = excluded.last_at
WHERE t.last_at <= excluded.last_at - :every * interval '1 second'
RETURNING name
""")

TOUCH = text("""
INSERT INTO ticks (name, last_at)
SELECT name, clock_timestamp() FROM unnest(CAST(:names AS text[])) AS x (name) ORDER BY name
ON CONFLICT (name) DO UPDATE SET last_at = excluded.last_at
""")

FREE = text("DELETE FROM ticks WHERE name = :name")

AGE = text("SELECT extract(epoch FROM clock_timestamp() - last_at)::float FROM ticks WHERE name = :name")

SILENCE = text("""
SELECT t.last_at IS NOT NULL AS has_ticked,
       extract(epoch FROM clock_timestamp() - coalesce(t.last_at, m.made_at))::float AS seconds
FROM (SELECT min(applied_at) AS made_at FROM schema_migrations) AS m LEFT JOIN ticks t ON t.name = 'tick'
""")


@dataclass(frozen=True, slots=True)
class Silence:
    """For how long nobody has ticked: since the last tick, or, where nobody ever has, since the schema was made. Who
    has just made it is not told that nobody is at work."""

    has_ticked: bool
    seconds: float


def silence(conn: Connection) -> Silence:
    """How long it is since somebody ticked."""
    row = conn.execute(SILENCE).one()
    return Silence(row.has_ticked, row.seconds)


def claim(conn: Connection, name: str, *, every_seconds: float) -> bool:
    """Whether this work is due, and now the caller's to do: true at most once in ``every_seconds``."""
    return conn.execute(CLAIM, {"name": name, "every": every_seconds}).first() is not None


def touch(conn: Connection, *names: str) -> None:
    """Note that this work is being done now."""
    conn.execute(TOUCH, {"names": list(names)})


def free(conn: Connection, name: str) -> None:
    """Note that this work is done: whoever wants it done again need not wait."""
    conn.execute(FREE, {"name": name})


def age_seconds(conn: Connection, name: str) -> float | None:
    """How long ago the work was last taken; ``None`` if never."""
    age: float | None = conn.execute(AGE, {"name": name}).scalar_one_or_none()
    return age
