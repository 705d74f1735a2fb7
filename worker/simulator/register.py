"""The calls that the simulator knows: by id, by token and by callee, and how many of them are live.

Calls of a former life of the process are among them, made again from its ledger.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from worker.carriers.simulated.protocol import LIVE, AnsweredBy, Status
from worker.simulator.calls import Call, CarrierProtocol, Request
from worker.simulator.courier import Outbox
from worker.simulator.ledger import Ledger, RecordedCall
from worker.simulator.lives import Book


class Register:
    """The calls, and what is counted of them. Whoever uses it from several threads holds a lock meanwhile."""

    def __init__(self) -> None:
        self.attempts: Counter[str] = Counter()
        """How often each number was asked for, whether or not a call was placed."""
        self.live_of: Counter[str] = Counter()
        """How many calls of each account are live."""
        self._by_id: dict[str, Call] = {}
        self._by_token: dict[str, list[Call]] = {}
        self._by_callee: dict[str, list[Call]] = {}
        self._live = 0
        self._peak = 0

    def add(self, call: Call) -> None:
        """Know a call from now on; one that is not over is live until :meth:`end`."""
        self._by_id[call.id] = call
        self._by_token.setdefault(call.request.token, []).append(call)
        self._by_callee.setdefault(call.request.to_number, []).append(call)
        if call.status in LIVE:
            self._live += 1
            self.live_of[call.request.account] += 1
            self._peak = max(self._peak, self._live)

    def end(self, call: Call) -> None:
        """Count a live call no longer; it stays known."""
        self._live -= 1
        self.live_of[call.request.account] -= 1

    def by_id(self, call_id: str) -> Call | None:
        return self._by_id.get(call_id)

    def by_ids(self, call_ids: Iterable[str]) -> list[Call]:
        """Those of the calls that there are."""
        return [self._by_id[call_id] for call_id in call_ids if call_id in self._by_id]

    def by_token(self, token: str) -> Sequence[Call]:
        """In the order they were placed in."""
        return self._by_token.get(token, ())

    def by_callee(self, number: str) -> Sequence[Call]:
        """In the order they were placed in."""
        return self._by_callee.get(number, ())

    def counts(self) -> dict[str, int]:
        """Calls ``live`` now, their ``peak``, and all ``placed`` since the ledger began."""
        return {"live": self._live, "peak": self._peak, "placed": len(self._by_id)}

    def restore(self, past: Ledger, book: Book, protocols: Mapping[str, CarrierProtocol]) -> list[Call]:
        """Know the calls of a former life of the process; those that were live when it died are returned."""
        recorded = sorted((*past.placed, *past.extras), key=lambda call: call.placed_at)
        attempts = [(call.to_number, call.attempt) for call in recorded]
        attempts += [(request.to_number, request.attempt) for request in past.not_placed]
        for number, attempt in attempts:
            self.attempts[number] = max(self.attempts[number], attempt)
        calls = [_restored(call, book, protocols) for call in recorded]
        for call in calls:
            self.add(call)
        self._peak = max(past.peak_concurrent(), self._peak)
        return [call for call in calls if call.status in LIVE]


def _restored(recorded: RecordedCall, book: Book, protocols: Mapping[str, CarrierProtocol]) -> Call:
    request = Request(
        from_number=recorded.from_number,
        to_number=recorded.to_number,
        token=recorded.token,
        callback_url=recorded.callback_url,
        ring_seconds=0,
        longest_call_seconds=0,
        account=recorded.account,
        protocol=protocols[recorded.protocol],
        details=recorded.details,
    )
    life = book.life(recorded.to_number, recorded.attempt)
    call = Call(recorded.call_id, request, life, recorded.attempt, recorded.extra, Outbox(), recorded.placed_at)
    call.answered_at, call.ended_at = recorded.answered_at, recorded.ended_at
    call.sip_code, call.sip_reason = recorded.sip_code, recorded.sip_reason
    call.answered_by = AnsweredBy(recorded.answered_by) if recorded.answered_by else None
    if recorded.disposition is not None:
        call.status = Status(recorded.disposition)
    elif recorded.answered_at is not None:
        call.status = Status.IN_PROGRESS
    elif recorded.ringing_at is not None:
        call.status = Status.RINGING
    return call
