"""``dialer demo``, run as a newcomer runs it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cli.running import ROOT, dialer, environment, sentence, wait_until
from tests.cli.terminal import LEAVES_THE_SCREEN, terminal
from tests.dev.observing import commands_of, descendants, still_alive
from tests.patience import PATIENCE_SECONDS
from worker.dev.processtable import Process

KEYS = [
    *("campaign_id", "status", "contacts", "calls_placed", "answered", "exhausted", "failed", "skipped"),
    *("peak_concurrent", "limit", "outside_window", "invariant_violations", "seconds"),
]

CONTACTS = """\
first_name,phone,timezone,do_not_call
Ada,+12125550101,America/New_York,
Bob,+13125550102,,
Cid,+12135550103,America/Los_Angeles,
Dot,+12125550101,,
Eve,,,
Fay,+12125550104,Mars/Olympus,
Gus,+12125550105,,yes
Hal,12,,
Ida,+12125550106,,,
"""

A_SHELL_SET_UP_FOR_SOMETHING_ELSE = {
    "CELERY_BROKER_URL": "redis://127.0.0.1:1/0",
    "REDIS_PREFIX": "not a prefix",
    "DEFAULT_CALL_WINDOW": "03:00-03:01 Asia/Tokyo",
    "RING_SECONDS": "soon",
}


@dataclass
class Started:
    """A demonstration whose campaign is scheduled."""

    process: subprocess.Popen[str]
    everybody: list[Process]
    directory: Path


@contextmanager
def started(contacts: Path, *options: str, before: Sequence[str] = (), **settings: str) -> Iterator[Started]:
    """In a process group of its own, as from a terminal."""
    process = subprocess.Popen(
        [*before, "python", "-m", "worker", "demo", "--contacts", str(contacts), *options],
        cwd=ROOT,
        env=environment(**settings),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,
    )
    try:
        assert process.stdout is not None
        said = list(iter(process.stdout.readline, "\n"))
        assert said[0].startswith("Starting PostgreSQL"), process.communicate()[1]
        assert "the first call goes out in about 4 s" in said[2], said
        everybody = descendants(process.pid)
        commands = " ".join(commands_of(everybody))
        names = ("postgres", "valkey-server", "worker.simulator", "worker web", "worker1@", "worker2@", "beat")
        assert all(name in commands for name in names), commands
        ledger = re.search(r"--ledger (\S+)", commands)
        assert ledger is not None, commands
        yield Started(process, everybody, Path(ledger[1]).parent)
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def contacts(tmp_path: Path) -> Path:
    path = tmp_path / "contacts.csv"
    path.write_text(CONTACTS)
    return path


@pytest.mark.slow
def test_the_demo_calls_a_file_of_contacts_to_the_end_and_leaves_nothing_behind(contacts: Path) -> None:
    with started(contacts, "--speed", "600", "--limit", "2", **A_SHELL_SET_UP_FOR_SOMETHING_ELSE) as demo:
        assert demo.directory.exists()
        said, complained = demo.process.communicate(timeout=PATIENCE_SECONDS)
        assert demo.process.returncode == 0, said + complained
        assert still_alive(demo.everybody) == []
        assert not demo.directory.exists()
    *progress, ended, kept, last = said.splitlines()
    assert all(re.match(r"\d\d:\d\d New York  (scheduled|running|completed) ", line) for line in progress)
    answer = json.loads(last)
    assert re.match(
        rf"Completed in \d+ s: 6 contacts, {answer['calls_placed']} calls, {answer['answered']} answered", ended
    )
    assert kept.endswith("of 2 allowed, none outside the window, every invariant held.")
    assert list(answer) == KEYS
    assert answer["status"] == "completed"
    assert answer["contacts"] == 6, "all but the two lines that cannot be read, and one with the number of another"
    assert (answer["skipped"], answer["failed"]) == (2, 1), "no number, do-not-call; invalid"
    assert answer["answered"] + answer["exhausted"] + answer["failed"] + answer["skipped"] == answer["contacts"]
    assert answer["calls_placed"] >= 3
    assert (answer["limit"], answer["outside_window"], answer["invariant_violations"]) == (2, 0, 0)
    assert 1 <= answer["peak_concurrent"] <= 2
    assert [line.split(":", 1)[0] for line in complained.splitlines()][:2] == ["line 7", "line 10"]
    assert re.search(r"\nNext, .*:\n  .*(dialer|-m worker) up\n$", complained)


@pytest.mark.slow
@pytest.mark.parametrize("carrier", ["twilio", "telnyx"])
def test_the_demo_through_a_real_carriers_adapter_comes_to_the_same(contacts: Path, carrier: str) -> None:
    real = {"TWILIO_ACCOUNT_SID": "AC1", "TWILIO_AUTH_TOKEN": "mine", "TWILIO_API_BASE_URL": "http://127.0.0.1:1"}
    with started(contacts, "--speed", "600", "--limit", "2", "--carrier", carrier, **real) as demo:
        said, complained = demo.process.communicate(timeout=PATIENCE_SECONDS)
        assert demo.process.returncode == 0, said + complained
    answer = json.loads(said.splitlines()[-1])
    assert (answer["status"], answer["outside_window"], answer["invariant_violations"]) == ("completed", 0, 0)
    assert (answer["skipped"], answer["failed"], answer["contacts"]) == (2, 1, 6)
    assert answer["calls_placed"] >= 3
    assert answer["peak_concurrent"] <= 2


@pytest.mark.slow
def test_ctrl_c_ends_the_demo_in_order_where_a_script_began_it_too_and_leaves_nothing_behind(contacts: Path) -> None:
    in_the_background = ("sh", "-c", "trap '' INT QUIT; exec \"$@\"", "sh")
    with started(contacts, before=in_the_background) as demo:
        os.killpg(demo.process.pid, signal.SIGINT)
        _, complained = demo.process.communicate(timeout=PATIENCE_SECONDS)
        assert demo.process.returncode == 1
        assert complained.split("\n")[-4:] == ["Stopping …", "", "dialer: Stopped.", ""], "and the line of the ^C"
        assert "Traceback" not in complained
        assert still_alive(demo.everybody) == []
        assert not demo.directory.exists()


@pytest.mark.slow
def test_on_a_terminal_the_demo_shows_the_screen_and_ends_as_in_a_pipe(contacts: Path) -> None:
    command = ("python", "-m", "worker", "demo", "--contacts", str(contacts), "--speed", "300", "--limit", "2")
    with terminal(*command, columns=200, lines=40) as screen:
        screen.shows("Demonstration", "In flight:", "America/New_York", "The clock runs 300 times as fast")
        assert screen.ends() == 0
        answer = re.search(r"\{.*\}", "".join(screen.written).rpartition(LEAVES_THE_SCREEN)[2])
        assert answer is not None
        assert list(json.loads(answer[0])) == KEYS


@pytest.mark.slow
def test_leaving_the_screen_leaves_the_demo_running_in_lines(contacts: Path) -> None:
    with terminal("python", "-m", "worker", "demo", "--contacts", str(contacts), "--speed", "600") as screen:
        screen.shows("Demonstration")
        screen.press("q")
        assert screen.ends() == 0
        rest = "".join(screen.written).rpartition(LEAVES_THE_SCREEN)[2]
        assert re.search(r"\d\d:\d\d New York  (running|completed) ", rest)
        assert '"status": "completed"' in rest


@pytest.mark.slow
def test_a_killed_demo_leaves_nothing_behind(contacts: Path) -> None:
    with started(contacts) as demo:
        demo.process.kill()
        wait_until(lambda: not still_alive(demo.everybody), lambda: f"these ended: {still_alive(demo.everybody)}")
        wait_until(lambda: not demo.directory.exists(), "the directory is gone")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (
            b"name,shoe size\nAda,38\n",
            "line 1: The first line must name the columns, and one must be phone; these are name, shoe size.",
        ),
        (b"", "line 1: The file is empty, or its first line is; that line must name the columns"),
        (bytes(range(256)) * 40, "line 1: It contains a NUL character, or bytes that are not text in this encoding"),
        (b"first_name,phone\n", "--contacts: The file has no contact to call"),
    ],
    ids=["no phone column", "empty", "binary", "only a header"],
)
def test_a_file_that_is_no_list_of_contacts_gets_one_sentence(content: bytes, said: str, tmp_path: Path) -> None:
    path = tmp_path / "contacts.csv"
    path.write_bytes(content)
    answer = dialer("demo", "--contacts", str(path))
    assert answer.returncode == 2
    assert sentence(answer).startswith(said)
