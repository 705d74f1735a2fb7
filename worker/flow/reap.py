"""End what ended without telling: ring lost doorbells again, ask carriers, and give up at the provable end.

A call in doubt is resolved by the first of: an event with its token; a look-up that shows it; enough misses
over enough time (one miss proves nothing: a carrier's list lags); its provable end. Only then does its contact
wait again, with the attempt counted and the whole delay: in doubt, nobody is rung.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import structlog
from sqlalchemy import Connection, Row

from worker.carriers.base import CannotTell, CarrierCall
from worker.crashpoint import crashpoint
from worker.domain.model import CallState, Disposition
from worker.flow.base import Dialer, LookUp, Step, dial_steps, fill_steps, slot_of
from worker.flow.ending import end, release
from worker.store import calls
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


def look_up(dialer: Dialer, call_ids: Sequence[str]) -> list[Step]:
    """Ask the carriers about these calls, and write down what can be known."""
    rows = once(dialer.db, lambda conn: calls.live_by_id(conn, call_ids))
    seen = list(dialer.placers.map(lambda row: _ask(dialer, row), rows))
    crashpoint("reap.after_look_up")
    answers = {row.id: answer for row, answer in zip(rows, seen, strict=True)}

    def work(conn: Connection) -> Sequence[Row[Any]]:
        fresh = calls.live_by_id(conn, call_ids)
        moves = [_weigh(dialer, row, answers[row.id]) for row in fresh if row.id in answers]
        return calls.advance(conn, moves)

    moved = transact(dialer.db, work)
    ended = [row for row in moved if row.just_ended]
    dialer.slots.release([slot_of(row) for row in ended])
    for row in ended:
        log.info(
            "call_ended",
            call_id=row.id,
            campaign_id=row.campaign_id,
            disposition=row.disposition,
            by="look_up",
        )
    return fill_steps(ended)


def _ask(dialer: Dialer, row: Row[Any]) -> CarrierCall | CannotTell | None:
    """The call as its carrier sees it; ``None`` is a miss."""
    if row.state == CallState.RESERVED:
        return CannotTell("it was never sent")
    carrier, order = dialer.carriers[row.carrier], dialer.order(row)
    if row.carrier_call_id is not None:
        return carrier.get(order, row.carrier_call_id)
    found = carrier.find(order)
    if isinstance(found, CannotTell):
        return found
    return found[0] if found else None


def _weigh(dialer: Dialer, row: Row[Any], answer: CarrierCall | CannotTell | None) -> Move:
    """What is known of the call now. The row was read again after the carrier answered."""
    bounds = dialer.bounds
    state = CallState(row.state)
    if isinstance(answer, CarrierCall):
        rang = answer.state in (CallState.RINGING, CallState.IN_PROGRESS)
        if answer.disposition is not None:
            move, _ = end(
                row,
                answer.disposition,
                cause="look_up",
                carrier_call_id=answer.carrier_call_id,
                verdict=row.machine_verdict,
            )
            return move
        if not row.is_over:
            return Move(
                row.id, answer.state, carrier_call_id=answer.carrier_call_id, rang=rang,
                check_in_seconds=bounds.check_after_seconds,
            )  # fmt: skip
    misses = row.misses + (answer is None)
    is_gone = misses >= bounds.unknown_misses and row.age_seconds >= bounds.unknown_after_seconds
    if row.is_over or (is_gone and row.carrier_call_id is None):
        move, _ = end(row, Disposition.LOST, cause="provable end" if row.is_over else "not at the carrier", rang=True)
        return move
    doubtful = CallState.UNKNOWN if state is CallState.DIALING else state
    return Move(row.id, doubtful, missed=answer is None, check_in_seconds=bounds.check_after_seconds)
