"""``dialer doctor``: what an operator looks at first when something seems wrong.

To check one more thing, add a function that returns its findings (:mod:`worker.cli.findings`) to one of the lists
below, by what it needs.
"""

from __future__ import annotations

import json
import os
import platform
import sys
from datetime import UTC, datetime

import click
from rich.table import Table

from worker import logs
from worker.carriers import registry
from worker.cli import (
    findings_carriers,
    findings_kept,
    findings_places,
    findings_services,
    findings_snapshots,
    findings_work,
)
from worker.cli.findings import Check, Finding, run_checks
from worker.cli.showing import show_table, some
from worker.clock import wall
from worker.domain.policies import state_in_words
from worker.domain.window import TZDB_VERSION
from worker.flow.base import Dialer
from worker.flow.failover import lift_hold
from worker.operations.after_restore import pause_all
from worker.operations.erasure_replay import replay_own
from worker.process import wiring
from worker.process.settings import misnamed, read_settings

MOST_SHOWN = 20
SERVICE_SECONDS = 7.0
"""As long as a service may take to say that it is there."""
FURTHER_SECONDS = 14.0
"""As long as the checks after that may take: a database with millions of calls takes some seconds for some."""

SERVICES = (
    Check("PostgreSQL", "PostgreSQL", findings_services.postgres),
    Check("Redis", "Redis", findings_services.redis),
    Check("broker", "the broker", findings_services.messages),
)
OF_THE_DATABASE = (
    Check("last tick", "PostgreSQL", findings_work.ticking),
    Check("standstill", "PostgreSQL", findings_work.standing_still),
    Check("server", "PostgreSQL", findings_services.server),
    Check("carriers", "PostgreSQL", findings_carriers.unknown_carriers),
    Check("callbacks refused", "PostgreSQL", findings_carriers.refused_callbacks),
    Check("ignored news", "PostgreSQL", findings_carriers.ignored_news),
    Check("channels", "PostgreSQL", findings_carriers.channels_held),
    Check(findings_places.NAME, "PostgreSQL", findings_places.places),
    Check(findings_kept.NAME, "PostgreSQL", findings_kept.kept),
    Check(findings_snapshots.NAME, "PostgreSQL", findings_snapshots.held_snapshots),
)
"""Checked where PostgreSQL answers and has our schema."""
OF_DATABASE_AND_SLOTS = (
    Check("clocks of PostgreSQL and Redis", "PostgreSQL or Redis", findings_services.clocks),
    Check("slots", "PostgreSQL or Redis", findings_work.slots),
    Check("invariants", "PostgreSQL or Redis", findings_work.invariants),
)
"""Checked where Redis does, too."""


@click.command()
@click.option("--after-restore", is_flag=True, help="A backup was restored: pause every campaign until confirmed.")
@click.option("--after-failover", is_flag=True, help="A failover lost no call, or all are over: dial again at once.")
@click.option("--json", "as_json", is_flag=True, help="Answer with one line of JSON.")
def doctor(after_restore: bool, after_failover: bool, as_json: bool) -> None:
    """Look at versions, services, clocks, ticks, queues, slots and every invariant; exit 1 if anything is wrong."""
    chosen = read_settings()
    logs.configure("error", chosen.log_format)
    dialer = wiring.dialer()
    if after_restore:
        paused = pause_all(dialer, "restored_from_backup", actor="doctor")
        click.echo(f"Paused {len(paused)} campaigns; look at each and resume it.", err=as_json)
        again = replay_own(dialer, actor="doctor")
        done = f"{some(again.erasures, 'erasure')} done again, of {some(again.contacts, 'contact')}"
        known = done if again.erasures else "No erasure is known here"
        click.echo(f"{known}; `dialer erasures replay FILE` does those that were exported since.", err=as_json)
    if after_failover:
        is_lifted = lift_hold(dialer, actor="doctor")
        click.echo("Calls are placed again." if is_lifted else "No calls were held back for a failover.", err=as_json)
    findings = all_findings(dialer)
    if as_json:
        click.echo(
            json.dumps([{"name": f.name, "found": f.found, "ok": f.ok, "offenders": f.offenders} for f in findings])
        )
    else:
        _show(findings)
    sys.exit(0 if all(finding.ok for finding in findings) else 1)


def all_findings(dialer: Dialer) -> list[Finding]:
    """Everything there is to find, as far as the services can be reached."""
    found = [
        *(
            Finding(f"variable {name}", f"is not known; did you mean {meant}?", ok=False)
            for name, meant in misnamed(os.environ).items()
        ),
        *(Finding("carrier package", sentence, ok=False) for sentence in registry.faults()),
        Finding("Python", platform.python_version(), sys.version_info >= (3, 11)),
        Finding("tzdb of pytz", TZDB_VERSION, ok=True),
        Finding("rules of calling", state_in_words(datetime.fromtimestamp(wall(), UTC).date()), ok=True),
    ]
    services = run_checks(dialer, SERVICES, within_seconds=SERVICE_SECONDS)
    found += services
    away = {finding.name for finding in services if not finding.ok}
    further: list[Check] = []
    if not away & {"PostgreSQL", "schema"}:
        further += OF_THE_DATABASE
    if not away & {"PostgreSQL", "schema", "Redis"}:
        further += OF_DATABASE_AND_SLOTS
    return found + run_checks(dialer, further, within_seconds=FURTHER_SECONDS)


def _show(findings: list[Finding]) -> None:
    table = Table(box=None, pad_edge=False)
    for column in ("", "looked at", "found"):
        table.add_column(column)
    for finding in findings:
        table.add_row("ok" if finding.ok else "[bold red]no[/]", finding.name, finding.found)
        for offender in finding.offenders[:MOST_SHOWN]:
            table.add_row("", "", f"  {offender}")
        if len(finding.offenders) > MOST_SHOWN:
            table.add_row("", "", f"  and {len(finding.offenders) - MOST_SHOWN} more")
    show_table(table)
