"""For what those of a campaign wait who wait: counts, until when, and a sentence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from worker.domain.on_the_clock import when

MOST_PLACES = 3


@dataclass(slots=True)
class Wait:
    """How many wait for one thing, and when it comes for the first of them; ``None`` where that is not known, or needs
    somebody to do something. ``places`` counts them by where they are."""

    count: int = 0
    next: datetime | None = None
    places: Counter[str] = field(default_factory=Counter)

    def add(self, count: int, at: datetime | None = None) -> None:
        """So many more, the first of them until then."""
        if count <= 0:
            return
        self.count += count
        if at is not None:
            self.next = at if self.next is None else min(self.next, at)


@dataclass(slots=True)
class Waits:
    """Those who wait, each in one of these. ``now``: they may be called; ``later``: they are due later, by a retry's
    delay; ``hours``: it is not the hour, where they are; ``frequency``: their number has had its calls;
    ``place_unknown``: nobody knows where they are. Those of ``consent``, whose place wants one that is missing, of
    ``prohibited``, whose place forbids such calls or leaves no hour, and of ``do_not_call`` were left out, or will be
    at their turn, and wait no more until that changes."""

    now: Wait = field(default_factory=Wait)
    later: Wait = field(default_factory=Wait)
    hours: Wait = field(default_factory=Wait)
    frequency: Wait = field(default_factory=Wait)
    place_unknown: Wait = field(default_factory=Wait)
    consent: Wait = field(default_factory=Wait)
    prohibited: Wait = field(default_factory=Wait)
    do_not_call: Wait = field(default_factory=Wait)

    def by_name(self) -> Mapping[str, Wait]:
        """In the names of the API."""
        return {
            "now": self.now, "later": self.later, "hours": self.hours, "frequency": self.frequency,
            "consent": self.consent, "prohibited": self.prohibited, "placeUnknown": self.place_unknown,
            "doNotCall": self.do_not_call,
        }  # fmt: skip

    def clauses(self, now: datetime, zone: str | None) -> Iterator[str]:
        """What keeps people from being called, a clause each: ``212 wait for their hours (US-RI, US-PA) until …``."""
        for each, what in (
            (self.hours, f"for {_their(self.hours, 'hours')}{_where(self.hours)}"),
            (self.frequency, "because their number has had its calls"),
            (self.later, f"for {_their(self.later, 'next attempt')}"),
        ):
            if each.count:
                until = "" if each.next is None else f", the first until {when(each.next, now, zone)}"
                yield f"{each.count} {_waits(each)} {what}{until}"
        if self.place_unknown.count:
            yield f"{self.place_unknown.count} {_waits(self.place_unknown)} because nobody knows where they are"
        if self.consent.count:
            yield f"{self.consent.count} {'has' if self.consent.count == 1 else 'have'} not given the consent it takes"
        if self.prohibited.count:
            yield f"{self.prohibited.count} may not be called where {_they(self.prohibited)}, by the rules there"

    def sentence(self, now: datetime, zone: str | None) -> str | None:
        """The same as a sentence; ``None`` where nothing keeps anybody."""
        said = "; ".join(self.clauses(now, zone))
        return f"{said}." if said else None


def _waits(wait: Wait) -> str:
    return "waits" if wait.count == 1 else "wait"


def _they(wait: Wait) -> str:
    return "it is" if wait.count == 1 else "they are"


def _their(wait: Wait, what: str) -> str:
    return f"{'its' if wait.count == 1 else 'their'} {what}"


def _where(wait: Wait) -> str:
    named = [place for place, _ in wait.places.most_common(MOST_PLACES)]
    more = ", …" if len(wait.places) > len(named) else ""
    return f" ({', '.join(named)}{more})" if named else ""
