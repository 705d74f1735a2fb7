"""Check every invariant, with what the database alone cannot know: open windows and the slots' members."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from worker.flow.base import Dialer, window_of
from worker.store import campaigns, invariants, wakes
from worker.store.database import once

LATE_SECONDS = 3.0


def examine(dialer: Dialer) -> Mapping[str, list[dict[str, Any]]]:
    """Every invariant by name, with the rows that break it; see :mod:`worker.store.invariants`."""
    bounds = dialer.bounds
    oldest = timedelta(seconds=bounds.slot_grace_seconds + 2 * bounds.reconcile_every_seconds)
    members = dialer.slots.members()
    now = datetime.fromtimestamp(dialer.slots.server()[1], UTC)  # by the clock that wrote down since when they hold
    stale = {c for calls in members.values() for c, since in calls.items() if abs(now - since) > oldest}

    def check(conn: Connection) -> Mapping[str, list[dict[str, Any]]]:
        return invariants.violations(
            conn,
            bounds,
            stale_members=sorted(stale),
            open_zones=_open_zones(conn, LATE_SECONDS),
            late_seconds=LATE_SECONDS,
        )

    return once(dialer.db, check)


def _open_zones(conn: Connection, late_seconds: float) -> list[tuple[str, str]]:
    """The (campaign, zone) of running campaigns whose window is open and was so a moment ago."""
    running = campaigns.running(conn)
    zones = []
    for row in wakes.next_due(conn, running):
        before = row.now - timedelta(seconds=late_seconds * row.speed)
        for zone, _ in row.due_by_zone:
            window = window_of(row, zone)
            if window is None or (window.is_open(row.now) and window.is_open(before)):
                zones.append((row.id, zone))
    return zones
