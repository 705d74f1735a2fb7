"""The commands as an operator runs them: processes of their own, set up by their environment."""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO, Any

from tests.cli.forked import Forge, Forked
from tests.patience import PATIENCE_SECONDS
from worker.process.settings import settings_model

ROOT = Path(__file__).resolve().parents[2]
POLL_SECONDS = 0.02
NOBODY_LISTENS = "127.0.0.1:1"
Answer = subprocess.CompletedProcess[str]
AWAY = {
    "DATABASE_URL": f"postgresql://me:hunter2@{NOBODY_LISTENS}/dialer",
    "REDIS_URL": f"redis://:hunter2@{NOBODY_LISTENS}/0",
}
"""Services that are down; their passwords are ``hunter2``."""


def environment(**settings: str) -> dict[str, str]:
    """An environment with these settings and no others; ``python`` and ``celery`` are the ones we run."""
    ours = {name.upper() for name in settings_model().model_fields} | {"PORT", "DIALER_TEAM"}
    inherited = {name: value for name, value in os.environ.items() if name not in ours}
    path = f"{Path(sys.executable).parent}{os.pathsep}{inherited.get('PATH', '')}"
    return {**inherited, "PATH": path, **settings}


def dialer(*arguments: str, given: str | bytes = "", **settings: str) -> Answer:
    """``dialer …`` as a process of its own, to its end; ``given`` comes in by a pipe."""
    raw = given.encode() if isinstance(given, str) else given
    with started(*arguments, **settings) as command:
        return command.answer(raw)


@dataclass
class Started:
    """A command under way, with pipes as its standard streams."""

    process: Forked
    stdin: IO[bytes]
    stdout: IO[str]
    stderr: IO[str]

    def answer(self, given: bytes = b"") -> Answer:
        """Give it this, and wait for its end."""
        with ThreadPoolExecutor(2) as readers:
            said, complained = readers.submit(self.stdout.read), readers.submit(self.stderr.read)
            with suppress(BrokenPipeError):  # it did not want all of it
                self.stdin.write(given)
            self.stdin.close()
            code = self.process.wait(PATIENCE_SECONDS)
            return Answer(self.process.arguments, code, said.result(), complained.result())


@contextmanager
def started(*arguments: str, **settings: str) -> Iterator[Started]:
    """``dialer …`` as a process of its own, killed at the end if it still runs."""
    (stdin, to_it), (said, stdout), (complained, stderr) = os.pipe(), os.pipe(), os.pipe()
    process = forge().spawn(arguments, env=environment(**settings), streams=(stdin, stdout, stderr))
    for fd in (stdin, stdout, stderr):
        os.close(fd)
    with os.fdopen(to_it, "wb", 0) as given, os.fdopen(said) as out, os.fdopen(complained) as err:
        try:
            yield Started(process, given, out, err)
        finally:
            process.kill()
            process.wait()


@cache
def forge() -> Forge:
    """The process that has imported everything, one for all tests of this process."""
    made = Forge.start()
    atexit.register(end_forge)
    return made


def end_forge() -> None:
    """End it, if there is one. Workers of the suite call this themselves: they do not live to their end."""
    if forge.cache_info().currsize:
        made = forge()
        forge.cache_clear()
        made.stop()


def run(*command: str, given: str = "", **settings: str) -> Answer:
    """A command in the repository's folder, to its end."""
    return subprocess.run(
        command,
        cwd=ROOT,
        env=environment(**settings),
        input=given,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )


def several(*commands: str | Sequence[str], given: str = "", **settings: str) -> list[Answer]:
    """Commands of ``dialer`` one after the other, each as words or as a line that has no quotes; all are ``given`` the
    same standard input."""
    lines = [command.split() if isinstance(command, str) else command for command in commands]
    return [dialer(*line, given=given, **settings) for line in lines]


def document(answer: Answer) -> dict[str, Any]:
    """The one JSON document of a command that succeeded and had nothing else to say."""
    assert (answer.returncode, answer.stderr) == (0, ""), answer.stderr
    said: dict[str, Any] = json.loads(answer.stdout)
    assert said.pop("success") is True
    assert "\x1b" not in answer.stdout
    return said


def words(answer: Answer) -> str:
    """What a command said that succeeded and had nothing to complain of."""
    assert (answer.returncode, answer.stderr) == (0, ""), answer.stderr
    return answer.stdout.rstrip("\n")


def sentence(answer: Answer) -> str:
    """The one line a command ended with; fails the test if it said anything else."""
    lines = answer.stderr.splitlines()
    assert len(lines) == 1, answer.stderr
    assert lines[0].startswith("dialer: "), answer.stderr
    assert answer.stdout == ""
    return lines[0].removeprefix("dialer: ")


def wait_until(condition: Callable[[], object], what: Callable[[], str] | str) -> None:
    """Return as soon as ``condition`` holds; fail the test, saying ``what`` was awaited, if it does not in time.
    More patient than its namesake of the embedded servers: whole deployments start here."""
    pause = threading.Event()
    for _ in range(int(PATIENCE_SECONDS / POLL_SECONDS)):
        if condition():
            return
        pause.wait(POLL_SECONDS)
    raise AssertionError(f"in {PATIENCE_SECONDS:g} s it did not come true: {what if isinstance(what, str) else what()}")
