"""The one module that reads a clock of this machine, and only a monotonic one.

Instants that decide anything come from the database (``dialer_now()`` for business time, ``clock_timestamp()``
for machine time); what is left is measuring how long something took.
"""

from __future__ import annotations

import time


def monotonic() -> float:
    """Seconds since some fixed moment; only differences mean anything."""
    return time.monotonic()


def pause(seconds: float) -> None:
    """Stand still; for pacing requests within a carrier's rate, never for waiting on an event."""
    if seconds > 0:
        time.sleep(seconds)
