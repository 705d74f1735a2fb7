"""An instant for a person: what the clock on somebody's wall reads, which day it is there, and how far away that is."""

from __future__ import annotations

from datetime import UTC, datetime

from worker.domain.window import RULES_END, local_time

_MINUTE, _HOUR, _DAY = 60, 3600, 86400


def on_the_wall(at: datetime, zone: str, now: datetime) -> str:
    """``09:00 New York on Tue 2 Mar, in 16 h``; ``zone`` is an IANA name, '' or one nobody can read: UTC."""
    known = local_time(at, zone) if zone and at < RULES_END else None
    local = at.astimezone(UTC) if known is None else known
    place = "UTC" if known is None else zone.rpartition("/")[2].replace("_", " ")
    today = now.astimezone(local.tzinfo)
    day = "" if local.date() == today.date() else f" on {local:%a} {local.day} {local:%b}"
    year = "" if local.year == today.year else f" {local.year}"
    return f"{local:%H:%M} {place}{day}{year}{_away((at - now).total_seconds())}"


def _away(seconds: float) -> str:
    size = abs(seconds)
    if size < _MINUTE:
        return ""
    unit, name = next((unit, name) for unit, name in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "min")) if size >= unit)
    count = f"{round(size / unit)} {name}"
    return f", in {count}" if seconds > 0 else f", {count} ago"
