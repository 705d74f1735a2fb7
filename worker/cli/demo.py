"""``dialer demo``: a whole campaign on a fast clock, with nothing installed and nothing left behind.

Embedded PostgreSQL and Valkey, the web process, two workers, beat and the simulator are started as they would
be deployed; a CSV of contacts is imported, a campaign is scheduled, and what follows happens by itself. This
process only watches, and checks at the end: the invariants by the database, the limit and the window by the
simulator's own ledger.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from importlib import resources
from pathlib import Path
from typing import Any

import click
import pytz
from sqlalchemy import text

from worker import logs
from worker.cli.processes import (
    BEGINS,
    STREAM_URL,
    await_ready,
    carrier_option,
    deploy,
    free_port,
    how_to_call,
    last_words,
    look_after,
    unwound_by_sigterm,
)
from worker.cli.showing import some
from worker.cli.watching import Left, Watcher, has_screen, is_done, watch_in_lines, watch_on_screen
from worker.clock import monotonic
from worker.dev.stack import Stack
from worker.domain import ids
from worker.domain.contact_file import ContactLine, read_contacts
from worker.domain.errors import DialerError, Fault, Invalid
from worker.domain.line_zone import in_zone
from worker.domain.screening import normalize
from worker.flow.base import Dialer
from worker.operations import campaigns as campaign_operations
from worker.operations.examine import examine
from worker.operations.imports import load_contacts
from worker.operations.watching import CampaignReading, read_watching
from worker.process.celery_app import broker_answers
from worker.process.settings import Settings
from worker.simulator import ledger
from worker.store import campaigns, counters
from worker.store.crm import setup
from worker.store.database import once

WINDOW = ("09:00", "17:00", "America/New_York")
STARTS_AT_NEW_YORK = (12, 55)
"""Business time at the start: in Anchorage the window opens five minutes later, everywhere else it is open."""
LEAD_SECONDS = 4.0
"""How far ahead, in real seconds, the campaign is scheduled."""
CALLER_IDS = ("+12025550101", "+12025550102", "+12025550103")
COUNTRY = "US"
"""Theirs, and so that of numbers without a country code."""
MINUTES_BETWEEN_ATTEMPTS = 15


@dataclass(frozen=True, slots=True)
class Demo:
    """What is running, and what the watcher needs to know of it."""

    stack: Stack
    dialer: Dialer
    team_id: str
    campaign_id: str
    contacts: int
    business_at: datetime
    real_at: datetime
    speed: float
    limit: int
    ledger_path: Path

    def business_time(self, epoch: float) -> datetime:
        """The business instant of a moment the simulator wrote down."""
        return self.business_at + (datetime.fromtimestamp(epoch, UTC) - self.real_at) * self.speed


@click.command()
@click.option(
    "--contacts",
    "file",
    type=click.File("r", encoding="utf-8", errors="surrogateescape"),
    help="CSV; default: 200 fictional ones.",
)
@click.option(
    "--speed", type=click.FloatRange(1, 600), default=60.0, show_default=True, help="Business seconds a second."
)
@click.option("--seed", type=int, default=1, show_default=True, help="Decides how the calls end.")
@click.option("--limit", type=click.IntRange(1, 1000), default=10, show_default=True, help="Simultaneous calls.")
@carrier_option
@click.option("--plain", is_flag=True, help="Print a line a second, as into a pipe, instead of the screen.")
def demo(file: Any, speed: float, seed: int, limit: int, carrier: str, plain: bool) -> None:
    """Run a scheduled campaign from its CSV to its end, watch it, and check it."""
    logs.configure("error")
    started_at = monotonic()
    lines = _read(file or (resources.files("worker.cli") / "demo_contacts.csv").read_text().splitlines())
    click.echo(BEGINS)
    sys.stdout.flush()
    with unwound_by_sigterm(), Stack() as stack:
        try:
            running = start(stack, lines, speed, seed, limit, carrier)
            watch(running, plain=plain)
            answer = verdict(running, monotonic() - started_at)
            click.echo(_in_words(answer))
        except KeyboardInterrupt:
            click.echo("Stopping …", err=True)
            raise
        except DialerError:
            click.echo(last_words(stack), err=True, nl=False)
            raise
    kept = answer["status"] == "completed" and not answer["outside_window"] and not answer["invariant_violations"]
    kept = kept and answer["peak_concurrent"] <= limit
    click.echo(json.dumps(answer))
    if kept:
        click.echo(
            f"Next, keep a dialer on this machine, and make a campaign of your own:\n  {how_to_call('up')}", err=True
        )
    sys.exit(0 if kept else 1)


def _read(lines: Iterable[str]) -> list[ContactLine]:
    """The contacts of the file; what is wrong with its other lines is said."""
    read = [
        in_zone(line, normalize(line.phone if isinstance(line, ContactLine) else None, COUNTRY), COUNTRY)
        for line in read_contacts(lines, region=COUNTRY)
    ]
    for fault in read:
        if isinstance(fault, Fault):
            click.echo(f"{fault.path}: {fault.message}", err=True)
        elif fault.notice is not None:
            click.echo(f"{fault.notice.path}: {fault.notice.message}", err=True)
    contacts = [line for line in read if isinstance(line, ContactLine)]
    if not contacts:
        raise Invalid([Fault("--contacts", "The file has no contact to call; give at least one.")])
    return contacts


def start(
    stack: Stack, lines: Sequence[ContactLine], speed: float, seed: int, limit: int, carrier: str = "simulator"
) -> Demo:
    """Start everything, import the contacts, schedule the campaign."""
    deployed = deploy(
        stack,
        port=free_port(),
        carrier=carrier,
        simulator=("--seed", str(seed), "--speed", str(speed), "--nasty", "0.02"),
        settings={
            **dict.fromkeys((name.upper() for name in Settings.model_fields), ""),  # not what this shell is set up for
            "CHECK_AFTER_SECONDS": "3",
            "WORKER_CONCURRENCY": "4",
            "LOG_LEVEL": "warning",
        },
    )
    await_ready(deployed)  # or what is seen first is that nobody is at work yet
    dialer = deployed.dialer
    business_at, real_at = _set_clock(dialer, speed)
    start_at = business_at + timedelta(seconds=LEAD_SECONDS * speed)
    team_id, campaign_id, contacts = _prepare(dialer, lines, limit, start_at, carrier)
    click.echo(
        f"{some(contacts, 'contact')}, called {'-'.join(WINDOW[:2])} on each one's own clock, "
        f"at most {limit} at once.\n{_clock_said(speed)}; the first call goes out in about {LEAD_SECONDS:g} s,\n"
        "to a simulated carrier: nobody's telephone rings. Ctrl-C ends it all.\n"
    )
    return Demo(stack, dialer, team_id, campaign_id, contacts, business_at, real_at, speed, limit, deployed.ledger_path)


def _prepare(
    dialer: Dialer, lines: Sequence[ContactLine], limit: int, start_at: datetime, carrier: str
) -> tuple[str, str, int]:
    """A team with what a campaign needs, its contacts, and the scheduled campaign."""
    team_id, company_id, assistant_id = ids.new(ids.TEAM), ids.new(ids.COMPANY), ids.new(ids.ASSISTANT)
    account_id, number_ids = ids.new(ids.ACCOUNT), [ids.new(ids.NUMBER) for _ in CALLER_IDS]

    def set_up(conn: Any) -> None:
        setup.team(conn, team_id, "demo", "Demo")
        setup.company(conn, company_id, team_id, "Example Company")
        setup.assistant(conn, assistant_id, team_id, "Assistant", stream_url=STREAM_URL)
        setup.account(conn, account_id, team_id, carrier, carrier.title())
        for number_id, number in zip(number_ids, CALLER_IDS, strict=True):
            setup.number(conn, number_id, team_id, account_id, number, limit=max(10, limit))

    once(dialer.db, set_up)
    loaded = load_contacts(dialer, team_id, company_id, lines, region=COUNTRY)
    body = {
        "name": "Demonstration",
        "assistantId": assistant_id,
        "companyId": company_id,
        "fromNumberIds": number_ids,
        "scheduledStartAt": start_at.isoformat(),
        "callWindowStart": WINDOW[0],
        "callWindowEnd": WINDOW[1],
        "callWindowTimezone": WINDOW[2],
        "maxConcurrentCalls": limit,
        "retryDelayMinutes": MINUTES_BETWEEN_ATTEMPTS,
        "settings": {"machineDetection": {}},
    }
    campaign_id = campaign_operations.create_campaign(dialer, team_id, body, actor="demo")
    campaign_operations.add_contacts(dialer, campaign_id, loaded.ids, actor="demo")
    return team_id, campaign_id, len(loaded.ids)


def _set_clock(dialer: Dialer, speed: float) -> tuple[datetime, datetime]:
    """Let business time begin tomorrow at five to one in New York; returns it and the real instant."""
    zone = pytz.timezone(WINDOW[2])

    def work(conn: Any) -> tuple[datetime, datetime]:
        tomorrow = campaigns.now(conn).astimezone(zone) + timedelta(days=1)
        hour, minute = STARTS_AT_NEW_YORK
        at = zone.localize(tomorrow.replace(hour=hour, minute=minute, second=0, microsecond=0, tzinfo=None)).astimezone(
            UTC
        )
        conn.execute(text("SELECT dialer_set_clock(:at, :speed)"), {"at": at, "speed": speed})
        row = conn.execute(text("SELECT business_at, real_at FROM clock")).one()
        return row.business_at, row.real_at

    return once(dialer.db, work)


def _clock_said(speed: float) -> str:
    return "The clock is the real one" if speed == 1 else f"The clock runs {speed:g} times as fast"


def watch(running: Demo, *, plain: bool) -> None:
    """Show what happens until the campaign is over; a process that ends early ends the demonstration."""
    read_again = partial(
        read_watching, running.dialer, running.team_id, running.campaign_id, broker_answers=broker_answers
    )
    if not plain and has_screen():
        first = f"{_clock_said(running.speed)}; calls go to a simulated carrier.  q leaves the screen"
        watcher = Watcher(running.dialer, running.team_id, lambda: running.campaign_id, read_again(), notice=first)
        left = watch_on_screen(watcher, between=lambda: look_after(running.stack, 0.0), is_over=_is_over)
        if left is Left.OVER:
            return
    watch_in_lines(read_again, wait=partial(look_after, running.stack), is_over=_is_over)


def _is_over(seen: CampaignReading) -> bool:
    """Done, or paused by something other than a key."""
    facts = seen.progress.facts
    return is_done(seen) or (facts.status == "paused" and facts.pause_reason != "requested")


def verdict(running: Demo, seconds: float) -> dict[str, Any]:
    """The verdict: the invariants by the database, the limit and the window by the simulator's ledger."""
    rang = ledger.read(running.ledger_path)
    found = examine(running.dialer)
    zones = {row.phone_e164: row.timezone for row in once(running.dialer.db, _zones)}
    status = once(running.dialer.db, lambda conn: campaigns.get(conn, running.campaign_id))
    counts = once(running.dialer.db, lambda conn: counters.read(conn, [running.campaign_id])[running.campaign_id])
    broken = sum(len(rows) for rows in found.values()) + len(rang.overlapping_callees())
    broken += sum(count > 1 for count in rang.calls_per_token().values())
    return {
        "campaign_id": running.campaign_id,
        "status": status.status if status else None,
        "contacts": running.contacts,
        "calls_placed": len(rang.placed),
        "answered": counts["answered"],
        "exhausted": counts["exhausted"],
        "failed": counts["failed"],
        "skipped": counts["skipped"],
        "peak_concurrent": rang.peak_concurrent(),
        "limit": running.limit,
        "outside_window": sum(
            _is_outside(running.business_time(call.placed_at), zones.get(call.to_number)) for call in rang.placed
        ),
        "invariant_violations": broken,
        "seconds": round(seconds, 1),
    }


def _in_words(answer: dict[str, Any]) -> str:
    """The verdict for people."""
    broken, outside = answer["invariant_violations"], answer["outside_window"] or "none"
    return (
        f"{str(answer['status']).capitalize()} in {answer['seconds']:.0f} s: {some(answer['contacts'], 'contact')}, "
        f"{some(answer['calls_placed'], 'call')}, {answer['answered']} answered.\n"
        f"At most {answer['peak_concurrent']} at once of {answer['limit']} allowed, {outside} outside the window, "
        + (f"{some(broken, 'violation')} of an invariant." if broken else "every invariant held.")
    )


def _zones(conn: Any) -> Sequence[Any]:
    rows: Sequence[Any] = conn.execute(text("SELECT phone_e164, timezone FROM contacts")).all()
    return rows


def _is_outside(at: datetime, zone: str | None) -> bool:
    """Whether the callee's wall clock read an hour outside the window: by the text of the clock, not by the
    code under judgement."""
    wall = at.astimezone(pytz.timezone(zone or WINDOW[2])).strftime("%H:%M")
    return not WINDOW[0] <= wall < WINDOW[1]
