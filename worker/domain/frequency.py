"""How often one number may be called: caps, and times of quiet after what was said.

Every cap read anywhere is one of two: *at most N calls in any P hours*, or *nothing for Q hours after X*. A period in
days is D × 24 + 1 hours, for the day on which the clocks go back has 25.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from worker.law.rules import After

RING_TRAILS_SECONDS = 28
"""A phone may ring this long after its call was committed: so much later the next one is, that the rings keep apart."""


@dataclass(frozen=True, slots=True)
class Cap:
    """At most ``calls`` in any ``hours``."""

    calls: int
    hours: int


@dataclass(frozen=True, slots=True)
class Quiet:
    """No call for ``hours`` after a conversation, or after a refusal; ``None``: never again."""

    after: After
    hours: int | None


@dataclass(frozen=True, slots=True)
class Frequency:
    """The caps and the times of quiet that hold together."""

    caps: tuple[Cap, ...] = ()
    quiet: tuple[Quiet, ...] = ()


@dataclass(frozen=True, slots=True)
class History:
    """What is known of one number: when calls to it were committed, in any order, and when last somebody talked, and
    refused."""

    recent: tuple[datetime, ...] = ()
    conversed_at: datetime | None = None
    refused_at: datetime | None = None


def allowed_at(history: History, caps: Iterable[Cap], quiet: Iterable[Quiet], now: datetime) -> datetime | None:
    """From when on the number may be called: ``now`` itself if it may be now, ``None`` if it never may."""
    allowed = now
    newest = sorted(history.recent, reverse=True)
    for cap in caps:
        if cap.calls < 1:
            return None
        if len(newest) >= cap.calls:
            freed = newest[cap.calls - 1] + timedelta(hours=cap.hours, seconds=RING_TRAILS_SECONDS)
            allowed = max(allowed, freed)
    for each in quiet:
        since = history.conversed_at if each.after == "conversation" else history.refused_at
        if since is not None:
            if each.hours is None:
                return None
            allowed = max(allowed, since + timedelta(hours=each.hours, seconds=RING_TRAILS_SECONDS))
    return allowed
