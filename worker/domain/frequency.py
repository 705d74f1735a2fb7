"""How often a number may be called, and how soon again: pure, over the history of a number.

Every rule is one of two: a cap (*at most N calls in any P hours*) or a quiet time (*nothing for Q hours after X*). A
rule in days is D × 24 + 1 hours, for the day on which clocks go back has 25. A call counts from the commit by which it
may leave; its ring trails that by :data:`MARGIN` at most, so the next call may be committed a period and a margin after
it. Rules add up: all of a number's hold, and a looser one beside a stricter one changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache, partial
from typing import Any

from worker.domain.errors import every
from worker.domain.fields import unknown_fields, wrong
from worker.domain.kinds import OneOf, Whole, size_of

MOST_CALLS = 32
"""So many calls to a number are remembered; a cap of more could not be kept."""
MOST_DAYS = 31
LONGEST_QUIET_DAYS = 366
MARGIN = timedelta(seconds=28)
"""How much later than its commit a call may ring at the latest: the fence of its request, the request, and the queue of
the carrier."""
MOST_RULES = 10
_LIKE = 'such as {"calls": 3, "hours": 24} or {"after": "conversation", "days": 7}'
_CALLS = Whole(1, MOST_CALLS)


class After(StrEnum):
    """What a quiet time follows."""

    CONVERSATION = "conversation"  # a person answered; from the end of the call
    REFUSAL = "refusal"  # the callee did not want to be called; from the report of it


@dataclass(frozen=True, slots=True, order=True)
class Cap:
    """At most so many ``calls`` in any so many ``hours``."""

    calls: int
    hours: int

    def __str__(self) -> str:
        return f"{self.calls} in {_span(self.hours)}"


@dataclass(frozen=True, slots=True)
class Quiet:
    """No call for so many ``hours`` after that; ``None``: none any more."""

    after: str
    hours: int | None

    def __str__(self) -> str:
        how_long = "none" if self.hours is None else f"none for {_span(self.hours)}"
        return f"{how_long} after a {self.after}"


@dataclass(frozen=True, slots=True)
class Frequency:
    """The caps and quiet times that hold for a number together; false where there are none."""

    caps: tuple[Cap, ...] = ()
    quiet: tuple[Quiet, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.caps or self.quiet)

    def __or__(self, other: Frequency) -> Frequency:
        """Both, each rule once."""
        return Frequency(
            tuple(dict.fromkeys((*self.caps, *other.caps))), tuple(dict.fromkeys((*self.quiet, *other.quiet)))
        )

    def __str__(self) -> str:
        return ", ".join(map(str, (*self.caps, *self.quiet)))


@dataclass(frozen=True, slots=True)
class History:
    """What is known of calls of a team to a number, in business time: when the newest calls that count were committed
    (:data:`MOST_CALLS` of them, newest first), the end of the latest conversation, the latest refusal."""

    recent: Sequence[datetime] = ()
    conversed_at: datetime | None = None
    refused_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Rest:
    """Why a number may not be called, and until when; ``None``: for good."""

    rule: Cap | Quiet
    until: datetime | None


def in_days(days: int) -> int:
    """The hours of a rule in days."""
    return days * 24 + 1


def allowed_at(history: History, caps: Sequence[Cap], quiet: Sequence[Quiet], now: datetime) -> datetime | None:
    """The first instant from ``now`` on at which a call may be committed; ``None`` where none ever may be."""
    rest = resting(history, Frequency(tuple(caps), tuple(quiet)), now)
    return now if rest is None else rest.until


def resting(history: History, frequency: Frequency, now: datetime) -> Rest | None:
    """The rule that keeps the number from being called the longest; ``None`` where it may be called ``now``."""
    rules: tuple[Cap | Quiet, ...] = (*frequency.caps, *frequency.quiet)
    rests = [rest for rule in rules if (rest := _rest(history, rule)) is not None]
    for rest in rests:
        if rest.until is None:
            return rest
    longest = max(rests, key=lambda rest: rest.until or now, default=None)
    return longest if longest is not None and longest.until is not None and now < longest.until else None


def _rest(history: History, rule: Cap | Quiet) -> Rest | None:
    """Until when this rule alone keeps the number from being called; it may be long past."""
    if isinstance(rule, Cap):
        if len(history.recent) < rule.calls:
            return None
        return Rest(rule, sorted(history.recent, reverse=True)[rule.calls - 1] + timedelta(hours=rule.hours) + MARGIN)
    since = history.conversed_at if rule.after == After.CONVERSATION else history.refused_at
    if since is None:
        return None
    return Rest(rule, None if rule.hours is None else since + timedelta(hours=rule.hours) + MARGIN)


@dataclass(frozen=True, slots=True)
class FrequencyRules:
    """A list of caps and quiet times as people give them; kept with their hours."""

    most: int = MOST_RULES

    def __call__(self, value: object, path: str) -> list[dict[str, Any]]:
        if not isinstance(value, list) or not 1 <= len(value) <= self.most:
            raise wrong(path, f"Give a list of 1 to {self.most} rules, {_LIKE}{size_of(value)}.")
        return every(partial(_read_rule, rule, f"{path}[{i}]") for i, rule in enumerate(value))


def _read_rule(rule: object, path: str) -> dict[str, Any]:
    if not isinstance(rule, Mapping):
        raise wrong(path, f"Give an object, {_LIKE}.")
    is_cap = "calls" in rule
    if is_cap == ("after" in rule):
        raise wrong(path, f'Give either "calls", for a cap, or "after", for a quiet time, {_LIKE}.')
    names = ("calls" if is_cap else "after", "hours", "days")
    if faults := unknown_fields(rule, names, f"{path}."):
        raise wrong(faults[0].path, faults[0].message)
    if is_cap:
        return {"calls": _CALLS(rule["calls"], f"{path}.calls"), "hours": _hours(rule, path, MOST_DAYS)}
    after = OneOf(tuple(After))(rule["after"], f"{path}.after")
    is_for_good = after == After.REFUSAL and "hours" in rule and rule["hours"] is None and "days" not in rule
    return {"after": after, "hours": None if is_for_good else _hours(rule, path, LONGEST_QUIET_DAYS)}


def _hours(rule: Mapping[str, Any], path: str, most_days: int) -> int:
    """How long a rule's time is; at most so many days."""
    if ("hours" in rule) == ("days" in rule):
        raise wrong(path, f'Give either "hours" (1 to {most_days * 24}) or "days" (1 to {most_days}).')
    if "days" in rule:
        return in_days(Whole(1, most_days)(rule["days"], f"{path}.days"))
    return Whole(1, most_days * 24)(rule["hours"], f"{path}.hours")


Stored = Sequence[Mapping[str, Any]]
"""Rules as :class:`FrequencyRules` keeps them."""


def frequency_of(*stored: Stored | None) -> Frequency:
    """The rules of several lists together; ``None`` is an empty one."""
    return _frequency(tuple(_key(rule) for rules in stored for rule in rules or ()))


_Key = tuple[int | None, str | None, int | None]


def _key(rule: Mapping[str, Any]) -> _Key:
    return rule.get("calls"), rule.get("after"), rule["hours"]


@lru_cache(maxsize=1024)
def _frequency(rules: tuple[_Key, ...]) -> Frequency:
    caps = (Cap(calls, hours) for calls, _, hours in rules if calls is not None and hours is not None)
    quiet = (Quiet(after, hours) for _, after, hours in rules if after is not None)
    return Frequency(tuple(dict.fromkeys(caps)), tuple(dict.fromkeys(quiet)))


def _span(hours: int) -> str:
    """``24 h``, ``7 days``: as a rule in days was given."""
    days, rest = divmod(hours, 24)
    return f"{days} day{'' if days == 1 else 's'}" if days and rest == 1 else f"{hours} h"
