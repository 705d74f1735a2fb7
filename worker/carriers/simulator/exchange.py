"""The calls themselves: placed, living, ended; every change is in the ledger before anybody hears of it.

One lock orders everything that happens, and the facts are written under it. A call lives through its timeline
by the agenda; asking for its end drops what was still to come. Nothing here depends on the one who placed it.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from worker.carriers.simulator import ledger
from worker.carriers.simulator.agenda import Agenda
from worker.carriers.simulator.courier import Courier, Outbox
from worker.carriers.simulator.ledger import Fact, LedgerWriter, RecordedCall
from worker.carriers.simulator.lives import Book, Callbacks, Life, Refusal, Step, timeline
from worker.carriers.simulator.words import LIVE, SIP_CODE, AnsweredBy, Happening, Status

SHUTTING_DOWN = Refusal(503, "shutting_down")


@dataclass(frozen=True, slots=True)
class Request:
    """What a request to place a call asks for."""

    from_number: str
    to_number: str
    token: str
    callback_url: str
    ring_seconds: float
    longest_call_seconds: float
    account: str


@dataclass(slots=True)
class Call:
    """One call. ``steps`` is what is still to happen to it, counted from ``begun_at`` (monotonic); an ended
    call has none left but a late verdict. ``held`` are callbacks kept back to be posted in reverse."""

    id: str
    request: Request
    life: Life
    attempt: int
    extra: bool
    outbox: Outbox
    begun_at: float = 0.0
    status: Status = Status.QUEUED
    answered_by: AnsweredBy | None = None
    sip_code: int | None = None
    steps: tuple[Step, ...] = ()
    held: list[dict[str, Any]] = field(default_factory=list)

    def view(self) -> dict[str, Any]:
        """The call as the API shows it."""
        return {
            "id": self.id,
            "token": self.request.token,
            "from": self.request.from_number,
            "to": self.request.to_number,
            "account": self.request.account,
            "status": self.status,
            "answered_by": self.answered_by,
            "sip_code": self.sip_code,
        }


class Exchange:
    """All calls of this simulator, and the only one who changes them."""

    def __init__(self, book: Book, path: Path, agenda: Agenda, courier: Courier, speed: float) -> None:
        self._book = book
        self._agenda = agenda
        self._courier = courier
        self._speed = speed
        self._lock = threading.Lock()
        self._calls: dict[str, Call] = {}
        self._by_token: dict[str, list[Call]] = {}
        self._attempts: Counter[str] = Counter()
        self._live = 0
        self._peak = 0
        self._is_closed = False
        self._ledger = LedgerWriter(path)
        self._resume(ledger.read(path))

    def place(self, request: Request) -> tuple[Call, ...] | Refusal:
        """Place the call and the carrier's own extra ones, or refuse. They lie still until :meth:`begin`."""
        with self._lock:
            if self._is_closed:
                return SHUTTING_DOWN
            self._attempts[request.to_number] += 1
            attempt = self._attempts[request.to_number]
            life = self._book.life(request.to_number, attempt)
            if life.refusal is not None:
                self._record_refusal(request, attempt, life.refusal)
                return life.refusal
            return tuple(self._new_call(request, life, attempt, extra=n > 0) for n in range(1 + life.extra_calls))

    def begin(self, calls: Iterable[Call]) -> None:
        """Let placed calls live. Apart from :meth:`place`, so that no callback outruns the answer to the
        request by accident; a life that wants that begins first and is answered later."""
        with self._lock:
            for call in calls:
                if self._is_closed or call.status not in LIVE:
                    continue
                request = call.request
                call.begun_at = time.monotonic()
                call.steps = timeline(call.life, request.ring_seconds, request.longest_call_seconds, self._speed)
                self._await_next_step(call)

    def end(self, call_id: str) -> Call | None:
        """End a call whatever its state: what is not answered is canceled, what is answered is completed."""
        with self._lock:
            call = self._calls.get(call_id)
            if call is None or self._is_closed:
                return None
            is_live = call.status in LIVE
            self._write(Fact.END_REQUESTED, call, live=is_live)
            if is_live:
                self._end_now(call)
            return call

    def by_id(self, call_id: str) -> dict[str, Any] | None:
        with self._lock:
            call = self._calls.get(call_id)
            return None if call is None else call.view()

    def by_token(self, token: str) -> list[dict[str, Any]]:
        with self._lock:
            return [call.view() for call in self._by_token.get(token, ())]

    def counts(self) -> dict[str, int]:
        """Calls ``live`` now, their ``peak``, and all ``placed`` since the ledger began; extra ones count."""
        with self._lock:
            return {"live": self._live, "peak": self._peak, "placed": len(self._calls)}

    def close(self) -> None:
        """Stop time. Calls that are live stay so in the ledger; the next start ends them."""
        with self._lock:
            self._is_closed = True
            self._ledger.close()

    def _new_call(self, request: Request, life: Life, attempt: int, *, extra: bool) -> Call:
        call = Call(f"sim_{secrets.token_hex(12)}", request, life, attempt, extra, Outbox(request.callback_url))
        if life.callbacks is Callbacks.BEFORE_ANSWER:
            call.outbox.settled = threading.Event()
        self._write(Fact.PLACED, call, attempt=attempt, extra=extra, callback_url=request.callback_url)
        self._know(call)
        self._live += 1
        self._peak = max(self._peak, self._live)
        return call

    def _know(self, call: Call) -> None:
        self._calls[call.id] = call
        self._by_token.setdefault(call.request.token, []).append(call)

    def _await_next_step(self, call: Call) -> None:
        if call.steps:
            step = call.steps[0]
            self._agenda.at(call.begun_at + step.after_seconds, lambda: self._take_step(call, step))

    def _take_step(self, call: Call, step: Step) -> None:
        """A step of a call that was ended meanwhile does nothing: no steps are left to it."""
        with self._lock:
            if self._is_closed or not call.steps:
                return
            call.steps = call.steps[1:]
            self._happen(call, step)
            self._await_next_step(call)

    def _end_now(self, call: Call) -> None:
        status, who = Status.CANCELED, None
        if call.status is Status.IN_PROGRESS:
            is_human = call.life.answered_by is AnsweredBy.HUMAN
            status, who = Status.COMPLETED, AnsweredBy.HUMAN if is_human else call.answered_by
        call.steps = ()
        self._happen(call, Step(0.0, Happening.ENDED, status, who, SIP_CODE[status]))

    def _happen(self, call: Call, step: Step) -> None:
        """Change the call, write it down, tell the receiver: in this order."""
        call.status = step.status
        call.answered_by = step.answered_by or call.answered_by
        match step.happening:
            case Happening.RINGING:
                self._write(Fact.RINGING, call)
            case Happening.ANSWERED:
                self._write(Fact.ANSWERED, call)
            case Happening.ENDED:
                call.sip_code = step.sip_code
                ended = {
                    "disposition": call.status,
                    "sip_code": call.sip_code,
                    "answered_by": call.answered_by,
                }
                self._write(Fact.ENDED, call, **ended)
                self._live -= 1
            case Happening.MACHINE:
                pass
        self._tell(call, step.happening)

    def _tell(self, call: Call, happening: Happening) -> None:
        message = _message(call, happening)
        match call.life.callbacks:
            case Callbacks.NONE:
                return
            case Callbacks.TWICE:
                self._courier.send(call.outbox, message)
                self._courier.send(call.outbox, message)
            case Callbacks.LATE:
                late = call.life.callbacks_late_seconds
                self._agenda.after(late, lambda: self._courier.send(call.outbox, message))
            case Callbacks.REVERSED if call.status in LIVE:
                call.held.append(message)
            case _:
                self._courier.send(call.outbox, message)
                while call.held:
                    self._courier.send(call.outbox, call.held.pop())

    def _write(self, fact: Fact, call: Call, **details: Any) -> None:
        self._ledger.write(fact, {"call": call.id, **_parties(call.request), **details})

    def _record_refusal(self, request: Request, attempt: int, refusal: Refusal) -> None:
        fact = Fact.REFUSED if refusal.status >= 500 else Fact.REJECTED
        details = {"attempt": attempt, "status": refusal.status, "code": refusal.code}
        self._ledger.write(fact, {"call": None, **_parties(request), **details})

    def _resume(self, past: ledger.Ledger) -> None:
        """Know the calls of a former life of this process; those that were live when it died have failed."""
        recorded = sorted((*past.placed, *past.extras), key=lambda call: call.placed_at)
        attempts = [(call.to_number, call.attempt) for call in recorded]
        attempts += [(request.to_number, request.attempt) for request in past.not_placed]
        for number, attempt in attempts:
            self._attempts[number] = max(self._attempts[number], attempt)
        calls = [self._remembered(call) for call in recorded]
        for call in calls:
            self._know(call)
        live = [call for call in calls if call.status in LIVE]
        self._live = len(live)
        self._peak = max(past.peak_concurrent(), self._live)
        for call in live:
            self._happen(call, Step(0.0, Happening.ENDED, Status.FAILED, None, SIP_CODE[Status.FAILED]))

    def _remembered(self, recorded: RecordedCall) -> Call:
        request = Request(
            recorded.from_number,
            recorded.to_number,
            recorded.token,
            recorded.callback_url,
            0,
            0,
            recorded.account,
        )
        life = self._book.life(recorded.to_number, recorded.attempt)
        call = Call(recorded.call_id, request, life, recorded.attempt, recorded.extra, Outbox(request.callback_url))
        call.sip_code = recorded.sip_code
        call.answered_by = AnsweredBy(recorded.answered_by) if recorded.answered_by else None
        if recorded.disposition is not None:
            call.status = Status(recorded.disposition)
        elif recorded.answered_at is not None:
            call.status = Status.IN_PROGRESS
        elif recorded.ringing_at is not None:
            call.status = Status.RINGING
        return call


def queued_for_ms(calls: Sequence[Call]) -> int:
    """How long the carrier keeps the call before it rings."""
    return round(calls[0].life.queue_seconds * 1000)


def _parties(request: Request) -> dict[str, str]:
    return {
        "token": request.token,
        "from": request.from_number,
        "to": request.to_number,
        "account": request.account,
    }


def _message(call: Call, happening: Happening) -> dict[str, Any]:
    """One callback, as of now. The event id is the same each time it is posted, also after a restart."""
    return {
        "event_id": f"{call.id}-{happening}",
        "event": happening,
        "occurred_at": datetime.now(UTC).isoformat(timespec="microseconds"),
        "call": call.view(),
    }
