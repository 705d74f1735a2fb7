"""Commands of ``dialer`` as processes of their own, without the second that each of them takes to import the product.

``python -m tests.cli.forked SOCKET`` has imported it once, and forks a process for each command it is sent: with the
command's own environment, standard streams and signals, ended by its own exit code or by a signal. Whoever tests how a
command is *started* starts it himself (:func:`tests.cli.running.run`).

It ends with whoever started it: its standard input ends then.
"""

from __future__ import annotations

import gc
import io
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from select import select
from typing import NoReturn

from tests.patience import PATIENCE_SECONDS
from worker.carriers.simulated import adapter as simulated
from worker.carriers.telnyx import adapter as telnyx
from worker.carriers.twilio import adapter as twilio
from worker.cli import dialer, main, plots
from worker.cli.lazy import LazyGroup
from worker.operations import teams, views
from worker.process import dispatch

ROOT = Path(__file__).resolve().parents[2]
AS_PYTHON_BEGINS = {
    signal.SIGINT: signal.default_int_handler,
    signal.SIGTERM: signal.SIG_DFL,
    signal.SIGCHLD: signal.SIG_DFL,
    signal.SIGPIPE: signal.SIG_IGN,
    signal.SIGXFSZ: signal.SIG_IGN,
}


@dataclass
class Forked:
    """One command under way, as :class:`subprocess.Popen` shows it."""

    pid: int
    arguments: Sequence[str]
    _end: socket.socket = field(repr=False)
    returncode: int | None = None

    def poll(self) -> int | None:
        if self.returncode is None and select([self._end], [], [], 0)[0]:
            self.wait()
        return self.returncode

    def wait(self, seconds: float = PATIENCE_SECONDS) -> int:
        if self.returncode is None:
            self._end.settimeout(seconds)
            try:
                self.returncode = int(self._end.recv(16))
            except TimeoutError:
                raise subprocess.TimeoutExpired(list(self.arguments), seconds) from None
            self._end.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            with suppress(ProcessLookupError):  # it has ended meanwhile
                os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


@dataclass
class Forge:
    """The process that forks commands, as its user sees it."""

    folder: tempfile.TemporaryDirectory[str]
    process: subprocess.Popen[bytes]

    @classmethod
    def start(cls) -> Forge:
        folder = tempfile.TemporaryDirectory(prefix="forked-")
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.cli.forked", f"{folder.name}/s"],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        return cls(folder, process)

    def stop(self) -> None:
        self.process.communicate()
        self.folder.cleanup()

    def spawn(self, arguments: Sequence[str], *, env: Mapping[str, str], streams: Sequence[int]) -> Forked:
        """The command, on these three open files, in a session of its own."""
        asked = socket.socket(socket.AF_UNIX)
        asked.connect(f"{self.folder.name}/s")
        order = json.dumps({"arguments": list(arguments), "env": dict(env)}).encode()
        socket.send_fds(asked, [len(order).to_bytes(4, "big")], list(streams))
        asked.sendall(order)
        pid = asked.recv(4)
        assert pid, "the forge has ended"
        return Forked(int.from_bytes(pid, "big"), arguments, asked)


IMPORTED_LATER = (plots, simulated, telnyx, twilio, teams, views, dispatch)
"""What a command imports when it needs it, and finds imported here."""


def import_commands(group: LazyGroup) -> None:
    """The same of the commands themselves."""
    for _, command in group.loaded():
        if isinstance(command, LazyGroup):
            import_commands(command)


def serve(path: str) -> None:
    """Fork for every command that comes, until standard input ends."""
    import_commands(dialer)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        gc.freeze()  # what is shared stays shared
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody asks how those end who only wait for a command
        print("ready", flush=True)
        while sys.stdin not in select([sys.stdin, listener], [], [])[0]:
            asked, _ = listener.accept()
            with asked:
                if os.fork() == 0:
                    listener.close()
                    _attend(asked)


def _attend(asked: socket.socket) -> NoReturn:
    """Fork once more, for somebody has to see how the command ends."""
    length, fds, _, _ = socket.recv_fds(asked, 4, 3)
    with asked.makefile("rb") as lines:
        order = json.loads(lines.read(int.from_bytes(length, "big")))
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    pid = os.fork()
    if pid == 0:
        asked.close()
        _become(order["arguments"], order["env"], fds)
    for fd in (0, 1, 2, *fds):
        os.close(fd)
    asked.sendall(pid.to_bytes(4, "big"))
    _, status = os.waitpid(pid, 0)
    asked.sendall(str(os.waitstatus_to_exitcode(status)).encode())
    os._exit(0)


def _become(arguments: Sequence[str], env: Mapping[str, str], fds: Sequence[int]) -> NoReturn:
    os.setsid()
    for number, handler in AS_PYTHON_BEGINS.items():
        signal.signal(number, handler)
    for at, fd in enumerate(fds):
        os.dup2(fd, at)
        os.close(fd)
    os.environ.clear()
    os.environ.update(env)
    sys.argv = ["dialer", *arguments]
    sys.stdin = io.TextIOWrapper(io.BufferedReader(io.FileIO(0, "r", closefd=False)))
    sys.stdout = io.TextIOWrapper(io.BufferedWriter(io.FileIO(1, "w", closefd=False)), line_buffering=os.isatty(1))
    sys.stderr = io.TextIOWrapper(io.BufferedWriter(io.FileIO(2, "w", closefd=False)), line_buffering=True)
    main()
    sys.exit()


if __name__ == "__main__":
    serve(sys.argv[1])
