"""The process that cleans up after a parent that cannot: killed with SIGKILL, it runs no ``finally``.

It holds the reading end of a pipe whose writing end only the parent has. Lines on it say which children to
watch; its end says that the parent is done, or dead. Then the janitor ends every family still alive, waits
until all are gone, removes the parent's temporary directory, and ends. After an orderly stop there is nobody
left to end, and removing the directory is all it does: every run takes this path, not only the rare one.

A process that the parent forks without exec inherits the writing end and would keep the pipe open; so the
janitor also checks, twice a second, whether its parent is still its parent. It leads a session of its own: a
Ctrl-C for the parent is not for it. Standard library only.
"""

from __future__ import annotations

import os
import select
import shutil
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

from worker.clock import monotonic, pause
from worker.dev.processtable import POLL_SECONDS, family, kill_family, living, send

PARENT_CHECK_SECONDS = 0.5
KILL_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Watched:
    """A child of the parent: which it is, and how it is to be ended (``last_signal``, and after
    ``grace_seconds`` SIGKILL for it and its family)."""

    pid: int
    started: int
    last_signal: signal.Signals
    grace_seconds: float

    def line(self) -> str:
        """The message that has the janitor watch this child."""
        return f"watch {self.pid} {self.started} {int(self.last_signal)} {self.grace_seconds}\n"


def forget_line(pid: int) -> str:
    """The message that a child has ended, and that its id may mean somebody else from now on."""
    return f"forget {pid}\n"


def main(arguments: list[str]) -> None:
    """``<directory to remove> <parent's pid>``; the pipe is standard input."""
    directory, parent = Path(arguments[0]), int(arguments[1])
    watched = _listen(parent)
    _end(watched)
    shutil.rmtree(directory, ignore_errors=True)


def _listen(parent: int) -> list[Watched]:
    """Whom the parent had us watch when it ended."""
    watched: dict[int, Watched] = {}
    received = b""
    while True:
        is_orphan = os.getppid() != parent  # read first: what the parent wrote before its end is still read
        pipe = sys.stdin.fileno()
        if not select.select([pipe], [], [], 0 if is_orphan else PARENT_CHECK_SECONDS)[0]:
            if is_orphan:
                break
            continue
        chunk = os.read(pipe, 4096)
        if not chunk:
            break
        *lines, received = (received + chunk).split(b"\n")
        for line in lines:
            _note(line.decode("ascii").split(), watched)
    return list(watched.values())


def _note(words: list[str], watched: dict[int, Watched]) -> None:
    pid = int(words[1])
    if words[0] == "watch":
        watched[pid] = Watched(pid, int(words[2]), signal.Signals(int(words[3])), float(words[4]))
    else:
        watched.pop(pid, None)


def _end(watched: list[Watched]) -> None:
    """Where the kernel has signalled the children already (Linux), this repeats it to whoever still lives."""
    began_at = monotonic()
    table = living()
    for child in watched:
        if child.pid in table and table[child.pid].started == child.started:
            send(child.pid, child.last_signal)
    for child in watched:
        while monotonic() < began_at + child.grace_seconds and family(child.pid, child.started, living()):
            pause(POLL_SECONDS)
        kill_family(child.pid, child.started, seconds=KILL_SECONDS)
