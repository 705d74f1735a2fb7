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

from tests.cli.running import ROOT, dialer, environment, sentence, wait_until
from tests.cli.terminal import terminal
from tests.dev.observing import commands_of, descendants, still_alive
from tests.patience import PATIENCE_SECONDS
from tests.store.test_migrate import ADDS_A_COLUMN, copy_of_the_program
from tests.world import World
from worker.carriers.simulator import ledger
from worker.cli.up import ANOTHER_CALLEE, CALLEE, Belongings, belongings, first_campaign
from worker.dev.processtable import Process
from worker.domain.errors import Refused
from worker.flow.keys import revoke_key, who_bears

FACTS = ["url", "token", "team_id", "assistant_id", "company_id", "from_number_id", "account_slug"]
SERVICES = ["PostgreSQL", "Valkey", "simulator", "web", "worker-1", "worker-2", "beat"]
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
def started(*options: str, folder: Path = ROOT, **settings: str) -> Iterator[subprocess.Popen[str]]:
    """In a process group of its own, as from a terminal."""
    process = subprocess.Popen(
        [sys.executable, "-m", "worker", "up", "--port", "0", *options],
        cwd=folder,
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
    """What the commands answer that do not keep it for themselves."""
    return [json.loads(line) for line in shell(lines, folder).splitlines()]


def shell(lines: list[str], folder: Path) -> str:
    """Give the lines to a shell, as one who pastes them; what they say."""
    folder.mkdir()
    if shutil.which("curl") is None:
        (folder / "curl").write_text(CURL)
        (folder / "curl").chmod(0o700)
    ours = environment()
    done = subprocess.run(
        ["sh", "-eu"],
        input="\n".join(lines),
        env={**ours, "PATH": f"{ours['PATH']}{os.pathsep}{folder}", "no_proxy": "*"},
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=True,
    )
    assert done.stderr == ""
    return done.stdout


def get(facts: dict[str, str], path: str) -> dict[str, Any]:
    request = urllib.request.Request(facts["url"] + path, headers={"Authorization": f"Bearer {facts['token']}"})
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=PATIENCE_SECONDS) as answer:
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
        running = {words[0]: words[1:] for words in map(str.split, said) if words and words[0] in SERVICES}
        assert list(running) == SERVICES
        assert running["PostgreSQL"][1:3] == ["ready,", "schema"]
        assert running["beat"][0] == "celery"
        assert running["beat"][2:4] == ["running,", "ticked"]
        begins = [n for n, line in enumerate(said) if line.startswith("CONTACT=")]
        commands = said[begins[0] - 1 : said.index("", begins[0])]
        assert commands.pop() == "dialer campaigns watch $CAMPAIGN"
        assert "Started 1 call" in shell(commands, tmp_path / "commands")
        lines = said[begins[1] :]
        added, run, progress, listed = paste(lines, tmp_path / "bin")
        assert added["success"] is True
        assert (run["started"], run["failed"], run["message"][:14]) == (1, 0, "Started 1 call")
        assert progress["success"] is True
        campaign, _ = listed["campaigns"]
        assert (campaign["name"], campaign["total_contacts"]) == ("First campaign", 1)
        calls = data / "ledger.jsonl"
        callees = {CALLEE, ANOTHER_CALLEE}
        wait_until(lambda: {call.to_number for call in ledger.read(calls).placed} == callees, "both calls are placed")
        os.killpg(first.pid, signal.SIGTERM)
        rest, complained = first.communicate(timeout=PATIENCE_SECONDS)
        assert (first.returncode, rest.strip(), complained) == (0, "", "Stopped.\n")
        assert still_alive(everybody) == []

    with started("--data", str(data), "--json") as second:
        found = json.loads(read_until(second, "{")[0])
        everybody = everybody_of(second)
        assert list(found) == FACTS
        assert found | {"url": ""} == facts | {"url": ""}
        listed = get(found, "/api/crm/campaigns?teamId=" + found["team_id"])
        assert campaign["id"] in [each["id"] for each in listed["campaigns"]]
        assert get(found, "/api/crm/contacts")["count"] == 2
        beat = next(it for it, command in zip(everybody, map(command_of, everybody), strict=True) if "beat" in command)
        os.kill(beat.pid, signal.SIGKILL)
        _, complained = second.communicate(timeout=PATIENCE_SECONDS)
        assert second.returncode == 4
        assert complained.splitlines()[-1].startswith("dialer: The process beat ended by itself; its last words: ")
        assert still_alive(everybody) == []
        assert (data / "pgdata" / "PG_VERSION").exists()


def command_of(process: Process) -> str:
    return " ".join(commands_of([process]))


def test_the_screen_shows_the_newest_campaign_and_the_directory_is_nobody_elses_meanwhile(tmp_path: Path) -> None:
    command = (sys.executable, "-m", "worker", "up", "--port", "0", "--data", str(tmp_path), "--watch", "--json")
    with terminal(*command, columns=100, XDG_DATA_HOME="") as screen:
        screen.shows("No campaign yet; make and run one, and it is shown here.")
        other = dialer("up", "--port", "0", "--data", str(tmp_path))
        assert other.returncode == 4
        assert sentence(other) == f"Another dialer works in {tmp_path}; stop it, or name another directory."
        facts = json.loads("".join(screen.written).partition("\x1b")[0])
        lines = first_campaign(facts["url"], Belongings(**{"account_id": "", **{n: facts[n] for n in FACTS[1:]}}))
        paste(lines.splitlines(), tmp_path / "bin")
        screen.shows("First campaign  running", "In flight: 1", "Ada")
        screen.press("p")
        screen.shows("First campaign  paused", "Paused; calls that ring or talk go on.")
        screen.press("r")
        screen.shows("First campaign  running", "Resumed.")
        screen.press("q")
        wait_until(lambda: "\x1b[?1049l" in "".join(screen.written), "it leaves the screen")
        assert screen.process.poll() is None, "the dialer stays up"
        screen.process.send_signal(signal.SIGTERM)
        assert screen.ends() == 0


def test_a_screen_is_not_shown_to_a_pipe(tmp_path: Path) -> None:
    answer = dialer("up", "--data", str(tmp_path / "data"), "--watch")
    assert (answer.returncode, sentence(answer)[:24]) == (2, "--watch needs a terminal")
    assert not (tmp_path / "data").exists()


def test_an_older_dialers_data_is_brought_up_to_date_and_a_newer_ones_refused(tmp_path: Path) -> None:
    data, newer = tmp_path / "data", tmp_path / "newer"
    newer.mkdir()
    copy_of_the_program(newer).add("9001_adds_a_motto.sql", ADDS_A_COLUMN)
    for folder, said in ((ROOT, ""), (newer, "brought up to date: adds_a_motto.\n"), (newer, "")):
        with started("--data", str(data), "--json", folder=folder) as up:
            facts = json.loads(read_until(up, "{")[0])
            assert get(facts, "/api/crm/contacts")["success"] is True
            up.send_signal(signal.SIGTERM)
            _, complained = up.communicate(timeout=PATIENCE_SECONDS)
            assert complained.removesuffix("Stopped.\n").endswith(said)
            assert bool(complained.removesuffix("Stopped.\n")) is bool(said)
    answer = dialer("up", "--port", "0", "--data", str(data))
    assert answer.returncode == 2
    *_, last = answer.stderr.splitlines()
    assert last.startswith(f"dialer: The data in {data} is a newer dialer's (schema 9001, this one knows ")
    assert last.endswith("upgrade this one, or name another directory.")


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


@pytest.mark.parametrize("carrier", ["twilio", "telnyx"])
def test_up_calls_through_a_real_carriers_adapter_once_a_second(tmp_path: Path, carrier: str) -> None:
    data = tmp_path / "data"
    with started("--data", str(data), "--carrier", carrier) as process:
        said = read_until(process, 'curl -sS "')
        lines = said[max(n for n, line in enumerate(said) if line.startswith("CONTACT=")) :]
        _, run, _, _ = paste(lines, tmp_path / "bin")
        assert run["started"] == 1
        path = data / "ledger.jsonl"
        wait_until(lambda: [call for call in ledger.read(path).placed if call.ringing_at], "the phone rings")
        (call,) = ledger.read(path).placed
        assert (call.to_number, call.face) == (CALLEE, carrier)
        facts = {line.split()[0]: line.split()[1] for line in said if line.startswith("  ")}
        (account,) = get(facts, "/api/crm/carrier-accounts")["carrier_accounts"]
        assert (account["carrier"], account["calls_per_second"]) == (carrier, 1.0)
    wait_until(lambda: not still_alive(descendants(process.pid)), "it is gone")


def test_a_directory_stays_with_the_carrier_it_was_begun_with(world: World, tmp_path: Path) -> None:
    belongings(world.dialer, tmp_path / "up.json", "twilio")
    with pytest.raises(Refused, match="was begun with --carrier twilio; go on so, or name another --data"):
        belongings(world.dialer, tmp_path / "up.json", "simulator")


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"token": "x"}'])
def test_a_file_of_belongings_that_cannot_be_read_is_named(world: World, tmp_path: Path, content: str) -> None:
    path = tmp_path / "up.json"
    path.write_text(content)
    with pytest.raises(Refused, match=r"up\.json cannot be read"):
        belongings(world.dialer, path)
    assert path.read_text() == content
