"""How many calls at once a carrier seems to allow an account, learned from its refusals; kept in the account's row.

``channels`` is how many calls were live when it said that these were all; where as many are, one more may be tried, and
if that is taken, ``channels`` grows by it. ``channel_refusals`` counts the refusals in a row, by which the pauses
between tries grow. Nothing is lowered for good: the limit that people have set stands, and is reached again a call at a
time.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, text

from worker.store.instants import is_over

ACCOUNT_LIMIT = "least(a.max_concurrent_calls, coalesce(a.channels, a.max_concurrent_calls) + 1)"
"""How many calls an account ``a`` may have at once now: as people have set it, or one more than its carrier took."""

LIVE = """
(SELECT count(*) FROM calls k
 WHERE k.team_id = a.team_id AND k.account_id = a.id AND k.ended_at IS NULL AND k.state NOT IN ('reserved', 'dialing'))
"""
"""The calls an account ``a`` has at its carrier, those in doubt included."""

LOCK = text(f"""
SELECT id, {LIVE} AS live, channel_refusals,
       channel_refusals > 0 AND NOT {is_over("rested_at", "resting_until")} AS is_resting
FROM carrier_accounts a WHERE id = :id FOR NO KEY UPDATE
""")

REFUSED = text("""
UPDATE carrier_accounts SET channels = :live, channel_refusals = :refusals WHERE id = :id
""")

TAKEN = text(f"""
UPDATE carrier_accounts a
SET channel_refusals = 0,
    channels = CASE WHEN {LIVE} < a.max_concurrent_calls THEN greatest(a.channels, {LIVE}) END
WHERE id = :id AND channels IS NOT NULL
""")

SHORT = text("""
SELECT id, name, channels, channel_refusals, resting_reason, max_concurrent_calls FROM carrier_accounts
WHERE channel_refusals > 0 AND enabled ORDER BY id
""")


def lock(conn: Connection, account_id: str) -> Row[Any]:
    """The account, locked: its ``live`` calls, its refusals in a row, and whether it ``is_resting`` for one."""
    return conn.execute(LOCK, {"id": account_id}).one()


def refused(conn: Connection, account_id: str, *, live: int, refusals: int) -> None:
    """The carrier took no further call beside these."""
    conn.execute(REFUSED, {"id": account_id, "live": live, "refusals": refusals})


def taken(conn: Connection, account_id: str) -> None:
    """The carrier took a call: it allows as many as are live now, and where that is all it may be, nothing is held."""
    conn.execute(TAKEN, {"id": account_id})


def short(conn: Connection) -> list[Row[Any]]:
    """The accounts whose carrier took no further call when it was last asked."""
    return list(conn.execute(SHORT))
