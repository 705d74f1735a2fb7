"""How many wait in a campaign, by the key they wait under: a row each key, of a million as of few."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from sqlalchemy import Connection, text

from worker.store.database import without_timeouts
from worker.store.shapes import shaped

# Read from the one index that the claim runs over, which has all of this.
BY_KEY = text("""
SELECT cc.zone, count(*) AS waiting, count(*) FILTER (WHERE cc.due_at <= (SELECT dialer_due_now())) AS due,
       min(cc.due_at) FILTER (WHERE cc.due_at > (SELECT dialer_due_now())) AS next_due_at
FROM campaign_contacts cc
WHERE cc.campaign_id = :campaign AND cc.status IN ('pending', 'queued')
GROUP BY cc.zone ORDER BY cc.zone
""")
CAPPED = text("""
SELECT cc.zone, count(*) AS waiting, min(cc.due_at) AS next_due_at
FROM campaign_contacts cc
WHERE cc.campaign_id = :campaign AND cc.reason = 'frequency' AND cc.status IN ('pending', 'queued')
  AND cc.due_at > (SELECT dialer_due_now())
GROUP BY cc.zone
""")


@shaped(BY_KEY, never_null=("waiting", "due"))
class WaitingAtKey(Protocol):
    """How many wait in a zone, or at a place, how many of them are due, and when the first of the others is."""

    zone: str
    waiting: int
    due: int
    next_due_at: datetime | None


@shaped(CAPPED, never_null=("waiting", "next_due_at"))
class CappedAtKey(Protocol):
    """How many wait there because their number has had its calls, and when the first of them may be called."""

    zone: str
    waiting: int
    next_due_at: datetime


def by_key(conn: Connection, campaign_id: str) -> Sequence[WaitingAtKey]:
    """Those who wait in the campaign."""
    with without_timeouts(conn):
        return conn.execute(BY_KEY, {"campaign": campaign_id}).all()


def capped(conn: Connection, campaign_id: str) -> Sequence[CappedAtKey]:
    """Those of them whose number may not be called yet."""
    with without_timeouts(conn):
        return conn.execute(CAPPED, {"campaign": campaign_id}).all()
