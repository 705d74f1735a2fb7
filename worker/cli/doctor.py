"""``dialer doctor``: what an operator looks at first when something seems wrong."""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import click
from rich.table import Table
from sqlalchemy import Connection, Row, text

from worker import logs, queues, wiring
from worker.cli.showing import console
from worker.clock import wall
from worker.domain.errors import Unavailable
from worker.domain.lifecycle import Ignored
from worker.domain.window import TZDB_VERSION
from worker.flow.base import Dialer
from worker.flow.confirm import pause_all
from worker.flow.examine import examine
from worker.flow.failover import lift_hold
from worker.flow.progress import TICK_OLD_SECONDS
from worker.flow.server import look_at_server
from worker.settings import misnamed, read_settings
from worker.store import calls, channels, events, migrate, retention, ticks
from worker.store.database import once
from worker.store.invariants import BY_NAME

CLOCKS_APART_SECONDS = 2.0
MESSAGE_OLD_SECONDS = 30.0
"""Messages mean "look again" and take milliseconds; one that has waited so long waits for a worker."""
MOST_SHOWN = 20
NEVER_TICKED = "never; start a worker and beat"
REFUSED_LATELY_SECONDS = 900.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at: what was found, and whether it is as it should be."""

    name: str
    found: str
    ok: bool
    offenders: tuple[Any, ...] = ()


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
    if after_failover:
        is_lifted = lift_hold(dialer, actor="doctor")
        click.echo("Calls are placed again." if is_lifted else "No calls were held back for a failover.", err=as_json)
    findings = look(dialer)
    if as_json:
        click.echo(
            json.dumps([{"name": f.name, "found": f.found, "ok": f.ok, "offenders": f.offenders} for f in findings])
        )
    else:
        _show(findings)
    sys.exit(0 if all(finding.ok for finding in findings) else 1)


def look(dialer: Dialer) -> list[Finding]:
    """Everything there is to find, as far as the services can be reached."""
    findings = [
        *(
            Finding(f"variable {name}", f"is not known; did you mean {meant}?", ok=False)
            for name, meant in misnamed(os.environ).items()
        ),
        Finding("Python", platform.python_version(), sys.version_info >= (3, 11)),
        Finding("tzdb of pytz", TZDB_VERSION, ok=True),
    ]
    database, redis = _reach("PostgreSQL", dialer, _postgres), _reach("Redis", dialer, _redis)
    findings += [*database, *redis]
    if all(finding.ok for finding in database):
        findings += [
            *_ticking(dialer), *_server(dialer), *_refused_callbacks(dialer), *ignored_news(dialer), *_channels(dialer),
        ]  # fmt: skip
    findings += _reach("broker", dialer, _queues)
    if all(finding.ok for finding in (*database, *redis)):
        findings += [*_clocks(dialer), *_slots(dialer), *_invariants(dialer)]
    return findings


def _reach(name: str, dialer: Dialer, ask: Callable[[Dialer], list[Finding]]) -> list[Finding]:
    try:
        return ask(dialer)
    except Unavailable as error:
        return [Finding(name, str(error), ok=False)]


def _postgres(dialer: Dialer) -> list[Finding]:
    def ask(conn: Connection) -> list[Finding]:
        server = conn.execute(text("SHOW server_version")).scalar_one()
        number = int(conn.execute(text("SHOW server_version_num")).scalar_one())
        version, newest = migrate.version(conn), migrate.newest()
        schema = "none; run: dialer db migrate" if version is None else f"version {version} of {newest}"
        return [
            Finding("PostgreSQL", server, number >= migrate.OLDEST_SERVER),
            Finding("schema", schema, version == newest),
        ]

    return once(dialer.db, ask)


def _redis(dialer: Dialer) -> list[Finding]:
    version, _ = dialer.slots.server()
    return [Finding("Redis", version, tuple(int(part) for part in version.split(".")[:2]) >= (6, 2))]


def _clocks(dialer: Dialer) -> list[Finding]:
    _, redis_at = dialer.slots.server()
    postgres_at: float = once(
        dialer.db, lambda conn: conn.execute(text("SELECT extract(epoch FROM clock_timestamp())::float")).scalar_one()
    )
    clocks = (("PostgreSQL and Redis", redis_at), ("PostgreSQL and this machine", wall()))
    return [
        Finding(
            f"clocks of {names}", f"{abs(at - postgres_at):.2f} s apart", abs(at - postgres_at) <= CLOCKS_APART_SECONDS
        )
        for names, at in clocks
    ]


def _server(dialer: Dialer) -> list[Finding]:
    return [Finding(told.name, told.sentence, told.ok) for told in once(dialer.db, look_at_server)]


def _ticking(dialer: Dialer) -> list[Finding]:
    silence = once(dialer.db, ticks.silence)
    ago = f"{silence.seconds:.1f} s"
    is_recent = silence.seconds <= TICK_OLD_SECONDS
    if silence.has_ticked:
        return [Finding("last tick", f"{ago} ago" + ("" if is_recent else "; start a worker and beat"), is_recent)]
    return [
        Finding("last tick", f"none yet, {ago} after the schema was made" if is_recent else NEVER_TICKED, is_recent)
    ]


def _refused_callbacks(dialer: Dialer) -> list[Finding]:
    """Callbacks whose signature was wrong: somebody tries, or the secret is not the carrier's."""
    return [
        Finding(
            f"callbacks refused of {row.carrier}",
            f"{row.refused} with a wrong signature, the last {row.age_seconds:.0f} s ago",
            row.age_seconds > REFUSED_LATELY_SECONDS,
        )
        for row in once(dialer.db, events.refused)
    ]


def ignored_news(dialer: Dialer) -> list[Finding]:
    """News that a carrier has signed and that was of no call of ours: what is kept of it, and what it may mean."""
    most = dialer.bounds.unknown_news_kept
    return [_ignored(row, most) for row in once(dialer.db, retention.ignored)]


def _ignored(row: Row[Any], most: int) -> Finding:
    latest = "long ago" if row.age_seconds is None else f"{row.age_seconds:.0f} s ago"
    found = (
        f"{row.seen} since {row.since:%Y-%m-%d %H:%M} UTC, the last {latest}; {row.kept} kept (at most {most}), "
        f"{row.bytes} bytes. "
    )
    if row.outcome == Ignored.FOREIGN:
        found += (
            f"They were signed with the key of {row.carrier} and are of calls that another carrier, or another account "
            "there, placed; they changed nothing. Either another system shares the key, or somebody has it: change it."
        )
        is_over = row.age_seconds is None or row.age_seconds > REFUSED_LATELY_SECONDS
        return Finding(f"foreign news of {row.carrier}", found, is_over)
    found += (
        f"Signed with the key of {row.carrier}, of calls nobody here knows: made before a restore, by another "
        "system with the same key, or made up. Those that were answered were hung up."
    )
    return Finding(f"unknown news of {row.carrier}", found, row.kept <= most)


def _channels(dialer: Dialer) -> list[Finding]:
    """Accounts whose carrier took no further call when it was last asked. Nothing is wrong with that, but somebody who
    wonders why there are not more calls at once finds the reason here."""
    return [
        Finding(
            f"channels of {row.name}",
            f"{row.resting_reason}, {row.max_concurrent_calls} by our limit; have the carrier allow more, or lower it",
            ok=True,
        )
        for row in once(dialer.db, channels.short)
    ]


def _queues(dialer: Dialer) -> list[Finding]:
    return [_queue(f"queue {name}", waiting) for name, waiting in queues.look().items()]


def _queue(name: str, waiting: queues.Waiting) -> Finding:
    age = waiting.oldest_seconds
    found = f"{waiting.messages} waiting" if age is None else f"{waiting.messages} waiting, the oldest for {age:.1f} s"
    return Finding(name, found, age is None or age <= MESSAGE_OLD_SECONDS)


def _slots(dialer: Dialer) -> list[Finding]:
    """Slots and live calls are never equal at every instant: a claim takes its slots before it commits, and the
    slots of a call that ended are given back after. Those who hold one without a call for too long are L2's; here
    the other side is judged, calls that have been live for two reconciliations and hold no slot."""
    held = {call for members in dialer.slots.members().values() for call in members}
    old = timedelta(seconds=2 * dialer.bounds.reconcile_every_seconds)
    live = once(dialer.db, calls.all_live)
    without = sorted(row.id for row in live if row.id not in held and row.live_for > old)
    found = f"{len(live)} live calls, {len(held)} hold slots"
    return [Finding("slots", found + (f", {len(without)} should" if without else ""), not without, tuple(without))]


def _invariants(dialer: Dialer) -> list[Finding]:
    findings = []
    for name, rows in examine(dialer).items():
        offenders = tuple(str(row["offender"]) for row in rows)
        holds = BY_NAME[name].holds
        findings.append(Finding(name, f"Broken by {len(rows)}: {holds}" if rows else holds, not rows, offenders))
    return findings


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
    console().print(table)
