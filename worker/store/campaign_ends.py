"""How a campaign ends: closed at its instant or by hand, its waiting contacts swept, done when nobody waits and no
call lives. What a move of :mod:`worker.store.campaigns` then makes ``completed``, or has made ``cancelled``."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, text

CLOSE = text("""
UPDATE campaigns
SET closing_at = clock_timestamp(), next_wake_at = dialer_now(), short_of_slots = false, updated_at = clock_timestamp()
WHERE id = :id AND status IN ('running', 'paused') AND closing_at IS NULL AND deleted_at IS NULL
  AND (NOT :is_due OR scheduled_end_at <= dialer_now())
RETURNING id
""")

IS_CLOSED = text("""
SELECT c.id FROM campaigns c
WHERE c.id = :id AND c.closing_at IS NOT NULL
  AND (SELECT true FROM campaign_contacts cc WHERE cc.campaign_id = c.id AND cc.status IN ('pending', 'queued')
       ORDER BY cc.zone, cc.rank, cc.due_at, cc.id LIMIT 1) IS NULL
  AND NOT EXISTS (SELECT FROM calls k WHERE k.campaign_id = c.id AND k.ended_at IS NULL)
  AND NOT EXISTS (SELECT FROM call_outcomes o WHERE o.campaign_id = c.id AND o.waits_until IS NOT NULL)
""")

HANG_UP_TOO = text("""
UPDATE campaigns SET hang_up = true, updated_at = clock_timestamp()
WHERE id = :id AND status = 'cancelled' AND deleted_at IS NULL AND NOT hang_up RETURNING id
""")

FINISHED = text("""
SELECT c.id FROM campaigns c
WHERE c.id = ANY(:ids) AND c.status = 'running' AND NOT c.keep_open
  AND (SELECT true FROM campaign_contacts cc WHERE cc.campaign_id = c.id AND cc.status IN ('pending', 'queued')
       ORDER BY cc.zone, cc.rank, cc.due_at, cc.id LIMIT 1) IS NULL
  AND CASE WHEN EXISTS (SELECT FROM calls k WHERE k.campaign_id = c.id AND k.ended_at IS NULL)
             OR EXISTS (SELECT FROM call_outcomes o WHERE o.campaign_id = c.id AND o.waits_until IS NOT NULL) THEN false
           ELSE pg_try_advisory_xact_lock(hashtextextended('adding to ' || c.id, 0)) END
ORDER BY c.id
""")

SWEPT_AT_ONCE = 5000
# An array, not a join, or the planner reads the whole table to match the batch; and the number stands in the text,
# or a generic plan takes it for a tenth of the table.
SWEEP = text(f"""
UPDATE campaign_contacts SET status = 'cancelled', reason = CAST(:reason AS text)
WHERE campaign_id = :id AND id > 0 AND id = ANY(ARRAY(
    SELECT cc.id FROM campaign_contacts cc
    WHERE cc.campaign_id = :id AND cc.status IN ('pending', 'queued')
    ORDER BY cc.zone, cc.rank, cc.due_at, cc.id LIMIT {SWEPT_AT_ONCE} FOR NO KEY UPDATE SKIP LOCKED))
""")

SWEPT = text("""
UPDATE campaigns c
SET next_wake_at = CASE WHEN c.closing_at IS NOT NULL   -- which is completed by then
                          OR EXISTS (SELECT FROM calls k WHERE k.campaign_id = c.id AND k.ended_at IS NULL)
                          OR EXISTS (SELECT FROM call_outcomes o
                                     WHERE o.campaign_id = c.id AND o.waits_until IS NOT NULL)
                        THEN dialer_now() + interval '10 seconds' END   -- the contact of a live call waits when it ends
WHERE c.id = :id AND (c.status = 'cancelled' OR c.closing_at IS NOT NULL)
  AND (SELECT true FROM campaign_contacts cc WHERE cc.campaign_id = c.id AND cc.status IN ('pending', 'queued')
       ORDER BY cc.zone, cc.rank, cc.due_at, cc.id LIMIT 1) IS NULL
""")


def hang_up_too(conn: Connection, campaign_id: str) -> bool:
    """Let the live calls of a cancelled campaign be ended, which it left alone; whether it did."""
    return conn.execute(HANG_UP_TOO, {"id": campaign_id}).first() is not None


def close(conn: Connection, campaign_id: str, *, is_due: bool) -> bool:
    """Let a running or paused campaign come to its end: who waits reads as cancelled from now on. With ``is_due`` only
    if its ``scheduled_end_at`` has come. The caller holds :func:`worker.store.gate.close_gate`."""
    return conn.execute(CLOSE, {"id": campaign_id, "is_due": is_due}).first() is not None


def is_closed(conn: Connection, campaign_id: str) -> bool:
    """Whether a closing campaign is done: nobody waits, no call is live. Sure only under :func:`lock`."""
    return conn.execute(IS_CLOSED, {"id": campaign_id}).first() is not None


def finished(conn: Connection, campaign_ids: Iterable[str]) -> list[str]:
    """Those running campaigns that are not kept open and in which no contact waits, no call is live nor its outcome
    awaited, and nobody is about to add more contacts (:func:`worker.store.crm.contacts.hold_open`), nor begins to
    before this transaction ends."""
    return [row.id for row in conn.execute(FINISHED, {"ids": list(campaign_ids)})]


def sweep(conn: Connection, campaign_id: str, reason: str | None) -> int:
    """Turn up to ``SWEPT_AT_ONCE`` waiting contacts of a campaign that calls nobody more to ``cancelled``; returns how
    many."""
    return conn.execute(SWEEP, {"id": campaign_id, "reason": reason}).rowcount


def swept(conn: Connection, campaign_id: str) -> None:
    """Let a cancelled or closing campaign of which nothing waits sleep: for good, or for ten seconds while calls of it
    live."""
    conn.execute(SWEPT, {"id": campaign_id})
