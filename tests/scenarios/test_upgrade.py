"""An upgrade under way: a database that the version before made, migrated while its workers call, and both versions at
work side by side. By the carrier's ledger nobody is left out and nobody is called twice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tarfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.chaos.deployment import free_port
from tests.cli.running import ROOT, wait_until
from worker.dev.process import Child
from worker.dev.stack import Stack
from worker.domain.model import Bounds
from worker.simulator import ledger
from worker.store.database import open_database
from worker.store.invariants import violations

VERSION_BEFORE = "e5de1bd"
CONTACTS = 300
BUSY_FIRST = {f"+13035{n:06d}" for n in range(0, CONTACTS, 10)}
"""Whose line is busy at the first call: they answer the second."""
SCRIPT = {
    **{number: [{"ring": 0.1, "end": "busy"}, {"ring": 0.1, "talk": 0.9}] for number in BUSY_FIRST},
    "*": {"ring": 0.1, "talk": 0.9},
}

SET_UP = f"""
INSERT INTO teams (id, slug, name) VALUES ('team_1', 'team', 'A team');
INSERT INTO companies (id, team_id, name) VALUES ('comp_1', 'team_1', 'A company');
INSERT INTO assistants (id, team_id, name) VALUES ('asst_1', 'team_1', 'An assistant');
INSERT INTO carrier_accounts (id, team_id, carrier, name) VALUES ('acct_1', 'team_1', 'simulator', 'An account');
INSERT INTO phone_numbers (id, team_id, account_id, number, max_concurrent_calls)
    VALUES ('pn_1', 'team_1', 'acct_1', '+17205550001', 100);
INSERT INTO contacts (id, team_id, phone, phone_e164)
    SELECT 'cont_' || n, 'team_1', '+13035' || lpad(n::text, 6, '0'), '+13035' || lpad(n::text, 6, '0')
    FROM generate_series(0, {CONTACTS - 1}) AS n;
INSERT INTO campaigns (id, team_id, assistant_id, company_id, name, max_concurrent_calls, max_attempts_per_contact,
                       retry_delay_minutes)
    VALUES ('camp_1', 'team_1', 'asst_1', 'comp_1', 'A campaign', 1, 2, 0);
INSERT INTO campaign_numbers (team_id, campaign_id, number_id, position) VALUES ('team_1', 'camp_1', 'pn_1', 0);
INSERT INTO campaign_zones (campaign_id, zone) VALUES ('camp_1', '') ON CONFLICT DO NOTHING;
INSERT INTO campaign_contacts (campaign_id, team_id, contact_id, zone, due_at)
    SELECT 'camp_1', 'team_1', id, '', clock_timestamp() FROM contacts WHERE team_id = 'team_1';
"""


@pytest.fixture(scope="module")
def version_before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The product as that commit had it, in a folder of its own."""
    folder = tmp_path_factory.mktemp("before")
    archive = folder / "product.tar"
    try:
        command = ["git", "archive", "--output", str(archive), VERSION_BEFORE, "worker", "schema.sql"]
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no git that knows {VERSION_BEFORE}: {error}")
    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter="data")
    return folder


@dataclass
class Site:
    """Servers and a carrier, and processes of either version on them."""

    stack: Stack
    environment: dict[str, str]
    ledger_path: Path

    def start(self, home: Path, name: str, *arguments: str) -> Child:
        """``python -m …`` of the product in that folder."""
        return self.stack.spawn(name, [sys.executable, "-m", *arguments], self.environment, cwd=home)

    def worker(self, home: Path, name: str) -> Child:
        started = self.start(home, name, "celery", "-A", "worker", "worker", "-n", f"{name}@here", "--without-mingle")
        wait_until(lambda: " ready." in self.log(name), lambda: f"{name} takes messages\n{self.log(name)[-2000:]}")
        return started

    def web(self, home: Path, name: str) -> Child:
        port = self.environment["PUBLIC_BASE_URL"].rpartition(":")[2]
        return self.start(home, name, "worker", "web", "--host", "127.0.0.1", "--port", port)

    def beat(self, home: Path, name: str) -> Child:
        return self.start(home, name, "celery", "-A", "worker", "beat")

    def command(self, home: Path, *arguments: str) -> None:
        """``dialer …`` of that version, to its end."""
        asked = subprocess.run(
            [sys.executable, "-m", "worker", *arguments],
            cwd=home, env={**os.environ, **self.environment}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert asked.returncode == 0, asked.stderr

    def end(self, child: Child) -> None:
        os.kill(child.pid, signal.SIGTERM)
        wait_until(lambda: child.exit_code is not None, f"{child.name} ends")

    def log(self, name: str) -> str:
        return (self.stack.directory / f"{name}.log").read_text(errors="replace")

    def sql(self, statement: str) -> list[Any]:
        with psycopg.connect(self.environment["DATABASE_URL"], autocommit=True) as session:
            cursor = session.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def placed(self) -> Counter[str]:
        """How often each number was called, by the carrier's ledger."""
        return Counter(call.to_number for call in ledger.read(self.ledger_path).placed)


@pytest.fixture
def site() -> Iterator[Site]:
    with Stack() as stack:
        port, simulator_port = free_port(), free_port()
        environment = {
            **stack.environment,
            "PUBLIC_BASE_URL": f"http://127.0.0.1:{port}",
            "SIMULATOR_URL": f"http://127.0.0.1:{simulator_port}",
            "PYTHONPATH": "",
        }
        made = Site(stack, environment, stack.directory / "ledger")
        script = stack.directory / "script.json"
        script.write_text(json.dumps(SCRIPT))
        arguments = ["--port", str(simulator_port), "--ledger", str(made.ledger_path), "--script", str(script)]
        made.start(ROOT, "simulator", "worker.simulator", *arguments)
        yield made


@pytest.mark.slow
def test_an_older_worker_beside_a_newer_one_loses_nobody_and_calls_nobody_twice(
    site: Site, version_before: Path
) -> None:
    site.command(version_before, "db", "migrate")
    site.sql(SET_UP)
    old = {
        "web": site.web(version_before, "old-web"),
        "beat": site.beat(version_before, "old-beat"),
        "worker": site.worker(version_before, "old-worker"),
    }
    site.command(version_before, "campaigns", "run", "camp_1", "--team", "team")
    wait_until(lambda: site.placed().total() >= 10, lambda: f"the old ones call\n{site.log('old-worker')[-2000:]}")

    site.command(ROOT, "db", "migrate")
    site.worker(ROOT, "new-worker")
    site.end(old["beat"])
    site.beat(ROOT, "new-beat")
    side_by_side, by_old = site.placed().total(), site.log("old-worker").count("calls_dialed")
    assert side_by_side < CONTACTS / 2  # one call at a time, a second each, has left enough to do
    site.command(ROOT, "campaigns", "edit", "camp_1", "--max-concurrent-calls", "8", "--team", "team")
    wait_until(
        lambda: site.log("old-worker").count("calls_dialed") > by_old and site.log("new-worker").count("calls_dialed"),
        "both versions call side by side",
    )
    site.end(old["web"])
    site.web(ROOT, "new-web")
    at_web = site.placed().total()
    wait_until(lambda: site.placed().total() >= at_web + 60, "the calls go on")
    site.end(old["worker"])
    is_completed = "SELECT 1 FROM campaigns WHERE id = 'camp_1' AND status = 'completed'"
    wait_until(lambda: site.sql(is_completed), lambda: f"the campaign ends\n{site.log('new-worker')[-2000:]}")

    numbers = {f"+13035{n:06d}" for n in range(CONTACTS)}
    assert site.placed() == {number: 2 if number in BUSY_FIRST else 1 for number in numbers}
    recorded = ledger.read(site.ledger_path)
    assert recorded.extras == ()
    tokens = {token for (token,) in site.sql("SELECT token::text FROM calls WHERE placed_at IS NOT NULL")}
    assert {call.token for call in recorded.placed} == tokens
    ends = dict(
        site.sql("SELECT disposition::text, count(*)::int FROM calls WHERE disposition <> 'not_sent' GROUP BY 1")
    )
    assert ends == {"answered": CONTACTS, "busy": len(BUSY_FIRST)}
    logs = {name: site.log(name) for name in ("old-worker", "new-worker", "old-web", "new-web", "old-beat", "new-beat")}
    assert [name for name, log in logs.items() if "Traceback" in log] == []
    db = open_database(site.environment["DATABASE_URL"])
    with db.begin() as conn:
        assert {name: rows for name, rows in violations(conn, Bounds()).items() if rows} == {}
    db.dispose()
