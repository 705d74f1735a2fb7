"""Findings about carriers: news that does not count, and what they do not take."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row

from worker.cli.findings import Finding
from worker.domain.lifecycle import Ignored
from worker.flow.base import Dialer
from worker.store import channels, events, retention
from worker.store.database import once

REFUSED_LATELY_SECONDS = 900.0


def refused_callbacks(dialer: Dialer) -> list[Finding]:
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


def channels_held(dialer: Dialer) -> list[Finding]:
    """Accounts whose carrier took no further call when it was last tried. Nothing is wrong with that, but somebody who
    wonders why there are not more calls at once finds the reason here."""
    return [
        Finding(
            f"channels of {row.name}",
            f"{row.resting_reason}, {row.max_concurrent_calls} by our limit; have the carrier allow more, or lower it",
            ok=True,
        )
        for row in once(dialer.db, channels.short)
    ]
