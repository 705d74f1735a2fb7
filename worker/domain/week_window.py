"""Several windows a day, by weekday: ``callWindows``, beside the one window of every day (:mod:`worker.domain.window`).

The rule is the same one: *the wall clock in the zone reads a weekday and a time inside one of the windows*. A window
belongs to the day on which it begins; one whose start is after its end goes on into the next day. Two that touch are
one, so that no call waits for a bound between them; two that overlap, or one that is empty, are refused.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from worker.domain.errors import Fault, Invalid, every
from worker.domain.fields import unknown_fields, wrong
from worker.domain.kinds import OneOf, size_of
from worker.domain.window import (
    CLOSING_MARGIN_SECONDS,
    HH_MM_FORM,
    RULES_END,
    Shut,
    changes_after,
    padded,
    since_midnight,
    to_utc,
    wall_clock,
    zone_faults,
    zone_info,
)

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MOST_WINDOWS = 50
_KNOWN = ("days", "start", "end")
_DAY, _WEEK = timedelta(days=1), timedelta(days=7)
_LIKE = 'such as {"days": ["mon", "tue"], "start": "09:00", "end": "12:30"}'

FrozenWindows = tuple[tuple[tuple[str, ...], str, str], ...]
"""Windows by their days, start and end, as a key."""
Span = tuple[timedelta, timedelta]
"""From when until when, since Monday's midnight on the wall clock, the end excluded; it may lie in the next week."""


@dataclass(frozen=True, slots=True)
class WeekWindow:
    """The hours of ``windows`` (as :func:`read_windows` gives them) on the wall clock of ``timezone``. Raises
    :class:`Invalid` with every fault. What it answers is what :class:`worker.domain.window.CallWindow` does."""

    windows: FrozenWindows
    timezone: str
    _opens: Sequence[timedelta] = field(init=False, repr=False, compare=False)
    _closes: Sequence[timedelta] = field(init=False, repr=False, compare=False)
    _spans: Sequence[Span] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if faults := zone_faults(self.timezone):
            raise Invalid(faults)
        given = [{"days": list(days), "start": start, "end": end} for days, start, end in self.windows]
        read_windows(given, "callWindows")
        spans = sorted(span for window in given for span in _spans_of(window))
        object.__setattr__(self, "_spans", spans)
        object.__setattr__(self, "_opens", sorted({s for s, _ in spans if not self._holds((s - _TICK) % _WEEK)}))
        object.__setattr__(self, "_closes", sorted({e % _WEEK for _, e in spans if not self._holds(e % _WEEK)}))

    def in_zone(self, timezone: str) -> WeekWindow:
        """The same hours on another zone's wall clock: a contact's own."""
        return self if timezone == self.timezone else WeekWindow(self.windows, timezone)

    def is_open(self, at: datetime) -> bool:
        """Whether a call may be placed at this instant."""
        return self._holds(_week_clock(to_utc(at), self.timezone))

    def next_open(self, at: datetime) -> datetime | None:
        """The first instant from ``at`` on at which a window is open: ``at`` itself if one is open now; ``None`` when
        there is none before :data:`RULES_END`."""
        return self._first(to_utc(at), is_open=True)

    def next_close(self, at: datetime) -> datetime:
        """The first instant from ``at`` on at which none is open; :data:`RULES_END` where they leave no gap."""
        return self._first(to_utc(at), is_open=False) or RULES_END

    def open_until(self, at: datetime, margin_seconds: float = CLOSING_MARGIN_SECONDS) -> datetime | None:
        """Until when a call may be committed, that instant excluded; ``None`` when none may be now."""
        now = to_utc(at)
        until = self.next_close(now) - timedelta(seconds=margin_seconds)
        return until if now < until else None

    def _holds(self, reading: timedelta) -> bool:
        return any(start <= at < end for start, end in self._spans for at in (reading, reading + _WEEK))

    def _first(self, now: datetime, *, is_open: bool) -> datetime | None:
        """Step from one change of the zone's offset to the next, reading the clock and the weekday anew at each."""
        bounds = self._opens if is_open else self._closes
        for change in changes_after(now, self.timezone):
            reading = _week_clock(now, self.timezone)
            if self._holds(reading) is is_open:
                return now
            if bounds:
                following = bounds[bisect_right(bounds, reading) % len(bounds)]
                reached = now + (following - reading) % _WEEK
                if reached < change:
                    return reached
            now = change
        return None


_TICK = timedelta(microseconds=1)


def week_window_or_shut(windows: FrozenWindows, timezone: str) -> WeekWindow | Shut:
    """The windows stored in a row, or :class:`Shut` where they cannot be read."""
    try:
        return WeekWindow(windows, timezone)
    except Invalid:
        return Shut()


def frozen_windows(stored: Sequence[Mapping[str, Any]]) -> FrozenWindows:
    """Windows as they are stored, for :class:`WeekWindow`; none, which is none that is ever open, where they cannot be
    read."""
    try:
        return tuple((tuple(each["days"]), each["start"], each["end"]) for each in stored)
    except (KeyError, TypeError):
        return ()


def in_words(stored: Sequence[Mapping[str, Any]]) -> str:
    """Windows for people: ``mon-fri 09:00-12:30, sat 10:00-14:00``."""
    return ", ".join(f"{_days_in_words(each['days'])} {each['start']}-{each['end']}" for each in stored)


def _days_in_words(days: Sequence[str]) -> str:
    places = [DAYS.index(day) for day in days]
    if len(days) == len(DAYS):
        return "every day"
    in_a_row = len(days) > 2 and places == list(range(places[0], places[0] + len(days)))
    return f"{days[0]}-{days[-1]}" if in_a_row else " ".join(days)


def read_windows(value: object, path: str) -> list[dict[str, Any]]:
    """``callWindows`` as they are kept: the days of each in the week's order, every day where none is named, and the
    hours as HH:MM. Raises :class:`Invalid` with every fault, by path; two windows that overlap are one."""
    if not isinstance(value, list) or not 1 <= len(value) <= MOST_WINDOWS:
        raise wrong(path, f"Give a list of 1 to {MOST_WINDOWS} windows, {_LIKE}{size_of(value)}.")
    windows = every(partial(_read_window, each, f"{path}[{n}]") for n, each in enumerate(value))
    _refuse_overlaps(windows, path)
    return windows


def _read_window(value: object, path: str) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise wrong(path, f"Give an object, {_LIKE}.")
    faults = unknown_fields(value, _KNOWN, f"{path}.")
    start, end = (_read_hour(value.get(name), f"{path}.{name}", faults) for name in ("start", "end"))
    days = _read_days(value.get("days"), f"{path}.days", faults)
    if not faults and start == end:
        faults.append(Fault(f"{path}.end", "The window is empty; for a whole day use 00:00 to 24:00."))
    if faults:
        raise Invalid(faults)
    return {"days": days, "start": start, "end": end}


def _read_hour(value: object, path: str, faults: list[Fault]) -> str:
    name = path.rpartition(".")[2]
    latest = "23:59" if name == "start" else "24:00"
    hour = padded(value) if isinstance(value, str) else ""
    if not (HH_MM_FORM.fullmatch(hour) or (name == "end" and hour == "24:00")):
        faults.append(Fault(path, f"Write the {name} as HH:MM between 00:00 and {latest}."))
    return hour


def _read_days(value: object, path: str, faults: list[Fault]) -> list[str]:
    if value is None:
        return list(DAYS)
    if not isinstance(value, list) or not value:
        faults.append(Fault(path, 'Give a list of days, such as ["mon", "tue"], or leave it out for every day.'))
        return []
    try:
        named = every(partial(OneOf(DAYS), day, f"{path}[{n}]") for n, day in enumerate(value))
    except Invalid as error:
        faults.extend(error.faults)
        return []
    if len(set(named)) < len(named):
        faults.append(Fault(path, "A day is named twice."))
    return sorted(set(named), key=DAYS.index)


def _spans_of(window: Mapping[str, Any]) -> list[Span]:
    start, end = since_midnight(window["start"]), since_midnight(window["end"])
    days = [DAYS.index(day) * _DAY for day in window["days"]]
    return [(day + start, day + (end if start < end else end + _DAY)) for day in days]


def _refuse_overlaps(windows: Sequence[Mapping[str, Any]], path: str) -> None:
    """Each is laid beside those before it, in this week, the one before and the one after."""
    laid: list[tuple[Span, int]] = []
    faults: dict[int, Fault] = {}
    for n, window in enumerate(windows):
        spans = _spans_of(window)
        for day, (start, end) in zip(window["days"], spans, strict=True):
            others = [*laid, *((other, n) for other in spans if other != (start, end))]
            for (began, ended), of in others:
                if any(start + week < ended and began < end + week for week in (-_WEEK, timedelta(0), _WEEK)):
                    which = "itself" if of == n else f"{path}[{of}]"
                    faults.setdefault(n, Fault(f"{path}[{n}]", f"On {day} it overlaps with {which}."))
        laid += [(span, n) for span in spans]
    if faults:
        raise Invalid(list(faults.values()))


def _week_clock(now: datetime, zone: str) -> timedelta:
    """What the clock and the calendar on the wall read, as the time since Monday's midnight."""
    return now.astimezone(zone_info(zone)).weekday() * _DAY + wall_clock(now, zone)
