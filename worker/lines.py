"""The threads of a worker that place calls, beside those that carry out messages.

Placing waits on a carrier; were it done by the threads that carry out messages, a slow carrier would starve settling.
So a worker that takes dialing has lines of its own for it, and what one of its tasks has just reserved is handed to
them at once: by way of the broker the same calls come some milliseconds later, and a message costs as much as the calls
in it. Only what the lines have no room for becomes a message, for any worker to take.

What waits here when the process dies is still ``reserved`` in the rows, and rung again.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor

import structlog

from worker.clock import monotonic

log = structlog.get_logger()


class Lines:
    """``count`` threads that ``place`` calls, up to ``together`` of what waits at a time: the more that waits, the
    fewer transactions a call costs."""

    def __init__(
        self,
        count: int,
        place: Callable[[tuple[str, ...]], None],
        *,
        together: int = 25,
        now: Callable[[], float] = monotonic,
    ) -> None:
        self._place, self._together, self._now = place, together, now
        self._moved_at = now()
        self._room = count * together
        self._threads = ThreadPoolExecutor(count, thread_name_prefix="line")
        self._waiting: deque[tuple[str, ...]] = deque()
        self._count = 0
        self._is_open = True
        self._lock = threading.Lock()

    def offer(self, call_ids: Iterable[str]) -> bool:
        """Take these calls, if no more wait than the lines can place at once; whether they were taken."""
        with self._lock:
            if self._count >= self._room:
                return False
            return self._take(tuple(call_ids))

    def take(self, call_ids: Iterable[str]) -> bool:
        """Take these calls, however many wait; false if the lines are closed."""
        with self._lock:
            return self._take(tuple(call_ids))

    def stand_still(self, seconds: float) -> bool:
        """Whether calls wait, and for so long no line has begun or finished any."""
        with self._lock:
            return bool(self._waiting) and self._now() - self._moved_at >= seconds

    def close(self) -> None:
        """Take no more, and wait until all that was taken is placed."""
        with self._lock:
            self._is_open = False
        self._threads.shutdown(wait=True)

    def _take(self, call_ids: tuple[str, ...]) -> bool:
        if self._is_open:
            if not self._waiting:
                self._moved_at = self._now()
            self._waiting.append(call_ids)
            self._count += len(call_ids)
            self._threads.submit(self._work).add_done_callback(_tell)
        return self._is_open

    def _work(self) -> None:
        if call_ids := self._next():  # none where another line took these along with its own
            try:
                self._place(call_ids)
            finally:
                self._moved_at = self._now()

    def _next(self) -> tuple[str, ...]:
        together: list[str] = []
        with self._lock:
            while self._waiting and (not together or len(together) + len(self._waiting[0]) <= self._together):
                together += self._waiting.popleft()
            self._count -= len(together)
            self._moved_at = self._now()
        return tuple(dict.fromkeys(together))


def _tell(done: Future[None]) -> None:
    """Nobody waits for the result, so an error of ours would pass unseen."""
    error = done.exception()
    if error is not None:
        log.error("line_failed", exc_info=error)
