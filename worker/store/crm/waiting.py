"""How many wait in a campaign, by the key they wait under: a row each key, of a million as of few. Who has consented is
looked up for each of them, for dry runs alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from sqlalchemy import Connection, text

from worker.law.words import Consent
from worker.store.consents import best_consent
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
CONSENTING = text(f"""
SELECT cc.zone, count(*) AS waiting, count(*) FILTER (WHERE cc.due_at <= (SELECT dialer_due_now())) AS due,
       min(cc.due_at) FILTER (WHERE cc.due_at > (SELECT dialer_due_now())) AS next_due_at
FROM unnest(CAST(:zones AS text[]), CAST(:needs AS int[])) AS n(zone, needs)
JOIN campaign_contacts cc ON cc.campaign_id = :campaign AND cc.zone = n.zone AND cc.status IN ('pending', 'queued')
JOIN contacts k ON k.id = cc.contact_id
WHERE NOT (coalesce(cc.reason, '') = 'frequency' AND cc.due_at > (SELECT dialer_due_now()))
  AND {best_consent("k.team_id", "k.phone_e164", "CAST(:purpose AS text)")} >= n.needs
GROUP BY cc.zone
""")


@shaped(BY_KEY, CONSENTING, never_null=("waiting", "due"))
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


def consenting(
    conn: Connection, campaign_id: str, purpose: str, needs: Mapping[str, Consent]
) -> Mapping[str, WaitingAtKey]:
    """Those of them, by key, who have given the consent that each of these keys needs, and whose number may be called
    as often. A key is missing where that is nobody."""
    if not needs:
        return {}
    wanted = {"zones": list(needs), "needs": [int(consent) for consent in needs.values()]}
    with without_timeouts(conn):
        rows = conn.execute(CONSENTING, {"campaign": campaign_id, "purpose": purpose, **wanted}).all()
    return {row.zone: row for row in rows}
