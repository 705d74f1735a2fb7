"""Where contacts of a campaign are due and may be called now: zone by zone, or place by place.

Zones are few, and each is counted. Places may be many, so of each only the first contact is read, and together no more
are counted than a round takes. Those that are shut are noted, and no claim looks at them until they open.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from worker.domain.call_hours import is_never
from worker.flow.base import Dialer, valid_until, window_of
from worker.store.candidates import Candidate
from worker.store.claims import ShutZone, Want

NOTED_FOR = timedelta(hours=1)
"""A shut place is looked at again after so long at the latest, whatever its hours say."""


@dataclass(slots=True)
class Due:
    """How many contacts are due that may be called now (``count``, as far as a round takes them); in which ``zones``,
    those whose first is due first at the front where they are places; which are ``shut``, and in which nobody will
    ``ever`` be called."""

    count: int = 0
    zones: list[str] = field(default_factory=list)
    shut: list[ShutZone] = field(default_factory=list)
    never: list[str] = field(default_factory=list)

    def wants(self, row: Candidate, most: int) -> list[Want]:
        """Where to look for the first ``most`` of them. Where one place's first contact comes behind those of others,
        as many of these come before anybody in it."""
        with_person, by_place = row.variables is not None, row.rules is not None
        wants = [
            Want(row.id, zone, most - n if by_place else most, with_person, by_place)
            for n, zone in enumerate(self.zones[:most] if by_place else self.zones)
        ]
        return [*wants, *(Want(row.id, zone, most, with_person, by_place) for zone in self.never)]


def due_now(dialer: Dialer, row: Candidate) -> Due:
    """Where contacts of the campaign are due."""
    if row.first_by_zone is None:
        zones = [zone for zone, count in row.due_by_zone if count and is_open(dialer, row, zone)]
        return Due(sum(count for zone, count in row.due_by_zone if zone in zones), zones)
    due = Due()
    heads = _in_order(row.first_by_zone)
    for zone in heads:
        if is_open(dialer, row, zone):
            due.zones.append(zone)
        elif is_never(window_of(row, zone), row.now):
            due.never.append(zone)
        else:
            due.shut.append(ShutZone(row.id, zone, _shut_until(row, zone)))
    counts = dict(row.due_by_zone)
    due.count = max(len(due.zones), sum(counts.get(zone, 0) for zone in due.zones))
    return due


def _in_order(first_by_zone: Sequence[tuple[str, int, float]]) -> list[str]:
    """The zones, by their first contact: the lowest rank first, and of one rank who is due longest."""
    ordered = sorted(first_by_zone, key=lambda first: (first[1], float(first[2]), first[0]))
    return list(dict.fromkeys(zone for zone, _, _ in ordered))


def _shut_until(row: Candidate, zone: str) -> datetime:
    latest = row.now + NOTED_FOR
    window = window_of(row, zone)
    opens = None if window is None else window.next_open(window.next_close(row.now))
    return latest if opens is None else min(opens, latest)


def is_open(dialer: Dialer, row: Candidate, zone: str) -> bool:
    """Whether a call to a contact in this zone may be committed now."""
    return valid_until(row, zone, row.now, dialer.bounds.closing_margin_seconds) is not None
