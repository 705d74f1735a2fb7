"""A file of numbers on its way onto a do-not-call list: COPY into a temporary table of the session
(:func:`worker.store.database.pinned`), from there by the range of lines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from sqlalchemy import Connection, text

from worker.store.bans import is_erased
from worker.store.database import driver_of, without_timeouts
from worker.store.shapes import shaped

CREATE = """
DROP TABLE IF EXISTS pg_temp.staged_numbers;
CREATE TEMPORARY TABLE staged_numbers (
    line bigint PRIMARY KEY, number text NOT NULL, reason text NOT NULL, purpose text NOT NULL, source text,
    evidence text)
"""
DROP = text("DROP TABLE IF EXISTS pg_temp.staged_numbers")
RANGE = text("""
SELECT min(line) AS first, max(line) AS last, count(*) AS lines
FROM (SELECT line FROM staged_numbers WHERE line > :after ORDER BY line LIMIT :most) AS next
""")
_EACH = """(
    SELECT DISTINCT ON (number, purpose) * FROM staged_numbers WHERE line BETWEEN :first AND :last
    ORDER BY number, purpose, line) AS each"""
BAN = text(f"""
INSERT INTO do_not_call (team_id, number, reason, purpose, source, evidence, added_by)
SELECT :team, number, reason, purpose, source, evidence, :added_by FROM {_EACH}
WHERE NOT {is_erased(":team", "number")}
ORDER BY line ON CONFLICT DO NOTHING
""")
BAN_EVERYWHERE = text(f"""
INSERT INTO do_not_call_everywhere (number, reason, purpose, source, evidence, added_by)
SELECT number, reason, purpose, source, evidence, :added_by FROM {_EACH}
ORDER BY line ON CONFLICT DO NOTHING
""")
WOULD_BAN = text(f"""
SELECT count(DISTINCT (s.number, s.purpose)) FROM staged_numbers s
WHERE NOT {is_erased(":team", "s.number")} AND NOT EXISTS (
    SELECT FROM do_not_call d WHERE d.team_id = :team AND d.number = s.number AND d.purpose = s.purpose)
""")
WOULD_BAN_EVERYWHERE = text("""
SELECT count(DISTINCT (s.number, s.purpose)) FROM staged_numbers s
WHERE NOT EXISTS (SELECT FROM do_not_call_everywhere d WHERE d.number = s.number AND d.purpose = s.purpose)
""")


class StagedNumber(NamedTuple):
    """One number of the file, at its place there, with the reason why nobody calls it, for which purpose (``""``: for
    any), and where that comes from and what proves it, if it is said."""

    line: int
    number: str
    reason: str
    purpose: str = ""
    source: str | None = None
    evidence: str | None = None


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


def ban(conn: Connection, team_id: str | None, first: int, last: int, *, added_by: str) -> int:
    """Put the numbers of these lines on the team's list, or with ``None`` on the one above teams; how many were not on
    it. The caller holds :func:`worker.store.gate.close_gate`, or :func:`worker.store.gate.close_all_gates`."""
    values = {"first": first, "last": last, "added_by": added_by}
    if team_id is None:
        return conn.execute(BAN_EVERYWHERE, values).rowcount
    return conn.execute(BAN, values | {"team": team_id}).rowcount


def would_ban(conn: Connection, team_id: str | None) -> int:
    """How many numbers of the file are not on the list."""
    with without_timeouts(conn):
        found = conn.execute(WOULD_BAN_EVERYWHERE) if team_id is None else conn.execute(WOULD_BAN, {"team": team_id})
        count: int = found.scalar_one()
    return count
