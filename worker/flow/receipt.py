"""Settle news when it comes, in the transaction that keeps it, where it is but a move of its call.

That is nearly all of it, and saves the slot that a call frees a message, a worker and a dozen round trips. Whatever
asks for more stays in the inbox as before, and is settled from there (:mod:`worker.flow.settle`): news of a call that
somebody else has in hand, or of which other news waits; whose end wants a word on who answered; from which a ban, a
hang-up or the health of an account or a number follows.

The call is found by its token and locked, or passed over; the same rules decide; the event is written with what became
of it; one commit. The callback is answered after that, and its carrier sends again what was not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog
from sqlalchemy import Connection

from worker.carriers.base import BadEvent, BadSignature, CallEvent
from worker.crashpoint import crashpoint
from worker.domain.errors import DialerError, Unavailable
from worker.domain.lifecycle import is_foreign
from worker.domain.model import Bounds, Disposition, EventKind
from worker.flow.base import Dialer, FillMore, Settle, Step, fill_steps, slot_of
from worker.flow.follow import EVENT_ORDER, Consequences, follow
from worker.flow.record import parse, rows_of
from worker.flow.tally import FOREIGN
from worker.store import events, receipts
from worker.store.calls import CallWithPolicy
from worker.store.database import transact
from worker.store.events import Event, EventOfCall, Kept
from worker.store.moves import Move, MovedCall

log = structlog.get_logger()

Committed = tuple[Kept, Sequence[MovedCall]]
"""What was kept, and the calls that moved."""


@dataclass(frozen=True, slots=True)
class Callback:
    """One callback of a carrier as it came in over HTTP."""

    token: str
    url: str
    headers: Mapping[str, str]
    body: bytes


def receive(dialer: Dialer, carrier: str, token: str, url: str, headers: Mapping[str, str], body: bytes) -> list[Step]:
    """One callback as it came in over HTTP, settled where that may be; the fills it makes room for are others'. An
    unknown token is kept like any other.

    Raises :class:`~worker.domain.errors.NotFound` for a carrier this deployment does not have, and the carrier's
    :class:`~worker.carriers.base.BadSignature` or :class:`~worker.carriers.base.BadEvent`.
    """
    (error,), steps = receive_together(dialer, carrier, [Callback(token, url, headers, body)])
    if error is not None:
        raise error
    return steps


def receive_together(
    dialer: Dialer, carrier: str, callbacks: Sequence[Callback]
) -> tuple[list[Exception | None], list[Step]]:
    """Those of a carrier that came while others were under way, in one transaction: of each what :func:`receive`
    raises of it, if it does, and the steps of all. Where this raises, none of them is kept."""
    refusals: list[Exception | None] = []
    news: list[CallEvent] = []
    for each in callbacks:
        try:
            event = parse(dialer, carrier, each.token, each.url, each.headers, each.body)
        except (DialerError, BadSignature, BadEvent) as error:
            refusals.append(error)
            continue
        refusals.append(None)
        if event is not None:
            news.append(event)
    return refusals, settle_received(dialer, carrier, news, hands_on=True) if news else []


def settle_received(dialer: Dialer, carrier: str, news: Sequence[CallEvent], *, hands_on: bool = False) -> list[Step]:
    """Commit the events, which the key of this carrier verified, and what they change; returns the fills, and a settle
    where some are left for it. Who ``hands_on`` leaves the fills to whoever takes the message."""
    return _follow_up(dialer, carrier, _commit(dialer, carrier, news), hands_on=hands_on)


def _commit(dialer: Dialer, carrier: str, news: Sequence[CallEvent]) -> Committed:
    rows = rows_of(carrier, news)
    committed = transact(dialer.db, lambda conn: _settle(conn, dialer.bounds, carrier, rows))
    crashpoint("record.after_commit")
    return committed


def _follow_up(dialer: Dialer, carrier: str, committed: Committed, *, hands_on: bool) -> list[Step]:
    kept, moved = committed
    if kept.foreign:
        dialer.tally.add(dialer.db, FOREIGN, carrier, kept.foreign)
    ended = [row for row in moved if row.just_ended]
    for row in ended:
        log.info("call_ended", call_id=row.id, campaign_id=row.campaign_id, disposition=row.disposition)
    return [*_free(dialer, ended, hands_on=hands_on), *([Settle()] if kept.waiting else [])]


def _free(dialer: Dialer, ended: Sequence[MovedCall], *, hands_on: bool) -> list[Step]:
    """Give back the slots of ended calls, and have their teams filled. Redis may be away: what was settled is settled,
    and slots and fills are found by the tick."""
    slots = [slot_of(row) for row in ended]
    steps: list[Step] = []
    if not ended:
        return steps
    try:
        if hands_on:
            requests = list(dict.fromkeys((row.team_id, row.campaign_id) for row in ended))
            steps = [FillMore()] if dialer.fill_requests.add(requests, slots, dialer.slots) else []
        else:
            dialer.slots.release(slots)
            steps += fill_steps(ended)
    except Unavailable as error:
        log.warning("slots_not_given_back", calls=len(slots), message=str(error))
    crashpoint("record.after_release")
    return steps


@dataclass(slots=True)
class _Fresh:
    """News that has come just now, and its place among the news that came with it."""

    token: str
    event_id: str
    carrier_call_id: str
    kind: str
    disposition: Disposition | None
    sip_code: int | None
    verdict: str | None
    network_block: bool
    has_rung: bool
    place: int
    received_at: datetime
    age_seconds: float = 0.0

    @classmethod
    def of(cls, event: Event, place: int, received_at: datetime) -> _Fresh:
        return cls(
            token=event.token,
            event_id=event.event_id,
            carrier_call_id=event.carrier_call_id,
            kind=event.kind,
            disposition=event.disposition,
            sip_code=event.sip_code,
            verdict=event.verdict,
            network_block=event.network_block,
            has_rung=event.has_rung,
            place=place,
            received_at=received_at,
        )


def _settle(conn: Connection, bounds: Bounds, carrier: str, rows: Sequence[Event]) -> Committed:
    places: dict[str, list[int]] = {}
    for place, row in enumerate(rows):
        if not row.is_of_another:
            places.setdefault(row.token, []).append(place)
    locked = receipts.lock(conn, sorted(places))
    known: dict[str, list[EventOfCall]] = {}
    for event in locked.events:
        known.setdefault(event.token, []).append(event)
    outcomes: dict[int, str] = {}
    steps: list[Move] = []
    for call in locked.calls:
        if is_foreign(call.carrier, carrier, None):
            continue
        news = [_Fresh.of(rows[place], place, call.read_at) for place in places[call.token]]
        move, became = _follow(bounds, call, news, known.get(call.token, ()))
        outcomes |= became
        if move is not None:
            steps.append(move)
    for place, row in enumerate(rows):
        row.outcome = outcomes.get(place)
    return receipts.keep(conn, carrier, rows, steps)


def _follow(
    bounds: Bounds, call: CallWithPolicy, news: Sequence[_Fresh], known: Sequence[EventOfCall]
) -> tuple[Move | None, dict[int, str]]:
    """The move that news of a call makes, and the outcome of each event by its place; neither where they are left in
    the inbox."""
    if any(event.waits for event in known) or len(known) + len(news) > events.MOST_PER_CALL:
        return None, {}
    fresh = {event.event_id: event for event in reversed(news)}
    for event in known:
        fresh.pop(event.event_id, None)
    in_order = sorted(fresh.values(), key=lambda event: (EVENT_ORDER[EventKind(event.kind)], event.place))
    has_rung = any(event.has_rung for event in known) or any(event.has_rung for event in in_order)
    consequences: Consequences[_Fresh] = Consequences()
    move, became = follow(bounds, call, in_order, consequences, is_known_to_have_rung=has_rung)
    if consequences:
        return None, {}
    return move, {event.place: outcome for event, outcome in became}
