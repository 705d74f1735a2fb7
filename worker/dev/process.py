"""One child process: how it starts, how it is watched, how it ends.

A child leads a session of its own. Ctrl-C in a terminal goes to the foreground process group, so it reaches
the parent alone, which then ends its children in order; and the child's id names all who belong to it.

On Linux a child gets a signal when the *thread* that started it ends (``PR_SET_PDEATHSIG``), so the wish is
only passed on when that is the main thread, whose end is the end of the process. Children started by another
thread, or on a system without the call, are ended by the janitor (:mod:`worker.dev.janitor`) alone.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from worker.clock import monotonic
from worker.dev.accounts import Account
from worker.dev.processtable import kill_family, start_of

KILL_SECONDS = 10.0
# PostgreSQL calls fatal, too, what it answers a client that came too early.
FATAL = re.compile("(FATAL|PANIC):")
IN_TRANSITION = "the database system is"
# The folder above the package goes first on the path: a child must find this very package, also where it
# is not installed. -I keeps the environment's PYTHON* settings for the program and away from the launcher.
SOURCE_ROOT = Path(__file__).resolve().parents[2]
ENTRY = "import sys; sys.path.insert(0, sys.argv[1]); from worker.dev.{module} import main; main(sys.argv[2:])"


def python_argv(module: str, *arguments: str) -> list[str]:
    """The command that runs ``main`` of a module of this package in a fresh interpreter."""
    return [sys.executable, "-I", "-c", ENTRY.format(module=module), str(SOURCE_ROOT), *arguments]


@dataclass(frozen=True, slots=True)
class Ending:
    """How a process is ended: signals, gentlest first, each with the seconds it is given before the
    next one; SIGKILL for the whole family comes last in any case. ``at_parent_death`` is sent if nobody is
    left to go through the steps, and given ``death_grace_seconds``."""

    steps: tuple[tuple[signal.Signals, float], ...] = ((signal.SIGTERM, 10.0),)
    at_parent_death: signal.Signals = signal.SIGKILL
    death_grace_seconds: float = 0.0


@dataclass(slots=True)
class Child:
    """A process we started. ``log_path`` holds what it wrote, standard error included, from ``log_start`` on:
    before that lie the words of those who used the file earlier."""

    name: str
    log_path: Path
    log_start: int
    ending: Ending
    started: int
    _popen: subprocess.Popen[bytes] = field(repr=False)
    _signalled_at: float | None = field(default=None, repr=False)

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def exit_code(self) -> int | None:
        """``None`` while it runs; negative for the signal that ended it."""
        return self._popen.poll()

    def wait(self, seconds: float) -> bool:
        """Wait for its end; false if it still runs after ``seconds``."""
        try:
            self._popen.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def terminate(self) -> None:
        """Send the gentlest signal of its :class:`Ending`, and wait for nothing: several that are signalled one
        after the other end side by side. :meth:`stop` follows. Idempotent."""
        if self._signalled_at is None:
            self._signalled_at = monotonic()
            self._popen.send_signal(self.ending.steps[0][0])  # silent if it has ended

    def stop(self) -> None:
        """End it, by the steps of its :class:`Ending`; afterwards nobody of its family lives. Idempotent."""
        self.terminate()
        signalled_at = self._signalled_at or 0.0
        for n, (number, seconds) in enumerate(self.ending.steps):
            if n > 0:
                signalled_at = monotonic()
                self._popen.send_signal(number)
            if self.wait(max(0.0, signalled_at + seconds - monotonic())):
                break
        self.kill()

    def kill(self) -> None:
        """End it and its family as a power cut would: SIGKILL, nothing flushed, nothing said. Idempotent."""
        kill_family(self.pid, self.started, seconds=KILL_SECONDS)
        self._popen.wait(KILL_SECONDS)

    def last_words(self) -> str:
        """The line of its log that best says why it ended: the last fatal one, else the last."""
        try:
            text = self.log_path.read_bytes()[self.log_start :].decode("utf-8", errors="replace")
        except OSError:
            text = ""
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        fatal = [line for line in lines if FATAL.search(line) and IN_TRANSITION not in line]
        return (fatal or lines or ["it said nothing"])[-1]


def start(
    name: str,
    argv: Sequence[str | Path],
    *,
    env: Mapping[str, str],
    cwd: Path,
    log_path: Path,
    account: Account | None = None,
    ending: Ending | None = None,
    pass_fds: Collection[int] = (),
) -> Child:
    """Start ``argv``, found on the ``PATH`` of ``env``, with exactly the environment ``env``.

    Returns at once; a program that cannot be run ends with code 127 and the reason in its log. ``account``
    needs root. Start from the main thread where the parent's death is to be the child's (see above).
    """
    ending = ending or Ending()
    in_main_thread = threading.current_thread() is threading.main_thread()
    death_signal = int(ending.at_parent_death) if in_main_thread else 0
    user_id, group_id = (account.user_id, account.group_id) if account else (-1, -1)
    settings = (os.getpid(), death_signal, user_id, group_id)
    command = python_argv("launcher", *(str(it) for it in settings), *(str(it) for it in argv))
    log = os.open(log_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    log_start = os.fstat(log).st_size
    try:
        popen = subprocess.Popen(
            command,
            env=dict(env),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            pass_fds=tuple(pass_fds),
        )
    finally:
        os.close(log)
    return Child(name, log_path, log_start, ending, start_of(popen.pid), popen)
