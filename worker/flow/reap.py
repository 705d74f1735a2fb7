"""End what ended without a word: send lost messages again, ask carriers, and give up at the provable end.

A call in doubt is resolved by the first of: an event with its token; a look-up that shows it; enough misses
over enough time (one miss proves nothing: a carrier's list lags); its provable end. Only then does its contact
wait again, with the attempt counted and the whole delay: in doubt, nobody is called.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import structlog
from sqlalchemy import Connection

from worker.carriers.base import CannotTell, CarrierCall
from worker.crashpoint import crashpoint
from worker.domain.breaker import Evidence
from worker.domain.model import Attempt, CallState, Disposition
from worker.flow import breaker
from worker.flow.back_off import back_off
from worker.flow.base import Dial, Dialer, DialMore, LookUp, Step, Stop, dial_steps, fill_steps, slot_of
from worker.flow.clock_jumps import steadily
from worker.flow.ending import LOOK_UP, end, release
from worker.flow.pacing import await_turn
from worker.store import breakers, calls, hangups, moves
from worker.store.breakers import AccountRates
from worker.store.calls import LiveCall
from worker.store.database import once, single, transact
from worker.store.hangups import Unmatched
from worker.store.moves import Move, MovedCall

log = structlog.get_logger()

MOST = 200
LONGEST_WAIT_SECONDS = 120.0


def redispatch(dialer: Dialer) -> list[Step]:
    """Reserved calls that nobody has in hand, or nobody has dialed for long: taken in hand by who places calls, and
    left to a message by who does not. Old ones are given up."""
    bounds = dialer.bounds
    placing = dialer.placing()
    if placing is not None and placing.can:
        steps = take_waiting(dialer, MOST)
    else:
        steps = take_waiting(dialer, MOST, after_seconds=bounds.release_reserved_after_seconds)
        after = bounds.redispatch_after_seconds
        if single(dialer.db, lambda conn: calls.are_undispatched(conn, after_seconds=after)):
            steps.append(DialMore())
    if steps:
        log.warning("calls_redispatched", calls=sum(len(step.call_ids) for step in steps if isinstance(step, Dial)))
    return steps


def take_waiting(dialer: Dialer, most: int, *, after_seconds: float | None = None) -> list[Step]:
    """Take so many of these calls at most in hand, longest waiting first; those that are given up are ended."""
    bounds = dialer.bounds
    after = bounds.redispatch_after_seconds if after_seconds is None else after_seconds
    rows = single(
        dialer.db,
        lambda conn: calls.undispatched(
            conn,
            after_seconds=after,
            release_after_seconds=bounds.release_reserved_after_seconds,
            most=most,
        ),
    )
    releases = [release(row.id, "waited too long to be dialed") for row in rows if row.is_stale]
    released = transact(dialer.db, lambda conn: moves.advance(conn, releases)) if releases else []
    dialer.slots.release([slot_of(row) for row in released])
    again = [(row.account_id, row.id) for row in rows if not row.is_stale]
    steps = [*dial_steps(again, bounds.dial_batch), *fill_steps(released)]
    if len(rows) == most and single(dialer.db, lambda conn: calls.are_undispatched(conn, after_seconds=after)):
        steps.append(DialMore())
    return steps


def reap(dialer: Dialer) -> list[Step]:
    """Take the calls whose time to be looked at has come; a look-up is a task of its own, for it waits on the
    carrier."""
    again = dialer.bounds.request_seconds + dialer.bounds.check_after_seconds
    due = single(dialer.db, lambda conn: calls.overdue(conn, again_in_seconds=again, most=MOST))
    if due:
        crashpoint("reap.after_take")
    batch = dialer.bounds.dial_batch
    return [LookUp(tuple(due[i : i + batch])) for i in range(0, len(due), batch)]


@dataclass(frozen=True, slots=True)
class _LookedUp:
    """What a carrier answered about one call; ``None`` is a miss. ``others`` are further calls under its token."""

    call: CarrierCall | CannotTell | None
    others: tuple[CarrierCall, ...] = ()


def look_up(dialer: Dialer, call_ids: Sequence[str]) -> None:
    """Begin to ask the carriers about these calls; what can be known is written down as it comes. Calls their account
    has no room for now are taken again when their turn comes again."""

    recovery = dialer.bounds.rate_recovery_seconds

    def read(conn: Connection) -> tuple[Sequence[LiveCall], Mapping[str, AccountRates]]:
        rows = calls.live_by_id(conn, call_ids)
        accounts = sorted({row.account_id for row in rows})
        return rows, breakers.rates(conn, accounts, recovery_seconds=recovery, sharing=dialer.sharing)

    rows, rates = once(dialer.db, read)
    for row in rows:
        dialer.bulkheads.of(row.account_id).submit(partial(_ask, dialer, row, rates[row.account_id]))


def _ask(dialer: Dialer, row: LiveCall, account: AccountRates) -> None:
    if _waits_on_the_carrier(dialer, row) and not await_turn(dialer, account):
        return  # it is looked up again in a while
    seen = _see(dialer, row)
    crashpoint("reap.after_look_up")
    dialer.bulkheads.of(row.account_id).looked_up.bring((row, seen), partial(_conclude, dialer))


def _conclude(dialer: Dialer, looked_up: Sequence[tuple[LiveCall, _LookedUp]]) -> None:
    """Write down what the carrier answered about these calls of one account."""
    answers = {row.id: seen.call for row, seen in looked_up}
    others = [
        Unmatched(row.carrier, other.carrier_call_id, row.token, row.account_id)
        for row, seen in looked_up
        for other in seen.others
    ]
    overstays: list[str] = []
    evidence: list[Evidence | None] = []

    def work(conn: Connection) -> Sequence[MovedCall]:
        fresh = calls.live_by_id(conn, sorted(answers))
        overstays[:] = [row.id for row in fresh if row.is_over and _is_alive(answers[row.id])]
        if overstays:
            hangups.mark_for_end(conn, overstays)
        if others:
            hangups.unmatched(conn, others)
        calls.answered(conn, [row.id for row in fresh if not isinstance(answers[row.id], CannotTell)])
        evidence[:] = [_evidence(row, answers[row.id]) for row in fresh]
        return moves.advance(conn, [_transition(dialer, row, answers[row.id]) for row in fresh])

    with dialer.bulkheads.at_database:
        moved = steadily(dialer.db, dialer.clock, work)
        ended = [row for row in moved if row.just_ended]
        dialer.slots.release([slot_of(row) for row in ended])
        steps = breaker.record_evidence(dialer, evidence)
        _rest(dialer, looked_up)
    for other in others:
        log.error("unmatched_call", carrier=other.carrier, carrier_call_id=other.carrier_call_id)
    for row in ended:
        log.info(
            "call_ended",
            call_id=row.id,
            campaign_id=row.campaign_id,
            disposition=row.disposition,
            by=LOOK_UP,
        )
    dialer.follow_up([*steps, *fill_steps(ended), *([Stop()] if overstays or others else [])])


def _rest(dialer: Dialer, looked_up: Sequence[tuple[LiveCall, _LookedUp]]) -> None:
    """Back off where the carrier was asked too fast."""
    for row, seen in looked_up:
        if isinstance(seen.call, CannotTell) and seen.call.too_fast:
            back_off(dialer, row.account_id, seen.call.retry_after_seconds, seen.call.reason)
            return


def _waits_on_the_carrier(dialer: Dialer, row: LiveCall) -> bool:
    return row.state != CallState.RESERVED and row.carrier in dialer.carriers


def _see(dialer: Dialer, row: LiveCall) -> _LookedUp:
    """The call as its carrier sees it. Of several under one token the first is taken for it, the rest are
    orphans."""
    if row.state == CallState.RESERVED:
        return _LookedUp(CannotTell("it was never sent"))
    if row.carrier not in dialer.carriers:
        return _LookedUp(CannotTell("this deployment cannot ask its carrier"))
    carrier, call_request = dialer.carriers[row.carrier], dialer.call_request(row, row.dialing_at)
    if row.carrier_call_id is not None:
        return _LookedUp(carrier.get(call_request, row.carrier_call_id))
    found = carrier.find(call_request)
    if isinstance(found, CannotTell):
        return _LookedUp(found)
    if not found:
        return _LookedUp(None)
    return _LookedUp(found[0], tuple(other for other in found[1:] if _is_alive(other)))


def _evidence(row: LiveCall, answer: CarrierCall | CannotTell | None) -> Evidence | None:
    """What was seen says of the carrier account. A call still ``dialing`` is one whose worker died with the answer."""
    if not isinstance(answer, CarrierCall):
        return breaker.of_silence(row) if row.state == CallState.DIALING else None
    if answer.disposition is not None:
        return breaker.of_end(row, answer.disposition)
    return breaker.of_life(row) if answer.state is CallState.IN_PROGRESS else None


def _is_alive(answer: CarrierCall | CannotTell | None) -> bool:
    return isinstance(answer, CarrierCall) and answer.disposition is None


def _transition(dialer: Dialer, row: LiveCall, answer: CarrierCall | CannotTell | None) -> Move:
    """What is known of the call now. The row was read again after the carrier answered.

    A call its carrier shows alive is alive, even past its provable end: it is marked for its end, and its slot
    and its contact stay taken until it has ended.
    """
    bounds = dialer.bounds
    state = CallState(row.state)
    if isinstance(answer, CarrierCall):
        rang = answer.state in (CallState.RINGING, CallState.IN_PROGRESS)
        if answer.disposition is None:
            return Move(
                row.id,
                answer.state,
                carrier_call_id=answer.carrier_call_id,
                rang=rang,
                check_in_seconds=bounds.check_after_seconds,
            )
        is_over_after_talk = answer.disposition is Disposition.LOST and state is CallState.IN_PROGRESS
        move, _ = end(
            row,
            Disposition.ANSWERED if is_over_after_talk else answer.disposition,
            cause=LOOK_UP,
            carrier_call_id=answer.carrier_call_id,
            verdict=row.machine_verdict or answer.verdict,
            rang=answer.disposition.traits.attempt is Attempt.IF_RANG,  # a look-up does not say how far it came
            outcome_wait_seconds=bounds.outcome_wait_seconds,
        )
        return move
    misses = row.misses + (answer is None)
    is_gone = misses >= bounds.unknown_misses and (row.age_seconds or 0.0) >= bounds.unknown_after_seconds
    if row.is_over or (is_gone and row.carrier_call_id is None):
        cause = "provable end" if row.is_over else "not at the carrier"
        move, _ = end(row, Disposition.LOST, cause=cause, rang=True, outcome_wait_seconds=bounds.outcome_wait_seconds)
        return move
    doubtful = CallState.UNKNOWN if state is CallState.DIALING else state
    check_in = bounds.check_after_seconds if answer is None else _wait_seconds(dialer, row, answer)
    return Move(row.id, doubtful, missed=answer is None, check_in_seconds=check_in)


def _wait_seconds(dialer: Dialer, row: LiveCall, answer: CannotTell) -> float:
    """When a carrier whose answer proved nothing is asked again: the longer the call has been in doubt, the later, so
    that a carrier that has been down is not met by everything at once when it is back; but at its provable end in any
    case."""
    check_after = dialer.bounds.check_after_seconds
    by_age = min(float(row.age_seconds or 0.0) / 8, LONGEST_WAIT_SECONDS)
    wait = max(check_after, by_age, answer.retry_after_seconds or 0.0)
    return min(wait, max(check_after, float(row.over_in_seconds or 0.0)))
