"""Where contacts of a campaign are due and may be called now: zone by zone, or place by place.

Zones are few, and each is counted. Places may be many, so of each only the first contact is read, and together no more
are counted than a round takes. Those that are shut are noted, and no claim looks at them until they open.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from operator import itemgetter

from worker.domain.call_hours import is_never
from worker.flow.base import Dialer, valid_until, window_of
from worker.flow.frequency import is_limited
from worker.store.candidates import Candidate
from worker.store.claims import ShutZone, Want

NOTED_FOR = timedelta(hours=1)
"""A shut place is looked at again after so long at the latest, whatever its hours say."""


_IN_ORDER = itemgetter(1, 2, 3)
"""Of the first contacts of places as they are read: rank, since when due (as text, of one form, in UTC), id."""


@dataclass(frozen=True, slots=True)
class First:
    """The first contact of a rank that is due at a place."""

    rank: int
    due_at: datetime
    id: int
    zone: str


@dataclass(slots=True)
class Due:
    """How many contacts are due that may be called now (``count``, as far as a round takes them); in which ``zones``;
    where these are places, the first of each, in order; which are ``shut``, and in which nobody will ``ever`` be
    called."""

    count: int = 0
    zones: Sequence[str] = ()
    firsts: Sequence[First] = ()
    shut: list[ShutZone] = field(default_factory=list)
    never: list[str] = field(default_factory=list)

    def wants(self, row: Candidate, most: int) -> list[Want]:
        """Where to look for the first ``most`` of them. Of places, behind the first contact of as many nobody is among
        these, and where the first comes behind those of others, so many less are."""
        with_person = row.variables is not None
        if row.rules is None:
            limited = is_limited(row, "", row.now)  # wherever the contact is
            return [Want(row.id, zone, most, with_person, with_history=limited) for zone in self.zones]
        last = self.firsts[most - 1] if most <= len(self.firsts) else None
        rank, due_at, last_id = (None, None, None) if last is None else (last.rank, last.due_at, last.id)
        places = dict.fromkeys(first.zone for first in self.firsts[:most])
        wants = [
            Want(row.id, zone, most - n, with_person, True, rank, due_at, last_id, is_limited(row, zone, row.now))
            for n, zone in enumerate(places)
        ]
        return [*wants, *(Want(row.id, zone, most, with_person, by_place=True) for zone in self.never)]


def due_now(dialer: Dialer, row: Candidate, most: int) -> Due:
    """Where contacts of the campaign are due, of places as many as ``most`` contacts may be in."""
    if row.first_by_zone is None:
        zones = [zone for zone, count in row.due_by_zone if count and is_open(dialer, row, zone)]
        return Due(sum(count for zone, count in row.due_by_zone if zone in zones), zones)
    due, counts = Due(), dict(row.due_by_zone)
    standing: dict[str, bool] = {}
    firsts: list[First] = []
    for zone, rank, due_at, contact in sorted(row.first_by_zone, key=_IN_ORDER):
        if zone not in standing:
            standing[zone] = is_open(dialer, row, zone)
            if not standing[zone] and is_never(window_of(row, zone), row.now):
                due.never.append(zone)
            elif not standing[zone]:
                due.shut.append(ShutZone(row.id, zone, _shut_until(row, zone)))
        if standing[zone]:
            firsts.append(First(rank, datetime.fromisoformat(due_at), contact, zone))
        if len(firsts) == most:
            break
    due.firsts, due.zones = firsts, list(dict.fromkeys(first.zone for first in firsts))
    due.count = max(len(firsts), sum(counts.get(zone, 0) for zone in due.zones))
    return due


def _shut_until(row: Candidate, zone: str) -> datetime:
    latest = row.now + NOTED_FOR
    window = window_of(row, zone)
    opens = None if window is None else window.next_open(window.next_close(row.now))
    return latest if opens is None else min(opens, latest)


def is_open(dialer: Dialer, row: Candidate, zone: str) -> bool:
    """Whether a call to a contact in this zone may be committed now."""
    return valid_until(row, zone, row.now, dialer.bounds.closing_margin_seconds) is not None
