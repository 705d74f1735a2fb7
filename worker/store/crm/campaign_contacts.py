"""The contacts of a campaign as they are shown, taken out of it, and put back among those that wait.

Counts come from the counters, not from the rows: a page of a campaign of a million contacts costs a page. (One
by a status that is rare among them walks those that stand before it.)
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from sqlalchemy import Connection, text

from worker.domain.model import ContactStatus
from worker.store.bans import is_listed, purpose_of
from worker.store.shapes import shaped

MOST_NUMBER = 2**63 - 1
"""No row has a greater number."""
# A waiting contact of a campaign that is cancelled, or closing, reads as cancelled, swept or not.
READS_AS = """
CASE WHEN (c.status = 'cancelled' OR c.closing_at IS NOT NULL) AND cc.status IN ('pending', 'queued') THEN 'cancelled'
     ELSE CAST(cc.status AS text) END
"""
READS_WHY = """
CASE WHEN c.closing_at IS NOT NULL AND cc.status IN ('pending', 'queued') THEN 'campaign_ended' ELSE cc.reason END
"""

PAGE = text(f"""
SELECT cc.id, cc.contact_id, k.first_name, k.last_name, k.phone, k.timezone, {READS_AS} AS status,
       {READS_WHY} AS reason, cc.attempts, cc.due_at, cc.callback_at, cc.priority, cc.zone, cc.called,
       cc.answered, cc.added_at,
       CASE WHEN cc.status = 'calling' THEN (
           SELECT o.waits_until FROM call_outcomes o JOIN calls l ON l.id = o.call_id
           WHERE o.campaign_id = cc.campaign_id AND o.waits_until IS NOT NULL AND l.contact_id = cc.contact_id LIMIT 1
           ) END AS outcome_due_at,
       k.do_not_call OR {is_listed("k.team_id", "k.phone_e164", purpose_of("cc.campaign_id"))} AS do_not_call
FROM (SELECT * FROM campaign_contacts
      WHERE campaign_id = :campaign AND id > 0 AND id < :before
        AND (CAST(:statuses AS contact_status[]) IS NULL OR status = ANY(CAST(:statuses AS contact_status[])))
      ORDER BY id DESC LIMIT :limit OFFSET :offset) AS cc
JOIN campaigns c ON c.id = cc.campaign_id
JOIN contacts k ON k.id = cc.contact_id
ORDER BY cc.id DESC
""")

LOCK = text("""
SELECT contact_id FROM campaign_contacts
WHERE campaign_id = :campaign AND contact_id = ANY(:ids) ORDER BY id FOR UPDATE
""")

# Of calls that are no longer kept the latest is known (worker/store/past_calls.py).
CALLED = text("""
SELECT contact_id FROM calls WHERE campaign_id = :campaign AND contact_id = ANY(:ids)
UNION
SELECT cc.contact_id FROM campaign_contacts cc
WHERE cc.campaign_id = :campaign AND cc.contact_id = ANY(:ids)
  AND EXISTS (SELECT FROM latest_past_calls p WHERE p.campaign_contact_id = cc.id)
ORDER BY contact_id LIMIT :most
""")

REMOVE = text("DELETE FROM campaign_contacts WHERE campaign_id = :campaign AND contact_id = ANY(:ids)")

# Somebody else who was reached by the number in this campaign, or is going to be called by it.
OF_CAMPAIGN = text(f"""
SELECT cc.contact_id, cc.status, cc.reason, cc.attempts, cc.called, k.phone_e164, k.phone_fault,
       k.do_not_call OR {is_listed("k.team_id", "k.phone_e164", purpose_of("cc.campaign_id"))} AS do_not_call,
       EXISTS (SELECT FROM contacts o
               JOIN campaign_contacts oc ON oc.contact_id = o.id AND oc.campaign_id = cc.campaign_id
               WHERE o.team_id = k.team_id AND o.phone_e164 = k.phone_e164 AND o.id <> k.id
                 AND oc.status IN ('pending', 'queued', 'calling', 'completed')) AS is_taken
FROM campaign_contacts cc JOIN contacts k ON k.id = cc.contact_id
WHERE cc.campaign_id = :campaign AND cc.contact_id = ANY(:ids)
ORDER BY cc.id
""")

LAST_CALLED = text("""
SELECT DISTINCT ON (contact_id) contact_id, to_number FROM (
    SELECT contact_id, to_number, reserved_at FROM calls
    WHERE campaign_id = :campaign AND contact_id = ANY(:ids) AND attempt IS NOT NULL
    UNION ALL
    SELECT cc.contact_id, p.to_number, '-infinity'
    FROM campaign_contacts cc JOIN latest_past_calls p ON p.campaign_contact_id = cc.id
    WHERE cc.campaign_id = :campaign AND cc.contact_id = ANY(:ids) AND p.to_number IS NOT NULL) AS dialed
ORDER BY contact_id, reserved_at DESC
""")

PRIORITIZE = text("""
UPDATE campaign_contacts cc
SET priority = :priority, rank = CASE WHEN cc.callback_at IS NULL THEN :priority ELSE cc.rank END
WHERE cc.contact_id = ANY(:ids) AND cc.campaign_id || '' = :campaign AND cc.priority <> :priority
""")

REQUEUE = text("""
UPDATE campaign_contacts SET status = 'queued', reason = NULL, due_at = (SELECT dialer_now())
WHERE campaign_id = :campaign AND contact_id = ANY(:ids) AND status IN ('exhausted', 'failed')
""")


@shaped(PAGE)
class CampaignContactRow(Protocol):
    """A contact in a campaign, as it is shown; ``id`` is the number of its row."""

    id: int
    contact_id: str
    first_name: str
    last_name: str
    phone: str | None
    timezone: str | None
    status: str
    reason: str | None
    attempts: int
    due_at: datetime
    callback_at: datetime | None
    priority: int
    zone: str
    called: bool
    answered: bool
    added_at: datetime
    outcome_due_at: datetime | None
    do_not_call: bool


@shaped(OF_CAMPAIGN)
class RequeueCandidate(Protocol):
    """A contact in a campaign, with what decides whether it may be called: ``do_not_call``, by itself or by the team's
    list, and ``is_taken``, where its number is also somebody else's who was reached or waits."""

    contact_id: str
    status: str
    reason: str | None
    attempts: int
    called: bool
    phone_e164: str | None
    phone_fault: str | None
    do_not_call: bool
    is_taken: bool


def page(
    conn: Connection,
    campaign_id: str,
    statuses: Sequence[ContactStatus] | None,
    *,
    limit: int,
    offset: int,
    after: int | None = None,
) -> Sequence[CampaignContactRow]:
    """Contacts in any of the statuses their rows have (``None``: all), those added last first, behind the row ``after``
    where one is named."""
    values = {"campaign": campaign_id, "statuses": None if statuses is None else [str(s) for s in statuses]}
    before = MOST_NUMBER if after is None else after
    return conn.execute(PAGE, values | {"limit": limit, "offset": offset, "before": before}).all()


def lock(conn: Connection, campaign_id: str, contact_ids: Sequence[str]) -> list[str]:
    """Keep those of the contacts that are in the campaign from being called until the transaction ends."""
    return [row.contact_id for row in conn.execute(LOCK, {"campaign": campaign_id, "ids": list(contact_ids)})]


def prioritize(conn: Connection, campaign_id: str, contact_ids: Sequence[str], priority: int) -> int:
    """Give those of the contacts that are in the campaign this priority; how many had another one."""
    values = {"campaign": campaign_id, "ids": list(contact_ids), "priority": priority}
    return conn.execute(PRIORITIZE, values).rowcount


def called(conn: Connection, campaign_id: str, contact_ids: Sequence[str], *, most: int = 20) -> list[str]:
    """Those of the contacts that have calls in the campaign, the first ``most`` of them."""
    values = {"campaign": campaign_id, "ids": list(contact_ids), "most": most}
    return [row.contact_id for row in conn.execute(CALLED, values)]


def remove(conn: Connection, campaign_id: str, contact_ids: Sequence[str]) -> int:
    """Take contacts out of the campaign; returns how many. They have no calls in it."""
    return conn.execute(REMOVE, {"campaign": campaign_id, "ids": list(contact_ids)}).rowcount


def of_campaign(conn: Connection, campaign_id: str, contact_ids: Sequence[str]) -> Sequence[RequeueCandidate]:
    """Those of the contacts that are in the campaign. The caller holds them, so that it stays so."""
    return conn.execute(OF_CAMPAIGN, {"campaign": campaign_id, "ids": list(contact_ids)}).all()


def last_called(conn: Connection, campaign_id: str, contact_ids: Sequence[str]) -> dict[str, str]:
    """The number by which each of the contacts was called last in the campaign."""
    rows = conn.execute(LAST_CALLED, {"campaign": campaign_id, "ids": list(contact_ids)}) if contact_ids else ()
    return {row.contact_id: row.to_number for row in rows}


def requeue(conn: Connection, campaign_id: str, contact_ids: Sequence[str]) -> int:
    """Let contacts that were given up wait again, due now, with the attempts they have used; returns how many."""
    return conn.execute(REQUEUE, {"campaign": campaign_id, "ids": list(contact_ids)}).rowcount
