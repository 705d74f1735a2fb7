"""The gates: advisory locks that let dialing commits pass together, and stops alone.

A team's is not its row, which claims lock (:mod:`worker.store.claims`). Whoever changes what a commit of ``dialing``
has checked (a stop, an edit of what decides about calls, a ban) closes the gate first and so waits for commits under
way; those that come after read what it wrote.

The deployment's gate is for what holds for all teams: the do-not-call list above them. Every commit of ``dialing``
passes it before its team's, in the same statement. Whoever closes both closes it first, too, so nobody waits in a ring.
"""

from __future__ import annotations

from sqlalchemy import Connection, text

from worker.store.pipeline import Statement

_ALL_TEAMS = "hashtextextended('all teams', 0)"
_TEAM = "hashtextextended('team ' || :team, 0)"
_ERASING = "hashtextextended('erasing of ' || :team, 0)"

PASS = text(f"""
SELECT pg_advisory_xact_lock_shared({_ALL_TEAMS}) AS all_teams, pg_advisory_xact_lock_shared({_TEAM}) AS team
""")
CLOSE = text(f"SELECT pg_advisory_xact_lock({_TEAM})")
CLOSE_ALL = text(f"SELECT pg_advisory_xact_lock({_ALL_TEAMS})")
HOLD_OFF_ERASURE = text(f"SELECT pg_advisory_xact_lock_shared({_ERASING})")
BEGIN_ERASURE = text(f"SELECT pg_advisory_xact_lock({_ERASING})")


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


def close_all_gates(conn: Connection) -> None:
    """The same for the dialing commits of every team."""
    conn.execute(CLOSE_ALL)


def hold_off_erasure(conn: Connection, team_id: str) -> None:
    """Keep the team's erasures from beginning until this transaction ends: who writes a number that is not erased has
    written it before. A statement of its own, before the one that looks whether it is."""
    conn.execute(HOLD_OFF_ERASURE, {"team": team_id})


def begin_erasure(conn: Connection, team_id: str) -> None:
    """Wait for whoever writes numbers of the team, and hold off others until this transaction ends; before the gate."""
    conn.execute(BEGIN_ERASURE, {"team": team_id})
