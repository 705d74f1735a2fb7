"""What both embedded servers do: start, wait until they answer, stop, be killed, start again."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

from worker.clock import monotonic, pause
from worker.dev.process import Child
from worker.dev.processtable import POLL_SECONDS
from worker.dev.workspace import Workspace
from worker.domain.errors import Unavailable

READY_SECONDS = 60.0  # a durable server may have to recover first


class EmbeddedServer(ABC):
    """One server on a private unix socket. A context manager: started on entry, stopped on exit.

    ``data_dir`` is created if it is not there, and stays; one server at a time uses it. Without it the data
    lives in the workspace and ends with it. ``workspace`` is shared with others or, by default, this server's
    own. ``pass_fds`` are files the server is to keep open.
    """

    title: ClassVar[str]

    def __init__(
        self,
        data_dir: Path | None = None,
        *,
        durable: bool,
        workspace: Workspace | None = None,
        log_path: Path | None = None,
        pass_fds: Collection[int] = (),
    ) -> None:
        self._given_data_dir = data_dir.absolute() if data_dir else None
        self._durable = durable
        self._workspace = workspace
        self._owns_workspace = workspace is None
        self._log_path = log_path
        self._pass_fds = pass_fds
        self._server: Child | None = None

    @abstractmethod
    def _launch(self) -> Child:
        """Start the server's process; it need not answer yet."""

    @abstractmethod
    def _answers(self) -> bool:
        """Whether the server takes commands now."""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def workspace(self) -> Workspace:
        """Where the socket is. Raises :class:`Unavailable` before :meth:`start` and after :meth:`stop`."""
        if self._workspace is None:
            raise Unavailable(f"The embedded {self.title} is not running; start it first.")
        return self._workspace

    @property
    def data_dir(self) -> Path:
        return self._given_data_dir or self.workspace.directory / f"{self.title.lower()}-data"

    @property
    def is_running(self) -> bool:
        return self._server is not None and self._server.exit_code is None

    @property
    def exit_code(self) -> int | None:
        """How its process ended; ``None`` while it runs, and where there is none."""
        return None if self._server is None else self._server.exit_code

    def last_words(self) -> str:
        """What its log says last, or why there is nothing."""
        return "it was never launched" if self._server is None else self._server.last_words()

    def start(self) -> None:
        """Start, and return when the server answers. Raises :class:`Unavailable`; nothing is left then."""
        try:
            self.launch()
            self.await_ready()
        except BaseException:  # Ctrl-C included
            self.stop()
            raise

    def launch(self) -> None:
        """The first half of :meth:`start`, so that another server can start meanwhile."""
        if self._workspace is None:
            self._workspace = Workspace()
        self._server = self._launch()

    def await_ready(self) -> None:
        """The second half of :meth:`start`."""
        deadline = monotonic() + READY_SECONDS
        while not self._answers():
            if not self.is_running:
                raise Unavailable(f"{self.title} did not start: {self.last_words()}")
            if monotonic() > deadline:
                raise Unavailable(f"{self.title} was not ready after {READY_SECONDS:.0f} s: {self.last_words()}")
            pause(POLL_SECONDS)

    def stop(self) -> None:
        """Shut down in good order, and close the workspace if it is this server's own. Idempotent."""
        self._end()
        if self._owns_workspace and self._workspace is not None:
            self._workspace.close()
            self._workspace = None

    def kill(self) -> None:
        """SIGKILL for the server and all its processes at once, as in a crash; :meth:`restart` follows."""
        if self._server is not None:
            self.workspace.kill(self._server)

    def restart(self) -> None:
        """Start again on the same data and at the same address; a server that runs is shut down first."""
        self._end()
        self.launch()
        self.await_ready()

    def _end(self) -> None:
        if self._server is not None:
            self.workspace.stop(self._server)
            self._server = None
