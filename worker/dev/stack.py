"""Both servers at once, and the processes that work on them."""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from worker.clock import monotonic, pause
from worker.dev.postgres import EmbeddedPostgres
from worker.dev.private_file import write_privately
from worker.dev.process import Child, Ending
from worker.dev.valkey import EmbeddedValkey
from worker.dev.workspace import Workspace
from worker.domain.errors import Unavailable

CHILD_POLL_SECONDS = 0.1


@dataclass(slots=True)
class Spawned:
    """A child, and how to start it once more."""

    child: Child
    start: Callable[[], Child]
    ends_last: bool


class Stack:
    """PostgreSQL, Valkey, and children on top. A context manager: started on entry, all gone on exit.

    ``directory`` holds data and logs and stays; it is created if need be, and serves one stack at a time, which has
    the same addresses at every start. Without it they live in a temporary directory and end with it. ``durable``
    waits for the disk: meant for a directory that stays.
    """

    def __init__(self, directory: Path | None = None, *, durable: bool = False, max_connections: int = 100) -> None:
        self._given_directory = directory.absolute() if directory else None
        self._durable = durable
        self._max_connections = max_connections
        self._resources = contextlib.ExitStack()
        self._children: list[Spawned] = []

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def environment(self) -> dict[str, str]:
        """The variables that lead a process to these servers, and let it call through a simulator beside them."""
        return {
            "DATABASE_URL": self.postgres.url,
            "REDIS_URL": self.valkey.url,
            "SIMULATOR_SECRET": self.simulator_secret,
        }

    @property
    def children(self) -> tuple[Child, ...]:
        """What :meth:`spawn` has started and :meth:`stop` has not ended yet, oldest first."""
        return tuple(spawned.child for spawned in self._children)

    def start(self) -> None:
        """Start both servers side by side; returns when both answer.

        Raises :class:`Unavailable`; nothing is left running then.
        """
        try:
            self._start()
        except BaseException:  # Ctrl-C included
            self.stop()
            raise

    def _start(self) -> None:
        given = self._given_directory
        lock = () if given is None else (self._resources.enter_context(_locked(given)),)
        self.workspace = self._resources.enter_context(Workspace(given, pass_fds=lock))
        self.directory = given or self.workspace.directory
        self.simulator_secret = _kept_secret(self.directory / "simulator.secret")
        self.postgres = EmbeddedPostgres(
            self._place("pgdata"),
            durable=self._durable,
            max_connections=self._max_connections,
            workspace=self.workspace,
            log_path=self.directory / "postgres.log",
            pass_fds=lock,
        )
        self.valkey = EmbeddedValkey(
            self._place("valkey"),
            durable=self._durable,
            workspace=self.workspace,
            log_path=self.directory / "valkey.log",
            pass_fds=lock,
        )
        self._resources.callback(self.valkey.stop)
        self._resources.callback(self.postgres.stop)
        self.valkey.launch()
        self.postgres.start()
        self.valkey.await_ready()

    def spawn(
        self,
        name: str,
        argv: Sequence[str | Path],
        env: Mapping[str, str] | None = None,
        *,
        cwd: Path | None = None,
        grace_seconds: float = 10.0,
        ends_last: bool = False,
    ) -> Child:
        """Start a process that ends with the stack. What it writes goes to ``<name>.log`` in the directory.

        ``env`` is laid over our environment. At :meth:`stop` it gets SIGTERM and ``grace_seconds``, then
        SIGKILL with all it started; if we die without :meth:`stop`, SIGKILL at once. One that ``ends_last`` is needed
        by the others to end in good order, and ended when they have.
        """
        start = partial(
            self.workspace.start,
            name,
            argv,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **(env or {})},  # or its log lags behind
            cwd=cwd or Path.cwd(),
            log_path=self.directory / f"{name}.log",
            ending=Ending(((signal.SIGTERM, grace_seconds),)),
        )
        spawned = Spawned(start(), start, ends_last)
        self._children.append(spawned)
        return spawned.child

    def spawn_again(self, child: Child) -> Child:
        """Start it once more, exactly as before, in the place of ``child``; what is left of that one is ended."""
        spawned = next(each for each in self._children if each.child is child)
        self.workspace.kill(child)
        spawned.child = spawned.start()
        return spawned.child

    def wait(self, seconds: float | None = None) -> Child | None:
        """Wait until some child has ended, and return it; ``None`` if all still run after ``seconds``."""
        deadline = None if seconds is None else monotonic() + seconds
        while True:
            for child in self.children:
                if child.exit_code is not None:
                    return child
            if deadline is not None and monotonic() >= deadline:
                return None
            pause(CHILD_POLL_SECONDS)

    def stop(self) -> None:
        """End the children side by side, then those that end last, then the servers; remove what is temporary.
        Idempotent."""
        for are_last in (False, True):
            ending = [spawned for spawned in reversed(self._children) if spawned.ends_last is are_last]
            for spawned in ending:
                spawned.child.terminate()
            for spawned in ending:
                self.workspace.stop(spawned.child)
                self._children.remove(spawned)
        self._resources.close()

    def _place(self, name: str) -> Path | None:
        return self._given_directory / name if self._given_directory else None


def refuse_taken(directory: Path) -> None:
    """Raises :class:`Unavailable` where another stack works in this directory now."""
    if directory.exists():
        with _locked(directory):
            pass


@contextlib.contextmanager
def _locked(directory: Path) -> Iterator[int]:
    """Keep a directory to one stack. The servers inherit the lock, so it lasts until the last of them has
    ended, also where their parent was killed: PostgreSQL guards its data itself, Valkey does not."""
    directory.mkdir(parents=True, exist_ok=True)
    lock = os.open(directory / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Unavailable(f"Another dialer works in {directory}; stop it, or name another directory.") from error
        yield lock
    finally:
        os.close(lock)


def _kept_secret(path: Path) -> str:
    """The secret that the simulator and its dialer share: made at the first start, at random, for its owner alone."""
    try:
        return path.read_text().strip()
    except FileNotFoundError:
        secret = secrets.token_hex(16)
        write_privately(path, f"{secret}\n")
        return secret
