"""``dialer up``, run as somebody runs it who wants a dialer of their own."""

from __future__ import annotations

import json
import os
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

from tests.carriers.installing import install_acme
from tests.cli.running import ROOT, dialer, environment, sentence, wait_until
from tests.cli.terminal import terminal
from tests.dev.observing import commands_of, descendants, still_alive
from tests.patience import PATIENCE_SECONDS
from tests.store.test_migrate import ADDS_A_COLUMN, copy_of_the_program
from tests.world import World
from worker.cli.processes import BEGINS
from worker.cli.up import CALLEE, first_campaign, first_setup
from worker.dev.processtable import Process
from worker.domain.errors import Refused
from worker.operations.keys import revoke_key, who_bears
from worker.simulator import ledger

FACTS = ["url", "token", "team_id", "assistant_id", "company_id", "from_number_id", "account_slug"]
FACTS += ["database_url", "redis_url", "env"]
SERVICES = ["PostgreSQL", "Valkey", "simulator", "web", "worker-1", "worker-2", "beat"]
KINDS = {
    "worker-1": "worker1@", "beat": "-A worker beat", "web": "worker web", "simulator": "worker.simulator",
    "PostgreSQL": "listen_addresses", "Valkey": "valkey-server",
}  # fmt: skip
"""What runs by what its command line has: a process of each kind."""


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
    assert all(name in commands for name in KINDS.values()), commands
    return everybody


def pid_of(process: subprocess.Popen[str], kind: str) -> int | None:
    """Who of this kind runs as a child of its own; the launcher it starts as does not count."""
    for child in descendants(process.pid):
        command = "".join(commands_of([child]))
        if child.parent == process.pid and KINDS[kind] in command and "launcher" not in command:
            return child.pid
    return None


def paste(lines: str) -> str:
    """Give the lines of a first campaign to a shell, without the last, which is for somebody who looks on; what they
    say."""
    *commands, watch = lines.splitlines()
    assert watch.startswith("dialer campaigns watch ")
    done = subprocess.run(
        ["sh", "-eu"], input="\n".join([*commands, "echo $CAMPAIGN"]), env={**environment(), "no_proxy": "*"},
        capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=True,
    )  # fmt: skip
    assert done.stderr == ""
    return done.stdout


def get(facts: dict[str, str], path: str) -> dict[str, Any]:
    return send(facts, "GET", path)


def send(facts: dict[str, str], method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {facts['token']}", "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(facts["url"] + path, data, headers, method=method)
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=PATIENCE_SECONDS) as answer:
        return json.load(answer)


@pytest.mark.slow
def test_up_is_pasted_from_killed_stopped_started_again_and_whoever_watches_sees_on(tmp_path: Path) -> None:
    data = tmp_path / "share" / "campaign-dialer"
    with started(XDG_DATA_HOME=str(data.parent)) as first:
        said = read_until(first, "curl ")
        assert len(said) <= 25, "short enough to be read"
        everybody = everybody_of(first)
        running = {words[0]: words[1:] for words in map(str.split, said) if words and words[0] in SERVICES}
        assert list(running) == SERVICES
        assert running["PostgreSQL"][1:3] == ["ready,", "schema"]
        assert running["beat"][2:4] == ["running,", "ticked"]
        kept = [data / name for name in ("env", "up.json", "simulator.secret")]
        assert [stat.S_IMODE(path.stat().st_mode) for path in kept] == [0o600] * 3
        assert not any(word in "\n".join(said) for word in ("dlr_", kept[2].read_text().strip())), "no secret is shown"
        campaign = paste(first_campaign(data / "env")).split()[-1]
        calls = data / "ledger.jsonl"
        wait_until(lambda: {call.to_number for call in ledger.read(calls).placed} == {CALLEE}, "the call is placed")
        assert first.stderr is not None
        assert first.stderr.readline() == f"{BEGINS}\n"
        for kind in KINDS:
            killed = pid_of(first, kind)
            assert killed is not None, kind
            os.kill(killed, signal.SIGKILL)
            assert first.stderr.readline() == f"{kind} was ended by SIGKILL; it is started again.\n"
            wait_until(lambda kind=kind, killed=killed: pid_of(first, kind) not in (None, killed), f"{kind} is back")
        everybody += everybody_of(first)
        shell = dict(
            line.partition("=")[::2] for line in (data / "env").read_text().replace("export ", "").splitlines()
        )
        where = {name: shell[name].strip("'") for name in ("DATABASE_URL", "REDIS_URL", "DIALER_TEAM")}
        with terminal(sys.executable, "-m", "worker", "campaigns", "watch", campaign, **where) as screen:
            screen.shows("First campaign")
            os.killpg(first.pid, signal.SIGTERM)
            rest, complained = first.communicate(timeout=PATIENCE_SECONDS)
            assert (first.returncode, rest.strip(), complained) == (0, "", "Stopping …\nStopped.\n")
            assert still_alive(everybody) == []
            screen.shows("PostgreSQL cannot be reached", "is old")
            with started("--data", str(data), "--json") as second:
                found = json.loads(read_until(second, "{")[0])
                assert list(found) == FACTS
                assert {name: found[name.lower()] for name in ("DATABASE_URL", "REDIS_URL")} == {
                    name: where[name] for name in ("DATABASE_URL", "REDIS_URL")
                }, "the same at every start"
                wait_until(lambda: "is old" not in screen.text, lambda: screen.text)
                listed = get(found, "/api/crm/campaigns?teamId=" + found["team_id"])
                assert [each["id"] for each in listed["campaigns"]] == [campaign]
                everybody = everybody_of(second)
                second.send_signal(signal.SIGINT)
                assert second.communicate(timeout=PATIENCE_SECONDS)[1] == f"{BEGINS}\nStopping …\nStopped.\n"
    assert still_alive(everybody) == []
    assert (data / "pgdata" / "PG_VERSION").exists()


@pytest.mark.slow
def test_the_screen_shows_the_newest_campaign_and_the_directory_is_nobody_elses_meanwhile(tmp_path: Path) -> None:
    command = (sys.executable, "-m", "worker", "up", "--port", "0", "--data", str(tmp_path), "--watch", "--json")
    with terminal(*command, columns=100, XDG_DATA_HOME="") as screen:
        screen.shows("No campaign yet; make and run one, and it is shown here.")
        other = dialer("up", "--port", "0", "--data", str(tmp_path))
        assert other.returncode == 4
        assert sentence(other) == f"Another dialer works in {tmp_path}; stop it, or name another directory."
        paste(first_campaign(tmp_path / "env"))
        screen.shows("First campaign  running", "In flight: 1", "Bob")
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


@pytest.mark.slow
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
            assert complained.startswith(BEGINS)
            assert complained.removeprefix(f"{BEGINS}\n").removesuffix("Stopping …\nStopped.\n").endswith(said)
            assert bool(complained.removeprefix(f"{BEGINS}\n").removesuffix("Stopping …\nStopped.\n")) is bool(said)
    answer = dialer("up", "--port", "0", "--data", str(data))
    assert answer.returncode == 2
    *_, last = answer.stderr.splitlines()
    assert last.startswith(f"dialer: The data in {data} is a newer dialer's (schema 9001, this one knows ")
    assert last.endswith("upgrade this one, or name another directory.")


def test_a_port_that_is_taken_is_reported_before_anything_is_started(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        answer = dialer("up", "--data", str(tmp_path / "data"), "--port", str(port))
    assert answer.returncode == 4
    assert sentence(answer).startswith(f"Port {port} cannot be used")
    assert not (tmp_path / "data").exists()


def test_a_first_start_that_was_cut_short_is_taken_up_where_it_was(world: World, tmp_path: Path) -> None:
    path = tmp_path / "up.json"
    planned = first_setup(world.dialer, path)
    path.write_text(json.dumps({**json.loads(path.read_text()), "token": ""}))
    world.sql("DELETE FROM phone_numbers WHERE id = :id", id=planned.from_number_id)
    completed = first_setup(world.dialer, path)
    assert replace(completed, token="") == replace(planned, token="")
    bearer = who_bears(world.dialer, completed.token)
    assert bearer is not None
    assert bearer.team_id == planned.team_id
    assert world.sql("SELECT team_id FROM phone_numbers WHERE id = :id", id=planned.from_number_id) == [
        (planned.team_id,)
    ]
    assert first_setup(world.dialer, path) == completed


def test_a_key_that_was_revoked_is_replaced_and_what_was_renamed_stays_so(world: World, tmp_path: Path) -> None:
    before = first_setup(world.dialer, tmp_path / "up.json")
    bearer = who_bears(world.dialer, before.token)
    assert bearer is not None
    revoke_key(world.dialer, before.team_id, bearer.key_id, actor="test")
    world.sql("UPDATE companies SET name = 'Acme' WHERE id = :id", id=before.company_id)
    after = first_setup(world.dialer, tmp_path / "up.json")
    assert after.token != before.token
    assert who_bears(world.dialer, after.token) is not None
    assert world.sql("SELECT name FROM companies WHERE id = :id", id=before.company_id) == [("Acme",)]


@pytest.mark.slow
@pytest.mark.parametrize("carrier", ["twilio", "telnyx"])
def test_up_calls_through_a_real_carriers_adapter_once_a_second(tmp_path: Path, carrier: str) -> None:
    data = tmp_path / "data"
    with started("--data", str(data), "--carrier", carrier, "--json") as process:
        facts = json.loads(read_until(process, "{")[0])
        paste(first_campaign(data / "env"))  # a worker may be faster than the command, which then has started none
        path = data / "ledger.jsonl"
        wait_until(lambda: [call for call in ledger.read(path).placed if call.ringing_at], "the phone rings")
        (call,) = ledger.read(path).placed
        assert (call.to_number, call.protocol) == (CALLEE, carrier)
        (account,) = get(facts, "/api/crm/carrier-accounts")["carrier_accounts"]
        assert (account["carrier"], account["calls_per_second"]) == (carrier, 1.0)
    wait_until(lambda: not still_alive(descendants(process.pid)), "it is gone")


def test_a_directory_stays_with_the_carrier_it_was_set_up_with(world: World, tmp_path: Path) -> None:
    first_setup(world.dialer, tmp_path / "up.json", "twilio")
    with pytest.raises(Refused, match="was set up with --carrier twilio; use that one, or name another --data"):
        first_setup(world.dialer, tmp_path / "up.json", "simulator")


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"token": "x"}'])
def test_a_file_of_the_first_setup_that_cannot_be_read_is_named(world: World, tmp_path: Path, content: str) -> None:
    path = tmp_path / "up.json"
    path.write_text(content)
    with pytest.raises(Refused, match=r"up\.json cannot be read"):
        first_setup(world.dialer, path)
    assert path.read_text() == content


@pytest.mark.slow
def test_up_calls_through_a_carrier_that_an_installed_package_adds(tmp_path: Path) -> None:
    """Every process finds it by itself: the API takes its field, the schema its name, the simulator speaks for it."""
    data, site = tmp_path / "data", install_acme(tmp_path)
    with started("--data", str(data), "--carrier", "acme", "--json", PYTHONPATH=str(site)) as process:
        facts = json.loads(read_until(process, "{")[0])
        (account,) = get(facts, "/api/crm/carrier-accounts")["carrier_accounts"]
        assert (account["carrier"], account["calls_per_second"]) == ("acme", 2.0)
        assistant = f"/api/crm/assistants/{facts['assistant_id']}"
        assert send(facts, "PATCH", assistant, {"acmeAgentId": "agent-7"})["assistant"]["acme_agent_id"] == "agent-7"
        assert get(facts, assistant)["assistant"]["acme_agent_id"] == "agent-7"
        paste(first_campaign(data / "env"))  # a worker may be faster than the command, which then has started none
        path = data / "ledger.jsonl"
        wait_until(lambda: ledger.read(path).placed, "a call is placed")
        call = ledger.read(path).placed[0]
        assert (call.to_number, call.protocol) == (CALLEE, "acme")
        assert call.details == {"agent": "agent-7", "region": "north"}
        wait_until(lambda: ledger.read(path).placed[0].ended_at, "it is over")
    wait_until(lambda: not still_alive(descendants(process.pid)), "it is gone")
