"""The commands as an operator runs them: processes of their own, told everything by their environment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from worker.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 60.0
POLL_SECONDS = 0.02
NOBODY_LISTENS = "127.0.0.1:1"
AWAY = {
    "DATABASE_URL": f"postgresql://me:hunter2@{NOBODY_LISTENS}/dialer",
    "REDIS_URL": f"redis://:hunter2@{NOBODY_LISTENS}/0",
}
"""Services that are down; their passwords are ``hunter2``."""


def environment(**settings: str) -> dict[str, str]:
    """An environment with these settings and no others; ``python`` and ``celery`` are the ones we run."""
    ours = {name.upper() for name in Settings.model_fields} | {"PORT"}
    inherited = {name: value for name, value in os.environ.items() if name not in ours}
    path = f"{Path(sys.executable).parent}{os.pathsep}{inherited.get('PATH', '')}"
    return {**inherited, "PATH": path, **settings}


def dialer(*arguments: str, given: str = "", **settings: str) -> subprocess.CompletedProcess[str]:
    """``python -m worker …``, to its end; ``given`` is its standard input."""
    return run("python", "-m", "worker", *arguments, given=given, **settings)


def run(*command: str, given: str = "", **settings: str) -> subprocess.CompletedProcess[str]:
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


Answer = subprocess.CompletedProcess[str]


def several(*commands: str | Sequence[str], given: str = "", **settings: str) -> list[Answer]:
    """Commands of ``dialer`` one after the other, each as words or as a line that has no quotes; all are ``given`` the
    same standard input."""
    lines = [command.split() if isinstance(command, str) else list(command) for command in commands]
    done = run("python", "-m", "tests.cli.several", given=json.dumps([[each, given] for each in lines]), **settings)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    ends = json.loads(done.stdout)
    return [Answer(each, *end) for each, end in zip(lines, ends, strict=True)]


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


def sentence(answer: subprocess.CompletedProcess[str]) -> str:
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
