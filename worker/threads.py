"""Threads for work that waits: a free one is taken, or one more is begun.

Nothing waits for a thread here, so nothing that hangs keeps anything else from beginning. How many may be at
something at once is bounded where it is begun (:mod:`worker.bulkheads`). A thread that nobody has needed for a while
ends; none keeps the process from ending.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue

import structlog

from worker.domain.errors import Refused, Unavailable

log = structlog.get_logger()

IDLE_SECONDS = 30.0

Work = Callable[[], None]


class Threads:
    """As many as are needed at the moment. Safe to share between threads."""

    def __init__(self, name: str, idle_seconds: float = IDLE_SECONDS) -> None:
        self._name, self._idle_seconds = name, idle_seconds
        self._idle: list[SimpleQueue[Work]] = []
        self._lock = threading.Lock()

    def run(self, work: Work) -> None:
        """Begin the work now, on a thread of its own. What it raises is logged."""
        with self._lock:
            idle = self._idle.pop() if self._idle else None
        if idle is not None:
            idle.put(work)
        else:
            threading.Thread(target=self._serve, args=(work,), name=self._name, daemon=True).start()

    def _serve(self, work: Work | None) -> None:
        given: SimpleQueue[Work] = SimpleQueue()
        while work is not None:
            carry_out(work)
            with self._lock:
                self._idle.append(given)
            work = self._next(given)

    def _next(self, given: SimpleQueue[Work]) -> Work | None:
        """What to do next; ``None`` where nobody has needed this thread for long."""
        try:
            return given.get(timeout=self._idle_seconds)
        except Empty:
            with self._lock:
                if given in self._idle:
                    self._idle.remove(given)
                    return None
            return given.get()  # somebody has just chosen this thread


def carry_out(work: Work) -> None:
    """Do it, and say in one line what could not be done: nobody waits for what it raises."""
    try:
        work()
    except Unavailable as error:
        log.warning("service_away", message=str(error))
    except Refused as error:
        log.error("request_refused", message=str(error))
    except Exception:  # the top of this thread's stack: an error of ours would pass unseen
        log.exception("thread_failed")
