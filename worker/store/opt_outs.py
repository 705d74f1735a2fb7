"""Whom an opt-out is about, and the calls to them that are live."""

from __future__ import annotations

from typing import Protocol

from sqlalchemy import Connection, text

from worker.store.shapes import shaped

CALL = text("SELECT to_number, contact_id FROM calls WHERE id = :id AND team_id = :team")
LIVE = text("""
SELECT id FROM calls WHERE team_id = :team AND to_number = :number AND ended_at IS NULL AND state <> 'reserved'
ORDER BY id FOR NO KEY UPDATE
""")


@shaped(CALL)
class CalledNumber(Protocol):
    """Which number was called, ``''`` where who has it was erased, and whose it was."""

    to_number: str
    contact_id: str


def call(conn: Connection, team_id: str, call_id: str) -> CalledNumber | None:
    """Whom the team's call was to."""
    return conn.execute(CALL, {"id": call_id, "team": team_id}).first()


def live_calls(conn: Connection, team_id: str, number: str) -> list[str]:
    """The team's calls to this number that have left and are not over, locked."""
    return list(conn.execute(LIVE, {"team": team_id, "number": number}).scalars())
