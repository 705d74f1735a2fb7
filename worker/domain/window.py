"""When a call may be placed.

One rule, at any instant: *the wall clock in the zone reads a time in* ``[start, end)``. Nothing else is
said about the days the clocks move, because nothing else is needed: an hour that is skipped cannot be read
off a clock, so a window inside it does not open that day; an hour that is repeated is read twice, so a
window inside it opens twice.

The wall clock is read with pytz alone, and only ever *read*: arithmetic happens on UTC instants, between
two changes of the zone's offset, where a step of UTC is the same step on the wall. (Adding a timedelta to
a localized time keeps the old offset across a change, and is an hour wrong when it matters.)

In doubt nobody is rung. pytz knows no rules after 2037, so no window is known to be open from
:data:`RULES_END` on; and a window whose stored zone can no longer be read is :class:`Shut`.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from functools import cache
from itertools import islice
from typing import overload

import pytz
from pytz.tzinfo import DstTzInfo

from worker.domain.errors import Fault, Invalid, Refused

TZDB_VERSION = str(vars(pytz)["OLSON_VERSION"])  # public, but not in the type stubs
"""The edition of the time zone database every answer rests on, such as ``2026f``."""

RULES_END = datetime(2038, 1, 1, tzinfo=UTC)
"""The first instant for which no zone has rules; it and everything later is refused."""

CLOSING_MARGIN_SECONDS = 20.0

_DAY = timedelta(days=1)
HH_MM = r"([01][0-9]|2[0-3]):[0-5][0-9]"
HH_MM_OR_24 = rf"({HH_MM}|24:00)"
"""The hours a window may begin at, and those it may end at, as regular expressions: as they are kept."""
H_MM = r"([01]?[0-9]|2[0-3]):[0-5][0-9]"
H_MM_OR_24 = rf"({H_MM}|24:00)"
"""The same as people may write them: ``9:00`` is ``09:00``."""
HH_MM_FORM = re.compile(HH_MM)
_H_MM = re.compile("[0-9]:[0-5][0-9]")
_ONE_LINE = re.compile(r"([^\s-]+)\s*-\s*(\S+)\s+(\S+)")
_TRANSITIONS = "_utc_transition_times"  # pytz publishes no accessor for the instants at which a zone changes


@dataclass(frozen=True, slots=True)
class CallWindow:
    """The hours ``[start, end)`` on the wall clock of ``timezone``, every day.

    ``start`` is ``00:00``-``23:59``, ``end`` the same or ``24:00``; a start after the end crosses midnight.
    Raises :class:`~worker.domain.errors.Invalid` with every fault at once.

    Instants go in aware, in any zone, and come out in UTC. A naive one raises ``ValueError``; one from
    :data:`RULES_END` on raises :class:`~worker.domain.errors.Refused`.
    """

    start: str
    end: str
    timezone: str
    _opens: timedelta = field(init=False, repr=False, compare=False)
    _closes: timedelta = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        faults = [*_bound_faults(self.start, self.end), *zone_faults(self.timezone)]
        if faults:
            raise Invalid(faults)
        object.__setattr__(self, "_opens", since_midnight(self.start))
        object.__setattr__(self, "_closes", since_midnight(self.end))

    def in_zone(self, timezone: str) -> CallWindow:
        """The same hours on another zone's wall clock: a contact's own."""
        return self if timezone == self.timezone else CallWindow(self.start, self.end, timezone)

    def is_open(self, at: datetime) -> bool:
        """Whether a call may be placed at this instant."""
        return self._holds(wall_clock(to_utc(at), self.timezone))

    def next_open(self, at: datetime) -> datetime | None:
        """The first instant from ``at`` on at which the window is open: ``at`` itself if it is open now.

        ``None`` when there is no such instant before :data:`RULES_END`.
        """
        return self._first(to_utc(at), is_open=True)

    def next_close(self, at: datetime) -> datetime:
        """The first instant from ``at`` on at which the window is not open: ``at`` itself if it is shut now.

        :data:`RULES_END` for a window that never closes (``00:00`` to ``24:00``).
        """
        return self._first(to_utc(at), is_open=False) or RULES_END

    def open_until(self, at: datetime, margin_seconds: float = CLOSING_MARGIN_SECONDS) -> datetime | None:
        """Until when a call may be committed, that instant excluded; ``None`` when none may be now.

        At every instant from ``at`` up to the answer the window is open and will still be open
        ``margin_seconds`` later, which is what keeps a request that trails its commit inside the window.
        """
        now = to_utc(at)
        until = self.next_close(now) - timedelta(seconds=margin_seconds)
        return until if now < until else None

    def _holds(self, reading: timedelta) -> bool:
        if self._opens < self._closes:
            return self._opens <= reading < self._closes
        return reading >= self._opens or reading < self._closes

    def _first(self, now: datetime, *, is_open: bool) -> datetime | None:
        """Step from one change of the zone's offset to the next, reading the clock anew at each.

        Between two changes the clock reads the next bound after just the time that is missing to it. One
        step is enough on most days, two or three where the clocks move.
        """
        if not is_open and self._closes - self._opens == _DAY:
            return None
        bound = self._opens if is_open else self._closes
        for change in changes_after(now, self.timezone):
            reading = wall_clock(now, self.timezone)
            if self._holds(reading) is is_open:
                return now
            reached = now + (bound - reading) % _DAY
            if reached < change:
                return reached
            now = change
        return None


@dataclass(frozen=True, slots=True)
class Shut:
    """A window nobody can read: never open, so that nobody is rung by mistake."""

    def in_zone(self, timezone: str) -> Shut:
        return self

    def is_open(self, at: datetime) -> bool:
        return False

    def next_open(self, at: datetime) -> None:
        return None

    def next_close(self, at: datetime) -> datetime:
        return to_utc(at)

    def open_until(self, at: datetime, margin_seconds: float = CLOSING_MARGIN_SECONDS) -> None:
        return None


def parse_window(start: str | None, end: str | None, timezone: str | None) -> CallWindow | None:
    """The window a caller requested, ``9:00`` read as ``09:00``; ``None`` when all three fields are left out.

    Raises :class:`~worker.domain.errors.Invalid` naming every field that is missing and every one that is
    wrong, so that one answer is enough to correct the request.
    """
    start, end = padded(start), padded(end)
    given = {"callWindowStart": start, "callWindowEnd": end, "callWindowTimezone": timezone}
    missing = [path for path, value in given.items() if value is None]
    if len(missing) == len(given):
        return None
    if start is not None and end is not None and timezone is not None:
        return CallWindow(start, end, timezone)
    faults = [Fault(path, "Missing: give all three fields of the call window, or none.") for path in missing]
    faults += _bound_faults(start, end)
    if timezone is not None:
        faults += zone_faults(timezone)
    raise Invalid(faults)


def parse_default_window(text: str) -> CallWindow | None:
    """Read the setting ``DEFAULT_CALL_WINDOW``: ``09:00-17:00 America/New_York``; blank means none."""
    path = "DEFAULT_CALL_WINDOW"
    if not text.strip():
        return None
    match = _ONE_LINE.fullmatch(text.strip())
    if match is None:
        example = "09:00-17:00 America/New_York"
        raise Invalid([Fault(path, f"Write start, end and time zone on one line, such as {example}.")])
    start, end, timezone = match.groups()
    try:
        return CallWindow(padded(start), padded(end), timezone)
    except Invalid as error:
        raise Invalid([Fault(path, fault.message) for fault in error.faults]) from None


def window_or_shut(start: str | None, end: str | None, timezone: str | None) -> CallWindow | Shut:
    """The window stored in a row, or :class:`Shut` where the row cannot be read.

    Rows are screened when written, but a zone may leave the database in a later edition, and rows are
    edited by hand. A field that is ``None`` cannot be read either: a campaign with no window at all is for
    the caller to distinguish first.
    """
    if start is None or end is None or timezone is None:
        return Shut()
    try:
        return CallWindow(start, end, timezone)
    except Invalid:
        return Shut()


def local_time(at: datetime, timezone: str) -> datetime | None:
    """What the clock on the wall of this zone reads at ``at``, to be shown; ``None`` for a zone nobody can read."""
    try:
        return to_utc(at).astimezone(zone_info(timezone))
    except pytz.UnknownTimeZoneError:
        return None


def to_utc(at: datetime) -> datetime:
    """The instant in UTC. Raises ``ValueError`` for a naive one, :class:`Refused` from :data:`RULES_END` on."""
    if at.utcoffset() is None:
        raise ValueError(f"A call window needs an aware instant; {at.isoformat()} names no time zone.")
    now = at.astimezone(UTC)
    if now >= RULES_END:
        raise Refused("Time zones have no rules after 2037; choose an earlier date.")
    return now


@cache
def zone_info(name: str) -> tzinfo:
    """The zone. Raises ``pytz.UnknownTimeZoneError``."""
    return pytz.timezone(name)


@cache
def zone_changes(name: str) -> tuple[datetime, ...]:
    """The instants, ascending, at which the zone's offset may change, and the end of all rules."""
    zone = zone_info(name)
    naive: Sequence[datetime] = getattr(zone, _TRANSITIONS) if isinstance(zone, DstTzInfo) else ()
    changes = (change.replace(tzinfo=UTC) for change in naive)
    return (*(change for change in changes if change < RULES_END), RULES_END)


def changes_after(now: datetime, zone: str) -> Iterator[datetime]:
    """The instants after ``now`` at which the zone\'s offset may change, the end of all rules last."""
    changes = zone_changes(zone)
    return islice(changes, bisect_right(changes, now), None)


def wall_clock(now: datetime, zone: str) -> timedelta:
    """What the clock on the wall reads, as the time since it read midnight."""
    read = now.astimezone(zone_info(zone))
    return timedelta(hours=read.hour, minutes=read.minute, seconds=read.second, microseconds=read.microsecond)


@overload
def padded(hour: str) -> str: ...
@overload
def padded(hour: str | None) -> str | None: ...
def padded(hour: str | None) -> str | None:
    """``9:00`` as it is kept, ``09:00``; anything else is left to whoever checks it."""
    return f"0{hour}" if hour is not None and _H_MM.fullmatch(hour) else hour


def since_midnight(hh_mm: str) -> timedelta:
    """What is written HH:MM, as the time since midnight."""
    return timedelta(hours=int(hh_mm[:2]), minutes=int(hh_mm[3:]))


def _bound_faults(start: str | None, end: str | None) -> list[Fault]:
    """What is wrong with the bounds that are given; ``None`` is a bound somebody else reports missing."""
    faults = []
    if start is not None and not HH_MM_FORM.fullmatch(start):
        faults.append(Fault("callWindowStart", "Write the start as HH:MM between 00:00 and 23:59."))
    if end is not None and end != "24:00" and not HH_MM_FORM.fullmatch(end):
        faults.append(Fault("callWindowEnd", "Write the end as HH:MM between 00:00 and 24:00."))
    if not faults and start is not None and start == end:
        equal = "The end must differ from the start; for the whole day use 00:00 to 24:00."
        faults.append(Fault("callWindowEnd", equal))
    return faults


def zone_faults(name: str) -> list[Fault]:
    """What is wrong with the name of a zone, if anything is."""
    # pytz.timezone() itself forgives the case, and would let two spellings of one zone into the rows that
    # are claimed zone by zone.
    if name in pytz.all_timezones_set:
        return []
    hint = _zones_by_hint().get(_hint_key(name))
    advice = f"did you mean {hint}?" if hint else "use an IANA name, such as America/New_York."
    return [Fault("callWindowTimezone", f"Unknown time zone {name[:64]!r}; {advice}")]


@cache
def _zones_by_hint() -> dict[str, str]:
    """Zones by their name and by their city alone, as carelessly as people write them. What one country calls its
    parts (``US/Eastern``) is no city: others have an east, too."""
    named = [name for name in pytz.common_timezones if not name.startswith(("US/", "Canada/"))]
    cities = {_hint_key(name.rpartition("/")[2]): name for name in reversed(named)}
    return cities | {_hint_key(name): name for name in pytz.all_timezones}


def _hint_key(name: str) -> str:
    return re.sub(r"[\s_-]+", "_", name.strip().casefold())
