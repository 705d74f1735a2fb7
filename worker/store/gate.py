"""The gate of a team: an advisory lock that lets dialing commits pass together, and stops alone.

It is not the team's row, which claims lock (:mod:`worker.store.claims`). Whoever changes what a commit of ``dialing``
has checked (a stop, an edit of what decides about calls, a ban) closes the gate first and so waits for commits under
way; those that come after read what it wrote.
"""

from __future__ import annotations

from sqlalchemy import Connection, text

from worker.store.pipeline import Statement

PASS = text("SELECT pg_advisory_xact_lock_shared(hashtextextended('team ' || :team, 0))")
CLOSE = text("SELECT pg_advisory_xact_lock(hashtextextended('team ' || :team, 0))")


def pass_gate(conn: Connection, team_id: str) -> None:
    """Hold off stops and policy edits of the team until this transaction ends; a statement of its own, so
    that the next one reads what they committed."""
    conn.execute(*passage(team_id))


def passage(team_id: str) -> Statement:
    """The statement that :func:`pass_gate` runs, to be sent together with others, which follow it."""
    return PASS, {"team": team_id}


def close_gate(conn: Connection, team_id: str) -> None:
    """Wait for dialing commits under way and hold off further ones until this transaction ends: ``stops_hold``."""
    conn.execute(CLOSE, {"team": team_id})
