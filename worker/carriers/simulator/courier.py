"""Posts callbacks: signed, in order per call, again and again while the receiver is away.

Each call has an outbox, and at most one thread works on an outbox at a time: that is all the order there is.
A letter the receiver cannot take now (5xx, 408, 429, no connection, no answer) holds up its own outbox and no
other; it is tried again with growing pauses until it is too old, then given up, as real carriers do. Any
other answer settles it. What was acknowledged may still be posted again (the acknowledgement was lost on the
way): callbacks come at least once.

``http.client`` and not the dialer's HTTP client: it costs a third of the processor time per post (0.1 against
0.33 ms), and the simulator usually shares a machine with the dialer it keeps busy.
"""

from __future__ import annotations

import http.client
import json
import logging
import threading
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Any
from urllib.parse import urlsplit

from worker.carriers.simulator.agenda import Agenda
from worker.carriers.simulator.words import SIGNATURE_HEADER, TIMESTAMP_HEADER, sign

log = logging.getLogger(__name__)

FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 10.0
POST_TIMEOUT_SECONDS = 5.0
TRY_AGAIN = frozenset({408, 429})


@dataclass(slots=True)
class Letter:
    """One callback on its way. ``sent_at`` is monotonic and decides when it is too old."""

    body: bytes
    sent_at: float
    tries: int = 0


@dataclass(slots=True)
class Outbox:
    """The callbacks of one call. ``settled`` is set once the first of them is acknowledged or given up."""

    url: str
    letters: deque[Letter] = field(default_factory=deque)
    is_worked: bool = False
    settled: threading.Event | None = None


class Courier:
    """A few threads that empty outboxes."""

    def __init__(self, secret: str, agenda: Agenda, threads: int = 16, give_up_after_seconds: float = 300.0) -> None:
        self._secret = secret
        self._agenda = agenda
        self._give_up_after = give_up_after_seconds
        self._is_closed = False
        self._ready: SimpleQueue[Outbox | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._counts = {"delivered": 0, "given_up": 0, "tries": 0, "waiting": 0}
        self._threads = [threading.Thread(target=self._run, name=f"courier-{n}", daemon=True) for n in range(threads)]
        for thread in self._threads:
            thread.start()

    def send(self, outbox: Outbox, message: Mapping[str, Any]) -> None:
        """Post ``message`` after everything already in the outbox; returns at once."""
        letter = Letter(json.dumps(message).encode(), time.monotonic())
        with self._lock:
            self._counts["waiting"] += 1
            outbox.letters.append(letter)
            idle, outbox.is_worked = not outbox.is_worked, True
        if idle:
            self._ready.put(outbox)

    def counts(self) -> dict[str, int]:
        """``delivered`` and ``given_up`` callbacks, ``tries`` at them, and those still ``waiting``."""
        with self._lock:
            return dict(self._counts)

    def close(self) -> None:
        """Finish the posts under way and leave the rest."""
        self._is_closed = True
        deadline = time.monotonic() + POST_TIMEOUT_SECONDS
        for _ in self._threads:
            self._ready.put(None)
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _run(self) -> None:
        connections: dict[tuple[str, str], http.client.HTTPConnection] = {}
        while (outbox := self._ready.get()) is not None and not self._is_closed:
            self._work(outbox, connections)
        for connection in connections.values():
            connection.close()

    def _work(self, outbox: Outbox, connections: dict[tuple[str, str], http.client.HTTPConnection]) -> None:
        """One try at the first letter; then the next letter queues behind other calls' letters."""
        letter = outbox.letters[0]
        letter.tries += 1
        status = self._post(outbox.url, letter.body, connections)
        again = status is None or status >= 500 or status in TRY_AGAIN
        if again and time.monotonic() - letter.sent_at < self._give_up_after:
            pause = min(FIRST_PAUSE_SECONDS * 2 ** min(letter.tries - 1, 16), LONGEST_PAUSE_SECONDS)
            self._count(tries=1)
            self._agenda.after(pause, lambda: self._ready.put(outbox))
            return
        delivered = status is not None and 200 <= status < 300
        if not delivered:
            log.warning("callback_given_up url=%s status=%s tries=%d", outbox.url, status, letter.tries)
        self._count(tries=1, waiting=-1, delivered=int(delivered), given_up=int(not delivered))
        if outbox.settled is not None:
            outbox.settled.set()
        with self._lock:
            outbox.letters.popleft()
            more = outbox.is_worked = bool(outbox.letters)
        if more:
            self._ready.put(outbox)

    def _count(self, **changes: int) -> None:
        with self._lock:
            for name, change in changes.items():
                self._counts[name] += change

    def _post(
        self, url: str, body: bytes, connections: dict[tuple[str, str], http.client.HTTPConnection]
    ) -> int | None:
        """The HTTP status of one post; ``None`` when there was no answer. Signed anew at each try, since the
        receiver refuses old signatures.

        A kept connection that the receiver has closed meanwhile says nothing about the receiver, so one more
        try goes out on a fresh one at once."""
        parts = urlsplit(url)
        place = (parts.scheme, parts.netloc)
        timestamp = str(int(time.time()))
        headers = {
            "Content-Type": "application/json",
            TIMESTAMP_HEADER: timestamp,
            SIGNATURE_HEADER: sign(self._secret, timestamp, body),
        }
        target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
        for _ in range(2):
            kept = connections.pop(place, None)
            connection = kept or _connection(*place)
            try:
                connection.request("POST", target, body, headers)
                response = connection.getresponse()
                response.read()
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                if kept is None or isinstance(error, TimeoutError):
                    return None
                continue
            connections[place] = connection
            return response.status
        return None


def _connection(scheme: str, netloc: str) -> http.client.HTTPConnection:
    kind = http.client.HTTPSConnection if scheme == "https" else http.client.HTTPConnection
    return kind(netloc, timeout=POST_TIMEOUT_SECONDS)
