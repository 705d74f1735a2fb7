"""Findings about how much is kept, and for how long."""

from __future__ import annotations

from worker.cli.findings import Finding
from worker.domain.model import Bounds
from worker.flow.base import Dialer
from worker.store import retention
from worker.store.database import once

NAME = "kept"
_UNITS = ("bytes", "kB", "MB", "GB", "TB")


def kept(dialer: Dialer) -> list[Finding]:
    """About how many calls, events and lines of the audit log there are, what they take with their indexes, and how
    long they stay; and what is left of calls that are gone."""
    rows = {row.name: row for row in once(dialer.db, lambda conn: retention.kept(conn, retention.KEPT_TABLES))}
    past = [rows[name].bytes for name in ("past_calls", "latest_past_calls") if name in rows]
    parts = [
        f"{rows[table].rows} {words} in {_size(rows[table].bytes)}, {_stay(dialer.bounds, what)}"
        for table, words, what in (
            ("calls", "calls", "calls"),
            ("call_events", "events", "events"),
            ("audit_log", "lines of the audit log", "audit"),
        )
        if table in rows
    ]
    return [Finding(NAME, "; ".join([*parts, f"what is left of former calls in {_size(sum(past))}"]), ok=True)]


def _stay(bounds: Bounds, what: str) -> str:
    days: int = getattr(bounds, f"retention_{what}_days")
    return f"deleted after {days} days" if days else "never deleted"


def _size(count: float) -> str:
    unit = 0
    while count >= 1024 and unit < len(_UNITS) - 1:
        count, unit = count / 1024, unit + 1
    return f"{count:.0f} {_UNITS[unit]}" if count >= 10 or not unit else f"{count:.1f} {_UNITS[unit]}"
