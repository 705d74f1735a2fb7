"""End a worker in time when it is told to end, whatever hangs.

What only waits in it is let go at once: it is reserved in the rows, and another worker places it. What carriers were
asked is waited for, as long as a request may take, so that their answers are written down. After
:data:`LONGEST_SECONDS` the process ends as if it were killed, which is safe at any moment: platforms that kill a
process do so after 30 s.
"""

from __future__ import annotations

import os
import threading
from typing import Any

import structlog
from celery.signals import worker_shutdown, worker_shutting_down

from worker import tasks

log = structlog.get_logger()

LONGEST_SECONDS = 27.0
ANSWERS_SECONDS = 22.0
EXIT_STATUS = 70  # sysexits.h: an internal software error


@worker_shutting_down.connect
def stop(**_: Any) -> None:
    """The worker was told to end. Nothing is done in the signal's handler itself: whom it interrupts may hold a
    lock."""
    threading.Thread(target=_end_in_time, name="stopping", daemon=True).start()


def _end_in_time() -> None:
    tasks.close_pool()
    threading.Event().wait(LONGEST_SECONDS)
    log.critical("worker_ended_with_work_in_hand", seconds=LONGEST_SECONDS)
    os._exit(EXIT_STATUS)


@worker_shutdown.connect
def await_answers(**_: Any) -> None:
    """Its tasks are done; the answers of carriers may not be."""
    tasks.close_pool()
    tasks.await_answers(ANSWERS_SECONDS)
