"""A terminal of a test: a pseudo-terminal with a command on it, and an emulator that shows what a person would see."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import struct
import subprocess
import termios
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pyte

from tests.cli.forked import Forked
from tests.cli.running import ROOT, environment, forge, wait_until
from tests.patience import PATIENCE_SECONDS

LEAVES_THE_SCREEN = "\x1b[?1049l"
SHOWS_THE_CURSOR = "\x1b[?25h"


@dataclass
class Terminal:
    """What is on it now, and what was ever written to it; keys are pressed on it."""

    process: Forked | subprocess.Popen[bytes]
    fd: int
    slave: int
    screen: pyte.Screen
    written: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def lines(self) -> list[str]:
        with self.lock:
            return [line.rstrip() for line in self.screen.display]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    def shows(self, *words: str) -> None:
        """Wait until all of them are on the screen at once, wherever its lines break."""

        def are_there() -> bool:
            text = self.text
            whole = " ".join(text.split())
            return all(word in text or word in whole for word in words)

        wait_until(are_there, lambda: f"{words} on\n{self.text}")

    def line(self, word: str) -> str:
        """The line with this word, once it is there."""
        self.shows(word)
        return next(line for line in self.lines if word in line)

    def press(self, key: str) -> None:
        os.write(self.fd, key.encode())

    def resize(self, columns: int, lines: int) -> None:
        with self.lock:
            self.screen.resize(lines, columns)
            self.screen.reset()
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def settings(self) -> list[Any]:
        """How the terminal treats keys."""
        return termios.tcgetattr(self.slave)

    def ends(self) -> int:
        """Wait for the command to end; returns its exit code."""
        return self.process.wait(PATIENCE_SECONDS)


@contextlib.contextmanager
def terminal(*command: str, columns: int = 80, lines: int = 24, **settings: str) -> Iterator[Terminal]:
    """The command on a terminal of this size; ``dialer`` is forked, anything else is started."""
    fd, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
    ours = {name: value for name, value in environment(**settings).items() if name not in ("COLUMNS", "LINES")}
    ours["TERM"] = "xterm-256color"
    process: Forked | subprocess.Popen[bytes]
    if command[0] == "dialer":
        process = forge().spawn(command[1:], env=ours, streams=(slave, slave, slave))
    else:
        process = subprocess.Popen(
            command, cwd=ROOT, env=ours, stdin=slave, stdout=slave, stderr=slave, start_new_session=True
        )
    made = Terminal(process, fd, slave, pyte.Screen(columns, lines))
    reader = threading.Thread(target=_read, args=(made,), daemon=True)
    reader.start()
    try:
        yield made
    finally:
        process.kill()
        process.wait()
        os.close(slave)  # the reader has the last of it, and its end
        reader.join(PATIENCE_SECONDS)
        os.close(fd)


def _read(made: Terminal) -> None:
    stream = pyte.ByteStream(made.screen)
    with contextlib.suppress(OSError):  # how Linux says that nobody has the other end open any more
        while said := os.read(made.fd, 65_536):
            with made.lock:
                stream.feed(said)
                made.written.append(said.decode(errors="replace"))
