"""The one module that reads a clock of this machine.

Instants that decide anything come from the database (``dialer_now()`` for business time, ``clock_timestamp()``
for machine time); what is left is measuring how long something took, and telling people when it was.
"""

from __future__ import annotations

import time


def monotonic() -> float:
    """Seconds since some fixed moment; only differences mean anything."""
    return time.monotonic()


def wall() -> float:
    """Epoch seconds by this machine's wall clock, which may be wrong and may jump: for people, never to decide by."""
    return time.time()


def pause(seconds: float) -> None:
    """Stand still; for pacing requests, to a carrier or to a service that is away, never for waiting on an event."""
    if seconds > 0:
        time.sleep(seconds)
