"""A carrier on a stage: the simulator's lives, played by the test's stepped clock instead of a real one.

It keeps its own record of what rang when, which knows nothing of the database, and its callbacks go through
the durable inbox like anybody's. Everything a life calls machine time (queueing, callbacks that come late) is
business time here, because there is no other to step.
"""

from __future__ import annotations

import heapq
import itertools
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from worker.carriers.base import (
    Accepted,
    Ambiguous,
    CallEvent,
    CallRequest,
    CannotTell,
    CarrierCall,
    NotSent,
    Outcome,
)
from worker.carriers.simulated import translation
from worker.carriers.simulated.protocol import LIVE, SIP_CODE, AnsweredBy, Happening, Status
from worker.simulator.lives import Book, Callbacks, Life, Reply, Step, timeline


@dataclass
class Played:
    """One call as the phones saw it; instants are business time. ``is_extra`` was the carrier's own idea."""

    call_request: CallRequest
    carrier_call_id: str
    placed_at: datetime
    life: Life
    is_extra: bool = False
    status: Status = Status.QUEUED
    answered_by: AnsweredBy | None = None
    sip_code: int | None = None
    sip_reason: str | None = None
    ended_at: datetime | None = None
    kept_back: list[CallEvent] = field(default_factory=list)

    @property
    def is_live(self) -> bool:
        return self.status in LIVE

    def view(self) -> dict[str, Any]:
        """The call as the simulator's API shows it."""
        reported = {"status": self.status, "answered_by": self.answered_by}
        sip = {"sip_code": self.sip_code, "sip_reason": self.sip_reason}
        return {"id": self.carrier_call_id, "token": self.call_request.token, **reported, **sip}


@dataclass
class Stage:
    """The carrier ``simulator`` of a test.

    ``answer`` may replace what a request is answered with: an :class:`Ambiguous` one after the call was
    placed, any other instead of it. ``before_answer`` is given the news of a life whose first callback outruns
    the answer to the request. With ``hold_queued`` the carrier keeps every call and lets none ring;
    callbacks that it ``loses`` never come.
    Numbers that ``may_overlap`` belong to several teams, which know nothing of each other.
    """

    book: Book
    now: Callable[[], datetime]
    name: str = "simulator"
    shares_credentials: bool = False
    answer: Callable[[CallRequest], Outcome | None] = lambda call_request: None
    before_answer: Callable[[Sequence[CallEvent]], None] = lambda events: None
    loses: Callable[[CallEvent], bool] = lambda event: False
    can_find: bool = True
    can_end: bool = True
    hold_queued: bool = False
    calls: dict[str, Played] = field(default_factory=dict)
    requests: list[CallRequest] = field(default_factory=list)
    requested_at: list[datetime] = field(default_factory=list)
    end_requests: list[str] = field(default_factory=list)
    may_overlap: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._future: list[tuple[datetime, int, str, Step]] = []
        self._news: list[tuple[datetime, int, CallEvent]] = []
        self._order = itertools.count()
        self._attempts: Counter[str] = Counter()

    # -- what a carrier does

    def place(self, call_request: CallRequest) -> Outcome:
        self.requests.append(call_request)
        self.requested_at.append(self.now())
        instead = self.answer(call_request)
        if instead is not None and not isinstance(instead, Ambiguous):
            return instead
        self._attempts[call_request.to_number] += 1
        life = self.book.life(call_request.to_number, self._attempts[call_request.to_number])
        if life.refusal is not None:
            status, code, pause = life.refusal.status, life.refusal.code, life.refusal.retry_after_seconds
            if status >= 500:
                return Ambiguous(f"http_{status}")
            return translation.rejected(status, code, None if pause is None else str(pause))
        played, *_ = [self._begin(call_request, life, is_extra=n > 0) for n in range(1 + life.extra_calls)]
        if life.callbacks is Callbacks.BEFORE_ANSWER:
            self.before_answer(self.play())
        if instead is not None or life.reply not in (Reply.NORMAL, Reply.LATE):
            return instead or Ambiguous(life.reply)
        return Accepted(played.carrier_call_id, round(life.queue_seconds * 1000))

    def find(self, call_request: CallRequest) -> tuple[CarrierCall, ...] | CannotTell:
        if not self.can_find:
            return CannotTell("this carrier has no list")
        return tuple(_seen(p) for p in self.calls.values() if p.call_request.token == call_request.token)

    def get(self, call_request: CallRequest, carrier_call_id: str) -> CarrierCall | CannotTell | None:
        played = self.calls.get(carrier_call_id)
        return None if played is None else _seen(played)

    def end(self, call_request: CallRequest, carrier_call_id: str) -> CannotTell | None:
        self.end_requests.append(carrier_call_id)
        played = self.calls.get(carrier_call_id)
        if played is None or not self.can_end:
            return CannotTell("http_500")
        if played.is_live:
            talks = played.status is Status.IN_PROGRESS
            status, who = (Status.COMPLETED, played.life.answered_by) if talks else (Status.CANCELED, None)
            self._happen(played, Step(0.0, Happening.ENDED, status, who, SIP_CODE[status]))
        return None

    def parse(self, token: str, url: str, headers: Mapping[str, str], body: bytes) -> CallEvent:
        raise NotImplementedError("the stage speaks directly")

    # -- what a test does with it

    @property
    def next_at(self) -> datetime | None:
        """When something happens next on the stage, or is reported."""
        instants = [happens[0] for happens in self._future[:1]] + [reported[0] for reported in self._news[:1]]
        return min(instants, default=None)

    def play(self) -> list[CallEvent]:
        """Let happen what is due by the clock; the events it makes, in the order it makes them."""
        while self._future and self._future[0][0] <= self.now():
            _, _, carrier_call_id, step = heapq.heappop(self._future)
            played = self.calls[carrier_call_id]
            if played.is_live or step.happening is Happening.MACHINE:
                self._happen(played, step)
        reported = []
        while self._news and self._news[0][0] <= self.now():
            reported.append(heapq.heappop(self._news)[2])
        return [event for event in reported if not self.loses(event)]

    def live(self) -> list[Played]:
        return [p for p in self.calls.values() if p.is_live]

    def of(self, number: str) -> list[Played]:
        """The calls to a number, in the order they were placed."""
        return [p for p in self.calls.values() if p.call_request.to_number == number]

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

    # -- how a call is played

    def _begin(self, call_request: CallRequest, life: Life, *, is_extra: bool) -> Played:
        played = Played(call_request, f"sim_{next(self._order)}", self.now(), life, is_extra)
        self.calls[played.carrier_call_id] = played
        if self.hold_queued:
            return played
        for step in timeline(life, call_request.ring_seconds, call_request.longest_call_seconds, 1.0):
            at = self.now() + timedelta(seconds=step.after_seconds)
            heapq.heappush(self._future, (at, next(self._order), played.carrier_call_id, step))
        return played

    def _happen(self, played: Played, step: Step) -> None:
        played.status, played.answered_by = step.status, step.answered_by or played.answered_by
        if step.happening is Happening.ENDED:
            played.sip_code, played.sip_reason, played.ended_at = step.sip_code, step.sip_reason, self.now()
        self._report(played, step.happening)

    def _report(self, played: Played, happening: Happening) -> None:
        """Put the news on its way, as the callbacks of this life go."""
        callbacks, at, sent = played.life.callbacks, self.now(), [self._event(played, happening)]
        match callbacks:
            case Callbacks.NONE:
                return
            case Callbacks.TWICE:
                sent *= 2
            case Callbacks.LATE:
                at += timedelta(seconds=played.life.callbacks_late_seconds)
            case Callbacks.REVERSED if played.is_live:
                played.kept_back.insert(0, *sent)
                return
            case _:
                sent, played.kept_back = sent + played.kept_back, []
        for event in sent:
            heapq.heappush(self._news, (at, next(self._order), event))

    def _event(self, played: Played, happening: Happening) -> CallEvent:
        message = {
            "event_id": f"{played.carrier_call_id}-{happening}",
            "event": happening,
            "occurred_at": self.now().isoformat(),
            "call": played.view(),
        }
        return translation.call_event(played.call_request.token, json.dumps(message).encode())


def _seen(played: Played) -> CarrierCall:
    seen = translation.carrier_call(played.view())
    assert seen is not None
    return seen


def refuse_connection(call_request: CallRequest) -> Outcome:
    return NotSent("connection refused")
