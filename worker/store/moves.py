"""How calls move on: one statement for a carrier's answers, its events, its silence, and for calls that never left.

What hangs on a call's end, the contact's next state, the budget, the counter, is written by the statement that ends it,
so a call can end in one way only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy import Connection, text

from worker.domain.model import CallState, ContactStatus, Disposition
from worker.store import call_outcomes
from worker.store.batches import Batch
from worker.store.columns import CallScopes
from worker.store.dispositions import PICKED_UP, UNSENT
from worker.store.pipeline import Statement, pipelined
from worker.store.shapes import shaped


@dataclass(slots=True)
class Move:
    """One step of one call's life, and what its end means for the contact.

    ``at_most`` guards: the call moves only while its state is not later than this. ``state`` may be the state
    it has. With a ``disposition`` the call ends, and ``contact_status`` says what becomes of the contact,
    due again in ``due_in_seconds`` of business time. ``counts`` false gives the attempt back. ``reached``
    false says that no call can have reached the carrier, so that the contact was not called by it. With
    ``outcome_wait_seconds`` an assistant reports what came of the call: what it has said decides, and of whom it has
    said nothing, ``calling`` still, waits so long.
    """

    call_id: str
    state: CallState
    at_most: CallState = CallState.IN_PROGRESS
    carrier_call_id: str | None = None
    disposition: Disposition | None = None
    cause: str | None = None
    rang: bool = False
    verdict: str | None = None
    missed: bool = False
    late_evidence: bool = False
    check_in_seconds: float | None = None
    contact_status: ContactStatus | None = None
    due_in_seconds: float | None = None
    reason: str | None = None
    counts: bool = True
    reached: bool = True
    technical: int = 0
    rejected: int = 0
    invalid: int = 0
    outcome_wait_seconds: float | None = None


MOVES = Batch(Move)

_MOVED = f"""
WITH x AS (
    SELECT * FROM {MOVES}),
locked AS MATERIALIZED (   -- with its move, so that what follows joins once: two lists joined cost n × n
    SELECT x.*, k.ended_at AS was_ended_at FROM x JOIN calls k ON k.id = x.call_id
    ORDER BY k.id FOR NO KEY UPDATE OF k),
moved AS (
    UPDATE calls k
    SET state = greatest(k.state, x.state),
        carrier_call_id = coalesce(k.carrier_call_id, x.carrier_call_id),
        disposition = coalesce(k.disposition, x.disposition),
        cause = coalesce(k.cause, x.cause),
        rang = k.rang OR x.rang,
        machine_verdict = coalesce(k.machine_verdict, x.verdict),
        misses = k.misses + x.missed::int,
        late_evidence_at = CASE WHEN x.late_evidence THEN clock_timestamp() ELSE k.late_evidence_at END,
        placed_at = CASE WHEN x.state >= 'placed' AND x.reached THEN coalesce(k.placed_at, clock_timestamp())
                         ELSE k.placed_at END,
        ringing_at = CASE WHEN x.rang THEN coalesce(k.ringing_at, clock_timestamp()) ELSE k.ringing_at END,
        answered_at = CASE WHEN x.state = 'in_progress' OR x.disposition IN {PICKED_UP}
                           THEN coalesce(k.answered_at, clock_timestamp()) ELSE k.answered_at END,
        ended_at = CASE WHEN x.disposition IS NOT NULL THEN coalesce(k.ended_at, clock_timestamp())
                        ELSE k.ended_at END,
        checked_at = CASE WHEN x.check_in_seconds IS NULL THEN k.checked_at ELSE clock_timestamp() END,
        unanswered_since = CASE WHEN x.state = k.state THEN k.unanswered_since END,   -- or there is news of it
        next_check_at = CASE WHEN x.check_in_seconds IS NULL THEN k.next_check_at
                             ELSE clock_timestamp() + x.check_in_seconds * interval '1 second' END
    FROM locked x
    WHERE k.id = x.call_id AND k.state <= x.at_most AND (k.ended_at IS NULL OR x.disposition IS NULL)
    RETURNING k.id, k.team_id, k.campaign_id, k.run_id, k.contact_id, k.number_id, k.account_id, k.to_number,
              k.state, k.disposition, k.attempt, k.called_before, k.callback_at, k.is_extra, k.carrier_call_id,
              x.was_ended_at, x.contact_status, x.due_in_seconds, x.reason, NOT x.counts AND k.attempt IS NOT NULL
              AS gives_back, x.reached, x.technical, x.rejected, x.invalid)"""
_MOVED_CALLS = """
SELECT id, team_id, campaign_id, contact_id, number_id, account_id, to_number, state, disposition, carrier_call_id,
       was_ended_at IS NULL AND state = 'ended' AS just_ended
FROM moved ORDER BY id
"""
MOVE_ON = text(f"{_MOVED}{_MOVED_CALLS}")
"""The same as :data:`ADVANCE` for calls of which none ends: what hangs on an end is not even looked for, which is two
fifths of the work for one call."""
ADVANCE = text(f"""
{_MOVED},
ended AS (SELECT * FROM moved WHERE state = 'ended' AND was_ended_at IS NULL),
turned AS (   -- who asked to be called back, before this call or in it, waits for that; a call that counts for nothing
    UPDATE campaign_contacts cc   -- was none
    SET status = CASE WHEN cc.callback_at IS NOT NULL AND e.contact_status IN ('completed', 'exhausted') THEN 'queued'
                      ELSE e.contact_status END,
        reason = e.reason,
        due_at = CASE WHEN cc.callback_at IS NOT NULL AND NOT e.gives_back THEN cc.callback_at
                      WHEN e.due_in_seconds IS NULL THEN cc.due_at
                      ELSE greatest(cc.callback_at,
                                    (SELECT dialer_due_now()) + e.due_in_seconds * interval '1 second') END,
        callback_at = coalesce(cc.callback_at, CASE WHEN e.gives_back THEN e.callback_at END),
        rank = CASE WHEN cc.callback_at IS NULL AND (e.callback_at IS NULL OR NOT e.gives_back) THEN cc.priority
                    ELSE 0 END,
        callbacks_used = cc.callbacks_used - (e.gives_back AND e.is_extra)::int,
        attempts = cc.attempts - e.gives_back::int,
        called = CASE WHEN e.reached OR e.attempt IS NULL THEN cc.called ELSE e.called_before END,
        answered = cc.answered OR e.contact_status IN ('completed', 'calling'),
        technical_failures = cc.technical_failures + e.technical,
        rejections = cc.rejections + e.rejected,
        invalid_results = cc.invalid_results + e.invalid
    FROM ended e WHERE cc.contact_id = e.contact_id AND cc.campaign_id || '' = e.campaign_id),
counted AS (
    INSERT INTO counter_deltas (campaign_id, call_id, disposition)
    SELECT campaign_id, id, disposition FROM ended),
to_wake AS MATERIALIZED (   -- campaigns before runs, and in id order, as every claim locks them
    SELECT c.id, b.soonest
    FROM (SELECT campaign_id, min(due_in_seconds) AS soonest FROM ended
          WHERE contact_status = 'queued' AND due_in_seconds > 0 AND due_in_seconds < 60
          GROUP BY campaign_id ORDER BY campaign_id) AS b
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
{_MOVED_CALLS}""")


@shaped(ADVANCE, MOVE_ON)
class MovedCall(CallScopes, Protocol):
    """A call as it is after its move; ``just_ended`` where this ended it."""

    contact_id: str
    to_number: str
    state: str
    disposition: str | None
    carrier_call_id: str | None
    just_ended: bool


def advance(conn: Connection, moves: Sequence[Move], *, commits: bool = False) -> Sequence[MovedCall]:
    """Move the calls; returns the rows of those that moved (``just_ended`` where this ended them). With ``commits`` the
    transaction is over afterwards, in the same exchange with the server.

    A move whose guard fails, or that would end a call again, is left out: somebody else was first.
    """
    if not moves:
        return []
    moved, *_ = pipelined(conn, *advancement(moves), commits=commits)
    return moved


def advancement(moves: Sequence[Move]) -> list[Statement]:
    """The statements that :func:`advance` runs, to be sent together with others; the first returns its rows."""
    ends = any(move.disposition is not None for move in moves)
    statements: list[Statement] = [(ADVANCE if ends else MOVE_ON, MOVES.bind(moves))]
    reported = [move for move in moves if move.outcome_wait_seconds is not None]
    if reported:
        wait = max(move.outcome_wait_seconds or 0.0 for move in reported)
        statements.append(call_outcomes.at_end([move.call_id for move in reported], wait))
    return statements
