"""Callbacks in the rows: asked for, taken back, counted.

Who asks locks the contact's live call first, then the campaign, then the contact in it, as everybody does who moves a
call on: the commit of a call takes the contact's row too, so that none leaves for one who has just asked to be called
later.
"""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from sqlalchemy import Connection, text

from worker.domain.callback import FIRST_RANK
from worker.store.bans import is_listed, purpose_of
from worker.store.shapes import shaped

LOCK_CALL = text("""
SELECT id FROM calls WHERE contact_id = :contact AND campaign_id = :campaign AND ended_at IS NULL
FOR NO KEY UPDATE
""")

ZONE = text("SELECT zone FROM campaign_contacts WHERE contact_id = :contact AND campaign_id || '' = :campaign")

# Only what runs sleeps until an instant: others are woken when they run.
LOCK_CAMPAIGN = text(f"""
UPDATE campaigns
SET next_wake_at = CASE WHEN status <> 'running' THEN next_wake_at
                        ELSE least(next_wake_at, CAST(:at AS timestamptz)) END,
    ranks = CASE WHEN {FIRST_RANK} = ANY(ranks) THEN ranks ELSE array_prepend(CAST({FIRST_RANK} AS smallint), ranks) END
WHERE id = :campaign
""")

LOCK_CONTACT = text(f"""
SELECT cc.contact_id, cc.zone, CAST(cc.status AS text) AS status, cc.reason, cc.attempts, cc.callback_at,
       cc.callbacks_used, cc.answered, k.timezone,
       k.do_not_call OR {is_listed("k.team_id", "k.phone_e164", purpose_of("cc.campaign_id"))} AS is_banned,
       EXISTS (SELECT FROM calls l WHERE l.contact_id = cc.contact_id AND l.campaign_id = cc.campaign_id
                 AND l.ended_at IS NULL AND l.state = 'reserved') AS is_reserved
FROM campaign_contacts cc JOIN contacts k ON k.id = cc.contact_id
WHERE cc.contact_id = :contact AND cc.campaign_id || '' = :campaign
FOR NO KEY UPDATE OF cc
""")

SET = text(f"""
UPDATE campaign_contacts cc
SET callback_at = :at, rank = {FIRST_RANK}, due_at = :at,
    due_before_callback = CASE WHEN cc.callback_at IS NOT NULL THEN cc.due_before_callback
                               WHEN cc.status IN ('pending', 'queued') THEN cc.due_at END,
    status = CASE WHEN cc.status IN ('pending', 'calling') THEN cc.status ELSE 'queued' END, reason = NULL
WHERE cc.contact_id = :contact AND cc.campaign_id || '' = :campaign
""")

UNSET = text("""
UPDATE campaign_contacts cc
SET callback_at = NULL, rank = cc.priority, due_before_callback = NULL,
    due_at = coalesce(cc.due_before_callback, (SELECT dialer_due_now())),
    status = CASE WHEN cc.status NOT IN ('pending', 'queued') THEN cc.status
                  WHEN cc.due_before_callback IS NOT NULL AND cc.attempts < :most THEN cc.status
                  WHEN cc.answered THEN 'completed'
                  WHEN cc.attempts >= :most THEN 'exhausted'
                  ELSE 'queued' END
WHERE cc.contact_id = :contact AND cc.campaign_id || '' = :campaign
""")


@shaped(LOCK_CONTACT)
class LockedContact(Protocol):
    """A contact in a campaign, locked: its ``zone`` in it and its own, whether it may not be called, and whether a call
    to it is only reserved, so that ``attempts`` do not count it yet."""

    contact_id: str
    zone: str
    status: str
    reason: str | None
    attempts: int
    callback_at: datetime | None
    callbacks_used: int
    answered: bool
    timezone: str | None
    is_banned: bool
    is_reserved: bool


def lock(conn: Connection, campaign_id: str, contact_id: str, at: datetime | None) -> LockedContact | None:
    """The contact in the campaign, locked with its live call and the campaign, which is woken ``at`` then at the
    latest; ``None`` if it is not in it."""
    names = {"campaign": campaign_id, "contact": contact_id}
    conn.execute(LOCK_CALL, names)
    conn.execute(LOCK_CAMPAIGN, {"campaign": campaign_id, "at": at})
    return conn.execute(LOCK_CONTACT, names).first()


def zone_of(conn: Connection, campaign_id: str, contact_id: str) -> str | None:
    """The zone a contact has in the campaign, '' where that is the campaign's; ``None`` if it is not in it."""
    zone: str | None = conn.execute(ZONE, {"campaign": campaign_id, "contact": contact_id}).scalar()
    return zone


def set_callback(conn: Connection, campaign_id: str, contact_id: str, at: datetime) -> None:
    """Let a contact that was locked be called back: due then, before those merely due."""
    conn.execute(SET, {"campaign": campaign_id, "contact": contact_id, "at": at})


def unset_callback(conn: Connection, campaign_id: str, contact_id: str, max_attempts: int) -> None:
    """Let it be as it was before it asked."""
    conn.execute(UNSET, {"campaign": campaign_id, "contact": contact_id, "most": max_attempts})
