"""What came of conversations: reported by assistants, waited for, decided.

A report takes its call's lock, then its row here; an end has the call's lock already. So of the two the later one sees
the earlier: the word that came first decides with the end, the one that came later ends the wait.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import Connection, text

from worker.domain.outcomes import Meaning, OutcomeReport
from worker.store.conversations import person
from worker.store.dispositions import ANSWERED, UNSENT
from worker.store.instants import has_waited, is_over
from worker.store.pipeline import Statement
from worker.store.shapes import shaped

TOKEN_SECONDS = 86_400
"""For so long after the end of its call a token is good: transcripts come late."""

CALL = text(f"""
SELECT k.id, k.team_id, k.campaign_id, k.contact_id, k.to_number, c.outcomes, s.secret,
       coalesce({has_waited("k.ended_at", str(TOKEN_SECONDS))}, false) AS is_spent,
       (SELECT dialer_now()) AS now
FROM calls k JOIN campaigns c ON c.id = k.campaign_id CROSS JOIN call_secret s
WHERE k.id = :id AND (CAST(:team AS text) IS NULL OR k.team_id = :team)
""")

LOCK_CALL = text(f"""
SELECT state = 'reserved' OR coalesce(disposition IN {UNSENT}, false) AS is_unsent, ended_at IS NOT NULL AS is_over
FROM calls WHERE id = :id FOR NO KEY UPDATE
""")
LOCK = text("""
SELECT waits_until IS NOT NULL AS is_awaited, do_not_call, reports
FROM call_outcomes WHERE call_id = :id FOR UPDATE
""")

# What a report leaves out stays as it was said before.
KEEP = text("""
INSERT INTO call_outcomes AS o (call_id, campaign_id, outcome, next, retry_minutes, callback_at, do_not_call, summary,
                                data, transcript_url, recording_url, spoke_at, reported_at, reports)
SELECT k.id, k.campaign_id, :outcome, :next, :retry_minutes, :callback_at, :do_not_call, :summary,
       CAST(:data AS jsonb), :transcript_url, :recording_url, :spoke_at, clock_timestamp(), CAST(:report AS jsonb)
FROM calls k WHERE k.id = :id
ON CONFLICT (call_id) DO UPDATE SET
    outcome = excluded.outcome,
    next = CASE WHEN :decides THEN excluded.next ELSE o.next END,
    retry_minutes = CASE WHEN :decides THEN excluded.retry_minutes ELSE o.retry_minutes END,
    callback_at = CASE WHEN :decides THEN excluded.callback_at ELSE coalesce(excluded.callback_at, o.callback_at) END,
    do_not_call = o.do_not_call OR excluded.do_not_call,
    summary = coalesce(excluded.summary, o.summary),
    data = coalesce(excluded.data, o.data),
    transcript_url = coalesce(excluded.transcript_url, o.transcript_url),
    recording_url = coalesce(excluded.recording_url, o.recording_url),
    spoke_at = coalesce(excluded.spoke_at, o.spoke_at),
    reported_at = excluded.reported_at,
    reports = o.reports || excluded.reports
""")

# The contact's next state by the word that decides; without one the contact has been reached. Who has asked to be
# called back (worker/store/callbacks.py) waits for that, unless the word is that it never is.
_TURNED = """
    UPDATE campaign_contacts cc
    SET answered = true,
        status = CAST(CASE WHEN d.next = 'never' THEN 'failed'
                           WHEN cc.callback_at IS NOT NULL THEN 'queued'
                           WHEN d.next = 'retry' AND cc.attempts < c.max_attempts_per_contact THEN 'queued'
                           WHEN d.next = 'retry' THEN 'exhausted'
                           ELSE 'completed' END AS contact_status),
        reason = CASE WHEN d.next = 'never' THEN 'never_again' END,
        callback_at = CASE WHEN d.next IS DISTINCT FROM 'never' THEN cc.callback_at END,
        rank = CASE WHEN d.next IS DISTINCT FROM 'never' THEN cc.rank ELSE cc.priority END,
        due_at = CASE WHEN d.next IS DISTINCT FROM 'never' AND cc.callback_at IS NOT NULL THEN cc.callback_at
                      WHEN d.next = 'retry' THEN (SELECT dialer_due_now()) + d.retry_minutes * interval '1 minute'
                      ELSE cc.due_at END
    FROM decided d JOIN calls k ON k.id = d.call_id JOIN campaigns c ON c.id = k.campaign_id
    WHERE cc.contact_id = k.contact_id AND cc.campaign_id || '' = k.campaign_id"""

# An end in a campaign with outcomes, in the transaction that wrote it: the word that was said before decides, however
# the call ended, if it left; without one, whoever answered waits. A contact with another live call has come further.
AT_END = text(f"""
WITH decided AS (
    UPDATE call_outcomes o SET decided_at = clock_timestamp()
    FROM calls e
    WHERE o.call_id = ANY(CAST(:ids AS text[])) AND e.id = o.call_id AND e.ended_at IS NOT NULL
      AND e.disposition NOT IN {UNSENT} AND o.next IS NOT NULL AND o.decided_at IS NULL
    RETURNING o.call_id, o.next, o.retry_minutes),
turned AS ({_TURNED})
INSERT INTO call_outcomes (call_id, campaign_id, waits_since, waits_until)
SELECT k.id, k.campaign_id, clock_timestamp(), clock_timestamp() + :wait * interval '1 second'
FROM calls k
WHERE k.id = ANY(CAST(:ids AS text[])) AND k.ended_at IS NOT NULL AND k.disposition IN {ANSWERED}
  AND NOT EXISTS (SELECT FROM calls l WHERE l.contact_id = k.contact_id AND l.campaign_id = k.campaign_id
                                        AND l.ended_at IS NULL)
  AND EXISTS (SELECT FROM campaign_contacts cc
              WHERE cc.contact_id = k.contact_id AND cc.campaign_id || '' = k.campaign_id AND cc.status = 'calling')
  AND k.id NOT IN (SELECT call_id FROM decided)
ON CONFLICT (call_id) DO NOTHING
""")

DECIDE = text(f"""
WITH decided AS (
    UPDATE call_outcomes o SET decided_at = clock_timestamp(), waits_since = NULL, waits_until = NULL
    WHERE o.call_id = :id AND o.waits_until IS NOT NULL
    RETURNING o.call_id, o.next, o.retry_minutes),
turned AS ({_TURNED})
SELECT count(*) FROM decided
""")

OVER = text(f"""
WITH decided AS (
    UPDATE call_outcomes o SET decided_at = clock_timestamp(), waits_since = NULL, waits_until = NULL
    WHERE o.call_id = ANY(ARRAY(
        SELECT call_id FROM call_outcomes
        WHERE waits_until IS NOT NULL AND {is_over("waits_since", "waits_until")}
        ORDER BY waits_until, call_id LIMIT :most FOR UPDATE SKIP LOCKED))
    RETURNING o.call_id, o.campaign_id, o.next, o.retry_minutes),
turned AS ({_TURNED})
SELECT DISTINCT campaign_id FROM decided ORDER BY campaign_id
""")
ARE_OVER = text(f"""
SELECT EXISTS (SELECT FROM call_outcomes WHERE waits_until IS NOT NULL AND {is_over("waits_since", "waits_until")})
""")

CONTEXT = text(f"""
SELECT k.id, k.campaign_id, k.contact_id, c.variables,
       (SELECT {person("p")} FROM contacts p WHERE p.id = k.contact_id) AS person
FROM calls k JOIN campaigns c ON c.id = k.campaign_id
WHERE k.id = :id AND k.team_id = :team AND k.state <> 'reserved' AND k.ended_at IS NULL
""")

COUNTS = text("""
SELECT outcome, count(*) AS calls FROM call_outcomes
WHERE campaign_id = :id AND outcome IS NOT NULL GROUP BY outcome ORDER BY calls DESC, outcome
""")
FIRST_WORDS_SECONDS = 2
"""So soon after a callee has answered the first words are to be said (16 CFR 310.4(b)(4)(iii))."""
FIRST_WORDS = text(f"""
SELECT count(*) AS reported,
       count(*) FILTER (WHERE o.spoke_at > k.answered_at + {FIRST_WORDS_SECONDS} * interval '1 second') AS late
FROM call_outcomes o JOIN calls k ON k.id = o.call_id
WHERE o.campaign_id = :id AND o.outcome IS NOT NULL AND o.spoke_at IS NOT NULL AND k.answered_at IS NOT NULL
""")
AWAITED = text("SELECT count(*) FROM call_outcomes WHERE campaign_id = :id AND waits_until IS NOT NULL")


@shaped(CALL)
class ReportedCall(Protocol):
    """A call of which a report comes, and what its campaign knows of outcomes; ``is_spent`` where its token no longer
    counts. ``now`` is business time."""

    id: str
    team_id: str
    campaign_id: str
    contact_id: str
    to_number: str
    outcomes: Mapping[str, Any] | None
    secret: bytes
    is_spent: bool
    now: datetime


@shaped(LOCK_CALL)
class LockedCall(Protocol):
    """How far it has come: whether it never left, or not yet, and whether it ended."""

    is_unsent: bool
    is_over: bool


@shaped(LOCK)
class LockedOutcome(Protocol):
    """Whether somebody waits for the word, whether the callee is known not to want to be called, and what was answered
    to reports, by their digests."""

    is_awaited: bool
    do_not_call: bool
    reports: Mapping[str, Any]


@shaped(CONTEXT)
class CallContext(Protocol):
    """A call, and whom it is to."""

    id: str
    campaign_id: str
    contact_id: str
    variables: Mapping[str, Any] | None
    person: Mapping[str, Any] | None


@shaped(FIRST_WORDS)
class FirstWords(Protocol):
    """Of how many answered calls it was reported when the assistant first spoke, and of how many that was late."""

    reported: int
    late: int


@shaped(COUNTS, never_null=("outcome",))
class OutcomeCount(Protocol):
    """How many calls were reported so."""

    outcome: str
    calls: int


def call(conn: Connection, call_id: str, team_id: str | None = None) -> ReportedCall | None:
    """The call; of ``team_id`` only, when given."""
    return conn.execute(CALL, {"id": call_id, "team": team_id}).first()


def lock(conn: Connection, call_id: str) -> tuple[LockedCall, LockedOutcome | None]:
    """Lock the call and what is known of its outcome."""
    locked: LockedCall = conn.execute(LOCK_CALL, {"id": call_id}).one()
    return locked, conn.execute(LOCK, {"id": call_id}).first()


def keep(
    conn: Connection, call_id: str, report: OutcomeReport, meaning: Meaning | None, answer: Mapping[str, Any]
) -> None:
    """Keep a report, and what is answered to it. It decides by its ``meaning``; without one it annotates."""
    values = {
        "id": call_id,
        "outcome": report.outcome,
        "decides": meaning is not None,
        "next": None if meaning is None else meaning.then,
        "retry_minutes": None if meaning is None else meaning.retry_minutes,
        "callback_at": report.callback_at,
        "do_not_call": report.do_not_call,
        "summary": report.summary,
        "data": None if report.data is None else json.dumps(dict(report.data)),
        "transcript_url": report.transcript_url,
        "recording_url": report.recording_url,
        "spoke_at": report.spoke_at,
        "report": json.dumps({report.digest: dict(answer)}),
    }
    conn.execute(KEEP, values)


def at_end(call_ids: Sequence[str], wait_seconds: float) -> Statement:
    """The statement that goes with the end of these calls, of campaigns with outcomes: what was reported decides; who
    answered and of whom nothing was, waits so long."""
    return AT_END, {"ids": list(call_ids), "wait": wait_seconds}


def decide(conn: Connection, call_id: str) -> bool:
    """End the wait for this call's outcome by what is known of it; false if nobody waited."""
    return bool(conn.execute(DECIDE, {"id": call_id}).scalar_one())


def are_over(conn: Connection) -> bool:
    """Whether a wait is over."""
    return bool(conn.execute(ARE_OVER).scalar_one())


def decide_overdue(conn: Connection, *, most: int) -> list[str]:
    """End waits that are over, ``most`` of them; the campaigns they were in."""
    return list(conn.execute(OVER, {"most": most}).scalars())


def context(conn: Connection, team_id: str, call_id: str) -> CallContext | None:
    """The call with what its assistant may know of the callee; ``None`` if the team has no such call that lives."""
    return conn.execute(CONTEXT, {"id": call_id, "team": team_id}).first()


def counts(conn: Connection, campaign_id: str) -> dict[str, int]:
    """How many calls of the campaign were reported with each word, the most frequent first."""
    rows: Sequence[OutcomeCount] = conn.execute(COUNTS, {"id": campaign_id}).all()
    return {row.outcome: row.calls for row in rows}


def first_words(conn: Connection, campaign_id: str) -> FirstWords:
    """How soon the assistant has spoken in the campaign's calls, as far as it was reported."""
    return conn.execute(FIRST_WORDS, {"id": campaign_id}).one()


def awaited(conn: Connection, campaign_id: str) -> int:
    """How many of its contacts wait for the outcome of their call."""
    return int(conn.execute(AWAITED, {"id": campaign_id}).scalar_one())
