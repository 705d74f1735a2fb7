"""One thread that does things later."""

from __future__ import annotations

import heapq
import threading
import time
from collections.abc import Callable
from itertools import count

Job = Callable[[], None]


class Agenda:
    """Runs short jobs at their time, in the order of their due times, all in one thread.

    A thousand live calls cost a thousand heap entries, not a thousand threads or timers. A job must not
    block: everybody else's time passes meanwhile. What is still waiting at :meth:`close` is dropped.
    """

    def __init__(self) -> None:
        self._waiting: list[tuple[float, int, Job]] = []
        self._order = count()
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="agenda", daemon=True)
        self._thread.start()

    def at(self, due: float, job: Job) -> None:
        """Do ``job`` when the monotonic clock reads ``due``; equal due times keep the order they came in."""
        with self._changed:
            if self._closed:
                return
            heapq.heappush(self._waiting, (due, next(self._order), job))
            self._changed.notify()

    def after(self, seconds: float, job: Job) -> None:
        """Do ``job`` in ``seconds`` of real time."""
        self.at(time.monotonic() + seconds, job)

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._waiting.clear()
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        while (job := self._next()) is not None:
            job()

    def _next(self) -> Job | None:
        """Sleep until the earliest job is due and return it; ``None`` once closed."""
        with self._changed:
            while not self._closed:
                pause = self._waiting[0][0] - time.monotonic() if self._waiting else None
                if pause is not None and pause <= 0:
                    return heapq.heappop(self._waiting)[2]
                self._changed.wait(pause)
            return None
