"""``dialer up``, run as somebody runs it who wants a dialer of their own."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.cli.running import PATIENCE_SECONDS, ROOT, dialer, environment, sentence, wait_until
from tests.dev.observing import commands_of, descendants, still_alive
from tests.world import World
from worker.carriers.simulator import ledger
from worker.cli.up import CALLEE, belongings
from worker.dev.processtable import Process
from worker.domain.errors import Refused
from worker.flow.keys import revoke_key, who_bears

FACTS = ["url", "token", "team_id", "assistant_id", "company_id", "from_number_id", "account_slug"]
NAMES = ("postgres", "valkey-server", "carriers.simulator", "worker web", "worker1@", "worker2@", "beat")

CURL = f"""#!{sys.executable}
import sys, urllib.request
method, headers, data, url, words = None, {{}}, None, "", iter(sys.argv[1:])
for word in words:
    if word == "-X": method = next(words)
    elif word == "-d": data = next(words).encode()
    elif word == "-H": headers.update([next(words).split(": ", 1)])
    elif not word.startswith("-"): url = word
request = urllib.request.Request(url, data, headers, method=method)
print(urllib.request.urlopen(request).read().decode(), end="")
"""
"""As much of curl as the lines use, for machines without it."""


@contextmanager
def started(*options: str, **settings: str) -> Iterator[subprocess.Popen[str]]:
    """In a process group of its own, as from a terminal."""
    process = subprocess.Popen(
        [sys.executable, "-m", "worker", "up", "--port", "0", *options],
        cwd=ROOT,
        env=environment(**settings),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def read_until(process: subprocess.Popen[str], beginning: str) -> list[str]:
    """What it says, up to the line that begins so."""
    assert process.stdout is not None
    said: list[str] = []
    for line in process.stdout:
        said.append(line.rstrip("\n"))
        if line.startswith(beginning):
            return said
    raise AssertionError(f"it ended: {said} {process.communicate()[1]}")


def everybody_of(process: subprocess.Popen[str]) -> list[Process]:
    everybody = descendants(process.pid)
    commands = " ".join(commands_of(everybody))
    assert all(name in commands for name in NAMES), commands
    return everybody


def paste(lines: list[str], folder: Path) -> list[dict[str, Any]]:
    """Give the lines to a shell; what the commands answer that do not keep it for themselves."""
    folder.mkdir()
    if shutil.which("curl") is None:
        (folder / "curl").write_text(CURL)
        (folder / "curl").chmod(0o700)
    path = f"{os.environ['PATH']}{os.pathsep}{folder}"
    done = subprocess.run(
        ["sh", "-eu"],
        input="\n".join(lines),
        env={**os.environ, "PATH": path, "no_proxy": "*"},
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=True,
    )
    assert done.stderr == ""
    return [json.loads(line) for line in done.stdout.splitlines()]


def get(facts: dict[str, str], path: str) -> dict[str, Any]:
    request = urllib.request.Request(facts["url"] + path, headers={"Authorization": f"Bearer {facts['token']}"})
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=20) as answer:
        return json.load(answer)


def test_the_first_start_says_what_to_paste_and_the_second_finds_what_came_of_it(tmp_path: Path) -> None:
    data = tmp_path / "share" / "campaign-dialer"
    with started(XDG_DATA_HOME=str(data.parent)) as first:
        said = read_until(first, 'curl -sS "')
        everybody = everybody_of(first)
        facts = {name: value for name, _, value in (line.strip().partition(" ") for line in said) if name in FACTS}
        facts = {name: value.strip() for name, value in facts.items()}
        assert list(facts) == FACTS
        assert stat.S_IMODE((data / "up.json").stat().st_mode) == 0o600
        lines = said[next(n for n, line in enumerate(said) if line.startswith("CONTACT=")) :]
        added, run, progress, listed = paste(lines, tmp_path / "bin")
        assert added["success"] is True
        assert (run["started"], run["failed"], run["message"][:14]) == (1, 0, "Started 1 call")
        assert progress["success"] is True
        (campaign,) = listed["campaigns"]
        assert (campaign["name"], campaign["total_contacts"]) == ("First campaign", 1)
        calls = data / "ledger.jsonl"
        wait_until(lambda: ledger.read(calls).placed, "the simulator has placed the call")
        assert ledger.read(calls).placed[0].to_number == CALLEE
        os.killpg(first.pid, signal.SIGTERM)
        rest, complained = first.communicate(timeout=PATIENCE_SECONDS)
        assert (first.returncode, rest.strip(), complained) == (0, "", "Stopped.\n")
        assert still_alive(everybody) == []

    with started("--data", str(data), "--json") as second:
        found = json.loads(read_until(second, "{")[0])
        everybody = everybody_of(second)
        assert list(found) == FACTS
        assert found | {"url": ""} == facts | {"url": ""}
        assert [c["id"] for c in get(found, "/api/crm/campaigns?teamId=" + found["team_id"])["campaigns"]] == [
            campaign["id"]
        ]
        assert get(found, "/api/crm/contacts")["count"] == 1
        beat = next(it for it, command in zip(everybody, map(command_of, everybody), strict=True) if "beat" in command)
        os.kill(beat.pid, signal.SIGKILL)
        _, complained = second.communicate(timeout=PATIENCE_SECONDS)
        assert second.returncode == 4
        assert complained.splitlines()[-1].startswith("dialer: The process beat ended by itself; its last words: ")
        assert still_alive(everybody) == []
        assert (data / "pgdata" / "PG_VERSION").exists()


def command_of(process: Process) -> str:
    return " ".join(commands_of([process]))


def test_a_port_that_is_taken_is_told_before_anything_is_started(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        answer = dialer("up", "--data", str(tmp_path / "data"), "--port", str(port))
    assert answer.returncode == 4
    assert sentence(answer).startswith(f"Port {port} cannot be used")
    assert not (tmp_path / "data").exists()


def test_a_first_start_that_was_cut_short_is_taken_up_where_it_was(world: World, tmp_path: Path) -> None:
    path = tmp_path / "up.json"
    planned = belongings(world.dialer, path)
    path.write_text(json.dumps({**json.loads(path.read_text()), "token": ""}))
    world.sql("DELETE FROM phone_numbers WHERE id = :id", id=planned.from_number_id)
    mended = belongings(world.dialer, path)
    assert replace(mended, token="") == replace(planned, token="")
    bearer = who_bears(world.dialer, mended.token)
    assert bearer is not None
    assert bearer.team_id == planned.team_id
    assert world.sql("SELECT team_id FROM phone_numbers WHERE id = :id", id=planned.from_number_id) == [
        (planned.team_id,)
    ]
    assert belongings(world.dialer, path) == mended


def test_a_key_that_was_revoked_is_replaced_and_what_was_renamed_stays_so(world: World, tmp_path: Path) -> None:
    before = belongings(world.dialer, tmp_path / "up.json")
    bearer = who_bears(world.dialer, before.token)
    assert bearer is not None
    revoke_key(world.dialer, before.team_id, bearer.key_id, actor="test")
    world.sql("UPDATE companies SET name = 'Acme' WHERE id = :id", id=before.company_id)
    after = belongings(world.dialer, tmp_path / "up.json")
    assert after.token != before.token
    assert who_bears(world.dialer, after.token) is not None
    assert world.sql("SELECT name FROM companies WHERE id = :id", id=before.company_id) == [("Acme",)]


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"token": "x"}'])
def test_a_file_of_belongings_that_cannot_be_read_is_named(world: World, tmp_path: Path, content: str) -> None:
    path = tmp_path / "up.json"
    path.write_text(content)
    with pytest.raises(Refused, match=r"up\.json cannot be read"):
        belongings(world.dialer, path)
    assert path.read_text() == content
