"""What should move and does not: which of the things that wait have waited too long, and what to do about it.

Waiting is nothing bad: a call waits for its turn at a slow carrier's rate, news for the settling of what came before.
Each kind of waiting has an end, by the bounds that the dialer works by; what waits longer stands still, whatever
everything else does in the meantime. An account that rests, a shut window, a paused campaign keep nothing waiting that
is checked here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from worker.domain.model import Bounds

STILL_SECONDS = 25.0
"""What should take moments stands still after this: it is reported within half a minute of its beginning."""


class Kind(StrEnum):
    """What can stand still."""

    TICK = "tick"  # nobody ticks
    NEWS = "news"  # events of carriers are not settled
    DUE = "due_contacts"  # contacts of a campaign are due and may be called, and none is
    PLACING = "placing"  # reserved calls of a carrier account are not placed
    REQUESTS = "requests"  # requests to place calls are under way for longer than they can be
    LOOK_UPS = "look_ups"  # calls in doubt are not looked up
    HANG_UPS = "hang_ups"  # calls are to end, and their carrier has not taken that


NAMES = {
    Kind.NEWS: "news",
    Kind.DUE: "due contacts",
    Kind.PLACING: "calls to be placed",
    Kind.REQUESTS: "requests under way",
    Kind.LOOK_UPS: "calls to be looked up",
    Kind.HANG_UPS: "calls to be hung up",
}
"""What people call that which waits; a tick is no such thing."""

OF_AN_ACCOUNT = (Kind.PLACING, Kind.REQUESTS, Kind.LOOK_UPS, Kind.HANG_UPS)


@dataclass(frozen=True, slots=True)
class Waiting:
    """Things of one kind that wait: how many, and for how long the oldest has. ``subject`` is the id of the carrier
    account or the campaign they are of (the empty text: the deployment), ``name`` what people call that one.
    ``turn_seconds`` is how long it may take by a rate until the last of them has its turn. ``has_begun`` is false
    where this has never been done."""

    kind: Kind
    count: int
    seconds: float
    subject: str = ""
    name: str = ""
    turn_seconds: float = 0.0
    has_begun: bool = True


@dataclass(frozen=True, slots=True)
class Standstill:
    """One thing that stands still, ``since`` when (the database server's clock)."""

    waiting: Waiting
    since: datetime

    @property
    def key(self) -> tuple[Kind, str]:
        """What it is that stands still."""
        return self.waiting.kind, self.waiting.subject

    def sentence(self, *, by_name: bool = True) -> str:
        """What, for how long, how many, what to do. Not ``by_name`` where strangers read it: then ids say who."""
        waiting = self.waiting
        who = waiting.name if by_name and waiting.name else waiting.subject
        then = f"for {waiting.seconds:.0f} s"
        return _SENTENCES[waiting.kind](waiting, who, then)


def standstills(waiting: Sequence[Waiting], bounds: Bounds, now: datetime) -> list[Standstill]:
    """Those that have waited too long, worst first."""
    still = [w for w in waiting if w.count and w.seconds > patience_seconds(w, bounds)]
    return [Standstill(w, now - timedelta(seconds=w.seconds)) for w in sorted(still, key=_by_weight)]


def patience_seconds(waiting: Waiting, bounds: Bounds) -> float:
    """How long such a thing may wait: a moment, and what a rate or the bounds of a request add to that."""
    if waiting.kind is Kind.REQUESTS:
        return max(STILL_SECONDS, bounds.send_fence_seconds + bounds.request_seconds)
    return STILL_SECONDS + waiting.turn_seconds


def _by_weight(waiting: Waiting) -> tuple[int, float]:
    return list(Kind).index(waiting.kind), -waiting.seconds


def _tick(waiting: Waiting, who: str, then: str) -> str:
    if not waiting.has_begun:
        return "Nobody has ever ticked; start beat and a worker."
    return f"Nobody has ticked {then}; start beat and a worker, or read their logs."


def _news(waiting: Waiting, who: str, then: str) -> str:
    many = f"{_events(waiting.count)} not settled"
    return f"{many}, the oldest {then}; see whether workers run, and read their logs."


def _due(waiting: Waiting, who: str, then: str) -> str:
    return f"The campaign {who} has contacts due and room for calls, and calls nobody {then}; read the workers' logs."


def _placing(waiting: Waiting, who: str, then: str) -> str:
    many = f"{_calls(waiting.count)} reserved and not placed"
    return f"{many} at the carrier account {who}, the oldest {then}; {CARRIER_SLOW}, or no worker takes them."


def _requests(waiting: Waiting, who: str, then: str) -> str:
    many = f"{waiting.count} request{'' if waiting.count == 1 else 's'} to place a call"
    return f"{many} at the carrier account {who} without an answer, the oldest {then}; {CARRIER_SLOW}."


def _look_ups(waiting: Waiting, who: str, then: str) -> str:
    many = f"{_calls(waiting.count)} to be looked up"
    return f"{many} at the carrier account {who}, the oldest {then}; {CARRIER_SLOW}, or no worker looks them up."


def _hang_ups(waiting: Waiting, who: str, then: str) -> str:
    many = f"{_calls(waiting.count)} to be hung up"
    return (
        f"{many} at the carrier account {who}, the oldest {then}; {CARRIER_SLOW} or refuses: end them in its own "
        "console if they must not go on."
    )


def _calls(count: int) -> str:
    return f"{count} call{' is' if count == 1 else 's are'}"


def _events(count: int) -> str:
    return f"{count} event{' of a carrier is' if count == 1 else 's of carriers are'}"


CARRIER_SLOW = "its carrier answers slowly or not at all"
_SENTENCES = {
    Kind.TICK: _tick,
    Kind.NEWS: _news,
    Kind.DUE: _due,
    Kind.PLACING: _placing,
    Kind.REQUESTS: _requests,
    Kind.LOOK_UPS: _look_ups,
    Kind.HANG_UPS: _hang_ups,
}
