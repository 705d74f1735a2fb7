"""Findings about carriers: news that does not count, and what they do not take."""

from __future__ import annotations

from worker.cli.findings import Finding
from worker.domain.lifecycle import Ignored
from worker.domain.on_the_clock import when
from worker.flow.base import Dialer
from worker.store import carriers, channels, events, retention
from worker.store.database import once
from worker.store.retention import IgnoredNews

REFUSED_LATELY_SECONDS = 900.0


def unknown_carriers(dialer: Dialer) -> list[Finding]:
    """Carriers this deployment can call with and the database does not know: they were installed since."""
    return [
        Finding(f"carrier {name}", "is not known to the database yet; run: dialer db migrate", ok=False)
        for name in once(dialer.db, lambda conn: carriers.unknown(conn, dialer.carriers))
    ]


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


def _ignored(row: IgnoredNews, most: int) -> Finding:
    latest = "long ago" if row.age_seconds is None else f"{row.age_seconds:.0f} s ago"
    found = (
        f"{row.seen}, the first {when(row.since, row.read_at, None)}, the last {latest}; {row.kept} kept "
        f"(at most {most}), {row.bytes} bytes. "
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
