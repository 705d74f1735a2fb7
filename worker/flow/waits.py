"""For what those wait who wait in a campaign, by the windows and rules that the claim decides by."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from sqlalchemy import Connection

from worker.domain.call_hours import Rules, assess, is_never, whereabouts
from worker.domain.model import Reason
from worker.domain.places import expand
from worker.domain.waits import Waits
from worker.flow.base import first_moment, window_of
from worker.law.words import Consent
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
    """Who waits for what in the campaign. For a dry run ``left_out`` counts those who do not wait, by the reason; those
    are counted apart then, too, whom the rules will leave out at their turn."""
    waits, out, groups = Waits(), left_out or {}, waiting.by_key(conn, row.id)
    needs = {} if left_out is None else _needs(row, groups)
    wanted = {zone: need for zone, need in needs.items() if need is not None and need > Consent.NONE}
    purpose = None if row.rules is None else row.rules["purpose"]
    consenting = waiting.consenting(conn, row.id, purpose, wanted) if purpose else {}
    capped = {each.zone: each for each in waiting.capped(conn, row.id)}
    for group in groups:
        resting = capped.get(group.zone)
        if resting is not None:
            waits.frequency.add(resting.waiting, resting.next_due_at)
        count = group.waiting - (0 if resting is None else resting.waiting)
        if group.zone in needs and needs[group.zone] is None:
            waits.prohibited.add(count)
        elif group.zone not in wanted:
            _add(waits, row, group, count, margin_seconds)
        else:
            able = consenting.get(group.zone)
            waits.consent.add(count - (0 if able is None else able.waiting))
            if able is not None:
                _add(waits, row, able, able.waiting, margin_seconds)
    waits.consent.add(out.get(Reason.NO_CONSENT, 0))
    waits.prohibited.add(out.get(Reason.PROHIBITED, 0) + out.get(Reason.NO_COMMON_HOUR, 0))
    waits.do_not_call.add(out.get(Reason.DO_NOT_CALL, 0))
    return waits


def _needs(row: WaitedIn, groups: Sequence[WaitingAtKey]) -> Mapping[str, Consent | None]:
    """The consent that the rules need at each key, ``None`` where nobody is ever called; not of keys that none bind."""
    if row.rules is None:
        return {}
    rules, needs = Rules.of(row.rules), dict[str, Consent | None]()
    for key in (group.zone for group in groups):
        checked = assess(key, rules, row.now)
        if is_never(window_of(row, key), row.now):
            needs[key] = None
        elif checked is not None:
            needs[key] = checked.needs
    return needs


def _add(waits: Waits, row: WaitedIn, group: WaitingAtKey, count: int, margin_seconds: float) -> None:
    """So many of one key: those whose number does not rest."""
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
