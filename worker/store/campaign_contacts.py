"""The contacts of a campaign as they are shown, and taken out of it again.

Counts come from the counters, not from the rows: a page of a campaign of a million contacts costs a page. (One
by a status that is rare among them walks those that stand before it.)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, text

from worker.domain.model import ContactStatus

# A waiting contact of a cancelled campaign reads as cancelled, swept or not.
READS_AS = """
CASE WHEN c.status = 'cancelled' AND cc.status IN ('pending', 'queued') THEN 'cancelled'
     ELSE CAST(cc.status AS text) END
"""

PAGE = text(f"""
SELECT cc.contact_id, k.first_name, k.last_name, k.phone, k.timezone, {READS_AS} AS status,
       cc.reason, cc.attempts, cc.due_at, cc.zone, cc.called, cc.answered, cc.added_at
FROM campaign_contacts cc
JOIN campaigns c ON c.id = cc.campaign_id
JOIN contacts k ON k.id = cc.contact_id
WHERE cc.campaign_id = :campaign
  AND (CAST(:statuses AS contact_status[]) IS NULL OR cc.status = ANY(CAST(:statuses AS contact_status[])))
ORDER BY cc.id DESC LIMIT :limit OFFSET :offset
""")

LOCK = text("""
SELECT contact_id FROM campaign_contacts
WHERE campaign_id = :campaign AND contact_id = ANY(:ids) ORDER BY id FOR UPDATE
""")

CALLED = text("""
SELECT DISTINCT contact_id FROM calls WHERE campaign_id = :campaign AND contact_id = ANY(:ids)
ORDER BY contact_id LIMIT :most
""")

REMOVE = text("DELETE FROM campaign_contacts WHERE campaign_id = :campaign AND contact_id = ANY(:ids)")


def page(
    conn: Connection, campaign_id: str, statuses: Sequence[ContactStatus] | None, *, limit: int, offset: int
) -> Sequence[Row[Any]]:
    """Contacts in any of the statuses their rows have (``None``: all), those added last first."""
    values = {"campaign": campaign_id, "statuses": None if statuses is None else [str(s) for s in statuses]}
    return conn.execute(PAGE, values | {"limit": limit, "offset": offset}).all()


def lock(conn: Connection, campaign_id: str, contact_ids: Sequence[str]) -> list[str]:
    """Keep those of the contacts that are in the campaign from being called until the transaction ends."""
    return [row.contact_id for row in conn.execute(LOCK, {"campaign": campaign_id, "ids": list(contact_ids)})]


def called(conn: Connection, campaign_id: str, contact_ids: Sequence[str], *, most: int = 20) -> list[str]:
    """Those of the contacts that have calls in the campaign, the first ``most`` of them."""
    values = {"campaign": campaign_id, "ids": list(contact_ids), "most": most}
    return [row.contact_id for row in conn.execute(CALLED, values)]


def remove(conn: Connection, campaign_id: str, contact_ids: Sequence[str]) -> int:
    """Take contacts out of the campaign; returns how many. They have no calls in it."""
    return conn.execute(REMOVE, {"campaign": campaign_id, "ids": list(contact_ids)}).rowcount
