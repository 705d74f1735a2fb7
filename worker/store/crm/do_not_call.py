"""The do-not-call lists: a team's, and the one above teams, whose rows have no team."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from sqlalchemy import ColumnElement, Connection, TextClause, select, text

from worker.store.bans import is_erased
from worker.store.crm import records
from worker.store.shapes import shaped
from worker.store.tables import do_not_call, do_not_call_everywhere

ALL_PURPOSES = ""
"""What an entry has as its purpose that holds for every one."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What is said of numbers that are put on a list: for which ``purpose`` nobody calls them, why, where that comes
    from, what proves it, and who put them there."""

    reason: str = ""
    purpose: str = ALL_PURPOSES
    source: str | None = None
    evidence: str | None = None
    added_by: str | None = None


# Who was erased is refused by what is left of its number, and the number is not written down again.
ADD = text(f"""
INSERT INTO do_not_call (team_id, number, reason, purpose, source, evidence, added_by)
SELECT :team, u.number, :reason, :purpose, :source, :evidence, :added_by
FROM unnest(CAST(:numbers AS text[])) AS u (number)
WHERE NOT {is_erased(":team", "u.number")}
ON CONFLICT DO NOTHING
""")
ADD_EVERYWHERE = text("""
INSERT INTO do_not_call_everywhere (number, reason, purpose, source, evidence, added_by)
SELECT u.number, :reason, :purpose, :source, :evidence, :added_by
FROM unnest(CAST(:numbers AS text[])) AS u (number)
ON CONFLICT DO NOTHING
""")


def _removal(table: str, of_team: str) -> TextClause:
    return text(f"""
DELETE FROM {table} WHERE {of_team}number = :number AND (CAST(:purpose AS text) IS NULL OR purpose = :purpose)
""")


REMOVE = _removal("do_not_call", "team_id = :team AND ")
REMOVE_EVERYWHERE = _removal("do_not_call_everywhere", "")


@shaped(select(do_not_call), select(do_not_call_everywhere))
class BannedRow(Protocol):
    """A number on a do-not-call list."""

    number: str
    purpose: str
    reason: str
    source: str | None
    evidence: str | None
    added_by: str | None
    created_at: datetime


def add(conn: Connection, team_id: str | None, numbers: Sequence[str], entry: Entry) -> int:
    """Put numbers on the team's list, or with ``None`` on the one above teams; returns how many were not on it for this
    purpose. The caller holds :func:`worker.store.gate.close_gate`, or :func:`worker.store.gate.close_all_gates`."""
    values = {
        "numbers": list(numbers),
        "reason": entry.reason,
        "purpose": entry.purpose,
        "source": entry.source,
        "evidence": entry.evidence,
        "added_by": entry.added_by,
    }
    if team_id is None:
        return conn.execute(ADD_EVERYWHERE, values).rowcount
    return conn.execute(ADD, values | {"team": team_id}).rowcount


def remove(conn: Connection, team_id: str | None, number: str, purpose: str | None = None) -> int:
    """Take a number off the team's list, or with ``None`` off the one above teams: its entry for this purpose (``""``:
    the one for all), or without one every entry; returns how many there were."""
    values = {"number": number, "purpose": purpose}
    if team_id is None:
        return conn.execute(REMOVE_EVERYWHERE, values).rowcount
    return conn.execute(REMOVE, values | {"team": team_id}).rowcount


def page(
    conn: Connection, team_id: str | None, *, number: str | None = None, purpose: str | None = None, limit: int,
    offset: int,
) -> tuple[int, Sequence[BannedRow]]:  # fmt: skip
    """How many entries there are, and a page of them, newest first; with ``number`` or ``purpose`` only those."""
    table = do_not_call_everywhere if team_id is None else do_not_call
    where: list[ColumnElement[bool]] = [] if team_id is None else [do_not_call.c.team_id == team_id]
    if number is not None:
        where.append(table.c.number == number)
    if purpose is not None:
        where.append(table.c.purpose == purpose)
    return records.page(conn, table, where, limit=limit, offset=offset)
