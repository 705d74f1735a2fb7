"""The one module of the dialer that reads a clock of this machine; the simulator, a program of its own, has its own.

Instants that decide anything come from the database (``dialer_now()`` for business time, ``clock_timestamp()``
for machine time); what is left is measuring how long something took, and showing people when it was.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

_BEGAN = (datetime.now(UTC), time.monotonic())


def monotonic() -> float:
    """Seconds since some fixed moment; only differences mean anything."""
    return time.monotonic()


def boot() -> float:
    """Seconds since this machine was started, those included in which it slept; where no such clock is known, as
    :func:`monotonic`. What is measured by it goes on while this process, or all of the machine, stands still."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


def wall() -> float:
    """Epoch seconds by this machine's wall clock, which may be wrong and may jump: for people, never to decide by."""
    return time.time()


def steady() -> datetime:
    """A wall clock that nobody sets: what it read when this process began, and what has passed since. For schedulers
    that keep time by a date, and would stand still for an hour when the clock is set back by one."""
    began_at, began = _BEGAN
    return began_at + timedelta(seconds=time.monotonic() - began)


def pause(seconds: float) -> None:
    """Stand still; for pacing requests, to a carrier or to a service that is away, and looks at processes that do not
    report their end. Never for waiting on an event."""
    if seconds > 0:
        time.sleep(seconds)
