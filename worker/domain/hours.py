"""Hours that come of several rules at once: :class:`Hours` is what each can say, :class:`Weekly` the hours of one rule
on one clock, :class:`AllOf` when all are open, :class:`Never` when nobody may call at all.

They say what :class:`worker.domain.window.CallWindow` says, in the same words; a campaign's window is one of them. In
each the rule is *the wall clock reads a date and a time at which the rule lets one call*, half-open, and everything
about the days on which clocks move follows from it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Protocol

from worker.domain.window import CLOSING_MARGIN_SECONDS, RULES_END, changes_after, to_utc, zone_info
from worker.domain.window import Shut as Never

__all__ = ["ALWAYS", "AllOf", "Hours", "Never", "Weekly"]

LOOKED_AHEAD = timedelta(days=367)
"""Hours that are not open within a year and a day are taken to be never open: every rule comes round by then."""
_DAY = timedelta(days=1)
_MINUTE = timedelta(minutes=1)
_WHOLE_DAY = ((0, 24 * 60),)

Minutes = tuple[tuple[int, int], ...]
"""The spans of a day, in minutes since midnight, each end excluded; in order, without overlaps."""


class Hours(Protocol):
    """When a call may be placed. Instants go in aware and come out in UTC; a naive one raises ``ValueError``, one after
    2037 :class:`~worker.domain.errors.Refused`."""

    def is_open(self, at: datetime) -> bool:
        """Whether a call may be placed at this instant."""

    def next_open(self, at: datetime) -> datetime | None:
        """The first instant from ``at`` on at which it may; ``None`` where there is none, or none is found."""

    def next_close(self, at: datetime) -> datetime:
        """The first instant from ``at`` on at which it may not; the end of all rules where there is none."""

    def open_until(self, at: datetime, margin_seconds: float = CLOSING_MARGIN_SECONDS) -> datetime | None:
        """Until when a call may be committed, that instant excluded; ``None`` when none may be now."""


def _open_until(hours: Hours, at: datetime, margin_seconds: float) -> datetime | None:
    now = to_utc(at)
    until = hours.next_close(now) - timedelta(seconds=margin_seconds)
    return until if now < until else None


@dataclass(frozen=True, slots=True)
class Weekly:
    """The spans of each weekday (``week``, Monday first) on the wall clock of ``zone``; none on the dates ``closed``.
    Before ``since`` and from ``until`` on there is no such rule: then all day is open. Dates are those of the zone."""

    week: tuple[Minutes, ...]
    zone: str
    closed: frozenset[date] = field(default=frozenset(), repr=False)
    since: date | None = None
    until: date | None = None

    def is_open(self, at: datetime) -> bool:
        day, passed = self._reading(to_utc(at))
        return self._holds(day, passed)

    def next_open(self, at: datetime) -> datetime | None:
        now = to_utc(at)
        return self._first(now, is_open=True, until=now + LOOKED_AHEAD)

    def next_close(self, at: datetime) -> datetime:
        return self._first(to_utc(at), is_open=False, until=RULES_END) or RULES_END

    def open_until(self, at: datetime, margin_seconds: float = CLOSING_MARGIN_SECONDS) -> datetime | None:
        return _open_until(self, at, margin_seconds)

    def _first(self, now: datetime, *, is_open: bool, until: datetime) -> datetime | None:
        """Go from bound to bound of each day, and stop wherever the zone's offset changes to read the clock anew."""
        for change in changes_after(now, self.zone):
            while now < change:
                day, passed = self._reading(now)
                if self._holds(day, passed) is is_open:
                    return now
                if now >= until:
                    return None
                now += self._next_bound(day, passed) - passed
            now = change
        return None

    def _reading(self, now: datetime) -> tuple[date, timedelta]:
        """The date, and the time since midnight, that the clock and the calendar on the wall show."""
        read = now.astimezone(zone_info(self.zone))
        passed = timedelta(hours=read.hour, minutes=read.minute, seconds=read.second, microseconds=read.microsecond)
        return read.date(), passed

    def _spans(self, day: date) -> Minutes:
        if (self.since and day < self.since) or (self.until and day >= self.until):
            return _WHOLE_DAY
        return () if day in self.closed else self.week[day.weekday()]

    def _holds(self, day: date, passed: timedelta) -> bool:
        return any(start * _MINUTE <= passed < end * _MINUTE for start, end in self._spans(day))

    def _next_bound(self, day: date, passed: timedelta) -> timedelta:
        bounds = [bound * _MINUTE for span in self._spans(day) for bound in span]
        return [*bounds, _DAY][bisect_right(bounds, passed)]


@dataclass(frozen=True, slots=True)
class _Standing:
    """From ``since`` until ``until`` they are open, or shut; ``change`` is when that ends, ``None`` if it never does as
    far as one looks."""

    since: datetime
    until: datetime
    is_open: bool
    change: datetime | None


@dataclass(frozen=True, slots=True)
class AllOf:
    """Open when every one of ``members`` is; with none of them, always. What is found out about an instant is
    remembered until it changes, so that the same hours are looked at in little time, again and again."""

    members: tuple[Hours, ...]
    _known: list[_Standing] = field(default_factory=list, init=False, repr=False, compare=False)

    def is_open(self, at: datetime) -> bool:
        return self._standing(to_utc(at)).is_open

    def next_open(self, at: datetime) -> datetime | None:
        now = to_utc(at)
        standing = self._standing(now)
        return now if standing.is_open else standing.change

    def next_close(self, at: datetime) -> datetime:
        now = to_utc(at)
        standing = self._standing(now)
        return standing.until if standing.is_open else now

    def open_until(self, at: datetime, margin_seconds: float = CLOSING_MARGIN_SECONDS) -> datetime | None:
        return _open_until(self, at, margin_seconds)

    def _standing(self, now: datetime) -> _Standing:
        for known in self._known:
            if known.since <= now < known.until:
                return known
        if all(each.is_open(now) for each in self.members):
            closes = self._first_close(now)
            found = _Standing(now, closes, True, closes)
        else:
            opens = self._first_open(now)
            found = _Standing(now, opens or now + _DAY, False, opens)
        self._known[:] = [found]  # one assignment: threads that come between see the old entry or the new one
        return found

    def _first_close(self, now: datetime) -> datetime:
        return min((each.next_close(now) for each in self.members), default=RULES_END)

    def _first_open(self, now: datetime) -> datetime | None:
        """Let each in turn put it off, until a whole round has not."""
        latest = now + LOOKED_AHEAD
        while now <= latest:
            before = now
            for each in self.members:
                opens = each.next_open(now)
                if opens is None:
                    return None
                now = opens
            if now == before:
                return now
        return None


ALWAYS = AllOf(())
"""No rule says anything about hours."""


def all_of(hours: Iterable[Hours]) -> Hours:
    """What is open when all are; equal ones count once."""
    different: Sequence[Hours] = list(dict.fromkeys(hours))
    return different[0] if len(different) == 1 else AllOf(tuple(different))
