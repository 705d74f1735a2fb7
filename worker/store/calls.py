"""One call: what ``dial`` reads and commits, how every call moves on, and which calls need somebody.

``advance`` is the one statement that moves calls and, when they end, everything that hangs on the end: the
contact's next state, the budget, the counter. It is used for the carrier's answers, its events, its silence
and for calls that never left, so a call can end in one way only.

A contact of a campaign is found by the contact: compared as ``campaign_id || ''``, for which there is no index, or a
plan made while a campaign was small goes through all its contacts when it no longer is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, text

from worker.domain.model import Bounds
from worker.store.breakers import IS_WATCHED, MAY_DIAL, RATE_NOW, SHARED_RATES
from worker.store.dispositions import COUNTS_IF_IT_RANG, PICKED_UP, UNSENT
from worker.store.failovers import IS_NOT_HELD
from worker.store.instants import CALL_AGE, CALL_IS_OVER, age, has_waited, is_over, jumped, turn

ORDERS = text(f"""
WITH shared AS MATERIALIZED ({SHARED_RATES})
SELECT k.id, k.team_id, k.campaign_id, k.contact_id, k.token, k.number_id, k.account_id, k.from_number, k.to_number,
       k.zone, a.carrier, {RATE_NOW} AS account_rate, n.calls_per_second AS number_rate,
       (SELECT s.rate FROM shared s WHERE s.carrier = a.carrier) AS credentials_rate,
       c.policy_version, c.call_window_start, c.call_window_end, c.call_window_timezone, c.settings,
       (SELECT dialer_now()) AS now, (SELECT dialer_speed()) AS speed,
       c.max_attempts_per_contact, c.retry_delay_minutes, k.rang,
       cc.attempts + 1 AS attempts, cc.technical_failures, cc.rejections, cc.invalid_results,
       v.stream_url, v.answer_url, v.telnyx_assistant_id,
       a.breaker_until IS NOT NULL AS is_tripped, {IS_WATCHED} AS is_watched, a.channels IS NOT NULL AS is_held
FROM calls k
JOIN campaigns c ON c.id = k.campaign_id
JOIN assistants v ON v.id = c.assistant_id
JOIN campaign_contacts cc ON cc.contact_id = k.contact_id AND cc.campaign_id || '' = k.campaign_id
JOIN carrier_accounts a ON a.id = k.account_id
JOIN phone_numbers n ON n.id = k.number_id
WHERE k.id = ANY(:ids) AND k.state = 'reserved'
ORDER BY k.team_id, k.id
""")

ACCOUNTS_OF_RESERVED = text("SELECT id, account_id FROM calls WHERE id = ANY(:ids) AND state = 'reserved'")


COMMIT_DIALING = text(f"""
WITH now AS MATERIALIZED (SELECT dialer_now() AS at),   -- read once, or it is asked for every row that is looked at
free AS MATERIALIZED (
    SELECT k.id, k.campaign_id, k.contact_id, cc.attempts, cc.called, c.max_attempts_per_contact, x.valid_until,
           now.at AS now
    FROM unnest(CAST(:ids AS text[]), CAST(:valid_until AS timestamptz[]), CAST(:versions AS integer[]))
         AS x (id, valid_until, policy_version)
    JOIN calls k ON k.id = x.id
    JOIN campaigns c ON c.id = k.campaign_id
    JOIN contacts p ON p.id = k.contact_id
    JOIN campaign_contacts cc ON cc.contact_id = k.contact_id AND cc.campaign_id || '' = k.campaign_id
    JOIN phone_numbers n ON n.id = k.number_id
    JOIN carrier_accounts a ON a.id = k.account_id
    CROSS JOIN now
    WHERE k.state = 'reserved' AND c.status = 'running' AND c.deleted_at IS NULL AND c.run_id = k.run_id
      AND c.policy_version = x.policy_version AND now.at < x.valid_until
      AND EXISTS (SELECT FROM campaign_numbers o WHERE o.campaign_id = k.campaign_id AND o.number_id = k.number_id)
      AND cc.attempts < c.max_attempts_per_contact AND n.enabled AND a.enabled
      AND k.reserved_at <= clock_timestamp() AND {IS_NOT_HELD}
      AND {MAY_DIAL}
      AND p.phone_e164 = k.to_number AND coalesce(p.timezone, '') = k.zone AND NOT p.do_not_call
      AND NOT EXISTS (SELECT FROM do_not_call d WHERE d.team_id = k.team_id AND d.number = k.to_number)
    ORDER BY k.id FOR NO KEY UPDATE OF k),
numbered AS (
    UPDATE campaign_contacts cc SET attempts = cc.attempts + 1, called = true
    FROM free f WHERE cc.contact_id = f.contact_id AND cc.campaign_id || '' = f.campaign_id)
UPDATE calls k
SET state = 'dialing', attempt = f.attempts + 1, called_before = f.called, max_attempts = f.max_attempts_per_contact,
    valid_until = f.valid_until, dialed_at = f.now, dialing_at = clock_timestamp(),
    checked_at = clock_timestamp(), next_check_at = clock_timestamp() + :request * interval '1 second',
    clock_jump = coalesce((SELECT max(number) FROM clock_jumps), 0),
    provable_end_at = clock_timestamp()
        + (:overhead + :callee / dialer_speed()) * interval '1 second'
FROM free f WHERE k.id = f.id
RETURNING k.id
""")

ADVANCE = text(f"""
WITH x AS (
    SELECT * FROM unnest(
        CAST(:ids AS text[]), CAST(:states AS call_state[]), CAST(:at_most AS call_state[]),
        CAST(:carrier_ids AS text[]), CAST(:dispositions AS disposition[]), CAST(:causes AS text[]),
        CAST(:rang AS boolean[]), CAST(:verdicts AS text[]), CAST(:missed AS boolean[]),
        CAST(:late AS boolean[]), CAST(:check_in AS double precision[]), CAST(:statuses AS contact_status[]),
        CAST(:due_in AS double precision[]), CAST(:reasons AS text[]), CAST(:counts AS boolean[]),
        CAST(:reached AS boolean[]), CAST(:technical AS integer[]), CAST(:rejected AS integer[]),
        CAST(:invalid AS integer[]))
        AS x (id, state, at_most, carrier_call_id, disposition, cause, rang, verdict, missed, late, check_in, status,
              due_in, reason, counts, reached, technical, rejected, invalid)),
locked AS MATERIALIZED (   -- with its move, so that what follows joins once: two lists joined cost n × n
    SELECT x.*, k.ended_at AS was_ended_at FROM x JOIN calls k USING (id) ORDER BY k.id FOR NO KEY UPDATE OF k),
moved AS (
    UPDATE calls k
    SET state = greatest(k.state, x.state),
        carrier_call_id = coalesce(k.carrier_call_id, x.carrier_call_id),
        disposition = coalesce(k.disposition, x.disposition),
        cause = coalesce(k.cause, x.cause),
        rang = k.rang OR x.rang,
        machine_verdict = coalesce(k.machine_verdict, x.verdict),
        misses = k.misses + x.missed::int,
        late_evidence_at = CASE WHEN x.late THEN clock_timestamp() ELSE k.late_evidence_at END,
        placed_at = CASE WHEN x.state >= 'placed' AND x.reached THEN coalesce(k.placed_at, clock_timestamp())
                         ELSE k.placed_at END,
        ringing_at = CASE WHEN x.rang THEN coalesce(k.ringing_at, clock_timestamp()) ELSE k.ringing_at END,
        answered_at = CASE WHEN x.state = 'in_progress' OR x.disposition IN {PICKED_UP}
                           THEN coalesce(k.answered_at, clock_timestamp()) ELSE k.answered_at END,
        ended_at = CASE WHEN x.disposition IS NOT NULL THEN coalesce(k.ended_at, clock_timestamp())
                        ELSE k.ended_at END,
        checked_at = CASE WHEN x.check_in IS NULL THEN k.checked_at ELSE clock_timestamp() END,
        unanswered_since = CASE WHEN x.state = k.state THEN k.unanswered_since END,   -- or there is news of it
        next_check_at = CASE WHEN x.check_in IS NULL THEN k.next_check_at
                             ELSE clock_timestamp() + x.check_in * interval '1 second' END
    FROM locked x
    WHERE k.id = x.id AND k.state <= x.at_most AND (k.ended_at IS NULL OR x.disposition IS NULL)
    RETURNING k.id, k.team_id, k.campaign_id, k.run_id, k.contact_id, k.number_id, k.account_id, k.to_number,
              k.state, k.disposition, k.attempt, k.called_before, k.carrier_call_id, x.was_ended_at,
              x.status, x.due_in, x.reason, x.counts, x.reached, x.technical, x.rejected, x.invalid),
ended AS (SELECT * FROM moved WHERE state = 'ended' AND was_ended_at IS NULL),
turned AS (
    UPDATE campaign_contacts cc
    SET status = e.status, reason = e.reason,
        due_at = CASE WHEN e.due_in IS NULL THEN cc.due_at
                      ELSE (SELECT dialer_due_now()) + e.due_in * interval '1 second' END,
        attempts = cc.attempts - (NOT e.counts AND e.attempt IS NOT NULL)::int,
        called = CASE WHEN e.reached OR e.attempt IS NULL THEN cc.called ELSE e.called_before END,
        answered = cc.answered OR e.status = 'completed',
        technical_failures = cc.technical_failures + e.technical,
        rejections = cc.rejections + e.rejected,
        invalid_results = cc.invalid_results + e.invalid
    FROM ended e WHERE cc.contact_id = e.contact_id AND cc.campaign_id || '' = e.campaign_id),
counted AS (
    INSERT INTO counter_deltas (campaign_id, call_id, disposition)
    SELECT campaign_id, id, disposition FROM ended),
to_wake AS MATERIALIZED (   -- campaigns before runs, and in id order, as every claim locks them
    SELECT c.id, b.soonest
    FROM (SELECT campaign_id, min(due_in) AS soonest FROM ended
          WHERE status = 'queued' AND due_in > 0 AND due_in < 60 GROUP BY campaign_id ORDER BY campaign_id) AS b
    CROSS JOIN LATERAL (SELECT id FROM campaigns
                        WHERE id = b.campaign_id AND status = 'running' FOR NO KEY UPDATE) AS c),
woken AS (
    UPDATE campaigns c SET next_wake_at = least(c.next_wake_at, (SELECT dialer_now()) + w.soonest * interval '1 second')
    FROM to_wake w WHERE c.id = w.id RETURNING 1),
budgeted AS (
    UPDATE runs r SET calls_used = r.calls_used - b.n
    FROM (SELECT run_id, count(*) AS n FROM ended WHERE disposition IN {UNSENT} GROUP BY run_id) AS b
    CROSS JOIN (SELECT count(*) FROM woken) AS campaigns_first
    WHERE r.id = b.run_id)
SELECT id, team_id, campaign_id, contact_id, number_id, account_id, to_number, state, disposition, carrier_call_id,
       was_ended_at IS NULL AND state = 'ended' AS just_ended
FROM moved ORDER BY id
""")


@dataclass(frozen=True, slots=True)
class Move:
    """One step of one call's life, and what its end means for the contact.

    ``at_most`` guards: the call moves only while its state is not later than this. ``state`` may be the state
    it has. With a ``disposition`` the call ends, and ``contact_status`` says what becomes of the contact,
    due again in ``due_in_seconds`` of business time. ``counts`` false gives the attempt back. ``reached``
    false says that no call can have reached the carrier, so that the contact was not called by it.
    """

    call_id: str
    state: str
    at_most: str = "in_progress"
    carrier_call_id: str | None = None
    disposition: str | None = None
    cause: str | None = None
    rang: bool = False
    verdict: str | None = None
    missed: bool = False
    late_evidence: bool = False
    check_in_seconds: float | None = None
    contact_status: str | None = None
    due_in_seconds: float | None = None
    reason: str | None = None
    counts: bool = True
    reached: bool = True
    technical: int = 0
    rejected: int = 0
    invalid: int = 0


def orders(
    conn: Connection, call_ids: Sequence[str], *, recovery_seconds: float, sharing: Sequence[str] = ()
) -> Sequence[Row[Any]]:
    """What is needed to dial the calls named that are still only reserved, team by team, ids ascending;
    ``account_rate`` as slowed as it is now, recovering step by step in ``recovery_seconds``, and ``credentials_rate``,
    of a carrier among those ``sharing`` them, that of all its accounts together."""
    values = {"ids": list(call_ids), "recovery": recovery_seconds, "sharing": list(sharing)}
    return conn.execute(ORDERS, values).all()


def accounts_of_reserved(conn: Connection, call_ids: Sequence[str]) -> dict[str, list[str]]:
    """Account → those of the calls named that are only reserved, in the order they are named."""
    places = {call_id: place for place, call_id in enumerate(call_ids)}
    rows = conn.execute(ACCOUNTS_OF_RESERVED, {"ids": list(places)})
    accounts: dict[str, list[str]] = {}
    for row in sorted(rows, key=lambda row: places[row.id]):
        accounts.setdefault(row.account_id, []).append(row.id)
    return accounts


def commit_dialing(conn: Connection, bounds: Bounds, calls: Sequence[tuple[str, datetime, int]]) -> list[str]:
    """Write ahead that the calls (id, last moment of the window, policy version) may leave now.

    Returns the ids that may; each has its attempt numbered and its provable end set. The others must not be
    sent: their campaign stopped, their contact changed, or their moment passed.
    """
    ids, valid_until, versions = zip(*calls, strict=True)
    rows = conn.execute(
        COMMIT_DIALING,
        {
            "ids": list(ids),
            "valid_until": list(valid_until),
            "versions": list(versions),
            "request": bounds.send_fence_seconds + bounds.request_seconds,
            "overhead": overhead_seconds(bounds),
            "callee": float(bounds.ring_seconds + bounds.longest_call_seconds),
        },
    )
    return sorted(row.id for row in rows)


def overhead_seconds(bounds: Bounds) -> float:
    """How much longer than its callee rings and talks a call can last from the commit of ``dialing`` on."""
    return (
        bounds.send_fence_seconds
        + bounds.request_seconds
        + bounds.carrier_queue_seconds
        + bounds.provable_end_margin_seconds
    )


def advance(conn: Connection, moves: Sequence[Move]) -> Sequence[Row[Any]]:
    """Move the calls; returns the rows of those that moved (``just_ended`` where this ended them).

    A move whose guard fails, or that would end a call again, is left out: somebody else was first.
    """
    if not moves:
        return []
    return conn.execute(
        ADVANCE,
        {
            "ids": [m.call_id for m in moves],
            "states": [m.state for m in moves],
            "at_most": [m.at_most for m in moves],
            "carrier_ids": [m.carrier_call_id for m in moves],
            "dispositions": [m.disposition for m in moves],
            "causes": [m.cause for m in moves],
            "rang": [m.rang for m in moves],
            "verdicts": [m.verdict for m in moves],
            "missed": [m.missed for m in moves],
            "late": [m.late_evidence for m in moves],
            "check_in": [m.check_in_seconds for m in moves],
            "statuses": [m.contact_status for m in moves],
            "due_in": [m.due_in_seconds for m in moves],
            "reasons": [m.reason for m in moves],
            "counts": [m.counts for m in moves],
            "reached": [m.reached for m in moves],
            "technical": [m.technical for m in moves],
            "rejected": [m.rejected for m in moves],
            "invalid": [m.invalid for m in moves],
        },
    ).all()


_HISTORY = f"""
SELECT k.id, k.team_id, k.campaign_id, k.token, k.number_id, k.account_id, k.from_number, k.to_number, k.state,
       k.carrier_call_id, k.disposition, k.cause, k.rang, k.machine_verdict, k.attempt, k.misses, k.dialing_at,
       coalesce(k.placed_at, k.dialing_at) AS placed_at,
       k.end_requested_at, a.carrier, {IS_WATCHED} AS is_watched,
       cc.attempts, cc.technical_failures, cc.rejections, cc.invalid_results,
       c.max_attempts_per_contact, c.retry_delay_minutes, c.settings, (SELECT dialer_speed()) AS speed
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

BY_TOKEN = text(f"{_HISTORY.format(more='')} WHERE k.token = ANY(:tokens) ORDER BY k.id FOR NO KEY UPDATE OF k")
BY_ID = text(f"""
{_HISTORY.format(more=_HOW_LONG)} WHERE k.id = ANY(:ids) AND k.ended_at IS NULL ORDER BY k.id FOR NO KEY UPDATE OF k
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

UNDISPATCHED = text(f"""
UPDATE calls k SET rung_at = clock_timestamp()
WHERE k.id IN (SELECT id FROM calls
               WHERE ended_at IS NULL AND state = 'reserved'
                 AND {has_waited("coalesce(rung_at, reserved_at)", ":after")}
               ORDER BY {turn("coalesce(rung_at, reserved_at)")}, id LIMIT :most FOR NO KEY UPDATE SKIP LOCKED)
RETURNING k.id, k.team_id, k.account_id, {has_waited("k.reserved_at", ":release_after")} AS is_stale
""")

STALE_RESERVED = text("""
SELECT k.id FROM calls k JOIN campaigns c ON c.id = k.campaign_id
WHERE k.ended_at IS NULL AND k.state = 'reserved' AND (c.status <> 'running' OR c.run_id <> k.run_id)
ORDER BY k.id LIMIT :most
""")

RANG_AFTER_ALL = text(f"""
WITH rung AS (
    UPDATE calls SET rang = true, ringing_at = coalesce(ringing_at, clock_timestamp())
    WHERE id = :id AND disposition IN {COUNTS_IF_IT_RANG} AND NOT rang
    RETURNING contact_id, campaign_id)
UPDATE campaign_contacts cc
SET attempts = least(cc.attempts + 1, 20),
    due_at = CASE WHEN cc.status = 'queued' THEN greatest(cc.due_at, dialer_due_now() + :due_in * interval '1 second')
                  ELSE cc.due_at END
FROM rung r WHERE cc.contact_id = r.contact_id AND cc.campaign_id = r.campaign_id
""")

ALL_LIVE = text(f"""
SELECT id, team_id, campaign_id, number_id, account_id, {age("reserved_at")} * interval '1 second' AS live_for
FROM calls WHERE ended_at IS NULL ORDER BY id
""")


def by_token(conn: Connection, tokens: Sequence[str]) -> Sequence[Row[Any]]:
    """The calls that carry these tokens, locked, with what deciding about news of them needs."""
    return conn.execute(BY_TOKEN, {"tokens": list(tokens)}).all()


def live_by_id(conn: Connection, call_ids: Sequence[str]) -> Sequence[Row[Any]]:
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
) -> Sequence[Row[Any]]:
    """Take the reserved calls whose doorbell nobody answered; ``is_stale`` where it is time to give up."""
    return conn.execute(
        UNDISPATCHED, {"after": after_seconds, "release_after": release_after_seconds, "most": most}
    ).all()


def stale_reserved(conn: Connection, *, most: int = 1000) -> list[str]:
    """Reserved calls whose campaign stopped or whose run was followed by a newer one."""
    return [row.id for row in conn.execute(STALE_RESERVED, {"most": most})]


def rang_after_all(conn: Connection, call_id: str, *, due_in_seconds: float) -> None:
    """Count the attempt that was given back when this call was cancelled, and let its contact wait as after any
    other. A statement of its own, for ``advance`` may have moved the same contact in the same transaction."""
    conn.execute(RANG_AFTER_ALL, {"id": call_id, "due_in": due_in_seconds})


def all_live(conn: Connection) -> Sequence[Row[Any]]:
    """Every live call with its scopes and for how long it has been live, to compare with the slots."""
    return conn.execute(ALL_LIVE).all()
