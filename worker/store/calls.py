"""The calls that are under way: read, locked, for who decides about them, and taken by who looks after them.

How a call begins stands in :mod:`worker.store.claims` and :mod:`worker.store.dialing`, how it moves on in
:mod:`worker.store.moves`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol

from sqlalchemy import Connection, text

from worker.store.breakers import IS_WATCHED
from worker.store.columns import CallAtCarrier, CallScopes, EndedCall, RetryColumns
from worker.store.dispositions import COUNTS_IF_IT_RANG
from worker.store.instants import CALL_AGE, CALL_IS_OVER, age, has_waited, is_over, jumped, turn
from worker.store.shapes import shaped

_WITH_POLICY = f"""
SELECT k.id, k.team_id, k.campaign_id, k.token, k.number_id, k.account_id, k.from_number, k.to_number, k.state,
       k.carrier_call_id, k.disposition, k.cause, k.rang, k.machine_verdict, k.attempt, k.misses, k.dialing_at,
       coalesce(k.placed_at, k.dialing_at) AS placed_at,
       k.end_requested_at, a.carrier, {IS_WATCHED} AS is_watched,
       cc.attempts, cc.technical_failures, cc.rejections, cc.invalid_results,
       c.max_attempts_per_contact, c.retry_delay_minutes, c.settings, c.outcomes, (SELECT dialer_speed()) AS speed,
       clock_timestamp() AS read_at
{{more}}
FROM calls k
JOIN campaigns c ON c.id = k.campaign_id
JOIN campaign_contacts cc ON cc.contact_id = k.contact_id AND cc.campaign_id || '' = k.campaign_id
JOIN carrier_accounts a ON a.id = k.account_id
"""

_HOW_LONG = f"""
     , {CALL_IS_OVER} AS is_over, {CALL_AGE} AS age_seconds,
       extract(epoch FROM k.provable_end_at - clock_timestamp())::float + {jumped("k.clock_jump", "k.dialing_at")}
           AS over_in_seconds
"""

BY_TOKEN = text(f"{_WITH_POLICY.format(more='')} WHERE k.token = ANY(:tokens) ORDER BY k.id FOR NO KEY UPDATE OF k")
BY_TOKEN_IF_FREE = text(f"{BY_TOKEN.text} SKIP LOCKED")
BY_ID = text(f"""
{_WITH_POLICY.format(more=_HOW_LONG)} WHERE k.id = ANY(:ids) AND k.ended_at IS NULL ORDER BY k.id FOR NO KEY UPDATE OF k
""")

OVERDUE = text(f"""
UPDATE calls k
SET checked_at = clock_timestamp(), next_check_at = clock_timestamp() + :again * interval '1 second',
    unanswered_since = coalesce(k.unanswered_since, clock_timestamp())
WHERE k.id IN (SELECT id FROM calls
               WHERE ended_at IS NULL AND next_check_at IS NOT NULL AND {is_over("checked_at", "next_check_at")}
               ORDER BY next_check_at LIMIT :most FOR NO KEY UPDATE SKIP LOCKED)
RETURNING k.id
""")

ANSWERED = text("""
UPDATE calls SET unanswered_since = NULL WHERE id = ANY(:ids) AND unanswered_since IS NOT NULL
""")

# rung_at is when a message for the call was last sent again: dispatched_at.
UNDISPATCHED = text(f"""
UPDATE calls k SET rung_at = clock_timestamp()
WHERE k.id IN (SELECT id FROM calls
               WHERE ended_at IS NULL AND state = 'reserved'
                 AND {has_waited("coalesce(rung_at, reserved_at)", ":after")}
               ORDER BY {turn("coalesce(rung_at, reserved_at)")}, id LIMIT :most FOR NO KEY UPDATE SKIP LOCKED)
RETURNING k.id, k.team_id, k.account_id, {has_waited("k.reserved_at", ":release_after")} AS is_stale
""")

ARE_UNDISPATCHED = text(f"""
SELECT EXISTS (SELECT FROM calls
               WHERE ended_at IS NULL AND state = 'reserved'
                 AND {has_waited("coalesce(rung_at, reserved_at)", ":after")})
""")

STALE_RESERVED = text("""
SELECT k.id FROM calls k JOIN campaigns c ON c.id = k.campaign_id
WHERE k.ended_at IS NULL AND k.state = 'reserved'
  AND (c.status <> 'running' OR c.run_id <> k.run_id OR c.closing_at IS NOT NULL)
ORDER BY k.id LIMIT :most
""")

LATE_RING = text(f"""
WITH late AS (
    UPDATE calls SET rang = true, ringing_at = coalesce(ringing_at, clock_timestamp())
    WHERE id = :id AND disposition IN {COUNTS_IF_IT_RANG} AND NOT rang
    RETURNING contact_id, campaign_id, callback_at, is_extra)
UPDATE campaign_contacts cc
SET attempts = least(cc.attempts + 1, 21),
    callbacks_used = greatest(cc.callbacks_used, l.is_extra::int),   -- it was a callback after all
    callback_at = CASE WHEN cc.callback_at IS DISTINCT FROM l.callback_at THEN cc.callback_at END,
    rank = CASE WHEN cc.callback_at IS DISTINCT FROM l.callback_at THEN cc.rank ELSE cc.priority END,
    due_at = CASE WHEN cc.status = 'queued' THEN greatest(cc.due_at, dialer_due_now() + :due_in * interval '1 second')
                  ELSE cc.due_at END
FROM late l WHERE cc.contact_id = l.contact_id AND cc.campaign_id = l.campaign_id
""")

ALL_LIVE = text(f"""
SELECT id, team_id, campaign_id, number_id, account_id, {age("reserved_at")} * interval '1 second' AS live_for
FROM calls WHERE ended_at IS NULL ORDER BY id
""")


@shaped(BY_TOKEN, BY_TOKEN_IF_FREE)
class CallWithPolicy(CallScopes, CallAtCarrier, RetryColumns, EndedCall, Protocol):
    """A call, how far it has come, and what decides about its contact when it ends."""

    id: str
    account_id: str
    rang: bool
    cause: str | None
    state: str
    carrier_call_id: str | None
    disposition: str | None
    machine_verdict: str | None
    misses: int
    dialing_at: datetime | None
    placed_at: datetime | None
    speed: float
    read_at: datetime


@shaped(BY_ID)
class LiveCall(CallWithPolicy, Protocol):
    """The same of a call that lives: whether it is provably over and in how many seconds it will be, and for how many
    it has been under way; ``None`` while it is only reserved."""

    is_over: bool | None
    age_seconds: float | None
    over_in_seconds: float | None


@shaped(UNDISPATCHED)
class UndispatchedCall(Protocol):
    """A reserved call that nobody dialed; ``is_stale`` where it is time to give it up."""

    id: str
    team_id: str
    account_id: str
    is_stale: bool


@shaped(ALL_LIVE)
class CallInSlots(CallScopes, Protocol):
    """A live call, and for how long it has been live."""

    live_for: timedelta


def by_token(conn: Connection, tokens: Sequence[str]) -> Sequence[CallWithPolicy]:
    """The calls that carry these tokens, locked, with what deciding about news of them needs."""
    return conn.execute(BY_TOKEN, {"tokens": list(tokens)}).all()


def live_by_id(conn: Connection, call_ids: Sequence[str]) -> Sequence[LiveCall]:
    """Those of the calls named that are live, locked, with what deciding about them needs: what is needed about news,
    whether they are provably over and in how many seconds they will be, and for how many they have been under way."""
    return conn.execute(BY_ID, {"ids": list(call_ids)}).all()


def overdue(conn: Connection, *, again_in_seconds: float, most: int) -> list[str]:
    """Take the live calls whose time to be looked at has come, for ``again_in_seconds``: nobody else gets
    them before that."""
    rows = conn.execute(OVERDUE, {"again": again_in_seconds, "most": most})
    return sorted(row.id for row in rows)


def answered(conn: Connection, call_ids: Sequence[str]) -> None:
    """Their carrier has said something of these calls, or that it knows none."""
    conn.execute(ANSWERED, {"ids": list(call_ids)})


def undispatched(
    conn: Connection, *, after_seconds: float, release_after_seconds: float, most: int
) -> Sequence[UndispatchedCall]:
    """Take the reserved calls whose message was lost, or that nobody has come to; longest waiting first."""
    return conn.execute(
        UNDISPATCHED, {"after": after_seconds, "release_after": release_after_seconds, "most": most}
    ).all()


def are_undispatched(conn: Connection, *, after_seconds: float) -> bool:
    """Whether there are any."""
    return bool(conn.execute(ARE_UNDISPATCHED, {"after": after_seconds}).scalar_one())


def stale_reserved(conn: Connection, *, most: int = 1000) -> list[str]:
    """Reserved calls whose campaign stopped or whose run was followed by a newer one."""
    return [row.id for row in conn.execute(STALE_RESERVED, {"most": most})]


def late_ring(conn: Connection, call_id: str, *, due_in_seconds: float) -> None:
    """Count the attempt that was given back when this call was cancelled, and let its contact wait as after any
    other. A statement of its own, for ``advance`` may have moved the same contact in the same transaction."""
    conn.execute(LATE_RING, {"id": call_id, "due_in": due_in_seconds})


def all_live(conn: Connection) -> Sequence[CallInSlots]:
    """Every live call with its scopes and for how long it has been live, to compare with the slots."""
    return conn.execute(ALL_LIVE).all()
