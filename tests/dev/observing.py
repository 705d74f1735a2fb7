"""What the tests of this folder look at: processes, and conditions that come true in time."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.patience import PATIENCE_SECONDS
from worker.dev.processtable import Process, family, living, start_of

POLL_SECONDS = 0.02
SOURCE_ROOT = Path(__file__).resolve().parents[2]
NOBODY = 65534

MYSELF = "myself"
AN_ORDINARY_USER = "an ordinary user"


def wait_until(condition: Callable[[], object], what: str) -> None:
    """Return as soon as ``condition`` holds; fail the test, naming ``what``, if it does not in time."""
    pause = threading.Event()
    for _ in range(int(PATIENCE_SECONDS / POLL_SECONDS)):
        if condition():
            return
        pause.wait(POLL_SECONDS)
    raise AssertionError(f"in {PATIENCE_SECONDS} s it did not come true that {what}")


def descendants(pid: int) -> list[Process]:
    """Everybody who descends from ``pid`` now, itself left out."""
    return [it for it in family(pid, start_of(pid), living()).values() if it.pid != pid]


def still_alive(processes: list[Process]) -> list[str]:
    """The command lines of those that live; a later process with the same id is not one of them."""
    table = living()
    return commands_of([it for it in processes if it.pid in table and table[it.pid].started == it.started])


def commands_of(processes: list[Process]) -> list[str]:
    if not processes:
        return []
    ids = ",".join(str(it.pid) for it in processes)
    listed = subprocess.run(
        ["ps", "-ww", "-o", "args=", "-p", ids], capture_output=True, text=True, timeout=10, check=False
    )
    return listed.stdout.splitlines()


def users() -> list[str]:
    """Whom a script can be run as here. Only root can be somebody else, too."""
    return [MYSELF, AN_ORDINARY_USER] if as_ordinary_user() is not None else [MYSELF]


@contextlib.contextmanager
def running(script: str, *arguments: str, user: str = MYSELF) -> Iterator[subprocess.Popen[str]]:
    """Python text that runs in a process group of its own, as from a terminal; what it prints can be read.
    The test ends it; a test that fails has it killed."""
    prefix = (as_ordinary_user() or []) if user == AN_ORDINARY_USER else []
    process = subprocess.Popen(
        [*prefix, sys.executable, "-c", script, *arguments],
        cwd="/",
        env={**os.environ, "PYTHONPATH": str(SOURCE_ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        process_group=0,
    )
    try:
        yield process
        process.wait(PATIENCE_SECONDS)
    finally:
        process.kill()
        process.communicate()


def as_ordinary_user() -> list[str] | None:
    """The command that makes root an ordinary user. Where the interpreter lies out of reach of others
    (below /root), that user keeps the one right to read it, which the servers then do not need to have."""
    setpriv = shutil.which("setpriv")
    if os.geteuid() != 0 or setpriv is None:
        return None
    plain = [setpriv, f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    starts_itself = "import subprocess, sys; subprocess.run([sys.executable, '-c', ''], check=True)"
    for command in (plain, [*plain, "--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]):
        tried = subprocess.run(
            [*command, sys.executable, "-c", starts_itself], capture_output=True, cwd="/", check=False
        )
        if tried.returncode == 0:
            return command
    return None
