"""Keep what a carrier says, before anything is made of it.

A callback is verified, translated, and its row committed; only then is it answered. What it means is settled
afterwards, by whoever comes first (:mod:`worker.flow.settle`). News of another carrier's call, or of another account,
is kept and named here already, and settled by nobody.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from worker.carriers.base import BadEvent, BadSignature, CallEvent
from worker.crashpoint import crashpoint
from worker.domain.errors import Invalid, NotFound
from worker.domain.fields import storable
from worker.domain.lifecycle import is_foreign
from worker.flow.base import Dialer, Settle, Step
from worker.flow.tally import FOREIGN, REFUSED
from worker.store import events
from worker.store.database import transact
from worker.store.events import Event

MOST_RAW_CHARACTERS = 8192
"""How much of what was received is kept, as JSON in ASCII; an event of any carrier has a quarter of it."""
LONGEST_NAME = 255
"""How long a token, and the carrier's names for an event and a call, may be. None needs half of it, and an index
takes no more than 2700 bytes."""


def parse(
    dialer: Dialer, carrier: str, token: str, url: str, headers: Mapping[str, str], body: bytes
) -> CallEvent | None:
    """The event of one callback, verified and fit to be kept; a wrong signature is counted."""
    if carrier not in dialer.carriers:
        raise NotFound("carrier", carrier)
    try:
        event = dialer.carriers[carrier].parse(token, url, headers, body)
    except BadSignature:
        dialer.tally.add(dialer.db, REFUSED, carrier)
        raise
    if event is None:
        return None
    names = {"token": event.token, "event_id": event.event_id, "call": event.carrier_call_id}
    for name, value in names.items():
        if len(value) > LONGEST_NAME:
            raise BadEvent(f"{name} is longer than {LONGEST_NAME} characters.")
    try:
        storable({**names, "raw": event.raw}, "event")
    except Invalid as error:
        raise BadEvent(str(error)) from error
    return event


def record(dialer: Dialer, carrier: str, news: Sequence[CallEvent]) -> list[Step]:
    """Commit the events, which the key of this carrier verified; a doubled one is in the inbox already, and one that is
    of no call of this carrier and account asks for nothing."""
    rows = rows_of(carrier, news)
    kept = transact(dialer.db, lambda conn: events.insert(conn, carrier, rows))
    crashpoint("record.after_commit")
    if kept.foreign:
        dialer.tally.add(dialer.db, FOREIGN, carrier, kept.foreign)
    return [Settle()] if kept.waiting else []


def rows_of(carrier: str, news: Iterable[CallEvent]) -> list[Event]:
    """The rows of the inbox for events that the key of this carrier verified."""
    return [
        Event(
            token=e.token,
            event_id=e.event_id,
            carrier_call_id=e.carrier_call_id,
            kind=e.kind,
            disposition=e.disposition,
            sip_code=e.sip_code,
            verdict=e.verdict,
            occurred_at=e.occurred_at,
            raw=json.dumps(dict(bounded(e.raw))),
            is_of_another=is_foreign(None, carrier, e.other_account),
            in_doubt=e.in_doubt,
            network_block=e.network_block,
        )
        for e in news
    ]


def bounded(raw: Mapping[str, Any]) -> Mapping[str, Any]:
    """What was received, or where it is larger than any event, its beginning and how much there was."""
    whole = json.dumps(dict(raw))
    if len(whole) <= MOST_RAW_CHARACTERS:
        return raw
    beginning = whole[: MOST_RAW_CHARACTERS // 2 - 100]  # as a string it may grow to twice as much
    return {"cut": f"{len(whole)} characters came; this is the beginning.", "beginning": beginning}
