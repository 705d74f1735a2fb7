"""``python -m tests.bench.hanging``: one part hangs; what becomes of the others, beside another checkout.

Two teams call through a carrier account each. Something befalls one of them, or what both stand on, for some seconds,
and is over. Measured is what the *other* team's campaign does meanwhile, and afterwards: calls placed a second by the
carrier's ledger, the oldest tick and the oldest news that waited, when its next call was placed after the end, and how
long the worker takes to end when it is asked to in the middle. ``--beside DIRECTORY`` runs the same with the product of
another checkout (and its ``.venv``) first: simulator, servers and measure are ours in both.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
import psycopg

from tests import shadow_clock
from tests.bench.deployment import REPOSITORY
from tests.chaos.deployment import free_port
from tests.tcp_relay import TcpRelay
from worker.dev.process import Child
from worker.dev.stack import Stack
from worker.simulator import ledger

ILL, WELL = "acct_ill", "acct_well"
CONTACTS = 3000
CALM_SECONDS, ILL_SECONDS, AFTER_SECONDS = 6.0, 20.0, 10.0

SET_UP = """
INSERT INTO teams (id, slug, name) VALUES ('team_{0}', '{0}', 'Team {0}');
INSERT INTO companies (id, team_id, name) VALUES ('comp_{0}', 'team_{0}', 'A company');
INSERT INTO assistants (id, team_id, name) VALUES ('asst_{0}', 'team_{0}', 'An assistant');
INSERT INTO carrier_accounts (id, team_id, carrier, name) VALUES ('acct_{0}', 'team_{0}', 'simulator', 'Account {0}');
INSERT INTO phone_numbers (id, team_id, account_id, number, max_concurrent_calls)
    VALUES ('pn_{0}', 'team_{0}', 'acct_{0}', '+1720555000{1}', 200);
INSERT INTO contacts (id, team_id, phone, phone_e164)
    SELECT 'cont_{0}_' || n, 'team_{0}', '+1303{1}' || lpad(n::text, 6, '0'), '+1303{1}' || lpad(n::text, 6, '0')
    FROM generate_series(1, {2}) AS n;
"""
CAMPAIGN = """
INSERT INTO campaigns (id, team_id, assistant_id, company_id, name, max_concurrent_calls, max_attempts_per_contact)
    VALUES ('{1}', 'team_{0}', 'asst_{0}', 'comp_{0}', 'Campaign {1}', {2}, 1);
INSERT INTO campaign_numbers (team_id, campaign_id, number_id, position) VALUES ('team_{0}', '{1}', 'pn_{0}', 0);
INSERT INTO campaign_zones (campaign_id, zone) VALUES ('{1}', '') ON CONFLICT DO NOTHING;
INSERT INTO campaign_contacts (campaign_id, team_id, contact_id, zone, due_at)
    SELECT '{1}', 'team_{0}', id, '', clock_timestamp() FROM contacts WHERE team_id = 'team_{0}';
"""
SCRIPT = {"*": {"ring": 0.2, "talk": 0.8}}
LONG = {f"+13030{n:06d}": {"ring": 0.2, "talk": 600} for n in range(1, CONTACTS + 1)}
"""Calls of the ill account that last until they are hung up, for the cases that are about hanging up."""
READ = """
SELECT (SELECT extract(epoch FROM clock_timestamp() - last_at) FROM ticks WHERE name = 'tick')::float,
       (SELECT extract(epoch FROM clock_timestamp() - min(received_at)) FROM call_events
        WHERE outcome IS NULL AND (held_until IS NULL OR held_until < clock_timestamp()))::float
"""


@dataclass
class Site:
    """A deployment under trial, of the product in ``home``."""

    stack: Stack
    home: Path
    database: str
    environment: dict[str, str]
    web_port: int
    simulator_port: int
    ledger_path: Path
    workers: list[Child] = field(default_factory=list)
    ticks: list[float] = field(default_factory=list)
    news: list[float] = field(default_factory=list)

    @property
    def python(self) -> str:
        own = self.home / ".venv" / "bin" / "python"
        return str(own) if own.exists() else sys.executable

    def start(self, name: str, *arguments: str) -> Child:
        return self.stack.spawn(name, [self.python, "-m", *arguments], self.environment, cwd=self.home)

    def command(self, *arguments: str) -> None:
        child = self.start(f"command-{time.monotonic_ns()}", "worker", *arguments)
        while child.exit_code is None:
            time.sleep(0.05)
        if child.exit_code:
            said = "".join(path.read_text() for path in sorted(self.stack.directory.glob("command-*.log"))[-1:])
            raise click.ClickException(f"{arguments} ended with {child.exit_code}: {said[-400:]}")

    def sql(self, statement: str) -> list[Any]:
        with psycopg.connect(self.database, autocommit=True, options="-c default_transaction_read_only=off") as session:
            cursor = session.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def faults(self, account: str, **outages: Mapping[str, float] | None) -> None:
        """Let something befall the carrier's API for this account."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.simulator_port}/faults",
            json.dumps({"account": account, **outages}).encode(),
            {"Authorization": f"Bearer {self.environment['SIMULATOR_SECRET']}", "Content-Type": "application/json"},
        )
        urllib.request.urlopen(request, timeout=10).close()

    def placed(self, account: str) -> list[float]:
        """When the account's calls were placed, by the wall clock."""
        return sorted(call.placed_at for call in ledger.read(self.ledger_path).placed if call.account == account)

    def watch(self, over: threading.Event) -> None:
        with psycopg.connect(self.database, autocommit=True) as session:
            while not over.wait(0.5):
                tick, news = session.execute(READ).fetchone() or (None, None)
                self.ticks.append(abs(tick or 0.0))
                self.news.append(news or 0.0)


def seconds_to_end(child: Child) -> float:
    """How long it takes to end when it is asked to; 90 where it did not."""
    began = time.monotonic()
    os.kill(child.pid, signal.SIGTERM)
    while child.exit_code is None and time.monotonic() - began < 90:
        time.sleep(0.05)
    return round(time.monotonic() - began, 1)


@contextlib.contextmanager
def site(
    home: Path, *, long: bool = False, relay: bool = False, shadow: bool = False
) -> Iterator[tuple[Site, TcpRelay | None]]:
    with Stack() as stack, contextlib.ExitStack() as more:
        web_port, simulator_port = free_port(), free_port()
        path = stack.directory / "ledger"
        database, between = stack.postgres.url, None
        if shadow:
            shadow_clock.make(database)
        seen = database
        if relay:
            between = more.enter_context(TcpRelay(str(stack.postgres.socket_directory / ".s.PGSQL.5432")))
            seen = f"postgresql://dialer@127.0.0.1:{between.port}/{database.rpartition('/')[2].partition('?')[0]}"
        environment = {
            **stack.environment,
            "DATABASE_URL": seen,
            "PUBLIC_BASE_URL": f"http://127.0.0.1:{web_port}",
            "SIMULATOR_URL": f"http://127.0.0.1:{simulator_port}",
            "PYTHONPATH": "",
        }
        script = stack.directory / "script.json"
        script.write_text(json.dumps(SCRIPT | (LONG if long else {})))
        arguments = ["--port", str(simulator_port), "--ledger", str(path), "--script", str(script)]
        stack.spawn("simulator", [sys.executable, "-m", "worker.simulator", *arguments], environment, cwd=REPOSITORY)
        there = Site(stack, home, database, environment, web_port, simulator_port, path)
        there.command("db", "migrate")
        for n, name in enumerate(("ill", "well")):
            there.sql(SET_UP.format(name, n, CONTACTS) + CAMPAIGN.format(name, f"camp_{name}", 20))
        yield there, between


def begin(there: Site) -> None:
    """Everything runs, and both campaigns do."""
    for n in range(2):
        there.workers.append(there.start(f"worker{n}", "celery", "-A", "worker", "worker", "-n", f"w{n}@here"))
    there.start("beat", "celery", "-A", "worker", "beat")
    there.start("web", "worker", "web", "--host", "127.0.0.1", "--port", str(there.web_port))
    for name in ("ill", "well"):
        there.command("campaigns", "run", f"camp_{name}", "--team", name)
    deadline = time.monotonic() + 60
    while (not there.placed(WELL) or not there.placed(ILL)) and time.monotonic() < deadline:
        time.sleep(0.1)


Befall = Callable[[Site, TcpRelay | None], Callable[[], None]]


def hanging(there: Site, relay: TcpRelay | None) -> Callable[[], None]:
    """The ill account's API answers nothing, and its campaign is cancelled with its live calls."""
    hang = {"hang_seconds": 60.0}
    there.faults(ILL, place=hang, end=hang, look_up=hang)
    there.command("campaigns", "cancel", "camp_ill", "--hang-up", "--team", "ill", "--yes")
    return lambda: there.faults(ILL, place=None, end=None, look_up=None)


def failing_hang_ups(there: Site, relay: TcpRelay | None) -> Callable[[], None]:
    there.faults(ILL, end={"status": 500})
    there.command("campaigns", "cancel", "camp_ill", "--hang-up", "--team", "ill", "--yes")
    return lambda: there.faults(ILL, end=None)


def slow(there: Site, relay: TcpRelay | None) -> Callable[[], None]:
    there.faults(ILL, place={"slow_seconds": 5.0})
    return lambda: there.faults(ILL, place=None)


def silent(there: Site, relay: TcpRelay | None) -> Callable[[], None]:
    assert relay is not None
    relay.fall_silent(swallow=True)
    return relay.go_on


def read_only(there: Site, relay: TcpRelay | None) -> Callable[[], None]:
    """Sessions that were there stay on a server that takes no writes; new ones find one that does."""
    name = there.database.rpartition("/")[2].partition("?")[0]
    there.sql(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    there.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
    time.sleep(3.0)
    there.sql(f"ALTER DATABASE {name} RESET default_transaction_read_only")
    return lambda: None


def clock_back(there: Site, relay: TcpRelay | None) -> Callable[[], None]:
    shadow_clock.move(there.database, -3600)
    return lambda: None


CASES: Mapping[str, tuple[str, Befall]] = {
    "C1": ("a carrier's API hangs, and its campaign is cancelled with its live calls", hanging),
    "C2": ("hang-ups fail with 500", failing_hang_ups),
    "C3": ("a carrier takes 5 s a request", slow),
    "C4": ("all connections to PostgreSQL fall silent", silent),
    "C5": ("sessions are left on a server that takes no writes", read_only),
    "C8": ("the database's clock is set back an hour", clock_back),
}


def trial(home: Path, case: str) -> dict[str, float | int | None]:
    """One case on one product."""
    _, befall = CASES[case]
    with site(home, long=case in ("C1", "C2"), relay=case == "C4", shadow=case == "C8") as (there, relay):
        begin(there)
        over = threading.Event()
        watcher = threading.Thread(target=there.watch, args=(over,), daemon=True)
        time.sleep(CALM_SECONDS)
        began = time.time()
        end = befall(there, relay)
        befallen = time.time()
        watcher.start()
        time.sleep(ILL_SECONDS)
        sigterm = seconds_to_end(there.workers[0])
        ended = time.time()
        end()
        time.sleep(AFTER_SECONDS)
        over.set()
        watcher.join()
        well = there.placed(WELL)
        after = [at for at in well if at >= ended]
        return {
            "calm_per_s": _rate(well, began - CALM_SECONDS, began),
            "meanwhile_per_s": _rate(well, befallen + 2.0, ended),
            "after_per_s": _rate(well, ended, ended + AFTER_SECONDS),
            "first_call_after_s": round(after[0] - ended, 1) if after else None,
            "oldest_tick_s": round(max(there.ticks, default=0.0), 1),
            "oldest_news_s": round(max(there.news, default=0.0), 1),
            "sigterm_s": sigterm,
        }


def _rate(placed: list[float], since: float, until: float) -> float:
    return round(sum(since <= at < until for at in placed) / max(0.1, until - since), 2)


@click.command()
@click.argument("cases", nargs=-1, type=click.Choice(list(CASES)))
@click.option("--beside", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Another checkout.")
def main(cases: tuple[str, ...], beside: Path | None) -> None:
    """Try CASES; all without."""
    homes = {"before": beside.absolute()} if beside else {}
    homes["now"] = REPOSITORY
    found: dict[str, Any] = {}
    for case in cases or CASES:
        click.echo(f"{case}: {CASES[case][0]}", err=True)
        found[case] = {}
        for name, home in homes.items():
            found[case][name] = trial(home, case)
            click.echo(f"  {name:6} {found[case][name]}", err=True)
    click.echo(json.dumps(found))


if __name__ == "__main__":
    main()
