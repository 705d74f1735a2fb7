"""A carrier on a stage: the simulator's lives, played by the test's stepped clock instead of a real one.

It keeps its own record of what rang when, which knows nothing of the database, and its callbacks go through
the durable inbox like anybody's.
"""

from __future__ import annotations

import heapq
import itertools
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from worker.carriers.base import (
    Accepted,
    Action,
    Ambiguous,
    CallEvent,
    CannotTell,
    CarrierCall,
    EventKind,
    NotSent,
    Order,
    Outcome,
    Rejected,
    Verdict,
)
from worker.carriers.simulator.lives import Book, Callbacks, Life, Reply, timeline
from worker.carriers.simulator.words import Happening, Status
from worker.domain.model import CallState, Disposition

_DISPOSITIONS = {
    Status.COMPLETED: Disposition.ANSWERED,
    Status.BUSY: Disposition.BUSY,
    Status.NO_ANSWER: Disposition.NO_ANSWER,
    Status.FAILED: Disposition.FAILED,
    Status.CANCELED: Disposition.CANCELED,
    Status.DECLINED: Disposition.REJECTED,
}
_STATES = {
    Happening.RINGING: CallState.RINGING,
    Happening.ANSWERED: CallState.IN_PROGRESS,
    Happening.ENDED: CallState.ENDED,
}


@dataclass
class Played:
    """One call as the phones saw it; instants are business time."""

    order: Order
    carrier_call_id: str
    placed_at: datetime
    life: Life
    state: CallState = CallState.PLACED
    disposition: Disposition | None = None
    ended_at: datetime | None = None
    silent: bool = False


@dataclass
class Stage:
    """The carrier ``simulator`` of a test. ``answer`` may replace what a request is answered with."""

    book: Book
    now: Callable[[], datetime]
    name: str = "simulator"
    queues_over_cps: bool = False
    list_lag_seconds: float = 0.0
    answer: Callable[[Order], Outcome | None] = lambda order: None
    can_find: bool = True
    calls: dict[str, Played] = field(default_factory=dict)
    requests: list[Order] = field(default_factory=list)
    news: list[CallEvent] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._future: list[tuple[datetime, int, str, object]] = []
        self._order = itertools.count()
        self._attempts: Counter[str] = Counter()

    def place(self, order: Order) -> Outcome:
        self.requests.append(order)
        instead = self.answer(order)
        if instead is not None and not isinstance(instead, Ambiguous):
            return instead
        self._attempts[order.to_number] += 1
        life = self.book.life(order.to_number, self._attempts[order.to_number])
        if life.refusal is not None:
            action = Action.BACK_OFF if life.refusal.status == 429 else Action.FAILED
            return Rejected(life.refusal.code or str(life.refusal.status), action)
        played = Played(order, f"sim_{next(self._order)}", self.now(), life)
        played.silent = life.callbacks is Callbacks.NONE
        self.calls[played.carrier_call_id] = played
        for step in timeline(life, order.ring_seconds, order.longest_call_seconds, 1.0):
            self._later(step.after_seconds, played, step)
        if instead is not None or life.reply is not Reply.NORMAL:
            return Ambiguous("no answer to the request")
        return Accepted(played.carrier_call_id)

    def find(self, order: Order) -> tuple[CarrierCall, ...] | CannotTell:
        if not self.can_find:
            return CannotTell("this carrier has no list")
        return tuple(self._view(p) for p in self.calls.values() if p.order.token == order.token)

    def get(self, order: Order, carrier_call_id: str) -> CarrierCall | CannotTell | None:
        played = self.calls.get(carrier_call_id)
        return None if played is None else self._view(played)

    def end(self, order: Order, carrier_call_id: str) -> bool:
        played = self.calls[carrier_call_id]
        if played.state is not CallState.ENDED:
            queued = played.state is CallState.PLACED
            ended = Disposition.CANCELED if queued or played.state is CallState.RINGING else Disposition.ANSWERED
            self._end(played, ended)
        return True

    def parse(self, token: str, url: str, headers: Mapping[str, str], body: bytes) -> CallEvent:
        raise NotImplementedError("the stage speaks directly")

    @property
    def next_at(self) -> datetime | None:
        """When something happens next on the stage."""
        return self._future[0][0] if self._future else None

    def play(self) -> list[CallEvent]:
        """Let happen what is due by the clock; the events it makes, in the order it makes them."""
        while self._future and self._future[0][0] <= self.now():
            _, _, carrier_call_id, step = heapq.heappop(self._future)
            played = self.calls[carrier_call_id]
            if played.state is CallState.ENDED and step.happening is not Happening.MACHINE:
                continue
            self._happen(played, step)
        events, self.news = self.news, []
        return events

    def live(self) -> list[Played]:
        return [p for p in self.calls.values() if p.state is not CallState.ENDED]

    def peak(self, key: Callable[[Played], str] = lambda p: "all") -> dict[str, int]:
        """The most calls alive at once, by ``key``."""
        moments = sorted(
            [(p.placed_at, 1, key(p)) for p in self.calls.values()]
            + [(p.ended_at, -1, key(p)) for p in self.calls.values() if p.ended_at is not None],
            key=lambda m: (m[0], m[1]),
        )
        running: Counter[str] = Counter()
        most: dict[str, int] = {}
        for _, change, name in moments:
            running[name] += change
            most[name] = max(most.get(name, 0), running[name])
        return most

    def _later(self, seconds: float, played: Played, step: object) -> None:
        from datetime import timedelta

        at = self.now() + timedelta(seconds=seconds)
        heapq.heappush(self._future, (at, next(self._order), played.carrier_call_id, step))

    def _happen(self, played: Played, step: object) -> None:
        happening: Happening = step.happening  # type: ignore[attr-defined]
        if happening is Happening.MACHINE:
            self._tell(played, EventKind.MACHINE, verdict=Verdict(step.answered_by))  # type: ignore[attr-defined]
            return
        played.state = _STATES[happening]
        if happening is Happening.ENDED:
            disposition = _DISPOSITIONS[step.status]  # type: ignore[attr-defined]
            if step.sip_code == 404:  # type: ignore[attr-defined]
                disposition = Disposition.INVALID_NUMBER
            self._end(played, disposition, step.sip_code)  # type: ignore[attr-defined]
        else:
            self._tell(played, EventKind.RINGING if happening is Happening.RINGING else EventKind.ANSWERED)

    def _end(self, played: Played, disposition: Disposition, sip_code: int | None = None) -> None:
        played.state, played.disposition, played.ended_at = CallState.ENDED, disposition, self.now()
        self._tell(played, EventKind.ENDED, disposition=disposition, sip_code=sip_code)

    def _tell(self, played: Played, kind: EventKind, **more: object) -> None:
        if played.silent:
            return
        times = 2 if played.life.callbacks is Callbacks.TWICE else 1
        event = CallEvent(played.order.token, f"{kind}", played.carrier_call_id, kind, self.now(), **more)  # type: ignore[arg-type]
        self.news += [event] * times

    def _view(self, played: Played) -> CarrierCall:
        return CarrierCall(played.carrier_call_id, played.state, played.disposition)


def refuse_connection(order: Order) -> Outcome:
    return NotSent("connection refused")
