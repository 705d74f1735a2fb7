"""A private directory and everything that runs in it, gone when its owner is.

Sockets live here, and data and logs for which the caller named no directory. Its path is short: a unix
socket's path has room for 107 bytes (103 on macOS), and directories can be deeper than that. Where the caller
keeps data in a directory, the place of the sockets is the same at every start, so that whoever knows their address
finds them again: inside that directory, or, where it cannot hold them, in ``/tmp`` under a name made of its path.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import stat
import subprocess
import tempfile
from collections.abc import Collection, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Self

from worker.dev.accounts import Account, can_enter, unprivileged_account
from worker.dev.janitor import KILL_SECONDS, Watched, forget_line
from worker.dev.process import Child, Ending, python_argv, start
from worker.domain.errors import Unavailable

PREFIX = "dialer-"
LONGEST = 75  # leaves room below 103 for "/postgres/.s.PGSQL.5432.lock"
LONGEST_BASE = LONGEST - len("/dialer-12345678")
LASTING_NAME = "dialer-run"
LASTING_BASES = (Path("/tmp"), Path("/var/tmp"))  # not TMPDIR: it may be another at the next start


class Workspace:
    """A temporary directory with a janitor. Also a context manager. ``beside`` is the directory of data beside which
    it has the same place at every start; what an earlier owner left there is removed, so the caller must hold that
    directory's lock. The janitor keeps ``pass_fds`` open, that lock among them, for it removes the directory last.

    Guarantee: once the owner has closed it, or has ended in any way, no process started here lives and the
    directory is gone; in the second case within about a second, longer only while PostgreSQL takes its time
    (its bound is in :mod:`worker.dev.postgres`). Not promised: that, if owner *and* janitor are killed, the
    directory is removed.
    """

    def __init__(self, beside: Path | None = None, *, pass_fds: Collection[int] = ()) -> None:
        self.account: Account | None = unprivileged_account()
        self.directory = _private_directory(self.account) if beside is None else _lasting(beside, self.account)
        try:
            if self.account is not None:
                self.account.let_pass(self.directory)
            self._pipe, self._janitor = _start_janitor(self.directory, pass_fds)
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
        self._send(watched.line())
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
            self._send(forget_line(child.pid))

    def _send(self, line: str) -> None:
        # A killed janitor is no reason to fail: the kernel still signals the children when we die (Linux),
        # and close() removes the directory.
        with contextlib.suppress(BrokenPipeError):
            os.write(self._pipe, line.encode("ascii"))


def _private_directory(account: Account | None) -> Path:
    """A new directory for us alone, where ``account`` can be let in."""
    for base in (Path(tempfile.gettempdir()), Path("/tmp"), Path("/var/tmp")):
        if base.is_dir() and len(os.fsencode(base)) <= LONGEST_BASE and can_enter(base, account):
            return Path(tempfile.mkdtemp(prefix=PREFIX, dir=base))
    raise Unavailable("There is no temporary directory with a short path that PostgreSQL may enter; set TMPDIR to one.")


def _lasting(beside: Path, account: Account | None) -> Path:
    """The directory that has the same place at every start, empty and for us alone."""
    inside = beside / LASTING_NAME
    if can_enter(beside, account) and _holds_sockets(inside):
        return inside
    name = f"{PREFIX}{os.geteuid()}-{sha256(os.fsencode(beside.resolve())).hexdigest()[:16]}"
    for base in LASTING_BASES:
        if base.is_dir() and can_enter(base, account) and _holds_sockets(base / name):
            return base / name
    raise Unavailable(f"Neither {beside} nor /tmp can hold the servers' sockets; name another directory.")


def _holds_sockets(directory: Path) -> bool:
    """Make the directory, and try it: the path may be too long, and not every file system knows sockets."""
    if len(os.fsencode(directory)) > LONGEST:
        return False
    _make_own(directory)
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as tried:
        tried.bind(str(directory / "tried"))
        (directory / "tried").unlink()
        return True
    directory.rmdir()
    return False


def _make_own(directory: Path) -> None:
    """An empty directory that only we can enter. In ``/tmp`` somebody else may have taken the name: that is refused,
    for whoever owns the directory of a socket reads what goes through it."""
    with contextlib.suppress(FileExistsError):
        directory.mkdir(mode=0o700)
    found = directory.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise Unavailable(f"{directory} is not a directory of ours; remove it, or name another data directory.")
    directory.chmod(0o700)
    for entry in directory.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def _start_janitor(directory: Path, pass_fds: Collection[int]) -> tuple[int, subprocess.Popen[bytes]]:
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
            pass_fds=tuple(pass_fds),
        )
    finally:
        os.close(reading)
    return writing, janitor
