"""End a process of Celery's in time when it gets SIGTERM, whatever hangs.

What only waits in a worker is let go at once: it is reserved in the rows, and another worker places it. Requests
to carriers are waited for, as long as one may take, so that their answers are written down. After
:data:`LONGEST_SECONDS` the process ends as if it were killed, which is safe at any moment: platforms that kill a
process do so after 30 s. Beat, which has nothing in hand, is not given as long.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

import structlog
from celery.signals import beat_init, worker_init, worker_shutdown, worker_shutting_down

from worker.process import dispatch

log = structlog.get_logger()

LONGEST_SECONDS = 27.0
ANSWERS_SECONDS = 22.0
BEAT_SECONDS = 10.0
EXIT_STATUS = 70  # sysexits.h: an internal software error

_is_ending = threading.Event()
"""Set when the process is to end; a signal's handler does no more, for whom it interrupts may hold a lock."""


@worker_init.connect
def watch_worker(**_: Any) -> None:
    """Let this worker end in time."""
    _end_within(LONGEST_SECONDS, dispatch.close_pool)


@worker_shutting_down.connect
def stop(**_: Any) -> None:
    """The worker is to end."""
    _is_ending.set()


@worker_shutting_down.connect
def say_so(sig: str, how: str, **_: Any) -> None:
    """Log that the worker ends, and by which signal."""
    log.warning("worker_stopping", signal=sig, how=how)


@worker_shutdown.connect
def await_answers(**_: Any) -> None:
    """Its tasks are done; the answers of carriers may not be."""
    dispatch.close_pool()
    dispatch.await_answers(ANSWERS_SECONDS)


@beat_init.connect
def watch_beat(**_: Any) -> None:
    """Let this beat end in time: Celery's own handler, which is there by now, may be kept waiting by the broker."""
    handled = signal.getsignal(signal.SIGTERM)

    def handle(number: int, frame: FrameType | None) -> None:
        _is_ending.set()
        if callable(handled):
            handled(number, frame)

    signal.signal(signal.SIGTERM, handle)
    _end_within(BEAT_SECONDS)


def _end_within(seconds: float, first: Callable[[], None] = lambda: None) -> None:
    def end() -> None:
        _is_ending.wait()
        first()
        threading.Event().wait(seconds)
        log.critical("ended_with_work_in_hand", seconds=seconds)
        os._exit(EXIT_STATUS)

    threading.Thread(target=end, name="stopping", daemon=True).start()
