"""Start every campaign at its instant, not at the tick after it.

Each worker sleeps until the next scheduled campaign is due, and is woken when that may be an earlier one. Beat's
tick does the same work a second later at most: without a timer, or with twenty, the same campaigns start, once.
"""

from __future__ import annotations

import threading
from typing import Any

import structlog
from celery.signals import worker_ready
from sqlalchemy import Engine

from worker.domain.errors import Unavailable
from worker.flow.base import Dialer
from worker.flow.promote import promote
from worker.process import dispatch, wiring
from worker.store.starts import listening

log = structlog.get_logger()

LONGEST_SECONDS = 10.0
"""A session that fell silent is found out by a query; so long at most it is believed."""
AWAY_SECONDS = 2.0


def keep_time(dialer: Dialer, over: threading.Event) -> None:
    """Start campaigns until it is ``over``; with a service away, try again every other second."""
    while not over.is_set():
        try:
            _listen(dialer, over)
        except Unavailable as error:
            log.warning("service_away", task="timer", message=str(error))
            over.wait(AWAY_SECONDS)


def _listen(dialer: Dialer, over: threading.Event) -> None:
    assert isinstance(dialer.db, Engine)
    with listening(dialer.db) as listener:
        while not over.is_set():
            read_at = listener.now()
            while steps := promote(dialer):
                dispatch.carry_out(steps)
            listener.wait(read_at, LONGEST_SECONDS)


@worker_ready.connect
def start(**_: Any) -> None:
    """Let this worker keep time."""
    over = threading.Event()
    threading.Thread(target=keep_time, args=(wiring.dialer(), over), name="timer", daemon=True).start()
