"""The first hour of somebody new: every line the README, the manual and ``dialer up`` give them to paste works, in
its order."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.lines_to_paste import asks_or_stays, blocks, commands, faults, simple
from tests.cli.running import ROOT, environment
from tests.dev.observing import AN_ORDINARY_USER, NOBODY, as_ordinary_user, users

PASTE_SECONDS = 300
NOT_PASTED = {
    "worker demo": "installs from the package index, and test_demo runs the demonstration",
    "pytest -q": "installs from the package index, and runs this",
    "worker up": "what is pasted here is pasted beside it",
    ".venv/bin/ruff": "what a developer runs, as .ci/run does",
    "pip install -q .": "installs from the package index; `up` brings the schema up to date",
    "celery -A worker worker": "run until they are stopped; `up` runs them",
    "contacts import people.csv --campaign-id": "pasted as part of the day in an operator's life",
    "curl $API/calls/$CALL": "needs the id of a call",
    "contacts/$CONTACT/callback": "needs a contact in a campaign, and its instant to come",
    "API=https": "a deployment with an address of its own",
    "dialer opt-out": "about somebody who was called or is known; tests/operations does it",
    "SIMULATOR_SECRET": "another secret than that of the simulator which runs",
    "TWILIO_ACCOUNT_SID": "needs credentials of Twilio",
    "TELNYX_API_KEY": "needs credentials of Telnyx",
}
"""Blocks of the README and the manual by what their first line has, that are only read here, and why."""


def is_pasted(block: list[str]) -> bool:
    return not any(word in block[0] for word in NOT_PASTED)


@pytest.mark.parametrize("block", blocks(), ids=lambda block: block[0][:40])
def test_every_line_to_paste_is_one_the_program_knows(block: list[str]) -> None:
    assert [fault for line in block for words in simple(line) for fault in faults(words)] == []
    assert not any(asks_or_stays(line) for line in block[:-1]), "what waits for keys takes the lines after it for such"
    done = subprocess.run(["sh", "-n"], input="\n".join(block), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("dialer campaigns begin $X", "there is no command"),
        ("A=$(dialer teams add --nom x)", "has no --nom"),
        ("dialer campaigns cancel $X", "asks"),
        ("celery -A worker cal x", "celery cannot"),
        ('curl $API/phones -H "$AUTH"', "the API has no"),
        ('curl $API/assistants -H "$AUTH" -H "$JSON" -d \'{"nam": 1}\'', "has no field nam"),
        ('curl $API/assistants -d \'{"name": "A"}\'', "lacks a header"),
    ],
)
def test_a_line_that_does_not_work_is_found_by_reading(line: str, fault: str) -> None:
    assert fault in " ".join(found for words in simple(line) for found in faults(words))


def test_each_block_is_pasted_or_has_a_reason_not_to_be() -> None:
    firsts = [block[0] for block in blocks()]
    assert all(sum(word in first for first in firsts) == 1 for word in NOT_PASTED)
    assert sum(map(is_pasted, blocks())) == 6


@contextmanager
def newcomer(user: str) -> Iterator[tuple[list[str], Path, dict[str, str]]]:
    """Somebody with an empty home and nothing set up: how to run as them, their home, their environment."""
    home = Path(tempfile.mkdtemp(prefix="home-", dir="/tmp"))
    prefix = (as_ordinary_user() or []) if user == AN_ORDINARY_USER else []
    if prefix:
        shutil.chown(home, NOBODY, NOBODY)
    plain = {name: value for name, value in environment().items() if not name.startswith(("XDG_", "VIRTUAL_ENV"))}
    folders = [folder for folder in plain["PATH"].split(os.pathsep) if not (Path(folder) / "dialer").exists()]
    try:
        yield prefix, home, {**plain, "HOME": str(home), "PATH": os.pathsep.join(folders), "no_proxy": "*"}
    finally:
        shutil.rmtree(home)


@pytest.mark.slow
@pytest.mark.parametrize("user", users())
def test_every_line_works_pasted_in_order_into_one_shell(user: str) -> None:
    with newcomer(user) as (prefix, home, env):
        up = subprocess.Popen(
            [*prefix, sys.executable, "-m", "worker", "up", "--port", "0"],
            cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, process_group=0,
        )  # fmt: skip
        try:
            said = _read_welcome(up)
            first, curl = said.split("Paste this")[1].split("\n\n")[1::2][:2]
            read = [line for block in blocks() if is_pasted(block) for line in block]
            pasted = [*commands(first), *commands(curl), *read]
            done = subprocess.run(
                [*prefix, "bash", "-c", _script(pasted)],
                cwd=home, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                timeout=PASTE_SECONDS, check=False,
            )  # fmt: skip
            assert done.returncode == 0, f"{done.stderr}\n{done.stdout}"
            assert re.findall(r"^\+ line (\d+)$", done.stdout, re.MULTILINE)[-1] == str(len(pasted))
            assert '"success":false' not in done.stdout
            assert {"people.csv", "refused.csv", "contacts.csv"} <= {path.name for path in home.iterdir()}
        finally:
            os.killpg(up.pid, signal.SIGTERM)
            _, complained = up.communicate()
    assert complained.endswith("Stopping …\nStopped.\n")


def _read_welcome(up: subprocess.Popen[str]) -> str:
    assert up.stdout is not None
    said = ""
    while not said.rstrip().endswith('-H "$AUTH"'):
        line = up.stdout.readline()
        assert line, said
        said += line
    return said


def _script(lines: list[str]) -> str:
    """The lines, each of which must succeed; of one that stays until a key is pressed, what it says first is enough."""
    checked = ["set -e", "trap 'echo \"failed: $BASH_COMMAND\" >&2' ERR"]
    for number, line in enumerate(lines, 1):
        words = line.partition("#")[0].rstrip()
        checked.append(f"printf '\\n+ line %s\\n' {number}")
        checked.append(f"{words} | head -n 1 | grep ." if asks_or_stays(line) else line)
    return "\n".join(checked)
