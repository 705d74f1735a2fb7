"""A carrier inside the worker: it accepts every call at once and lets it live for a moment, 10 to 90 ms if not set
otherwise, and notes when each request came.

What a real carrier costs — the request, the callbacks — is left out on purpose, so that what is measured is the
dialer. Everything else is as deployed: the news goes through the durable inbox, and a settle is requested after
its commit, by the same functions the web process calls.
"""

from __future__ import annotations

import heapq
import itertools
import random
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


class Switchboard:
    """Carrier ``simulator`` of the benchmarks. ``receive`` is given the news, oldest first, on a thread of ours.

    Every request makes a call of its own with events of its own, so that a call placed twice is seen in the
    inbox: as six events instead of three. ``requested`` are the tokens of the requests, and the instants they came, as
    epoch seconds.
    """

    name = "simulator"
    shares_credentials = False

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

    def find(self, call_request: CallRequest) -> tuple[CarrierCall, ...] | CannotTell:
        return CannotTell("this carrier keeps no list")

    def get(self, call_request: CallRequest, carrier_call_id: str) -> CarrierCall | CannotTell | None:
        return CannotTell("this carrier keeps no list")

    def end(self, call_request: CallRequest, carrier_call_id: str) -> CannotTell | None:
        return None  # it ends within a tenth of a second anyhow

    def parse(self, token: str, url: str, headers: Mapping[str, str], body: bytes) -> CallEvent:
        raise BadEvent("this carrier speaks directly")

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
