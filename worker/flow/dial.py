"""Place reserved calls: pace, commit, send, write down what the carrier said.

The order is the guarantee. ``dialing`` is committed before the request leaves, so a crash at any point leaves
a row that says "it may have left", and nothing is ever sent a second time on a doubt. The commit happens under
the team's lock, shared, which stops and policy edits take exclusively: they are seen, or they wait.

Between the commit and the request lies the send fence: what has not left in time is not sent at all, because
whatever was checked before the commit is no longer true enough.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

import structlog
from sqlalchemy import Connection, Row

from worker.carriers.base import Accepted, Action, Ambiguous, NotSent, Outcome, Rejected
from worker.clock import monotonic, pause
from worker.crashpoint import crashpoint
from worker.domain.activity import ACCOUNT_STOPPED
from worker.domain.model import CallState, Disposition, Reason
from worker.domain.retry import NOT_SENT_BACKOFF, TECHNICAL_FAILURES
from worker.flow import breaker, channels
from worker.flow.base import Dial, Dialer, Step, Stop, fill_steps, slot_of, valid_until
from worker.flow.ending import end, not_sent, release
from worker.flow.order import order_for, turn_away
from worker.flow.stop import pause_campaign
from worker.slots import Credentials, Kind, Rate, Scope
from worker.store import accounts, audit, breakers, calls, campaigns, hangups
from worker.store.calls import Move
from worker.store.database import once, transact

log = structlog.get_logger()

PACED_WITHIN_SECONDS = 1.0
"""A message goes on only with calls whose turn comes this soon; the others become the next message."""
BREATH_SECONDS = (1.0, 2.0)
"""How long an account rests after a request that could not leave, drawn anew each time."""
REST_SECONDS = (1.0, 30.0)
"""How long it rests when the carrier asks for a pause and does not say how long."""
LONGEST_REST_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class _Ready:
    """A call whose turn comes at ``leaves_at`` on this machine's monotonic clock, however long the thread that
    places it was busy with others."""

    row: Row[Any]
    leaves_at: float


def dial(dialer: Dialer, call_ids: Sequence[str]) -> list[Step]:
    """Place those of the calls that are still only reserved and whose turn at the carrier has come."""
    rows, steps = turn_away(dialer, once(dialer.db, lambda conn: _orders(conn, dialer, call_ids)))
    waits = dialer.rates.take([_rates(row) for row in rows], PACED_WITHIN_SECONDS)
    taken_at = monotonic()
    ready = [_Ready(row, taken_at + wait) for row, wait in zip(rows, waits, strict=True) if wait is not None]
    later = tuple(row.id for row, wait in zip(rows, waits, strict=True) if wait is None)
    for team_id, batch in groupby(ready, key=lambda r: str(r.row.team_id)):
        steps += _dial_team(dialer, team_id, list(batch))
    if later and not ready:
        pause(PACED_WITHIN_SECONDS / 2)  # others hold the places of the next second; asking again at once is a spin
    if later:
        steps.append(Dial(later))
    return steps


def _orders(conn: Connection, dialer: Dialer, call_ids: Sequence[str]) -> Sequence[Row[Any]]:
    recovery = dialer.bounds.rate_recovery_seconds
    return calls.orders(conn, call_ids, recovery_seconds=recovery, sharing=dialer.sharing)


def _dial_team(dialer: Dialer, team_id: str, batch: Sequence[_Ready]) -> list[Step]:
    started_at = monotonic()
    committed = set(once(dialer.db, lambda conn: _commit(conn, dialer, team_id, batch)))
    crashpoint("dial.after_commit")
    fence_at = started_at + dialer.bounds.send_fence_seconds
    sent = [ready for ready in batch if ready.row.id in committed]
    moves = [release(r.row.id, "no longer callable") for r in batch if r.row.id not in committed]
    outcomes = list(dialer.placers.map(_sender(dialer, fence_at), sent))
    moves += [_move(dialer, ready.row, outcome) for ready, outcome in zip(sent, outcomes, strict=True)]
    crashpoint("dial.after_request")
    moved = transact(dialer.db, lambda conn: calls.advance(conn, moves))
    crashpoint("dial.after_store")
    ended = [row for row in moved if row.just_ended]
    channels.hear(dialer, [(ready.row, outcome) for ready, outcome in zip(sent, outcomes, strict=True)])
    dialer.slots.release([slot_of(row) for row in ended])
    steps = breaker.hear(
        dialer, [breaker.of_request(ready.row, outcome) for ready, outcome in zip(sent, outcomes, strict=True)]
    )
    steps += fill_steps(ended)
    for ready, outcome in zip(sent, outcomes, strict=True):
        steps += _consequences(dialer, ready.row, outcome)
    log.info("calls_dialed", calls=len(sent), held_back=len(batch) - len(sent), ended=len(ended))
    return steps


def _rates(row: Row[Any]) -> list[Rate]:
    rates = []
    if row.account_rate is not None:
        rates.append(Rate(Scope(Kind.ACCOUNT, row.account_id), row.account_rate))
    if row.credentials_rate is not None:
        rates.append(Rate(Credentials(row.carrier), row.credentials_rate))
    if row.number_rate is not None:
        rates.append(Rate(Scope(Kind.NUMBER, row.number_id), row.number_rate))
    return rates


def _commit(conn: Connection, dialer: Dialer, team_id: str, batch: Sequence[_Ready]) -> list[str]:
    """Write ahead which calls may leave; see :func:`worker.store.calls.commit_dialing` for what is asked."""
    in_time: list[tuple[str, datetime, int]] = []
    for ready in batch:
        row = ready.row
        until = valid_until(row, row.zone, row.now, dialer.bounds.closing_margin_seconds)
        if until is not None:
            in_time.append((row.id, until, row.policy_version))
    if not in_time:
        return []
    calls.lock_team_shared(conn, team_id)
    tripped = {ready.row.account_id: ready.row.id for ready in reversed(batch) if ready.row.is_tripped}
    if tripped:
        breakers.take_probes(conn, tripped)
    return calls.commit_dialing(conn, dialer.bounds, in_time)


def _sender(dialer: Dialer, fence_at: float) -> Callable[[_Ready], Outcome]:
    full: set[str] = set()
    """The accounts of which one of these requests was told that all channels are taken; the others need not ask."""

    def send(ready: _Ready) -> Outcome:
        pause(ready.leaves_at - monotonic())
        if monotonic() > fence_at:
            return NotSent("the send fence had passed", connection=False)
        if ready.row.account_id in full:
            return NotSent("the carrier had no channel free", connection=False)
        outcome = dialer.carriers[ready.row.carrier].place(order_for(dialer, ready.row, leave_by=fence_at))
        if isinstance(outcome, Rejected) and outcome.action is Action.CHANNELS:
            full.add(ready.row.account_id)
        return outcome

    return send


def _move(dialer: Dialer, row: Row[Any], outcome: Outcome) -> Move:
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
        case Rejected(action=Action.INVALID_NUMBER | Action.UNREACHABLE as action):
            is_definite = action is Action.INVALID_NUMBER
            move, _ = end(row, Disposition.INVALID_NUMBER, cause=outcome.cause, definite=is_definite)
            return move
        case Rejected(action=Action.BLOCKED):
            return not_sent(row.id, outcome.cause, 0.0, gives_up=Reason.BLOCKED)
        case Rejected(action=Action.FAILED | Action.LATER):
            is_last = row.technical_failures + 1 >= TECHNICAL_FAILURES
            gives_up = Reason.TECHNICAL if is_last else None
            return not_sent(row.id, outcome.cause, row.retry_delay_minutes * 60, technical=1, gives_up=gives_up)
        case Rejected():
            return not_sent(row.id, outcome.cause, _jittered(NOT_SENT_BACKOFF.total_seconds()))


def _consequences(dialer: Dialer, row: Row[Any], outcome: Outcome) -> list[Step]:
    """What the carrier's answer means beyond this call: for its account, its caller ID, its campaign."""
    match outcome:
        case Accepted(_, queued_for_ms) if queued_for_ms > dialer.bounds.longest_queue_seconds * 1000:
            log.warning("call_queued_for_long", call_id=row.id, queued_for_ms=queued_for_ms)
            once(dialer.db, lambda conn: hangups.mark_for_end(conn, [row.id]))
            return [Stop()]
        case NotSent(reason, connection=True):
            _rest_account(dialer, row, random.uniform(*BREATH_SECONDS), reason)
        case Rejected(code, Action.BACK_OFF, retry_after):
            _back_off(dialer, row, retry_after, code)
        case Rejected(code, Action.RETIRE_NUMBER):
            return _retire_number(dialer, row.number_id, code)
        case Rejected(code, Action.REST_NUMBER):
            once(dialer.db, lambda conn: accounts.rest_number(conn, row.number_id))
            log.warning("caller_id_rested", number_id=row.number_id, code=code)
        case Rejected(code, Action.STOP_ACCOUNT):
            return _stop_account(dialer, row, code)
        case Rejected(code, Action.MALFORMED):
            log.error("request_malformed", call_id=row.id, campaign_id=row.campaign_id, code=code)
            return pause_campaign(dialer, row.campaign_id, f"request_malformed: {code}", actor="dialer")
        case _:
            pass
    return []


def _rest_account(
    dialer: Dialer, row: Row[Any], seconds: float | None, reason: str, *, sharing: Sequence[str] = ()
) -> None:
    rest = random.uniform(*REST_SECONDS) if seconds is None else min(seconds, LONGEST_REST_SECONDS)
    once(dialer.db, lambda conn: accounts.rest_account(conn, row.account_id, rest, reason, sharing=sharing))
    log.warning("account_rested", account_id=row.account_id, seconds=round(rest, 1), reason=reason)


def _back_off(dialer: Dialer, row: Row[Any], seconds: float | None, code: str) -> None:
    """Rest as long as the carrier says, and go on half as fast: all accounts that are the same there."""
    recovery, sharing = dialer.bounds.rate_recovery_seconds, dialer.sharing
    _rest_account(dialer, row, seconds, f"the carrier asked for a pause ({code})", sharing=sharing)
    rate = once(dialer.db, lambda conn: breakers.slow(conn, row.account_id, recovery_seconds=recovery, sharing=sharing))
    if rate is not None:
        log.warning("account_slowed", account_id=row.account_id, calls_per_second=rate)


def _retire_number(dialer: Dialer, number_id: str, code: str) -> list[Step]:
    """Take the caller ID out of rotation; campaigns that have no other pause, for nothing else would end their
    waiting."""
    bare = once(dialer.db, lambda conn: accounts.retire_number(conn, number_id, code))
    log.warning("caller_id_retired", number_id=number_id, code=code)
    steps: list[Step] = []
    for campaign_id in bare:
        steps += pause_campaign(dialer, campaign_id, f"no_caller_id: {code}", actor="dialer")
    return steps


def _stop_account(dialer: Dialer, row: Row[Any], code: str) -> list[Step]:
    """Pause every running campaign of the account. It stays enabled: once its credentials or its standing are
    mended, resuming the campaigns is all there is to do, and if they are not, the next refusal pauses them again."""

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
