"""Carriers inside the worker: they accept every call at once, let it live for a moment, 10 to 90 ms if not set
otherwise, and note when each request came.

What a real carrier costs — the request, the callbacks — is left out on purpose, so that what is measured is the
dialer. Everything else is as deployed: the news goes through the durable inbox. A :class:`Switchboard` receives it
itself, by the same functions the web process calls; a :class:`Forwarding` one leaves the calls to a process of their
own, which posts their news to a web process.
"""

from __future__ import annotations

import heapq
import itertools
import random
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from math import ceil

from worker.carriers.base import Accepted, BadEvent, CallEvent, CallRequest, CannotTell, CarrierCall, Outcome
from worker.domain.model import Disposition, EventKind

SHORTEST_SECONDS, LONGEST_SECONDS = 0.010, 0.090
GRAIN_SECONDS = 0.010
"""News comes at multiples of this, so that a busy carrier speaks of many calls at once."""
LIFE = ((0.2, EventKind.RINGING), (0.4, EventKind.ANSWERED), (1.0, EventKind.ENDED))
"""What happens after which part of a call's life."""
RECEIPT = "receipt"
"""The name of the thread on which news is received."""


def lasting(words: str) -> tuple[float, float]:
    """The shortest and the longest call, in seconds, of words such as ``0.5 1.5``."""
    shortest, longest = map(float, words.split())
    return shortest, longest


class _AcceptsAll:
    """What both carriers have in common: they keep no list, and end no call."""

    name = "simulator"
    shares_credentials = False

    def find(self, call_request: CallRequest) -> tuple[CarrierCall, ...] | CannotTell:
        return CannotTell("this carrier keeps no list")

    def get(self, call_request: CallRequest, carrier_call_id: str) -> CarrierCall | CannotTell | None:
        return CannotTell("this carrier keeps no list")

    def end(self, call_request: CallRequest, carrier_call_id: str) -> CannotTell | None:
        return None  # it ends within moments anyhow

    def parse(self, token: str, url: str, headers: Mapping[str, str], body: bytes) -> CallEvent:
        raise BadEvent("this carrier does not speak to workers over HTTP")


class Forwarding(_AcceptsAll):
    """Carrier ``simulator`` whose calls live in the process that listens at ``path`` (:mod:`tests.bench.courier`). A
    request takes ``request_seconds``, and the call begins at their end."""

    def __init__(self, path: str, *, request_seconds: float = 0.0) -> None:
        self._path, self._request_seconds = path, request_seconds
        self.requested: list[tuple[str, float]] = []
        self._serial = itertools.count(1)
        self._connection: socket.socket | None = None
        self._lock = threading.Lock()

    def place(self, call_request: CallRequest) -> Outcome:
        at = time.time()
        if self._request_seconds:
            time.sleep(self._request_seconds)
        with self._lock:
            call = f"bench_{next(self._serial)}"
            self.requested.append((call_request.token, at))
            if self._connection is None:
                self._connection = socket.socket(socket.AF_UNIX)
                self._connection.connect(self._path)
            self._connection.sendall(f"call {call} {call_request.token} {call_request.to_number}\n".encode())
        return Accepted(call)


class Switchboard(_AcceptsAll):
    """Carrier ``simulator`` of the benchmarks. ``receive`` is given the news, oldest first, on a thread of ours.

    Every request makes a call of its own with events of its own, so that a call placed twice is seen in the
    inbox: as six events instead of three. ``requested`` are the tokens of the requests, and the instants they came, as
    epoch seconds.
    """

    def __init__(
        self,
        receive: Callable[[Sequence[CallEvent]], None],
        *,
        seed: int = 1,
        lasts: tuple[float, float] = (SHORTEST_SECONDS, LONGEST_SECONDS),
    ) -> None:
        self._receive, self._lasts = receive, lasts
        self.requested: list[tuple[str, float]] = []
        self._random = random.Random(seed)
        self._serial = itertools.count(1)
        self._future: list[tuple[float, int, EventKind, str, str]] = []
        self._changed = threading.Condition()
        threading.Thread(target=self._play, name=RECEIPT, daemon=True).start()

    def place(self, call_request: CallRequest) -> Outcome:
        self.requested.append((call_request.token, time.time()))
        with self._changed:
            call = next(self._serial)
            placed_at, lasts = time.monotonic(), self._random.uniform(*self._lasts)
            for part, kind in LIFE:
                at = ceil((placed_at + part * lasts) / GRAIN_SECONDS) * GRAIN_SECONDS
                heapq.heappush(self._future, (at, next(self._serial), kind, f"bench_{call}", call_request.token))
            self._changed.notify()
        return Accepted(f"bench_{call}")

    def _play(self) -> None:
        while True:
            self._receive(self._due())

    def _due(self) -> list[CallEvent]:
        """Wait for the next news; all that is due by then."""
        with self._changed:
            while not self._future or self._future[0][0] > time.monotonic():
                self._changed.wait(self._future[0][0] - time.monotonic() if self._future else None)
            due, now = [], time.monotonic()
            while self._future and self._future[0][0] <= now:
                due.append(heapq.heappop(self._future))
        return [
            CallEvent(
                token=token,
                event_id=f"{call}-{kind}",
                carrier_call_id=call,
                kind=kind,
                disposition=Disposition.ANSWERED if kind is EventKind.ENDED else None,
            )
            for _, _, kind, call, token in due
        ]
