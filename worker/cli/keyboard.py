"""Single keys from the terminal, without Enter; the terminal is as before on every way out."""

from __future__ import annotations

import os
import select
import sys
import termios
import threading
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

HUNG_UP = "q"


@dataclass(frozen=True, slots=True)
class Keyboard:
    """Where keys come from; ``fd`` is ``None`` where there is no terminal to press them on."""

    fd: int | None

    def wait(self, seconds: float) -> str | None:
        """The next key, or ``None`` if none was pressed in this time. A terminal that is gone leaves."""
        if self.fd is None:
            threading.Event().wait(seconds)
            return None
        ready, _, _ = select.select([self.fd], [], [], seconds)
        if not ready:
            return None
        try:
            return os.read(self.fd, 1).decode("ascii", "replace").lower() or HUNG_UP
        except OSError:
            return HUNG_UP


@contextmanager
def keyboard() -> Iterator[Keyboard]:
    """The keys of standard input, if that is a terminal. Ctrl-C and Ctrl-Z mean what they always do."""
    if not sys.stdin.isatty():
        yield Keyboard(None)
        return
    fd = sys.stdin.fileno()
    before = termios.tcgetattr(fd)
    try:
        tty.setcbreak(fd)
        yield Keyboard(fd)
    finally:
        termios.tcsetattr(fd, termios.TCSADRAIN, before)
