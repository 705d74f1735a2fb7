"""Writes down what a process says, at the other end of a pipe: killed, it leaves a log whose reader is gone; stopped,
one that nobody reads, which is full after a few lines. As with a collector of logs, or ``dialer worker | head``."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal

PIPE_BYTES = 4096
"""As little as a pipe can hold, or it takes minutes to fill."""


def open_pipe() -> tuple[int, int]:
    """Both ends, of the least capacity where that can be chosen."""
    reading, writing = os.pipe()
    if hasattr(fcntl, "F_SETPIPE_SZ"):
        fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    return reading, writing


def write_down(reading: int, log: int) -> None:
    """Until all who may write to the pipe have ended. Nobody's signal to a process group ends it before them."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    with contextlib.suppress(OSError):
        while words := os.read(reading, PIPE_BYTES):
            os.write(log, words)
    os._exit(0)
