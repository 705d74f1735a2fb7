"""A file of numbers on its way onto a do-not-call list: COPY into a temporary table of the session
(:func:`worker.store.database.pinned`), from there by the range of lines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from sqlalchemy import Connection, text

from worker.store.database import driver_of, without_timeouts
from worker.store.shapes import shaped

CREATE = """
DROP TABLE IF EXISTS pg_temp.staged_numbers;
CREATE TEMPORARY TABLE staged_numbers (line bigint PRIMARY KEY, number text NOT NULL, reason text NOT NULL)
"""
DROP = text("DROP TABLE IF EXISTS pg_temp.staged_numbers")
RANGE = text("""
SELECT min(line) AS first, max(line) AS last, count(*) AS lines
FROM (SELECT line FROM staged_numbers WHERE line > :after ORDER BY line LIMIT :most) AS next
""")
BAN = text("""
INSERT INTO do_not_call (team_id, number, reason)
SELECT :team, number, reason FROM (
    SELECT DISTINCT ON (number) number, reason, line FROM staged_numbers WHERE line BETWEEN :first AND :last
    ORDER BY number, line) AS each
ORDER BY line ON CONFLICT DO NOTHING
""")
WOULD_BAN = text("""
SELECT count(DISTINCT s.number) FROM staged_numbers s
WHERE NOT EXISTS (SELECT FROM do_not_call d WHERE d.team_id = :team AND d.number = s.number)
""")


class StagedNumber(NamedTuple):
    """One number of the file, at its place there, with the reason why nobody calls it."""

    line: int
    number: str
    reason: str


COPY = f"COPY staged_numbers ({', '.join(StagedNumber._fields)}) FROM STDIN"


@shaped(RANGE)
class NumberRange(Protocol):
    """The ``first`` and ``last`` of the next lines of a file of numbers, ``None`` when there are none, and how many
    ``lines``."""

    first: int | None
    last: int | None
    lines: int


def create(conn: Connection) -> None:
    """An empty table for this session."""
    with driver_of(conn) as driver:
        driver.execute(CREATE)


def drop(conn: Connection) -> None:
    """Leave nothing in a session that others will have."""
    conn.execute(DROP)


def copy(conn: Connection, numbers: Sequence[StagedNumber]) -> None:
    """Write these numbers."""
    with driver_of(conn) as driver, driver.cursor() as cursor, cursor.copy(COPY) as writer:
        for number in numbers:
            writer.write_row(number)


def next_range(conn: Connection, *, after: int, most: int) -> NumberRange:
    """The next lines."""
    return conn.execute(RANGE, {"after": after, "most": most}).one()


def ban(conn: Connection, team_id: str, first: int, last: int) -> int:
    """Put the numbers of these lines on the team's list; how many were not on it. The caller holds
    :func:`worker.store.gate.close_gate`."""
    return conn.execute(BAN, {"team": team_id, "first": first, "last": last}).rowcount


def would_ban(conn: Connection, team_id: str) -> int:
    """How many numbers of the file are not on the list."""
    with without_timeouts(conn):
        count: int = conn.execute(WOULD_BAN, {"team": team_id}).scalar_one()
    return count
