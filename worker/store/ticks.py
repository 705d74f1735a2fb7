"""Periodic work, made to happen once however many beats there are; and the roll-up of counters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, text

from worker.store.batches import Batch
from worker.store.instants import age, has_waited


@dataclass(frozen=True, slots=True)
class Work:
    """Something that is to be done once in ``every`` seconds."""

    name: str
    every: float


WORKS = Batch(Work)

# What is not due is not locked, for that is written and flushed; whether it is, is looked at again under the lock.
CLAIM = text(f"""
INSERT INTO ticks AS t (name, last_at)
SELECT x.name, clock_timestamp() FROM {WORKS}
WHERE NOT EXISTS (SELECT FROM ticks o WHERE o.name = x.name AND NOT {has_waited("o.last_at", "x.every")})
ORDER BY x.name
ON CONFLICT (name) DO UPDATE SET last_at = clock_timestamp()
WHERE {has_waited("t.last_at", f"(SELECT x.every FROM {WORKS} WHERE x.name = t.name)")}
RETURNING name
""")

TOUCH = text("""
INSERT INTO ticks (name, last_at)
SELECT name, clock_timestamp() FROM unnest(CAST(:names AS text[])) AS x (name) ORDER BY name
ON CONFLICT (name) DO UPDATE SET last_at = excluded.last_at
""")

FREE = text("DELETE FROM ticks WHERE name = :name")

AGE = text(f"SELECT {age('last_at')} FROM ticks WHERE name = :name")

SILENCE = text(f"""
SELECT t.last_at IS NOT NULL AS has_ticked,
       {age("coalesce(t.last_at, m.made_at)")} AS seconds
FROM (SELECT min(applied_at) AS made_at FROM schema_migrations) AS m LEFT JOIN ticks t ON t.name = 'tick'
""")


@dataclass(frozen=True, slots=True)
class Silence:
    """For how long nobody has ticked: since the last tick, or, where nobody ever has, since the schema was made. Who
    has just made it need not read that nobody is at work."""

    has_ticked: bool
    seconds: float


def silence(conn: Connection) -> Silence:
    """How long it is since somebody ticked."""
    row = conn.execute(SILENCE).one()
    return Silence(row.has_ticked, row.seconds)


def claim(conn: Connection, name: str, *, every_seconds: float) -> bool:
    """Whether this work is due, and now the caller's to do: true at most once in ``every_seconds``, and at once where
    the clock was set back behind the last time."""
    return name in claim_each(conn, {name: every_seconds})


def claim_each(conn: Connection, every_seconds: Mapping[str, float]) -> frozenset[str]:
    """The same of several, by their names: those that are due."""
    works = [Work(name, seconds) for name, seconds in every_seconds.items()]
    return frozenset(row.name for row in conn.execute(CLAIM, WORKS.bind(works)))


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
