"""A campaign's row: found, moved through its life, woken, completed.

Every move is one guarded UPDATE; ``None`` means that the campaign was not in a state the move is legal from
(the flow then reads it and says so). Pause, cancel and policy edits are called under
:func:`worker.store.gate.close_gate`.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import Connection, text

from worker.domain.lifecycle import CAMPAIGN_MOVES, Verb
from worker.store.columns import CallWindowColumns, ClosableCampaign, Timed
from worker.store.rules import RULES
from worker.store.shapes import shaped

GET = text(f"""
SELECT c.*, {RULES}, (SELECT dialer_now()) AS now, t.slug AS team_slug, t.policy AS team_policy
FROM campaigns c JOIN teams t ON t.id = c.team_id
WHERE c.id = :id AND (CAST(:team AS text) IS NULL OR c.team_id = :team)
""")

LOCK = text("SELECT id FROM campaigns WHERE id = :id FOR NO KEY UPDATE")
LOCK_ALL = text("SELECT id FROM campaigns WHERE id = ANY(:ids) ORDER BY id FOR NO KEY UPDATE")
STAY_AWAKE = text("""
UPDATE campaigns SET next_wake_at = dialer_now() WHERE id = :id AND keep_open AND status = 'running'
""")
KNOW_RANKS = text("""
UPDATE campaigns
SET ranks = ARRAY(SELECT DISTINCT unnest(ranks || CAST(:ranks AS smallint[])) AS rank ORDER BY rank)
WHERE id = :id AND NOT ranks @> CAST(:ranks AS smallint[])
""")
SHARE = text("""
SELECT id, team_id, status, closing_at FROM campaigns
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
    missed_start_at = CASE WHEN :is_missed THEN scheduled_start_at END,
    closing_at = NULL,
    next_wake_at = CASE WHEN :target IN ('running', 'cancelled') THEN dialer_now() END
WHERE id = :id AND status = ANY(CAST(:sources AS campaign_status[])) AND deleted_at IS NULL
  AND (closing_at IS NULL OR :target IN ('completed', 'cancelled'))
RETURNING id, team_id, run_id
""")

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

DUE = text("""
(SELECT id, team_id, false AS ends FROM campaigns
 WHERE status = 'scheduled' AND deleted_at IS NULL AND scheduled_start_at <= dialer_now()
 ORDER BY scheduled_start_at, id LIMIT :most)
UNION ALL
(SELECT id, team_id, true FROM campaigns
 WHERE status IN ('running', 'paused') AND closing_at IS NULL AND deleted_at IS NULL
   AND scheduled_end_at IS NOT NULL AND scheduled_end_at <= dialer_now()
 ORDER BY scheduled_end_at, id LIMIT :most)
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

IS_WAITING = text("""
SELECT (SELECT true FROM campaign_contacts WHERE campaign_id = :id AND status IN ('pending', 'queued')
        ORDER BY zone, rank, due_at, id LIMIT 1) IS NOT NULL AS waiting,
       (SELECT true FROM campaign_contacts WHERE campaign_id = :id AND id > 0 ORDER BY id LIMIT 1) IS NOT NULL AS any
""")

WAKE = text("UPDATE campaigns SET next_wake_at = dialer_now() WHERE id = :id AND status = 'running'")

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
class CampaignRow(CallWindowColumns, ClosableCampaign, Timed, Protocol):
    """A campaign, and its team's ``team_slug`` and ``team_policy``. With ``keys_through`` some of its contacts may wait
    under keys that it went by before (:mod:`worker.store.rules`)."""

    id: str
    team_id: str
    team_slug: str
    team_policy: Mapping[str, Any]
    purpose: str | None
    law: str | None
    keys_through: int | None
    assistant_id: str
    company_id: str
    name: str
    description: str | None
    scheduled_start_at: datetime | None
    start_no_later_than_minutes: int | None
    missed_start_at: datetime | None
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
class SharedCampaign(ClosableCampaign, Protocol):
    """A campaign that can neither complete nor start for the moment."""

    id: str
    team_id: str


@shaped(MOVE)
class MovedCampaign(Protocol):
    """A campaign after its move."""

    id: str
    team_id: str
    run_id: str | None


@shaped(DUE)
class DueCampaign(Protocol):
    """A campaign whose instant has come: to start, or where it ``ends``, to end."""

    id: str
    team_id: str
    ends: bool


@shaped(RUNNING_OF_ACCOUNT)
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


def know_ranks(conn: Connection, campaign_id: str, ranks: Collection[int]) -> None:
    """Let claims look for contacts of these ranks, too. Before :func:`share`, which lets others share."""
    if ranks:
        conn.execute(KNOW_RANKS, {"id": campaign_id, "ranks": sorted(ranks)})


def share(conn: Connection, campaign_id: str, team_id: str | None = None) -> SharedCampaign | None:
    """Keep the campaign from completing or starting until this transaction ends; ``None`` if there is none, of the
    team where one is named, that is not deleted. One that is kept open may sleep for ever: it is woken, whatever
    becomes of the message for those who are put into it; locked from then on, so that it does not fall asleep."""
    conn.execute(STAY_AWAKE, {"id": campaign_id})
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
    is_missed: bool = False,
) -> MovedCampaign | None:
    """Do ``verb`` if the lifecycle allows it from where the campaign is; ``None`` if not, or if it is closing and the
    verb does not end it. Where its start ``is_missed`` it remembers when that was to be."""
    sources, target = CAMPAIGN_MOVES[verb]
    values = {"id": campaign_id, "sources": sorted(sources), "target": target.value, "reason": reason}
    return conn.execute(MOVE, values | {"run": run_id, "at": at, "hang_up": hang_up, "is_missed": is_missed}).first()


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


def due(conn: Connection, *, most: int) -> Sequence[DueCampaign]:
    """The scheduled campaigns that are to start, and those that are to end, up to so many of each, earliest first."""
    return conn.execute(DUE, {"most": most}).all()


def scheduled(conn: Connection) -> list[str]:
    """Every scheduled campaign that is not deleted."""
    return [row.id for row in conn.execute(SCHEDULED)]


def running(conn: Connection) -> list[str]:
    """Every running campaign."""
    return [row.id for row in conn.execute(RUNNING)]


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


def wake(conn: Connection, campaign_id: str) -> None:
    """Let the tick look at a campaign that runs, whatever becomes of the message for it."""
    conn.execute(WAKE, {"id": campaign_id})


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
