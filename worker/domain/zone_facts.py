"""What pytz knows of the clocks of zones: whether they are put forward in summer, what letters they go by, whose they
are. Everything here is computed from the database, nothing is typed.

A zone's clock is read in the last year pytz has rules for, so that what is enacted already counts. The letters it has
gone by *lately* are those since 2019: people go on saying Pacific Time where the law has done away with it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache

import pytz

from worker.domain.window import zone_changes, zone_info
from worker.domain.windows_zones import WINDOWS_ZONES

LAST_YEAR, LATELY = 2037, 2019
BEST_KNOWN = (
    "America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles", "Europe/London", "Europe/Berlin",
    "Europe/Athens", "America/Toronto", "Asia/Kolkata", "Asia/Shanghai", "Asia/Tokyo", "Australia/Sydney",
)  # fmt: skip
"""Of places with one clock the one to name, where no country is known; then those of Windows."""

Clock = tuple[tuple[datetime, timedelta], ...]
"""The instants of the last year at which the clock has changed, its first of January among them, and its offset from
then on."""


@cache
def clock_of(zone: str) -> Clock:
    """What the clock of a zone does in a year; zones with the same are the same for anybody who looks at it."""
    return tuple((at, offset) for at, offset, _ in _read(zone, LAST_YEAR))


def has_summer_time(zone: str) -> bool:
    """Whether the zone's clock changes in the course of a year."""
    return len(offsets_of(zone)) > 1


@cache
def offsets_of(zone: str) -> frozenset[timedelta]:
    """What the clock is ahead of UTC, in winter and in summer."""
    return frozenset(offset for _, offset in clock_of(zone))


@cache
def letters_of(zone: str) -> frozenset[str]:
    """What the clock's times are called for short: ``EST`` and ``EDT``. Zones whose times have no name have none."""
    return frozenset(name for _, _, name in _read(zone, LAST_YEAR) if name.isalpha())


@cache
def lately_called(zone: str) -> frozenset[str]:
    """The letters of a zone, and those it has had in the years before."""
    return letters_of(zone) | {
        name for year in range(LATELY, LATELY + 2) for _, _, name in _read(zone, year) if name.isalpha()
    }


@cache
def zones_of(country: str) -> tuple[str, ...]:
    """The zones of a country (ISO 3166), the best known first; none for a country that pytz does not know."""
    return tuple(sorted(pytz.country_timezones.get(country, ()), key=lambda zone: _rank().get(zone, len(_rank()))))


@cache
def places() -> tuple[str, ...]:
    """All zones that are places where people live: those of the countries, the best known first."""
    living = [zone for code in pytz.country_timezones for zone in zones_of(code) if code != "AQ"]
    return tuple(dict.fromkeys(sorted(living, key=lambda zone: _rank().get(zone, len(_rank())))))


@cache
def places_by_letters() -> Mapping[str, tuple[str, ...]]:
    """The places whose clock goes by these letters now."""
    found: dict[str, list[str]] = {}
    for place in places():
        for letters in letters_of(place):
            found.setdefault(letters, []).append(place)
    return {letters: tuple(zones) for letters, zones in found.items()}


@cache
def _rank() -> Mapping[str, int]:
    return {zone: i for i, zone in reversed([*enumerate((*BEST_KNOWN, *WINDOWS_ZONES.values()))])}


def one_of_each(zones: Iterable[str]) -> list[str]:
    """The first zone of each clock there is among them."""
    first: dict[Clock, str] = {}
    for zone in zones:
        first.setdefault(clock_of(zone), zone)
    return list(first.values())


def _read(zone: str, year: int) -> Iterator[tuple[datetime, timedelta, str]]:
    start, end = datetime(year, 1, 1, tzinfo=UTC), datetime(year + 1, 1, 1, tzinfo=UTC)
    changes: Sequence[datetime] = zone_changes(zone)
    within = changes[bisect_right(changes, start) : bisect_right(changes, end)]
    before: timedelta | None = None
    for at in (start, *(change for change in within if change < end)):
        read = at.astimezone(zone_info(zone))
        offset = read.utcoffset() or timedelta()
        if offset != before:
            yield at, offset, read.tzname() or ""
        before = offset
