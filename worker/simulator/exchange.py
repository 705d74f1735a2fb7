"""The calls themselves: placed, living, ended; every change is in the ledger before anybody gets to know of it.

One lock orders everything that happens, and the facts are written under it. A call lives through its timeline
by the agenda; asking for its end drops what was still to come. Nothing here depends on the one who placed it.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, assert_never

from worker.carriers.simulated.protocol import LIVE, SIP_CODE, AnsweredBy, Happening, Status
from worker.simulator import ledger
from worker.simulator.agenda import Agenda
from worker.simulator.calls import Call, CarrierProtocol, Connected, Request, View
from worker.simulator.courier import Courier, Outbox, Post
from worker.simulator.ledger import Fact, LedgerWriter
from worker.simulator.lives import Book, Callbacks, Life, Refusal, Step, timeline
from worker.simulator.register import Register
from worker.simulator.terms import Terms

SHUTTING_DOWN = Refusal(503, "shutting_down")


class Exchange:
    """All calls of this simulator, and the only one who changes them."""

    def __init__(
        self,
        book: Book,
        path: Path,
        agenda: Agenda,
        courier: Courier,
        protocols: Iterable[CarrierProtocol],
        *,
        speed: float,
        calls_per_second: float = math.inf,
        terms: Terms | None = None,
    ) -> None:
        self._book = book
        self._agenda = agenda
        self._courier = courier
        self._speed = speed
        self._interval = 1 / calls_per_second
        self._terms = terms or Terms()
        self._next_turn: dict[str, float] = {}
        self._lock = threading.Lock()
        self._register = Register()
        self._is_closed = False
        self._ledger = LedgerWriter(path)
        self._resume(ledger.read(path), {protocol.name: protocol for protocol in protocols})

    def place(self, request: Request) -> tuple[Call, ...] | Refusal:
        """Place the call and the carrier's own extra ones, or refuse. They lie still until :meth:`begin`."""
        with self._lock:
            if self._is_closed:
                return SHUTTING_DOWN
            wait = self._wait_for_turn(request)
            if wait > 0 and not request.protocol.queues:
                refusal = Refusal(429, request.protocol.too_fast, wait)
                self._record_refusal(request, refusal)
                return refusal
            attempt = self._register.attempts[request.to_number] + 1
            life = self._book.life(request.to_number, attempt)
            barred = self._terms.why_not(request, self._register.live_of[request.account], life.refusal)
            if barred is None or barred is life.refusal:  # what the account may not do is none of the number's lives
                self._register.attempts[request.to_number] = attempt
            if barred is not None:
                self._record_refusal(request, barred)
                return barred
            if wait > 0:
                life = replace(life, queue_seconds=life.queue_seconds + wait)
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
                call.steps = timeline(
                    call.life, request.ring_seconds, request.longest_call_seconds, self._speed, request.reports
                )
                if request.protocol.posts_initiated:
                    call.steps = (Step(call.life.queue_seconds, Happening.INITIATED, Status.QUEUED), *call.steps)
                self._await_next_step(call)

    def end(self, call_id: str, states: frozenset[Status] = LIVE) -> bool | None:
        """End a call that is in one of the states: what is not answered is canceled, what is answered is completed.
        False if it was in none of them; ``None`` if there is no such call."""
        with self._lock:
            call = self._register.by_id(call_id)
            if call is None or self._is_closed:
                return None
            is_live = call.status in LIVE & states
            self._write(Fact.END_REQUESTED, call, live=is_live)
            if is_live:
                self._end_now(call)
            return is_live

    def turn_away(self, request: Request, refusal: Refusal) -> None:
        """Write down a request that places no call, for a reason that is none of its number's life; status 0 where
        it is not answered at all."""
        with self._lock:
            if not self._is_closed:
                self._record_refusal(request, refusal)

    def leave_live(self, call_ids: Iterable[str], status: int) -> None:
        """Write down that the end of a call was asked for and is refused with this status; 0: not answered."""
        with self._lock:
            for call in self._register.by_ids(call_ids):
                if not self._is_closed:
                    self._write(Fact.END_REQUESTED, call, live=call.status in LIVE, refused_with=status)

    def account_of(self, call_ids: Iterable[str], tokens: Iterable[str] = ()) -> str | None:
        """Whose the first call is that is known by one of these; ``None`` if none is."""
        with self._lock:
            found = self._register.by_ids(call_ids)
            found += [call for token in tokens for call in self._register.by_token(token)]
            return found[0].request.account if found else None

    def connect(self, call_id: str, connected: Connected) -> bool:
        """Note to whom the callee of a call that is answered is connected; false if there is no such call."""
        with self._lock:
            call = self._register.by_id(call_id)
            if call is None or self._is_closed or call.status is not Status.IN_PROGRESS:
                return False
            self._note_connection(call, connected)
            return True

    def by_id(self, call_id: str, view: View) -> dict[str, object] | None:
        with self._lock:
            call = self._register.by_id(call_id)
            return None if call is None else view(call)

    def by_token(self, token: str, view: View) -> list[dict[str, object]]:
        with self._lock:
            return [view(call) for call in self._register.by_token(token)]

    def by_callee(self, number: str, view: View) -> list[dict[str, object]]:
        """All calls to this number, the newest first."""
        with self._lock:
            return [view(call) for call in reversed(self._register.by_callee(number))]

    def counts(self) -> dict[str, int]:
        """Calls ``live`` now, their ``peak``, and all ``placed`` since the ledger began; extra ones count."""
        with self._lock:
            return self._register.counts()

    def close(self) -> None:
        """Stop time. Calls that are live stay so in the ledger; the next start ends them."""
        with self._lock:
            self._is_closed = True
            self._ledger.close()

    def _new_call(self, request: Request, life: Life, attempt: int, *, extra: bool) -> Call:
        call = Call(request.protocol.new_id(), request, life, attempt, extra, Outbox(), time.time())
        if life.callbacks is Callbacks.BEFORE_ANSWER:
            call.outbox.settled = threading.Event()
        more = {"face": request.protocol.name, "asked": dict(request.details)} if request.details else {}
        self._write(Fact.PLACED, call, attempt=attempt, extra=extra, callback_url=request.callback_url, **more)
        self._register.add(call)
        return call

    def _wait_for_turn(self, request: Request) -> float:
        """How long after now the next call of the account may begin; its turn is taken where it waits for it."""
        if not self._interval:
            return 0.0
        now = time.monotonic()
        turn = max(now, self._next_turn.get(request.account, 0.0))
        if turn == now or request.protocol.queues:
            self._next_turn[request.account] = turn + self._interval
        return turn - now

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
        """Change the call, write it down, post it to the receiver: in this order."""
        call.status = step.status
        call.answered_by = step.answered_by or call.answered_by
        match step.happening:
            case Happening.RINGING:
                self._write(Fact.RINGING, call)
            case Happening.ANSWERED:
                call.answered_at = time.time()
                self._write(Fact.ANSWERED, call)
                self._go_on(call)
            case Happening.ENDED:
                call.sip_code, call.sip_reason, call.ended_at = step.sip_code, step.sip_reason, time.time()
                ended = {
                    "disposition": call.status,
                    "sip_code": call.sip_code,
                    "answered_by": call.answered_by,
                    **({} if call.sip_reason is None else {"sip_reason": call.sip_reason}),
                }
                self._write(Fact.ENDED, call, **ended)
                self._register.end(call)
            case Happening.MACHINE | Happening.INITIATED:
                pass
            case _:
                assert_never(step.happening)
        self._post(call, step.happening)

    def _go_on(self, call: Call) -> None:
        """Do what the dialer has said to do with a callee who answers, or ask."""
        match call.request.protocol.at_answer(call):
            case Post() as question:
                self._courier.ask(question, lambda status, answer: self._obey(call, status, answer))
            case Connected() as connected:
                self._note_connection(call, connected)
            case None:
                pass
            case nothing_else:
                assert_never(nothing_else)

    def _obey(self, call: Call, status: int | None, answer: bytes) -> None:
        """Connect the callee, or hang up, as the answer says."""
        connected = call.request.protocol.instructed(status, answer)
        if connected is None:
            self.end(call.id)
        else:
            self.connect(call.id, connected)

    def _note_connection(self, call: Call, connected: Connected) -> None:
        details = {"connected_to": connected.to, "parameters": dict(connected.parameters)}
        self._write(Fact.CONNECTED, call, **details)

    def _post(self, call: Call, happening: Happening) -> None:
        posts = call.request.protocol.news(call, happening)
        call.posted += bool(posts)
        match call.life.callbacks:
            case Callbacks.NONE:
                return
            case Callbacks.TWICE:
                self._send(call, [*posts, *posts])
            case Callbacks.LATE:
                self._agenda.after(call.life.callbacks_late_seconds, lambda: self._send(call, posts))
            case Callbacks.REVERSED if call.status in LIVE:
                call.held += posts
            case Callbacks.ONCE | Callbacks.BEFORE_ANSWER | Callbacks.REVERSED:
                self._send(call, [*posts, *reversed(call.held)])
                call.held = []
            case _:
                assert_never(call.life.callbacks)

    def _send(self, call: Call, posts: Iterable[Post]) -> None:
        for post in posts:
            self._courier.send(call.outbox, post)

    def _write(self, fact: Fact, call: Call, **details: Any) -> None:
        self._ledger.write(fact, {"call": call.id, **_parties(call.request), **details})

    def _record_refusal(self, request: Request, refusal: Refusal) -> None:
        fact = Fact.REJECTED if 400 <= refusal.status < 500 else Fact.REFUSED
        attempt = self._register.attempts[request.to_number]
        details = {"attempt": attempt, "status": refusal.status, "code": refusal.code}
        self._ledger.write(fact, {"call": None, **_parties(request), **details})

    def _resume(self, past: ledger.Ledger, protocols: Mapping[str, CarrierProtocol]) -> None:
        """Know the calls of a former life of this process; those that were live when it died have failed."""
        for call in self._register.restore(past, self._book, protocols):
            self._happen(call, Step(0.0, Happening.ENDED, Status.FAILED, None, SIP_CODE[Status.FAILED]))


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
