"""A campaign's row: found, moved through its life, woken, completed.

Every move is one guarded UPDATE; ``None`` means that the campaign was not in a state the move is legal from
(the flow then reads it and says so). Pause, cancel and policy edits are called under
:func:`worker.store.gate.close_gate`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import Connection, text

from worker.domain.lifecycle import CAMPAIGN_MOVES, Verb
from worker.store.columns import CallWindowColumns, Timed
from worker.store.shapes import shaped

GET = text("""
SELECT c.*, (SELECT dialer_now()) AS now, t.slug AS team_slug
FROM campaigns c JOIN teams t ON t.id = c.team_id
WHERE c.id = :id AND (CAST(:team AS text) IS NULL OR c.team_id = :team)
""")

LOCK = text("SELECT id FROM campaigns WHERE id = :id FOR NO KEY UPDATE")
LOCK_ALL = text("SELECT id FROM campaigns WHERE id = ANY(:ids) ORDER BY id FOR NO KEY UPDATE")
SHARE = text("""
SELECT id, team_id, status FROM campaigns
WHERE id = :id AND (CAST(:team AS text) IS NULL OR team_id = :team) AND deleted_at IS NULL FOR SHARE
""")

MOVE = text("""
UPDATE campaigns
SET status = CAST(:target AS campaign_status), updated_at = clock_timestamp(),
    pause_reason = CASE WHEN :target = 'paused' THEN CAST(:reason AS text) END,
    stopped_at = CASE WHEN :target IN ('paused', 'cancelled') THEN clock_timestamp() ELSE stopped_at END,
    completed_at = CASE WHEN :target = 'completed' THEN clock_timestamp() END,
    hang_up = :hang_up,
    short_of_slots = false,
    run_id = coalesce(CAST(:run AS text), run_id),
    scheduled_start_at = CASE WHEN :target = 'scheduled' THEN CAST(:at AS timestamptz)
                              WHEN :target = 'draft' THEN NULL ELSE scheduled_start_at END,
    next_wake_at = CASE WHEN :target IN ('running', 'cancelled') THEN dialer_now() END
WHERE id = :id AND status = ANY(CAST(:sources AS campaign_status[])) AND deleted_at IS NULL
RETURNING id, team_id, run_id
""")

HANG_UP_TOO = text("""
UPDATE campaigns SET hang_up = true, updated_at = clock_timestamp()
WHERE id = :id AND status = 'cancelled' AND deleted_at IS NULL AND NOT hang_up RETURNING id
""")

DUE = text("""
SELECT id, team_id FROM campaigns
WHERE status = 'scheduled' AND deleted_at IS NULL AND scheduled_start_at <= dialer_now()
ORDER BY scheduled_start_at, id LIMIT :most
""")

FINISHED = text("""
SELECT c.id FROM campaigns c
WHERE c.id = ANY(:ids) AND c.status = 'running'
  AND (SELECT true FROM campaign_contacts cc WHERE cc.campaign_id = c.id AND cc.status IN ('pending', 'queued')
       ORDER BY cc.zone, cc.due_at, cc.id LIMIT 1) IS NULL
  AND CASE WHEN EXISTS (SELECT FROM calls k WHERE k.campaign_id = c.id AND k.ended_at IS NULL)
             OR EXISTS (SELECT FROM call_outcomes o WHERE o.campaign_id = c.id AND o.waits_until IS NOT NULL) THEN false
           ELSE pg_try_advisory_xact_lock(hashtextextended('adding to ' || c.id, 0)) END
ORDER BY c.id
""")

SWEPT_AT_ONCE = 5000
# An array, not a join, or the planner reads the whole table to match the batch; and the number stands in the text,
# or a generic plan takes it for a tenth of the table.
SWEEP = text(f"""
UPDATE campaign_contacts SET status = 'cancelled'
WHERE campaign_id = :id AND id > 0 AND id = ANY(ARRAY(
    SELECT cc.id FROM campaign_contacts cc
    WHERE cc.campaign_id = :id AND cc.status IN ('pending', 'queued')
    ORDER BY cc.zone, cc.due_at, cc.id LIMIT {SWEPT_AT_ONCE} FOR NO KEY UPDATE SKIP LOCKED))
""")

SWEPT = text("""
UPDATE campaigns c
SET next_wake_at = CASE WHEN EXISTS (SELECT FROM calls k WHERE k.campaign_id = c.id AND k.ended_at IS NULL)
                          OR EXISTS (SELECT FROM call_outcomes o
                                     WHERE o.campaign_id = c.id AND o.waits_until IS NOT NULL)
                        THEN dialer_now() + interval '10 seconds' END   -- the contact of a live call waits when it ends
WHERE c.id = :id AND c.status = 'cancelled'
  AND (SELECT true FROM campaign_contacts cc WHERE cc.campaign_id = c.id AND cc.status IN ('pending', 'queued')
       ORDER BY cc.zone, cc.due_at, cc.id LIMIT 1) IS NULL
""")

IS_WAITING = text("""
SELECT (SELECT true FROM campaign_contacts WHERE campaign_id = :id AND status IN ('pending', 'queued')
        ORDER BY zone, due_at, id LIMIT 1) IS NOT NULL AS waiting,
       (SELECT true FROM campaign_contacts WHERE campaign_id = :id AND id > 0 ORDER BY id LIMIT 1) IS NOT NULL AS any
""")

RUNNING = text("SELECT id FROM campaigns WHERE status = 'running' ORDER BY id")
SCHEDULED = text("SELECT id FROM campaigns WHERE status = 'scheduled' AND deleted_at IS NULL ORDER BY id")
NOW = text("SELECT dialer_now()")

MISSING_RESOURCES = text("""
SELECT 'assistant' AS what, ARRAY[CAST(:assistant AS text)] AS ids
WHERE NOT EXISTS (SELECT FROM assistants WHERE id = :assistant AND team_id = :team)
UNION ALL SELECT 'company', ARRAY[CAST(:company AS text)]
WHERE NOT EXISTS (SELECT FROM companies WHERE id = :company AND team_id = :team)
UNION ALL SELECT 'phone number', array_agg(u.id) FROM unnest(CAST(:numbers AS text[])) AS u (id)
WHERE NOT EXISTS (SELECT FROM phone_numbers n WHERE n.id = u.id AND n.team_id = :team) HAVING count(*) > 0
""")

HAS_OPEN_RUN = text("""
SELECT EXISTS (SELECT FROM campaigns c JOIN runs r ON r.id = c.run_id AND r.state = 'open' WHERE c.id = :id)
""")

AUDIT = text("""
INSERT INTO audit_log (team_id, actor, action, subject_id, detail)
SELECT team_id, :actor, :action, id, CAST(:detail AS jsonb) FROM campaigns WHERE id = :id
""")

RUNNING_OF_ACCOUNT = text("""
SELECT DISTINCT c.id, c.team_id FROM campaigns c
JOIN campaign_numbers cn ON cn.campaign_id = c.id JOIN phone_numbers n ON n.id = cn.number_id
WHERE n.account_id = :account AND c.status = 'running'
ORDER BY c.id
""")


@shaped(GET)
class CampaignRow(CallWindowColumns, Timed, Protocol):
    """A campaign and its team's ``team_slug``."""

    id: str
    team_id: str
    team_slug: str
    assistant_id: str
    company_id: str
    name: str
    description: str | None
    status: str
    scheduled_start_at: datetime | None
    max_concurrent_calls: int
    max_attempts_per_contact: int
    retry_delay_minutes: int
    variables: Mapping[str, Any] | None
    outcomes: Mapping[str, Any] | None
    run_id: str | None
    pause_reason: str | None
    hang_up: bool
    stopped_at: datetime | None
    created_at: datetime
    updated_at: datetime
    completed_at: datetime | None
    deleted_at: datetime | None


@shaped(SHARE)
class SharedCampaign(Protocol):
    """A campaign that can neither complete nor start for the moment."""

    id: str
    team_id: str
    status: str


@shaped(MOVE)
class MovedCampaign(Protocol):
    """A campaign after its move."""

    id: str
    team_id: str
    run_id: str | None


@shaped(DUE, RUNNING_OF_ACCOUNT)
class OwnedCampaign(Protocol):
    """A campaign and whose it is."""

    id: str
    team_id: str


@shaped(IS_WAITING)
class WaitingContacts(Protocol):
    """Whether ``any`` contact is in a campaign, and whether one is ``waiting``."""

    waiting: bool
    any: bool


def get(conn: Connection, campaign_id: str, team_id: str | None = None) -> CampaignRow | None:
    """The campaign with ``now`` (business time) and ``team_slug``; of ``team_id`` only, when given."""
    return conn.execute(GET, {"id": campaign_id, "team": team_id}).first()


def now(conn: Connection) -> datetime:
    """Business time."""
    at: datetime = conn.execute(NOW).scalar_one()
    return at


def missing_resources(
    conn: Connection, team_id: str, assistant_id: str, company_id: str, number_ids: Sequence[str]
) -> list[tuple[str, list[str]]]:
    """What a campaign would need and the team does not have: (what, ids)."""
    values = {"team": team_id, "assistant": assistant_id, "company": company_id, "numbers": list(number_ids)}
    return [(row.what, row.ids) for row in conn.execute(MISSING_RESOURCES, values)]


def lock(conn: Connection, campaign_id: str) -> bool:
    """Lock the campaign's row; what the next statement reads about it stays so until the transaction ends."""
    return conn.execute(LOCK, {"id": campaign_id}).first() is not None


def lock_all(conn: Connection, campaign_ids: Sequence[str]) -> None:
    """Lock the campaigns' rows in id order; a statement of its own, so that the next one reads what others had
    committed by then."""
    conn.execute(LOCK_ALL, {"ids": list(campaign_ids)})


def share(conn: Connection, campaign_id: str, team_id: str | None = None) -> SharedCampaign | None:
    """Keep the campaign from completing or starting until this transaction ends; ``None`` if there is none, of the
    team where one is named, that is not deleted."""
    return conn.execute(SHARE, {"id": campaign_id, "team": team_id}).first()


def move(
    conn: Connection,
    verb: Verb,
    campaign_id: str,
    *,
    reason: str | None = None,
    run_id: str | None = None,
    at: datetime | None = None,
    hang_up: bool = False,
) -> MovedCampaign | None:
    """Do ``verb`` if the lifecycle allows it from where the campaign is; ``None`` if not."""
    sources, target = CAMPAIGN_MOVES[verb]
    values = {"id": campaign_id, "sources": sorted(sources), "target": target.value, "reason": reason}
    return conn.execute(MOVE, values | {"run": run_id, "at": at, "hang_up": hang_up}).first()


def hang_up_too(conn: Connection, campaign_id: str) -> bool:
    """Let the live calls of a cancelled campaign be ended, which it left alone; whether it did."""
    return conn.execute(HANG_UP_TOO, {"id": campaign_id}).first() is not None


def due_to_start(conn: Connection, *, most: int) -> Sequence[OwnedCampaign]:
    """The scheduled campaigns whose instant has come, earliest first."""
    return conn.execute(DUE, {"most": most}).all()


def scheduled(conn: Connection) -> list[str]:
    """Every scheduled campaign that is not deleted."""
    return [row.id for row in conn.execute(SCHEDULED)]


def running(conn: Connection) -> list[str]:
    """Every running campaign."""
    return [row.id for row in conn.execute(RUNNING)]


def finished(conn: Connection, campaign_ids: Iterable[str]) -> list[str]:
    """Those running campaigns in which no contact waits, no call is live nor its outcome awaited, and nobody is about
    to add more contacts (:func:`worker.store.crm.contacts.hold_open`), nor begins to before this transaction ends."""
    return [row.id for row in conn.execute(FINISHED, {"ids": list(campaign_ids)})]


def sweep(conn: Connection, campaign_id: str) -> int:
    """Turn up to ``SWEPT_AT_ONCE`` waiting contacts of a cancelled campaign to ``cancelled``; returns how many."""
    return conn.execute(SWEEP, {"id": campaign_id}).rowcount


def swept(conn: Connection, campaign_id: str) -> None:
    """Let a cancelled campaign of which nothing waits sleep: for good, or for ten seconds while calls of it live."""
    conn.execute(SWEPT, {"id": campaign_id})


def waiting(conn: Connection, campaign_id: str) -> WaitingContacts:
    """Whether the campaign has contacts, and whether any of them waits."""
    return conn.execute(IS_WAITING, {"id": campaign_id}).one()


def has_open_run(conn: Connection, campaign_id: str) -> bool:
    """Whether the campaign's newest run is still open."""
    return bool(conn.execute(HAS_OPEN_RUN, {"id": campaign_id}).scalar_one())


def of_account(conn: Connection, account_id: str) -> Sequence[OwnedCampaign]:
    """The running campaigns that dial through a carrier account."""
    return conn.execute(RUNNING_OF_ACCOUNT, {"account": account_id}).all()


def audit(conn: Connection, campaign_id: str, actor: str, action: str, detail: Mapping[str, Any]) -> None:
    """Note who did what to the campaign, in the transaction that did it."""
    values = {"id": campaign_id, "actor": actor, "action": action}
    conn.execute(AUDIT, values | {"detail": json.dumps(dict(detail), default=str)})
