"""Write down what carriers answered to requests to place calls, and do what it means beyond the call.

The answers of a batch are written together. Those that come later than the others, because their carrier is slow or
hangs, are written by themselves as they come: nobody waits for them.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import assert_never

import structlog
from sqlalchemy import Connection

from worker.carriers.base import Accepted, Action, Ambiguous, NotSent, Outcome, Rejected
from worker.crashpoint import crashpoint
from worker.domain.activity import ACCOUNT_STOPPED
from worker.domain.model import CallState, Disposition, Reason
from worker.domain.network_blocks import WHY_IT_RESTS
from worker.domain.retry import NOT_SENT_BACKOFF, TECHNICAL_FAILURES
from worker.flow import breaker, channels
from worker.flow.back_off import back_off, breathe
from worker.flow.base import Dialer, Step, Stop, fill_steps, slot_of
from worker.flow.ending import end, not_sent
from worker.flow.stop import pause_campaign
from worker.store import accounts, audit, campaigns, gate, hangups, moves
from worker.store.database import once, transact
from worker.store.dialing import ReservedCall
from worker.store.moves import Move

log = structlog.get_logger()

Result = tuple[ReservedCall, Outcome]
"""A call (:func:`worker.store.dialing.reserved_calls`), and what its carrier answered."""


def record_results(dialer: Dialer, results: Sequence[Result], released: Sequence[Move] = ()) -> list[Step]:
    """Write down these answers, and the moves of calls that were not sent at all."""
    every = [*released, *(_move(dialer, row, outcome) for row, outcome in results)]
    crashpoint("dial.after_request")
    with dialer.bulkheads.at_database:
        moved = transact(dialer.db, lambda conn: moves.advance(conn, every, commits=True))
        crashpoint("dial.after_store")
        ended = [row for row in moved if row.just_ended]
        channels.record_results(dialer, results)
        dialer.slots.release([slot_of(row) for row in ended])
        steps = breaker.record_evidence(dialer, [breaker.of_request(row, outcome) for row, outcome in results])
        steps += fill_steps(ended)
        for row, outcome in results:
            steps += _consequences(dialer, row, outcome)
    log.info("calls_dialed", calls=len(results), held_back=len(released), ended=len(ended))
    return steps


def _move(dialer: Dialer, row: ReservedCall, outcome: Outcome) -> Move:
    """What the carrier's answer makes of the call."""
    check_in = dialer.bounds.check_after_seconds
    match outcome:
        case Accepted(carrier_call_id):
            ring = dialer.bounds.ring_seconds / row.speed
            return Move(row.id, CallState.PLACED, carrier_call_id=carrier_call_id, check_in_seconds=ring + check_in)
        case Ambiguous(reason):
            return Move(row.id, CallState.UNKNOWN, cause=reason, check_in_seconds=check_in)
        case NotSent(reason):
            return not_sent(row.id, reason, _jittered(NOT_SENT_BACKOFF.total_seconds()))
        case Rejected():
            return _move_of_refusal(dialer, row, outcome)
        case _:
            assert_never(outcome)


def _move_of_refusal(dialer: Dialer, row: ReservedCall, refusal: Rejected) -> Move:
    match refusal.action:
        case Action.INVALID_NUMBER | Action.UNREACHABLE as action:
            is_definite = action is Action.INVALID_NUMBER
            wait = dialer.bounds.outcome_wait_seconds
            move, _ = end(
                row,
                Disposition.INVALID_NUMBER,
                cause=refusal.cause,
                definite=is_definite,
                outcome_wait_seconds=wait,
            )
            return move
        case Action.BLOCKED:
            return not_sent(row.id, refusal.cause, 0.0, gives_up=Reason.BLOCKED)
        case Action.FAILED | Action.LATER:
            is_last = row.technical_failures + 1 >= TECHNICAL_FAILURES
            gives_up = Reason.TECHNICAL if is_last else None
            return not_sent(row.id, refusal.cause, row.retry_delay_minutes * 60, technical=1, gives_up=gives_up)
        case (
            Action.BACK_OFF
            | Action.CHANNELS
            | Action.STOP_ACCOUNT
            | Action.RETIRE_NUMBER
            | Action.REST_NUMBER
            | Action.MALFORMED
        ):  # of the account, the caller ID or the request, not of the callee
            return not_sent(row.id, refusal.cause, _jittered(NOT_SENT_BACKOFF.total_seconds()))
        case _:
            assert_never(refusal.action)


def _consequences(dialer: Dialer, row: ReservedCall, outcome: Outcome) -> list[Step]:
    """What the carrier's answer means beyond this call: for its account, its caller ID, its campaign."""
    match outcome:
        case Accepted(_, queued_for_ms):
            if queued_for_ms > dialer.bounds.longest_queue_seconds * 1000:
                log.warning("call_queued_for_long", call_id=row.id, queued_for_ms=queued_for_ms)
                once(dialer.db, lambda conn: hangups.mark_for_end(conn, [row.id]))
                return [Stop()]
        case NotSent(reason, connection):
            if connection:
                breathe(dialer, row.account_id, reason)
        case Ambiguous():
            pass
        case Rejected():
            return _consequences_of_refusal(dialer, row, outcome)
        case _:
            assert_never(outcome)
    return []


def _consequences_of_refusal(dialer: Dialer, row: ReservedCall, refusal: Rejected) -> list[Step]:
    code = refusal.code
    match refusal.action:
        case Action.BACK_OFF:
            back_off(dialer, row.account_id, refusal.retry_after_seconds, code)
        case Action.RETIRE_NUMBER:
            return _retire_number(dialer, row, code)
        case Action.REST_NUMBER:
            once(dialer.db, lambda conn: accounts.rest_number(conn, row.number_id, f"{WHY_IT_RESTS}: {code}"))
            log.warning("caller_id_rested", number_id=row.number_id, code=code)
        case Action.STOP_ACCOUNT:
            return _stop_account(dialer, row, code)
        case Action.MALFORMED:
            log.error("request_malformed", call_id=row.id, campaign_id=row.campaign_id, code=code)
            return pause_campaign(dialer, row.campaign_id, f"request_malformed: {code}", actor="dialer")
        case Action.CHANNELS:
            pass  # see worker.flow.channels
        case Action.INVALID_NUMBER | Action.UNREACHABLE | Action.BLOCKED | Action.LATER | Action.FAILED:
            pass
        case _:
            assert_never(refusal.action)
    return []


def _retire_number(dialer: Dialer, row: ReservedCall, code: str) -> list[Step]:
    """Take the caller ID out of rotation; campaigns that have no other pause, for nothing else would end their
    waiting. Under the team's lock, as where a person disables it: no call is committed with it afterwards."""

    def retire(conn: Connection) -> list[str]:
        gate.close_gate(conn, row.team_id)
        return accounts.retire_number(conn, row.number_id, code)

    bare = once(dialer.db, retire)
    log.warning("caller_id_retired", number_id=row.number_id, code=code)
    steps: list[Step] = []
    for campaign_id in bare:
        steps += pause_campaign(dialer, campaign_id, f"no_caller_id: {code}", actor="dialer")
    return steps


def _stop_account(dialer: Dialer, row: ReservedCall, code: str) -> list[Step]:
    """Pause every running campaign of the account. It stays enabled: once its credentials or its standing are
    in order, resuming the campaigns is all there is to do, and if they are not, the next refusal pauses them again."""

    def note(conn: Connection) -> None:
        audit.note(conn, row.team_id, "dialer", "stop_account", row.account_id, {"code": code})

    once(dialer.db, note)
    log.error("account_stopped", account_id=row.account_id, code=code)
    steps: list[Step] = [Stop()]
    for campaign in once(dialer.db, lambda conn: campaigns.of_account(conn, row.account_id)):
        steps += pause_campaign(dialer, campaign.id, f"{ACCOUNT_STOPPED} {code}", actor="dialer")
    return steps


def _jittered(seconds: float) -> float:
    return seconds * (1 + random.random())
