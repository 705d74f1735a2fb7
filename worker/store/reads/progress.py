"""What is needed to say how far a campaign has come, and why nothing is dialed; read without a lock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import Connection, text

from worker.store.breakers import IS_PROBED
from worker.store.columns import CallWindowColumns, ClosableCampaign, Timed
from worker.store.instants import is_over
from worker.store.rules import RULES
from worker.store.shapes import shaped

CAPPED = """(SELECT count(*) FROM campaign_contacts cc
        WHERE cc.campaign_id = c.id AND cc.reason = 'frequency' AND cc.status IN ('pending', 'queued')
          AND cc.due_at > (SELECT dialer_due_now())) AS capped"""
"""How many contacts of a campaign ``c`` wait because their number has had as many calls as it may."""

FACTS = text(f"""
SELECT c.id, c.name, c.status, c.pause_reason, c.scheduled_start_at, c.missed_start_at, c.closing_at, c.keep_open,
       c.deleted_at, c.next_wake_at, c.max_concurrent_calls,
       c.call_window_start, c.call_window_end, c.call_window_timezone, c.call_windows, c.scheduled_end_at,
       c.settings, {RULES}, c.purpose, t.policy AS team_policy,
       (SELECT dialer_now()) AS now, (SELECT dialer_due_now()) AS due_now, clock_timestamp() AS machine_now,
       (SELECT generation FROM slot_generation) AS generation,
       t.max_concurrent_calls AS team_limit,
       (SELECT count(*) FROM calls k WHERE k.team_id = c.team_id AND k.ended_at IS NULL) AS team_live,
       (SELECT count(*) FROM calls k WHERE k.campaign_id = c.id AND k.ended_at IS NULL) AS live,
       (SELECT count(*) FROM call_outcomes o WHERE o.campaign_id = c.id AND o.waits_until IS NOT NULL) AS awaited,
       (SELECT count(*) FROM campaign_contacts cc
        WHERE cc.campaign_id = c.id AND cc.callback_at IS NOT NULL AND cc.status IN ('pending', 'queued', 'calling')
       ) AS callbacks,
       c.frequency, {CAPPED},
       r.id AS run_id, r.state AS run_state, r.opened_by, r.max_calls, r.calls_used, r.opened_at,
       ARRAY(SELECT json_build_array(z.zone, extract(epoch FROM (
                 SELECT min((SELECT min(cc.due_at) FROM campaign_contacts cc
                             WHERE cc.campaign_id = c.id AND cc.zone = z.zone AND cc.rank = r.rank
                               AND cc.status IN ('pending', 'queued')))
                 FROM unnest(c.ranks) AS r (rank))))
             FROM campaign_zones z WHERE z.campaign_id = c.id) AS due_by_zone
FROM campaigns c
JOIN teams t ON t.id = c.team_id
LEFT JOIN runs r ON r.id = c.run_id
WHERE c.id = :id AND c.team_id = :team
""")

NUMBERS = text(f"""
SELECT n.id, n.number, n.enabled AS is_enabled, n.disabled_reason, n.account_id,
       CASE WHEN NOT {is_over("n.rested_at", "n.resting_until")} THEN n.resting_until END AS resting_until,
       CASE WHEN NOT {is_over("a.rested_at", "a.resting_until")} THEN a.resting_until END AS account_resting_until,
       a.name AS account_name, a.enabled AS is_account_enabled,
       a.resting_reason, n.resting_reason AS number_resting_reason, a.channels,
       a.breaker_until IS NOT NULL AS is_tripped,
       a.breaker_until IS NOT NULL AND {IS_PROBED} AS is_probed,
       n.max_concurrent_calls AS number_limit, a.max_concurrent_calls AS account_limit,
       (SELECT count(*) FROM calls k
        WHERE k.team_id = n.team_id AND k.number_id = n.id AND k.ended_at IS NULL) AS number_live,
       (SELECT count(*) FROM calls k
        WHERE k.team_id = n.team_id AND k.account_id = a.id AND k.ended_at IS NULL) AS account_live
FROM campaign_numbers cn
JOIN phone_numbers n ON n.id = cn.number_id
JOIN carrier_accounts a ON a.id = n.account_id
WHERE cn.campaign_id = :id ORDER BY cn.position
""")


@shaped(FACTS)
class CampaignFacts(CallWindowColumns, ClosableCampaign, Timed, Protocol):
    """A campaign with its newest run, its live calls and its team's, how many contacts wait for the outcome of their
    call, how many have had as many calls as their number may have (``capped``), and when the next contact of each zone
    is due (pairs of a zone and epoch seconds of business time, ``None`` where none waits)."""

    id: str
    name: str
    pause_reason: str | None
    purpose: str | None
    team_policy: Mapping[str, Any]
    frequency: Sequence[Mapping[str, Any]] | None
    capped: int
    scheduled_start_at: datetime | None
    missed_start_at: datetime | None
    keep_open: bool
    deleted_at: datetime | None
    next_wake_at: datetime | None
    max_concurrent_calls: int
    due_now: datetime
    machine_now: datetime
    generation: int
    team_limit: int
    team_live: int
    live: int
    awaited: int
    callbacks: int
    run_id: str | None
    run_state: str | None
    opened_by: str | None
    max_calls: int | None
    calls_used: int | None
    opened_at: datetime | None
    due_by_zone: list[tuple[str, float | None]]


@shaped(NUMBERS)
class CallerIdRow(Protocol):
    """A caller ID of a campaign and its carrier account: enabled or why not, until when they rest (machine time), how
    many calls they carry and may carry."""

    id: str
    number: str
    is_enabled: bool
    disabled_reason: str | None
    account_id: str
    resting_until: datetime | None
    account_resting_until: datetime | None
    account_name: str
    is_account_enabled: bool
    resting_reason: str | None
    number_resting_reason: str | None
    is_tripped: bool
    channels: int | None
    is_probed: bool
    number_limit: int
    account_limit: int
    number_live: int
    account_live: int


def facts(conn: Connection, team_id: str, campaign_id: str) -> CampaignFacts | None:
    """What the rows say of the team's campaign."""
    return conn.execute(FACTS, {"id": campaign_id, "team": team_id}).first()


def numbers(conn: Connection, campaign_id: str) -> Sequence[CallerIdRow]:
    """The campaign's caller IDs, in their order."""
    return conn.execute(NUMBERS, {"id": campaign_id}).all()
