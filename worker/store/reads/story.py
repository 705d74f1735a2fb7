"""What there is about one person: the campaigns it is in, its do-not-call, what was noted of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import Connection, text

from worker.store.bans import is_listed, purpose_of
from worker.store.columns import CallWindowColumns, Timed
from worker.store.consents import best_consent
from worker.store.crm.campaign_contacts import READS_AS, READS_WHY
from worker.store.crm.do_not_call import BannedRow
from worker.store.rules import RULES
from worker.store.shapes import shaped

# One contact is in few campaigns, so its are found by the primary key, and then put in order.
_CAMPAIGNS = f"""
SELECT cc.campaign_id, c.name, CAST(c.status AS text) AS campaign_status, c.deleted_at, c.max_attempts_per_contact,
       c.call_window_start, c.call_window_end, c.call_window_timezone, c.call_windows, c.scheduled_end_at,
       c.settings, {RULES}, (SELECT dialer_now()) AS now, cc.contact_id, {READS_AS} AS status, {READS_WHY} AS reason,
       cc.attempts, cc.due_at, cc.callback_at, cc.callbacks_used, cc.zone, cc.called, cc.answered,
       cc.added_at, k.phone_e164, k.phone_fault,
       {best_consent("k.team_id", "k.phone_e164", purpose_of("cc.campaign_id"))} AS consent,
       k.do_not_call OR {is_listed("k.team_id", "k.phone_e164", purpose_of("cc.campaign_id"))} AS do_not_call,
       EXISTS (SELECT FROM calls l WHERE l.team_id = k.team_id AND l.contact_id = k.id AND l.ended_at IS NULL)
       OR EXISTS (SELECT FROM calls l WHERE l.team_id = k.team_id AND l.to_number = k.phone_e164 AND l.ended_at IS NULL)
           AS on_the_phone
FROM (SELECT * FROM campaign_contacts WHERE contact_id = :contact {{which}}) AS cc
JOIN campaigns c ON c.id = cc.campaign_id
JOIN contacts k ON k.id = cc.contact_id
WHERE k.team_id = :team
ORDER BY cc.id DESC
"""
CAMPAIGNS = text(_CAMPAIGNS.format(which="ORDER BY id DESC LIMIT :most"))
CAMPAIGN = text(_CAMPAIGNS.format(which="AND campaign_id = :campaign"))
# The reason and the instant are those of the entry that holds for most: the one of all purposes, if there is one.
DO_NOT_CALL = text("""
SELECT k.do_not_call AS by_flag, d.number IS NOT NULL AS by_list, d.reason AS list_reason, d.created_at AS listed_at,
       ARRAY(SELECT m.import_id FROM do_not_call_imports m
             WHERE m.contact_id = k.id AND m.ended_at IS NULL ORDER BY m.import_id) AS imports
FROM contacts k LEFT JOIN LATERAL (
    SELECT number, reason, created_at, purpose FROM do_not_call WHERE team_id = k.team_id AND number = k.phone_e164
    UNION ALL
    SELECT number, reason, created_at, purpose FROM do_not_call_everywhere WHERE number = k.phone_e164
    ORDER BY purpose, created_at LIMIT 1) AS d ON true
WHERE k.id = :contact AND k.team_id = :team
""")
ENTRIES = text("""
SELECT false AS for_all_teams, number, purpose, reason, source, evidence, added_by, created_at
FROM do_not_call WHERE team_id = :team AND number = ANY(CAST(:numbers AS text[]))
UNION ALL
SELECT true, number, purpose, reason, source, evidence, added_by, created_at
FROM do_not_call_everywhere WHERE number = ANY(CAST(:numbers AS text[]))
ORDER BY number, for_all_teams, purpose
""")
EDITS = text("""
SELECT a.at, a.actor, a.action, a.detail
FROM unnest(CAST(:subjects AS text[])) AS x (subject)
CROSS JOIN LATERAL (SELECT * FROM audit_log WHERE subject_id = x.subject AND team_id = :team
                    ORDER BY id DESC LIMIT :most) AS a
ORDER BY a.id DESC LIMIT :most
""")


@shaped(CAMPAIGNS, CAMPAIGN)
class StoryCampaign(CallWindowColumns, Timed, Protocol):
    """A campaign the contact is in, and how it stands there; ``consent`` is the one it has given
    (:class:`worker.law.words.Consent`)."""

    campaign_id: str
    name: str
    campaign_status: str
    deleted_at: datetime | None
    max_attempts_per_contact: int
    contact_id: str
    status: str
    reason: str | None
    attempts: int
    due_at: datetime
    callback_at: datetime | None
    callbacks_used: int
    zone: str
    called: bool
    answered: bool
    added_at: datetime
    phone_e164: str | None
    phone_fault: str | None
    consent: int
    do_not_call: bool
    on_the_phone: bool


@shaped(DO_NOT_CALL)
class StoryBan(Protocol):
    """Whether the contact is do-not-call by its own mark, and by the team's list; and which imports made the mark."""

    by_flag: bool
    by_list: bool
    list_reason: str | None
    listed_at: datetime | None
    imports: list[str]


@shaped(ENTRIES)
class StoryEntry(BannedRow, Protocol):
    """An entry of a do-not-call list that a number is on, the team's or the one above teams."""

    for_all_teams: bool


@shaped(EDITS)
class StoryEdit(Protocol):
    """What somebody did."""

    at: datetime
    actor: str
    action: str
    detail: dict[str, Any]


def campaigns_of(conn: Connection, team_id: str, contact_id: str, *, most: int) -> Sequence[StoryCampaign]:
    """The campaigns the contact was added to last."""
    return conn.execute(CAMPAIGNS, {"team": team_id, "contact": contact_id, "most": most}).all()


def campaign_of(conn: Connection, team_id: str, contact_id: str, campaign_id: str) -> StoryCampaign | None:
    """How the team's contact stands in this campaign, if it is in it."""
    return conn.execute(CAMPAIGN, {"team": team_id, "contact": contact_id, "campaign": campaign_id}).first()


def do_not_call(conn: Connection, team_id: str, contact_id: str) -> StoryBan:
    """By which word the team's contact is not to be called."""
    return conn.execute(DO_NOT_CALL, {"team": team_id, "contact": contact_id}).one()


def entries(conn: Connection, team_id: str, numbers: Sequence[str]) -> Sequence[StoryEntry]:
    """The entries of the lists that these numbers are on."""
    return conn.execute(ENTRIES, {"team": team_id, "numbers": list(numbers)}).all()


def edits(conn: Connection, team_id: str, subjects: Sequence[str], *, most: int) -> Sequence[StoryEdit]:
    """What was noted of these subjects, the contact and its number, the latest first."""
    return conn.execute(EDITS, {"team": team_id, "subjects": list(subjects), "most": most}).all()
