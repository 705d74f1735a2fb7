"""The command as somebody runs it who does not wait for its end."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.chaos.harness import REPOSITORY
from tests.dev.observing import descendants, still_alive, wait_until


@contextmanager
def under_way(*options: str) -> Iterator[subprocess.Popen[str]]:
    """A trial in the midst of its faults, in a process group of its own, as from a terminal."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.chaos", "--seconds", "60", *options],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,
    )
    try:
        assert process.stderr is not None
        assert any(" faults, " in line for line in process.stderr), "it says how it goes"
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_trial_that_is_ended_leaves_nobody_behind(number: signal.Signals) -> None:
    with under_way() as process:
        began = descendants(process.pid)
        assert len(began) > 8, "servers and processes run"
        process.send_signal(number)
        process.wait(60)
        wait_until(lambda: not still_alive(began), "all of them are gone")


def test_options_that_make_no_sense_are_refused_before_anything_starts() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "tests.chaos", "--seeds", "some"],
        cwd=REPOSITORY, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == 2
    assert "'some' is no range such as 1-20." in result.stderr
