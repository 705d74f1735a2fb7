"""Times that people write as they read them off the wall, without an offset: which instants they may be.

On the days the clocks are moved a time may be read twice, or not at all. pytz is only ever read, as in
:mod:`worker.domain.window`: an instant is a reading's if the clock reads that then.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from worker.domain.window import RULES_END, zone_changes, zone_info

_FARTHEST = timedelta(days=2)
"""No clock is farther from UTC, nor moved by more."""


def readings(at: datetime, zone: str) -> list[datetime]:
    """The instants, ascending, at which the clock of the zone reads the naive ``at``: none in a gap, two where an hour
    comes twice."""
    found = (at.replace(tzinfo=UTC) - offset for offset in _offsets(at, zone))
    return sorted(each for each in found if each.astimezone(zone_info(zone)).replace(tzinfo=None) == at)


def around_the_gap(at: datetime, zone: str) -> list[datetime]:
    """The two instants meant by a reading that is skipped: as far behind the gap by the clock after it, and by the
    clock before it."""
    return sorted(at.replace(tzinfo=UTC) - offset for offset in _offsets(at, zone))


def written(at: datetime, zone: str) -> str:
    """An instant in ISO 8601 by the clock of a zone, with its offset."""
    return at.astimezone(zone_info(zone)).isoformat(timespec="seconds")


def _offsets(at: datetime, zone: str) -> set[timedelta]:
    """The offsets of the zone about then."""
    near = at.replace(tzinfo=UTC)
    first, last = near - _FARTHEST, near + _FARTHEST
    moments = [first, *(change for change in zone_changes(zone) if first < change < last and change < RULES_END)]
    offsets = (moment.astimezone(zone_info(zone)).utcoffset() for moment in moments)
    return {offset for offset in offsets if offset is not None}
