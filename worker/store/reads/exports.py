"""A campaign's contacts and calls, all of them, a page at a time.

Each page is a transaction of its own and begins behind the last row of the one before: nothing grows with the
campaign, and a reader that stalls holds nothing back. One cursor over everything would be one snapshot, and while it
is open PostgreSQL can clear away no row that dialing has replaced since; a pipe into a pager would keep it open for
hours. So each row is as it was when its page was read. Every contact and call that was there at the beginning is in
it once: the order is one that does not change.

A contact's latest call would have to be looked for among all calls of the campaign, page after page, so these are
found once, at the beginning, into a temporary table of the session (:func:`worker.store.database.pinned`).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import Connection, text

from worker.store.bans import is_listed, purpose_of
from worker.store.crm.campaign_contacts import READS_AS, READS_WHY
from worker.store.database import without_timeouts
from worker.store.dispositions import UNSENT
from worker.store.shapes import shaped

DROP_LATEST = text("DROP TABLE IF EXISTS pg_temp.latest_calls")
FIND_LATEST = text(f"""
CREATE TEMPORARY TABLE latest_calls AS
SELECT DISTINCT ON (contact_id) contact_id, disposition, ended_at FROM (
    SELECT contact_id, disposition, ended_at, id FROM calls
    WHERE campaign_id = :campaign AND id <> '' AND ended_at IS NOT NULL AND disposition NOT IN {UNSENT}
    UNION ALL
    SELECT cc.contact_id, p.disposition, p.ended_at, ''   -- before all that are kept
    FROM campaign_contacts cc JOIN latest_past_calls p ON p.campaign_contact_id = cc.id
    WHERE cc.campaign_id = :campaign AND cc.id > 0 AND p.disposition IS NOT NULL) AS ended
ORDER BY contact_id, id DESC
""")
INDEX_LATEST = text("CREATE UNIQUE INDEX ON latest_calls (contact_id)")

CONTACTS = text(f"""
SELECT cc.id, cc.contact_id, k.external_id, k.first_name, k.last_name, coalesce(k.phone_e164, k.phone) AS phone,
       k.phone_secondary, k.email, k.timezone, k.timezone_confirmed, k.country, k.region, k.postal_code,
       k.do_not_call OR {is_listed("k.team_id", "k.phone_e164", purpose_of("cc.campaign_id"))} AS do_not_call,
       {READS_AS} AS status, {READS_WHY} AS reason, cc.attempts,
       l.disposition AS last_disposition, l.ended_at AS last_call_at,
       cc.due_at, cc.callback_at, cc.zone, k.tags, k.custom_fields
FROM campaign_contacts cc
JOIN campaigns c ON c.id = cc.campaign_id
JOIN contacts k ON k.id = cc.contact_id
LEFT JOIN latest_calls l ON l.contact_id = cc.contact_id
WHERE cc.campaign_id = :campaign AND cc.id > 0 AND cc.id > :after
ORDER BY cc.id LIMIT :most
""")

OUTCOME = """o.outcome, o.waits_until AS outcome_due_at, o.summary, o.data, o.callback_at,
       coalesce(o.do_not_call, false) AS do_not_call, o.transcript_url, o.recording_url, o.spoke_at,
       o.reported_at"""
"""What the assistant reported of a call, of its row ``o``."""

CALLS = text(f"""
SELECT k.id, k.run_id, k.contact_id, k.from_number, k.to_number, k.state, k.attempt, k.disposition, k.cause,
       k.machine_verdict, k.reserved_at, k.dialing_at, k.placed_at, k.ringing_at, k.answered_at, k.ended_at, {OUTCOME}
FROM (SELECT * FROM calls WHERE campaign_id = :campaign AND id <> '' AND id > :after ORDER BY id LIMIT :most) AS k
LEFT JOIN call_outcomes o ON o.call_id = k.id
ORDER BY k.id
""")


@shaped(CONTACTS)
class ExportedContact(Protocol):
    """A contact of the campaign as it stands, with the latest call to it that ended."""

    id: int
    contact_id: str
    external_id: str | None
    first_name: str
    last_name: str
    phone: str | None
    phone_secondary: str | None
    email: str | None
    timezone: str | None
    timezone_confirmed: bool
    country: str | None
    region: str | None
    postal_code: str | None
    do_not_call: bool
    status: str
    reason: str | None
    attempts: int
    last_disposition: str | None
    last_call_at: datetime | None
    due_at: datetime
    callback_at: datetime | None
    zone: str
    tags: list[str]
    custom_fields: dict[str, Any]


@shaped(CALLS)
class ExportedCall(Protocol):
    """A call of the campaign. Its columns, in their order, are the fields of an export."""

    id: str
    run_id: str
    contact_id: str
    from_number: str
    to_number: str
    state: str
    attempt: int | None
    disposition: str | None
    cause: str | None
    machine_verdict: str | None
    reserved_at: datetime
    dialing_at: datetime | None
    placed_at: datetime | None
    ringing_at: datetime | None
    answered_at: datetime | None
    ended_at: datetime | None
    outcome: str | None
    outcome_due_at: datetime | None
    summary: str | None
    data: dict[str, Any] | None
    callback_at: datetime | None
    do_not_call: bool
    transcript_url: str | None
    recording_url: str | None
    spoke_at: datetime | None
    reported_at: datetime | None


def find_latest(conn: Connection, campaign_id: str) -> None:
    """Find the latest call that ended of each contact, for :func:`contacts`; those that were never sent are none."""
    conn.execute(DROP_LATEST)
    with without_timeouts(conn):
        conn.execute(FIND_LATEST, {"campaign": campaign_id})
        conn.execute(INDEX_LATEST)


def contacts(conn: Connection, campaign_id: str, *, after: int, most: int) -> Sequence[ExportedContact]:
    """The campaign's contacts behind ``after`` (a row's ``id``), in the order they were added."""
    return conn.execute(CONTACTS, {"campaign": campaign_id, "after": after, "most": most}).all()


def calls(conn: Connection, campaign_id: str, *, after: str, most: int) -> Sequence[ExportedCall]:
    """The campaign's calls behind ``after`` (an id), in the order they were reserved."""
    return conn.execute(CALLS, {"campaign": campaign_id, "after": after, "most": most}).all()
