"""The three tables of the screen: calls in flight, who is called again, and the window's clock in each zone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from worker.cli.showing import plain
from worker.domain.masked import masked
from worker.domain.model import Disposition
from worker.domain.window import local_time
from worker.operations.watching import CampaignReading, Retry, ZoneClock

STATES = {
    "reserved": "dim",
    "dialing": "yellow",
    "unknown": "red",
    "placed": "yellow",
    "ringing": "cyan",
    "in_progress": "green",
}


@dataclass(frozen=True, slots=True)
class Part:
    """A table that can be cut: ``count`` is how many rows there are in all, of which ``rows`` can be shown."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Text]]
    count: int

    @property
    def least(self) -> int:
        """The fewest lines it can be drawn in and say something."""
        return 2 if self.rows else 1

    @property
    def most(self) -> int:
        """The lines it would fill."""
        return 1 + len(self.rows)

    def drawn(self, lines: int) -> RenderableType:
        """The title, which says how many there are, and as many rows as fit into so many lines."""
        shown = self.rows[: max(0, lines - 1)]
        more = f" (first {len(shown)})" if len(shown) < self.count else ""
        table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, show_edge=False, header_style="dim")
        for n, name in enumerate((f"{self.title} {self.count}{more}", *self.columns)):
            table.add_column(name, header_style="bold" if n == 0 else "dim", no_wrap=True, overflow="ellipsis")
        for row in shown:
            table.add_row(*row)
        return table


def call_table(seen: CampaignReading) -> Part:
    """Calls in flight, longest first."""
    rows = [
        [
            Text(_name(row)),
            Text(masked(row.to_number)),
            Text(on_the_clock(seen.now, zone)),
            Text(str(row.attempt)),
            Text(row.state.replace("_", " "), STATES.get(row.state, "")),
            Text(duration(timedelta(seconds=row.for_seconds)), "dim"),
        ]
        for row, zone in seen.calls
    ]
    columns = ("number", "their time", "try", "state", "for")
    return Part("In flight:", columns, rows, seen.progress.facts.live)


def retry_table(seen: CampaignReading) -> Part:
    """Who is called again: why, and when."""
    rows = [
        [
            Text(_name(retry.row)),
            Text(masked(retry.row.phone_e164 or "")),
            Text(_why(retry)),
            Text(str(retry.row.attempts + 1)),
            Text(_when(seen, retry)),
        ]
        for retry in seen.retries
    ]
    return Part("Again:", ("number", "after", "try", "when"), rows, seen.progress.counts["queued"])


def clock_table(seen: CampaignReading) -> Part:
    """The window's clock in each zone present; those in which nobody waits any more are dim."""
    rows = [_clock(seen, clock) for clock in seen.clocks]
    return Part("Zones:", ("their time", "window", "changes"), rows, len(rows))


def _clock(seen: CampaignReading, clock: ZoneClock) -> list[Text]:
    style = "" if clock.is_waited_in else "dim"
    state = Text("open", f"green {style}") if clock.is_open else Text("shut", f"yellow {style}")
    at = clock.changes_at
    verb = "closes" if clock.is_open else "opens"
    change = f"never {verb}" if at is None else f"{verb} {on_the_clock(at, clock.zone)}, in {duration(at - seen.now)}"
    if seen.progress.facts.call_window_start is None:
        state, change = Text("none", style), "no window"
    return [Text(clock.zone, style), Text(on_the_clock(seen.now, clock.zone), style), state, Text(change, style)]


def _why(retry: Retry) -> str:
    if retry.row.callback_at is not None:
        return "asked to be called back"
    if retry.disposition is not None:
        return Disposition(retry.disposition).label
    return "an earlier call" if retry.row.attempts else "postponed"


def _when(seen: CampaignReading, retry: Retry) -> str:
    if retry.at is None:
        return "never: no window"
    if retry.at <= seen.now:
        return "now"
    return f"{on_the_clock(retry.at, retry.zone)}, in {duration(retry.at - seen.now)}"


def _name(row: object) -> str:
    first, last = getattr(row, "first_name", ""), getattr(row, "last_name", "")
    return plain(f"{first} {last}".strip()) or str(getattr(row, "contact_id", ""))


def on_the_clock(at: datetime, zone: str, *, seconds: bool = False) -> str:
    """What the clock in the zone reads."""
    local = local_time(at, zone)
    return "??:??" if local is None else local.strftime("%H:%M:%S" if seconds else "%H:%M")


def duration(length: timedelta) -> str:
    """``45s``, ``12m``, ``3h05``, ``2d04h``: as much as one needs to know."""
    seconds = max(0, int(length.total_seconds()))
    if seconds < 60:
        return f"{seconds}s"
    if seconds < 3600:
        return f"{seconds // 60}m"
    if seconds < 86_400:
        return f"{seconds // 3600}h{seconds % 3600 // 60:02d}"
    return f"{seconds // 86_400}d{seconds % 86_400 // 3600:02d}h"
