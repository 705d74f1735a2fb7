"""An instant as people read it: on the clock of whom it is about, and how long until then.

Answers for programs have UTC; a sentence has never UTC alone. ``09:00 New York, in 8 h`` says which clock by its city,
and has the day where it is another than today's; without a zone to go by it is ``14:00 UTC, in 8 h``.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from worker.domain.errors import Refused
from worker.domain.window import local_time

UNKNOWN = "an unknown time"
WEEK = timedelta(days=6)


def clock(at: datetime, now: datetime, zone: str | None) -> str:
    """What the clock of the zone reads at an instant: ``09:00 New York``, ``Tue 09:00 New York``, or, a week and more
    away, ``2027-03-09 09:00 New York``."""
    local, today = _read(at, zone), _read(now, zone)
    if zone is None or local is None or today is None:
        local, today, city = at.astimezone(UTC), now.astimezone(UTC), "UTC"
    else:
        city = zone.rpartition("/")[2].replace("_", " ")
    day = "" if local.date() == today.date() else f"{local:%a} " if abs(at - now) < WEEK else f"{local:%Y-%m-%d} "
    return f"{day}{local:%H:%M} {city}"


def when(at: datetime | None, now: datetime, zone: str | None) -> str:
    """The same, and how long until then, or since."""
    if at is None:
        return UNKNOWN
    length = duration(abs(at - now))
    far = f"in {length}" if at >= now else f"{length} ago"
    return f"{clock(at, now, zone)}, {far}"


def day(at: datetime, zone: str) -> str:
    """A day and the time of it on the clock of the zone: ``2027-03-09 09:00 New York``."""
    local = _read(at, zone)
    city = "UTC" if local is None else zone.rpartition("/")[2].replace("_", " ")
    return f"{local or at.astimezone(UTC):%Y-%m-%d %H:%M} {city}"


def weekday(at: datetime, zone: str) -> str:
    """The day of the week too, and the zone by its full name: ``Tue 2027-03-09 09:00 in America/New_York``."""
    local = _read(at, zone)
    return f"{local or at.astimezone(UTC):%a %Y-%m-%d %H:%M} in {'UTC' if local is None else zone}"


def duration(length: timedelta) -> str:
    """``45 s``, ``12 min``, ``8 h``, ``8 h 05 min``, ``3 days``: as much as one needs to know, up to the minute it will
    be."""
    seconds = max(0, round(length.total_seconds()))
    if seconds < 60:
        return f"{seconds} s"
    minutes = -(-seconds // 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {minutes:02d} min" if minutes else f"{hours} h"
    days = round(length / timedelta(days=1))
    return f"{days} day{'' if days == 1 else 's'}"


def _read(at: datetime, zone: str | None) -> datetime | None:
    try:
        return None if zone is None else local_time(at, zone)
    except Refused:  # there are no rules for so late a year
        return None
