"""Posts callbacks: signed, in order per call, again and again while the receiver is away.

What is posted, where, and how it is signed is the business of :mod:`.protocols`. Each call has an outbox, and at most
one thread works on an outbox at a time: that is all the order there is. A letter the receiver cannot take now (5xx,
408, 429, no connection, no answer) holds up its own outbox and no other; it is tried again with growing pauses until
it is too old, then given up, as real carriers do. Any other answer settles it. What was acknowledged may still be
posted again (the acknowledgement was lost on the way): callbacks come at least once.

``http.client`` and not the dialer's HTTP client: it costs a third of the processor time per post (0.1 against
0.33 ms), and the simulator usually shares a machine with the dialer it keeps busy.
"""

from __future__ import annotations

import http.client
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from queue import SimpleQueue
from urllib.parse import urlsplit

from worker.simulator.agenda import Agenda

log = logging.getLogger(__name__)

FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 10.0
POST_TIMEOUT_SECONDS = 5.0
TRY_AGAIN = frozenset({408, 429})
MAX_ANSWER_BYTES = 64 * 1024

Connections = dict[tuple[str, str], http.client.HTTPConnection]


@dataclass(frozen=True, slots=True)
class Post:
    """One callback: ``headers`` are made anew at each try, for receivers refuse old signatures; after
    ``give_up_after_seconds`` of failures it is not tried again."""

    url: str
    body: bytes
    headers: Callable[[], Mapping[str, str]]
    give_up_after_seconds: float = 300.0


@dataclass(slots=True)
class Letter:
    """A post on its way. ``sent_at`` is monotonic and decides when it is too old. Whoever wants the
    answer (``on_answer``) gets at once what the first try came to."""

    post: Post
    sent_at: float
    on_answer: Callable[[int | None, bytes], None] | None = None
    tries: int = 0


@dataclass(slots=True)
class Outbox:
    """The callbacks of one call. ``settled`` is set once the first of them is acknowledged or given up."""

    letters: deque[Letter] = field(default_factory=deque)
    is_worked: bool = False
    settled: threading.Event | None = None


class Courier:
    """A few threads that empty outboxes."""

    def __init__(self, agenda: Agenda, threads: int = 16) -> None:
        self._agenda = agenda
        self._is_closed = False
        self._ready: SimpleQueue[Outbox | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._counts = {"delivered": 0, "given_up": 0, "tries": 0, "waiting": 0}
        self._threads = [threading.Thread(target=self._run, name=f"courier-{n}", daemon=True) for n in range(threads)]
        for thread in self._threads:
            thread.start()

    def send(self, outbox: Outbox, post: Post) -> None:
        """Post this after everything already in the outbox; returns at once."""
        self._put(outbox, Letter(post, time.monotonic()))

    def ask(self, post: Post, on_answer: Callable[[int | None, bytes], None]) -> None:
        """Post this beside all else, once, and pass ``on_answer`` the status (``None``: no answer) and body of the
        answer; returns at once."""
        self._put(Outbox(), Letter(post, time.monotonic(), on_answer))

    def _put(self, outbox: Outbox, letter: Letter) -> None:
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
        connections: Connections = {}
        while (outbox := self._ready.get()) is not None and not self._is_closed:
            self._work(outbox, connections)
        for connection in connections.values():
            connection.close()

    def _work(self, outbox: Outbox, connections: Connections) -> None:
        """One try at the first letter; then the next letter queues behind other calls' letters."""
        letter = outbox.letters[0]
        letter.tries += 1
        status, answer = self._post(letter.post, connections)
        again = letter.on_answer is None and (status is None or status >= 500 or status in TRY_AGAIN)
        if again and time.monotonic() - letter.sent_at < letter.post.give_up_after_seconds:
            pause = min(FIRST_PAUSE_SECONDS * 2 ** min(letter.tries - 1, 16), LONGEST_PAUSE_SECONDS)
            self._count(tries=1)
            self._agenda.after(pause, lambda: self._ready.put(outbox))
            return
        delivered = status is not None and 200 <= status < 300
        if not delivered:
            log.warning("callback_given_up url=%s status=%s tries=%d", letter.post.url, status, letter.tries)
        self._count(tries=1, waiting=-1, delivered=int(delivered), given_up=int(not delivered))
        if letter.on_answer is not None:
            letter.on_answer(status, answer)
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

    def _post(self, post: Post, connections: Connections) -> tuple[int | None, bytes]:
        """The HTTP status and body of one try; ``None`` when there was no answer.

        A kept connection that the receiver has closed meanwhile says nothing about the receiver, so one more
        try goes out on a fresh one at once."""
        parts = urlsplit(post.url)
        place = (parts.scheme, parts.netloc)
        target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
        headers = post.headers()
        for _ in range(2):
            kept = connections.pop(place, None)
            connection = kept or _connection(*place)
            try:
                connection.request("POST", target, post.body, headers)
                response = connection.getresponse()
                answer = response.read(MAX_ANSWER_BYTES)
                whole = not response.read(1)
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                if kept is None or isinstance(error, TimeoutError):
                    return None, b""
                continue
            if whole:
                connections[place] = connection
            else:
                connection.close()
            return response.status, answer
        return None, b""


def _connection(scheme: str, netloc: str) -> http.client.HTTPConnection:
    kind = http.client.HTTPSConnection if scheme == "https" else http.client.HTTPConnection
    return kind(netloc, timeout=POST_TIMEOUT_SECONDS)
