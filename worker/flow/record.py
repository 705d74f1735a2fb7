"""Keep what a carrier says, before anything is made of it.

A callback is verified, translated, and its row committed; only then is it answered. What it means is settled
afterwards, by whoever comes first (:mod:`worker.flow.settle`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from worker.carriers.base import BadEvent, BadSignature, CallEvent
from worker.crashpoint import crashpoint
from worker.domain.errors import Invalid, NotFound
from worker.domain.fields import storable
from worker.flow.base import Dialer, Settle, Step
from worker.store import events
from worker.store.database import transact
from worker.store.events import Event


def receive(dialer: Dialer, carrier: str, token: str, url: str, headers: Mapping[str, str], body: bytes) -> list[Step]:
    """One callback as it came in over HTTP. An unknown token is kept like any other.

    Raises :class:`NotFound` for a carrier this deployment does not have, and the carrier's
    :class:`~worker.carriers.base.BadSignature` or :class:`~worker.carriers.base.BadEvent`.
    """
    event = heard(dialer, carrier, token, url, headers, body)
    return [] if event is None else record(dialer, carrier, [event])


def heard(
    dialer: Dialer, carrier: str, token: str, url: str, headers: Mapping[str, str], body: bytes
) -> CallEvent | None:
    """What one callback tells, verified and fit to be kept; a wrong signature is counted."""
    if carrier not in dialer.carriers:
        raise NotFound("carrier", carrier)
    try:
        event = dialer.carriers[carrier].parse(token, url, headers, body)
    except BadSignature:
        transact(dialer.db, lambda conn: events.count_refused(conn, carrier))
        raise
    if event is None:
        return None
    try:
        storable({"event_id": event.event_id, "call": event.carrier_call_id, "raw": event.raw}, "event")
    except Invalid as error:
        raise BadEvent(str(error)) from error
    return event


def record(dialer: Dialer, carrier: str, news: Sequence[CallEvent]) -> list[Step]:
    """Commit the events; a doubled one is in the inbox already and asks for nothing."""
    rows = [
        Event(
            token=e.token,
            event_id=e.event_id,
            carrier_call_id=e.carrier_call_id,
            kind=e.kind,
            disposition=e.disposition,
            sip_code=e.sip_code,
            verdict=e.verdict,
            occurred_at=e.occurred_at,
            raw=e.raw,
            in_doubt=e.in_doubt,
        )
        for e in news
    ]
    new = transact(dialer.db, lambda conn: events.insert(conn, carrier, rows))
    crashpoint("record.after_commit")
    return [Settle()] if new else []
