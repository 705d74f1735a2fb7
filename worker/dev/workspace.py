"""A private temporary directory and everything that runs in it, gone when its owner is.

Sockets live here, and data and logs for which the caller named no directory. Its path is short: a unix
socket's path has room for 107 bytes (103 on macOS), and temporary directories can be deeper than that.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from worker.dev.accounts import Account, can_enter, unprivileged_account
from worker.dev.janitor import KILL_SECONDS, Watched, forget_line
from worker.dev.process import Child, Ending, python_argv, start
from worker.domain.errors import Unavailable

PREFIX = "dialer-"
LONGEST_BASE = 60  # leaves room below 103 for the name of the directory and "/postgres/.s.PGSQL.5432.lock"


class Workspace:
    """A temporary directory with a janitor. Also a context manager.

    Guarantee: once the owner has closed it, or has ended in any way, no process started here lives and the
    directory is gone; in the second case within about a second, longer only while PostgreSQL takes its time
    (its bound is in :mod:`worker.dev.postgres`). Not promised: that, if owner *and* janitor are killed, the
    directory is removed.
    """

    def __init__(self) -> None:
        self.account: Account | None = unprivileged_account()
        self.directory = _private_directory(self.account)
        try:
            if self.account is not None:
                self.account.let_pass(self.directory)
            self._pipe, self._janitor = _start_janitor(self.directory)
        except BaseException:  # Ctrl-C included: nobody else would remove it
            self.directory.rmdir()
            raise
        self._children: list[Child] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def start(
        self,
        name: str,
        argv: Sequence[str | Path],
        *,
        env: Mapping[str, str],
        cwd: Path | None = None,
        log_path: Path | None = None,
        account: Account | None = None,
        ending: Ending | None = None,
        pass_fds: Collection[int] = (),
    ) -> Child:
        """:func:`worker.dev.process.start`, watched by the janitor; by default in this directory."""
        child = start(
            name,
            argv,
            env=env,
            cwd=cwd or self.directory,
            log_path=log_path or self.directory / f"{name}.log",
            account=account,
            ending=ending,
            pass_fds=pass_fds,
        )
        self._children.append(child)
        watched = Watched(child.pid, child.started, child.ending.at_parent_death, child.ending.death_grace_seconds)
        self._tell(watched.line())
        return child

    def stop(self, child: Child) -> None:
        """End ``child`` in good order."""
        child.stop()
        self._forget(child)

    def kill(self, child: Child) -> None:
        """End ``child`` and its family with SIGKILL."""
        child.kill()
        self._forget(child)

    def close(self) -> None:
        """End what still runs here, newest first, and remove the directory. Idempotent."""
        for child in reversed(self._children.copy()):
            self.stop(child)
        with contextlib.suppress(OSError):
            os.close(self._pipe)
        self._pipe = -1
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._janitor.wait(KILL_SECONDS)
        shutil.rmtree(self.directory, ignore_errors=True)  # the janitor did, unless it was killed

    def _forget(self, child: Child) -> None:
        if child in self._children:
            self._children.remove(child)
            self._tell(forget_line(child.pid))

    def _tell(self, line: str) -> None:
        # A killed janitor is no reason to fail: the kernel still tells the children when we die (Linux),
        # and close() removes the directory.
        with contextlib.suppress(BrokenPipeError):
            os.write(self._pipe, line.encode("ascii"))


def _private_directory(account: Account | None) -> Path:
    """A new directory for us alone, where ``account`` can be let in."""
    for base in (Path(tempfile.gettempdir()), Path("/tmp"), Path("/var/tmp")):
        if base.is_dir() and len(os.fsencode(base)) <= LONGEST_BASE and can_enter(base, account):
            return Path(tempfile.mkdtemp(prefix=PREFIX, dir=base))
    raise Unavailable("There is no temporary directory with a short path that PostgreSQL may enter; set TMPDIR to one.")


def _start_janitor(directory: Path) -> tuple[int, subprocess.Popen[bytes]]:
    """Started as it is, not by the launcher: it must outlive us."""
    reading, writing = os.pipe()
    try:
        janitor = subprocess.Popen(
            python_argv("janitor", str(directory), str(os.getpid())),
            cwd="/",
            stdin=reading,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    finally:
        os.close(reading)
    return writing, janitor
