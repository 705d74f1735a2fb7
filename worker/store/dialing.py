"""What ``dial`` reads of reserved calls, and the commit by which they may leave.

A contact of a campaign is found by the contact: compared as ``campaign_id || ''``, for which there is no index, or a
plan made while a campaign was small goes through all its contacts when it no longer is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import Connection, text

from worker.domain.model import Bounds
from worker.store import call_history
from worker.store.assistants import AssistantColumns
from worker.store.bans import CALLS_FOR, is_erased, is_listed
from worker.store.batches import Batch, Law
from worker.store.breakers import IS_WATCHED, MAY_DIAL, RATE_NOW, SHARED_RATES
from worker.store.call_history import CallHistory
from worker.store.columns import CallAtCarrier, CallWindowColumns, RatedAccount, RetryColumns, Timed, WatchedCall
from worker.store.consents import best_consent, still_consents
from worker.store.conversations import SECRET, ConversationColumns, person_of
from worker.store.failovers import IS_NOT_HELD
from worker.store.rules import BY_PLACE, RULES_OF_TEAM, key
from worker.store.shapes import shaped


@dataclass(frozen=True, slots=True)
class Departure:
    """A reserved call whose turn has come: until when it may be committed (the last moment of its window), and the
    campaign's policy that said so; where rules bind, the ``law`` by which it passes; the caps and quiet times
    (``frequency``) that allowed it, and the ``history`` of its number by which they did."""

    call_id: str
    valid_until: datetime
    policy_version: int
    law: Law = None
    frequency: Law = None
    history: str | None = None


DEPARTURES = Batch(Departure)

RESERVED_CALLS = text(f"""
WITH shared AS MATERIALIZED ({SHARED_RATES})
SELECT k.id, k.team_id, k.campaign_id, k.contact_id, k.token, k.number_id, k.account_id, k.from_number, k.to_number,
       k.zone, a.carrier, {RATE_NOW} AS account_rate, n.calls_per_second AS number_rate,
       (SELECT s.rate FROM shared s WHERE s.carrier = a.carrier) AS credentials_rate,
       c.policy_version, c.call_window_start, c.call_window_end, c.call_window_timezone, c.call_windows,
       c.scheduled_end_at, c.settings, {RULES_OF_TEAM} AS rules, k.secondary,
       CASE WHEN {BY_PLACE} THEN {best_consent("k.team_id", "k.to_number", CALLS_FOR)} ELSE 0 END AS consent,
       (SELECT dialer_now()) AS now, (SELECT dialer_speed()) AS speed,
       c.max_attempts_per_contact, c.retry_delay_minutes, k.rang,
       cc.attempts + 1 AS attempts, cc.technical_failures, cc.rejections, cc.invalid_results,
       v.stream_url, v.answer_url, v.carrier_ids,
       c.variables, c.outcomes, {SECRET}, {person_of("k.contact_id")},
       a.breaker_until IS NOT NULL AS is_tripped, {IS_WATCHED} AS is_watched, a.channels IS NOT NULL AS is_held,
       c.frequency, t.policy -> 'frequency' AS team_frequency,
       e.recent, e.conversed_at, e.refused_at, e.history
FROM calls k
LEFT JOIN LATERAL (SELECT {call_history.READ} FROM callees e
                   WHERE e.team_id = k.team_id AND e.number = k.to_number LIMIT 1) AS e ON true
JOIN campaigns c ON c.id = k.campaign_id
JOIN teams t ON t.id = k.team_id
JOIN assistants v ON v.id = c.assistant_id
JOIN campaign_contacts cc ON cc.contact_id = k.contact_id AND cc.campaign_id || '' = k.campaign_id
JOIN carrier_accounts a ON a.id = k.account_id
JOIN phone_numbers n ON n.id = k.number_id
WHERE k.id = ANY(:ids) AND k.state = 'reserved'
ORDER BY k.team_id, k.id
""")

ACCOUNTS_OF_RESERVED = text("SELECT id, account_id FROM calls WHERE id = ANY(:ids) AND state = 'reserved'")

COMMIT_DIALING = text(f"""
WITH now AS MATERIALIZED (SELECT dialer_now() AS at),   -- read once, not for every row that is looked at
free AS MATERIALIZED (
    SELECT k.id, k.campaign_id, k.contact_id, cc.attempts, cc.called, cc.callback_at, x.valid_until, now.at AS now,
           x.law, x.frequency, k.to_number,
           cc.attempts >= c.max_attempts_per_contact AS is_extra,
           greatest(c.max_attempts_per_contact, cc.attempts + 1) AS max_attempts
    FROM {DEPARTURES}
    JOIN calls k ON k.id = x.call_id
    JOIN campaigns c ON c.id = k.campaign_id
    JOIN teams t ON t.id = c.team_id
    JOIN contacts p ON p.id = k.contact_id
    JOIN campaign_contacts cc ON cc.contact_id = k.contact_id AND cc.campaign_id || '' = k.campaign_id
    JOIN phone_numbers n ON n.id = k.number_id
    JOIN carrier_accounts a ON a.id = k.account_id
    CROSS JOIN now
    WHERE k.state = 'reserved' AND c.status = 'running' AND c.deleted_at IS NULL AND c.run_id = k.run_id
      AND c.policy_version = x.policy_version AND now.at < x.valid_until
      AND c.closing_at IS NULL AND (c.scheduled_end_at IS NULL OR now.at < c.scheduled_end_at)
      AND EXISTS (SELECT FROM campaign_numbers o WHERE o.campaign_id = k.campaign_id AND o.number_id = k.number_id)
      AND (cc.attempts < c.max_attempts_per_contact OR cc.callback_at IS NOT NULL AND cc.callbacks_used = 0)
      AND (cc.callback_at IS NULL OR cc.callback_at <= now.at) AND n.enabled AND a.enabled
      AND k.reserved_at <= clock_timestamp() AND {IS_NOT_HELD}
      AND {MAY_DIAL}
      AND (k.secondary IS NULL AND p.phone_e164 = k.to_number
           OR k.secondary = p.phone_secondary AND c.use_secondary_phone)
      AND {key("p", BY_PLACE)} = k.zone AND NOT p.do_not_call
      AND NOT {is_listed("k.team_id", "k.to_number", CALLS_FOR)}
      AND NOT {is_erased("k.team_id", "k.to_number")}
      AND {still_consents("x.law", "k.team_id", "k.to_number", "now.at")}
      AND {call_history.unchanged("k.team_id", "k.to_number", "x.history")}
    ORDER BY k.id FOR NO KEY UPDATE OF k, cc),   -- who asks to be called later has the contact's row
numbered AS (
    UPDATE campaign_contacts cc
    SET attempts = cc.attempts + 1, called = true, callbacks_used = cc.callbacks_used + f.is_extra::int,
        callback_at = NULL, rank = cc.priority
    FROM free f WHERE cc.contact_id = f.contact_id AND cc.campaign_id || '' = f.campaign_id)
UPDATE calls k
SET state = 'dialing', attempt = f.attempts + 1, called_before = f.called, max_attempts = f.max_attempts,
    callback_at = f.callback_at, is_extra = f.is_extra, valid_until = f.valid_until,
    dialed_at = f.now, dialing_at = clock_timestamp(), law = f.law,
    checked_at = clock_timestamp(), next_check_at = clock_timestamp() + :request * interval '1 second',
    clock_jump = coalesce((SELECT max(number) FROM clock_jumps), 0),
    provable_end_at = clock_timestamp()
        + (:overhead + :callee / dialer_speed()) * interval '1 second',
    frequency = f.frequency
FROM (SELECT * FROM free ORDER BY to_number) f WHERE k.id = f.id   -- whose numbers' history is written in this order
RETURNING k.id
""")


@shaped(RESERVED_CALLS)
class ReservedCall(
    CallAtCarrier,
    RatedAccount,
    CallWindowColumns,
    RetryColumns,
    AssistantColumns,
    ConversationColumns,
    WatchedCall,
    Timed,
    CallHistory,
    Protocol,
):
    """A call that is only reserved, with what is needed to place it. ``speed`` is that of business time; ``is_tripped``
    says that its account's breaker is not closed, ``is_held`` that its account is kept to the channels that its carrier
    took."""

    id: str
    account_id: str
    carrier: str
    settings: Mapping[str, Any]
    team_id: str
    campaign_id: str
    contact_id: str
    number_id: str
    zone: str
    secondary: str | None
    consent: int
    number_rate: float | None
    policy_version: int
    speed: float
    is_tripped: bool
    is_held: bool
    frequency: Sequence[Mapping[str, Any]] | None
    team_frequency: Sequence[Mapping[str, Any]] | None


def reserved_calls(
    conn: Connection, call_ids: Sequence[str], *, recovery_seconds: float, sharing: Sequence[str] = ()
) -> Sequence[ReservedCall]:
    """What is needed to dial the calls named that are still only reserved, team by team, ids ascending;
    ``account_rate`` as slowed as it is now, recovering step by step in ``recovery_seconds``, and ``credentials_rate``,
    of a carrier among those ``sharing`` them, that of all its accounts together."""
    values = {"ids": list(call_ids), "recovery": recovery_seconds, "sharing": list(sharing)}
    return conn.execute(RESERVED_CALLS, values).all()


def accounts_of_reserved(conn: Connection, call_ids: Sequence[str]) -> dict[str, list[str]]:
    """Account → those of the calls named that are only reserved, in the order they are named."""
    places = {call_id: place for place, call_id in enumerate(call_ids)}
    rows = conn.execute(ACCOUNTS_OF_RESERVED, {"ids": list(places)})
    accounts: dict[str, list[str]] = {}
    for row in sorted(rows, key=lambda row: places[row.id]):
        accounts.setdefault(row.account_id, []).append(row.id)
    return accounts


def commit_dialing(conn: Connection, bounds: Bounds, departures: Sequence[Departure]) -> list[str]:
    """Write ahead that these calls may leave now.

    Returns the ids that may; each has its attempt numbered and its provable end set. The others must not be
    sent: their campaign stopped, their contact changed, or their moment passed.
    """
    given = dialing_times(bounds)
    return sorted(row.id for row in conn.execute(COMMIT_DIALING, DEPARTURES.bind(departures) | given))


def dialing_times(bounds: Bounds) -> dict[str, float]:
    """When a call that may leave now is looked after, and when it is over at the latest, as parameters."""
    return {
        "request": bounds.send_fence_seconds + bounds.request_seconds,
        "overhead": overhead_seconds(bounds),
        "callee": float(bounds.ring_seconds + bounds.longest_call_seconds),
    }


def overhead_seconds(bounds: Bounds) -> float:
    """How much longer than its callee rings and talks a call can last from the commit of ``dialing`` on."""
    return (
        bounds.send_fence_seconds
        + bounds.request_seconds
        + bounds.carrier_queue_seconds
        + bounds.provable_end_margin_seconds
    )
