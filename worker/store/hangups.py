"""Calls that are to end at their carriers: which, and whether the carrier was told.

A call is marked when nobody wants it any more, told to the carrier while the mark stands alone, and ended by what the
carrier says of it (:mod:`worker.store.calls`), never by the mark.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, text

from worker.store.instants import CALL_IS_OVER

REQUEST_END = text("""
UPDATE calls k SET end_requested_at = clock_timestamp()
FROM campaigns c
WHERE c.id = k.campaign_id AND k.ended_at IS NULL AND k.end_requested_at IS NULL
  AND (k.state IN ('unknown', 'placed')
       AND (c.status IN ('paused', 'cancelled')
            OR k.valid_until + :margin * interval '1 second' <= (SELECT dialer_now()))
       OR k.state <> 'reserved' AND c.status = 'cancelled' AND c.hang_up)
RETURNING k.id
""")

TO_BE_ENDED = text(f"""
SELECT k.id, k.team_id, k.token, k.account_id, k.from_number, k.to_number, k.carrier_call_id, k.dialing_at,
       a.carrier
FROM calls k JOIN carrier_accounts a ON a.id = k.account_id JOIN campaigns c ON c.id = k.campaign_id
WHERE k.end_told_at IS NULL AND k.carrier_call_id IS NOT NULL
  AND (k.ended_at IS NULL AND k.end_requested_at IS NOT NULL
       AND (k.state IN ('unknown', 'placed')   -- who rings or talks by now goes on, but for ...
            OR k.machine_verdict IN ('machine', 'fax') AND k.end_requested_at >= k.answered_at   -- while it talked
            OR c.status = 'cancelled' AND c.hang_up OR {CALL_IS_OVER})
       OR k.late_evidence_at IS NOT NULL)
ORDER BY k.id LIMIT :most
""")

MARK_FOR_END = text("""
UPDATE calls SET end_requested_at = coalesce(end_requested_at, clock_timestamp()), end_told_at = NULL
WHERE id = ANY(:ids) AND ended_at IS NULL
""")

HANG_UP = text("""
UPDATE calls SET end_requested_at = greatest(clock_timestamp(), answered_at), end_told_at = NULL
WHERE id = ANY(:ids) AND ended_at IS NULL AND state = 'in_progress'
""")

END_TOLD = text("UPDATE calls SET end_told_at = clock_timestamp() WHERE id = ANY(:ids)")


def request_end(conn: Connection, *, margin_seconds: float) -> list[str]:
    """Mark for their end the calls that nobody wants any more: still queued at the carrier when their campaign
    stopped or their window has closed (``margin_seconds`` after the last moment to commit), and with
    ``hang_up`` all of the campaign's. Returns the ids newly marked."""
    return sorted(row.id for row in conn.execute(REQUEST_END, {"margin": margin_seconds}))


def mark_for_end(conn: Connection, call_ids: Sequence[str]) -> None:
    """Mark these calls for their end, told before or not: their carrier kept them longer than it may."""
    conn.execute(MARK_FOR_END, {"ids": list(call_ids)})


def hang_up(conn: Connection, call_ids: Sequence[str]) -> None:
    """Mark these calls for their end although somebody, or something, talks."""
    conn.execute(HANG_UP, {"ids": list(call_ids)})


def to_be_ended(conn: Connection, *, most: int = 200) -> Sequence[Row[Any]]:
    """Calls whose end the carrier has not yet been told, and ended calls it says are alive."""
    return conn.execute(TO_BE_ENDED, {"most": most}).all()


def end_told(conn: Connection, call_ids: Sequence[str]) -> None:
    """The carrier took the request to end these calls."""
    conn.execute(END_TOLD, {"ids": list(call_ids)})
