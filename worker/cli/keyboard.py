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
UP, DOWN, LEFT, RIGHT, ENTER, BACK = "up", "down", "left", "right", "enter", "back"
REST_OF_A_KEY_SECONDS = 0.05
"""What an arrow sends comes at once; the key Escape alone is followed by nothing."""
_ESCAPE = "\x1b"
_ARROWS = {f"{lead}{sign}": name for lead in "[O" for sign, name in zip("ABCD", (UP, DOWN, RIGHT, LEFT), strict=True)}
_NAMES = {"\r": ENTER, "\n": ENTER, _ESCAPE: BACK, "\x7f": BACK}


@dataclass(frozen=True, slots=True)
class Keyboard:
    """Where keys come from; ``fd`` is ``None`` where there is no terminal to press them on."""

    fd: int | None

    def wait(self, seconds: float) -> str | None:
        """The next key, a letter or one of the names above, or ``None`` if none was pressed in this time. A terminal
        that is gone leaves."""
        if self.fd is None:
            threading.Event().wait(seconds)
            return None
        if not _is_ready(self.fd, seconds):
            return None
        try:
            key = os.read(self.fd, 1).decode("ascii", "replace").lower() or HUNG_UP
            if key == _ESCAPE and _is_ready(self.fd, REST_OF_A_KEY_SECONDS):
                return _ARROWS.get(os.read(self.fd, 8).decode("ascii", "replace").upper(), "")
        except OSError:
            return HUNG_UP
        return _NAMES.get(key, key)


def _is_ready(fd: int, seconds: float) -> bool:
    ready, _, _ = select.select([fd], [], [], seconds)
    return bool(ready)


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
