"""End a worker that has stopped working, so that its supervisor starts another.

A process can be alive and useless: every thread waiting on something that will not come, or a consumer whose
broker connection died without a word. It is told from an idle one by its queues and its pool: messages or calls wait,
and for a long time nothing was finished. Ending it is safe at any moment, as every crash is.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from typing import Any

import structlog
from celery.signals import task_postrun, worker_ready

from worker.clock import monotonic
from worker.domain.errors import Unavailable
from worker.queues import look
from worker.tasks import pool_stands_still

log = structlog.get_logger()

STUCK_SECONDS = 90.0
LOOK_EVERY_SECONDS = 15.0
EXIT_STATUS = 70  # sysexits.h: an internal software error


class Watchdog:
    """Whether this worker still gets anywhere. ``lengths`` tells how many messages wait, by queue."""

    def __init__(self, lengths: Callable[[], Mapping[str, int]], now: Callable[[], float] = monotonic) -> None:
        self._lengths, self._now = lengths, now
        self._finished_at = now()

    def finished(self, **_: Any) -> None:
        """A task has ended, however it did."""
        self._finished_at = self._now()

    def is_stuck(self, queues: frozenset[str]) -> bool:
        """True when messages wait in these queues and nothing was finished for ``STUCK_SECONDS``. With the
        broker away nobody can tell, and waiting is right."""
        if self._now() - self._finished_at < STUCK_SECONDS:
            return False
        try:
            waiting = self._lengths()
        except Unavailable:
            self._finished_at = self._now()
            return False
        return any(waiting.get(queue, 0) > 0 for queue in queues)


@worker_ready.connect
def watch(sender: Any, **_: Any) -> None:
    """Begin to watch this worker."""
    queues = frozenset(queue.name for queue in sender.task_consumer.queues)
    dog = Watchdog(lambda: {queue: waiting.messages for queue, waiting in look().items()})
    task_postrun.connect(dog.finished, weak=False)

    def guard() -> None:
        while not threading.Event().wait(LOOK_EVERY_SECONDS):
            if dog.is_stuck(queues) or pool_stands_still(STUCK_SECONDS):
                log.critical("worker_stuck", queues=sorted(queues), seconds=STUCK_SECONDS)
                os._exit(EXIT_STATUS)

    threading.Thread(target=guard, name="watchdog", daemon=True).start()
