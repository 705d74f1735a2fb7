"""End what ended without telling: ring lost doorbells again, ask carriers, and give up at the provable end.

A call in doubt is resolved by the first of: an event with its token; a look-up that shows it; enough misses
over enough time (one miss proves nothing: a carrier's list lags); its provable end. Only then does its contact
wait again, with the attempt counted and the whole delay: in doubt, nobody is rung.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from sqlalchemy import Connection, Row

from worker.carriers.base import CannotTell, CarrierCall, Order
from worker.crashpoint import crashpoint
from worker.domain.breaker import Evidence
from worker.domain.model import CallState, Disposition
from worker.flow import breaker
from worker.flow.base import Dialer, LookUp, Step, Stop, dial_steps, fill_steps, slot_of
from worker.flow.clock_jumps import steadily
from worker.flow.ending import LOOK_UP, end, release
from worker.store import calls, hangups
from worker.store.calls import Move
from worker.store.database import once, transact

log = structlog.get_logger()

MOST = 200


def ring_again(dialer: Dialer) -> list[Step]:
    """Reserved calls nobody dialed: their message was lost, or is late. Old ones are given up."""
    bounds = dialer.bounds
    rows = transact(
        dialer.db,
        lambda conn: calls.unheard(
            conn,
            after_seconds=bounds.doorbell_after_seconds,
            release_after_seconds=bounds.release_reserved_after_seconds,
            most=MOST,
        ),
    )
    moves = [release(row.id, "waited too long to be dialed") for row in rows if row.is_stale]
    released = transact(dialer.db, lambda conn: calls.advance(conn, moves))
    dialer.slots.release([slot_of(row) for row in released])
    again = [row.id for row in rows if not row.is_stale]
    if rows:
        log.warning("doorbells_rung_again", calls=len(again), released=len(released))
    return [*dial_steps(again, bounds.dial_batch), *fill_steps(released)]


def reap(dialer: Dialer) -> list[Step]:
    """Take the calls whose time to be looked at has come; a look-up is a task of its own, for it waits on the
    carrier."""
    again = dialer.bounds.request_seconds + dialer.bounds.check_after_seconds
    due = transact(dialer.db, lambda conn: calls.overdue(conn, again_in_seconds=again, most=MOST))
    if due:
        crashpoint("reap.after_take")
    return [LookUp(tuple(due[i : i + 25])) for i in range(0, len(due), 25)]


@dataclass(frozen=True, slots=True)
class _Seen:
    """What a carrier answered about one call; ``None`` is a miss. ``others`` are further calls under its token."""

    call: CarrierCall | CannotTell | None
    others: tuple[CarrierCall, ...] = ()


def look_up(dialer: Dialer, call_ids: Sequence[str]) -> list[Step]:
    """Ask the carriers about these calls, and write down what can be known."""
    rows = once(dialer.db, lambda conn: calls.live_by_id(conn, call_ids))
    seen = list(dialer.placers.map(lambda row: _ask(dialer, row), rows))
    crashpoint("reap.after_look_up")
    answers = {row.id: answer.call for row, answer in zip(rows, seen, strict=True)}
    overstays: list[str] = []
    evidence: list[Evidence | None] = []

    def work(conn: Connection) -> Sequence[Row[Any]]:
        fresh = [row for row in calls.live_by_id(conn, call_ids) if row.id in answers]
        overstays[:] = [row.id for row in fresh if row.is_over and _is_alive(answers[row.id])]
        if overstays:
            hangups.mark_for_end(conn, overstays)
        evidence[:] = [_evidence(row, answers[row.id]) for row in fresh]
        return calls.advance(conn, [_weigh(dialer, row, answers[row.id]) for row in fresh])

    moved = steadily(dialer.db, dialer.clock, work)
    ended = [row for row in moved if row.just_ended]
    dialer.slots.release([slot_of(row) for row in ended])
    for row, answer in zip(rows, seen, strict=True):
        end_orphans(dialer, row, [other.carrier_call_id for other in answer.others])
    for row in ended:
        log.info(
            "call_ended",
            call_id=row.id,
            campaign_id=row.campaign_id,
            disposition=row.disposition,
            by=LOOK_UP,
        )
    return [*breaker.hear(dialer, evidence), *fill_steps(ended), *([Stop()] if overstays else [])]


def end_orphans(dialer: Dialer, row: Row[Any], carrier_call_ids: Iterable[str]) -> None:
    """End calls under this call's token that are not this call: none should exist, and none may go on ringing."""
    for carrier_call_id in carrier_call_ids:
        log.error("orphan_call", call_id=row.id, carrier_call_id=carrier_call_id)
        if row.carrier in dialer.carriers:
            dialer.carriers[row.carrier].end(dialer.order(row), carrier_call_id)


def end_nobodys(dialer: Dialer, news: Iterable[Row[Any]]) -> None:
    """End calls that were answered under a token this database does not know, as after a backup was restored:
    whoever picked up would hear nothing."""
    for event in news:
        log.error("nobodys_call", carrier=event.carrier, carrier_call_id=event.carrier_call_id)
        if event.carrier in dialer.carriers:
            order = Order(event.token, event.token, "", "", "", ring_seconds=0, longest_call_seconds=0, callback_url="")
            dialer.carriers[event.carrier].end(order, event.carrier_call_id)


def _ask(dialer: Dialer, row: Row[Any]) -> _Seen:
    """The call as its carrier sees it. Of several under one token the first is taken for it, the rest are
    orphans."""
    if row.state == CallState.RESERVED:
        return _Seen(CannotTell("it was never sent"))
    if row.carrier not in dialer.carriers:
        return _Seen(CannotTell("this deployment cannot ask its carrier"))
    carrier, order = dialer.carriers[row.carrier], dialer.order(row)
    if row.carrier_call_id is not None:
        return _Seen(carrier.get(order, row.carrier_call_id))
    found = carrier.find(order)
    if isinstance(found, CannotTell):
        return _Seen(found)
    if not found:
        return _Seen(None)
    return _Seen(found[0], tuple(other for other in found[1:] if _is_alive(other)))


def _evidence(row: Row[Any], answer: CarrierCall | CannotTell | None) -> Evidence | None:
    """What was seen says of the carrier account. A call still ``dialing`` is one whose worker died with the answer."""
    if not isinstance(answer, CarrierCall):
        return breaker.of_silence(row) if row.state == CallState.DIALING else None
    if answer.disposition is not None:
        return breaker.of_end(row, answer.disposition)
    return breaker.of_life(row) if answer.state is CallState.IN_PROGRESS else None


def _is_alive(answer: CarrierCall | CannotTell | None) -> bool:
    return isinstance(answer, CarrierCall) and answer.disposition is None


def _weigh(dialer: Dialer, row: Row[Any], answer: CarrierCall | CannotTell | None) -> Move:
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
            rang=answer.disposition is Disposition.CANCELED,  # it may have; a look-up does not say how far it came
        )
        return move
    misses = row.misses + (answer is None)
    is_gone = misses >= bounds.unknown_misses and row.age_seconds >= bounds.unknown_after_seconds
    if row.is_over or (is_gone and row.carrier_call_id is None):
        move, _ = end(row, Disposition.LOST, cause="provable end" if row.is_over else "not at the carrier", rang=True)
        return move
    doubtful = CallState.UNKNOWN if state is CallState.DIALING else state
    return Move(row.id, doubtful, missed=answer is None, check_in_seconds=bounds.check_after_seconds)
