"""For what those wait who wait in a campaign, by the windows and rules that the claim decides by."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from sqlalchemy import Connection

from worker.domain.call_hours import Rules, whereabouts
from worker.domain.model import Reason
from worker.domain.places import expand
from worker.domain.waits import Waits
from worker.flow.base import first_moment, window_of
from worker.store.columns import CallWindowColumns, Timed
from worker.store.crm import waiting
from worker.store.crm.waiting import WaitingAtKey


class WaitedIn(CallWindowColumns, Timed, Protocol):
    """The campaign in which they wait."""

    @property
    def id(self) -> str: ...


def read_waits(
    conn: Connection, row: WaitedIn, margin_seconds: float, left_out: Mapping[Reason, int] | None = None
) -> Waits:
    """Who waits for what in the campaign; ``left_out`` counts those who do not wait, by the reason."""
    waits, out = Waits(), left_out or {}
    capped = {each.zone: each for each in waiting.capped(conn, row.id)}
    for group in waiting.by_key(conn, row.id):
        resting = capped.get(group.zone)
        if resting is not None:
            waits.frequency.add(resting.waiting, resting.next_due_at)
        _add(waits, row, group, 0 if resting is None else resting.waiting, margin_seconds)
    waits.consent.add(out.get(Reason.NO_CONSENT, 0))
    waits.do_not_call.add(out.get(Reason.DO_NOT_CALL, 0))
    return waits


def _add(waits: Waits, row: WaitedIn, group: WaitingAtKey, resting: int, margin_seconds: float) -> None:
    """Those of one key, but for those of them whose number rests."""
    count = group.waiting - resting
    if _is_held(row, group.zone):
        waits.place_unknown.add(count)
        return
    opens = first_moment(row, group.zone, row.now, margin_seconds)
    if opens == row.now:
        waits.now.add(group.due)
        waits.later.add(count - group.due, _later(row, group, margin_seconds))
        return
    waits.hours.add(count, opens)
    for place in _names(group.zone):
        waits.hours.places += Counter({place: count})


def _later(row: WaitedIn, group: WaitingAtKey, margin_seconds: float) -> datetime | None:
    """When the first of those is called who are due later."""
    if group.next_due_at is None:
        return None
    return first_moment(row, group.zone, max(group.next_due_at, row.now), margin_seconds)


def _is_held(row: WaitedIn, key: str) -> bool:
    """Whether contacts with this key wait until more is known of where they are."""
    if row.rules is None or whereabouts(key, Rules.of(row.rules)) is not None:
        return False
    return window_of(row, key) is not None


def _names(key: str) -> tuple[str, ...]:
    """What a key is called: its places of law, or its zones."""
    place = expand(key)
    return place.areas or place.zones
