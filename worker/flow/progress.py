"""How far a campaign has come, and what it is doing or waiting for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row

from worker.domain.activity import Activity, CallerIdState, Situation, activity
from worker.domain.errors import NotFound
from worker.domain.model import CampaignStatus, Disposition
from worker.flow.base import Dialer, window_of
from worker.store import counters, progress
from worker.store.database import once


@dataclass(frozen=True, slots=True)
class Progress:
    """A campaign at one instant. ``counts`` are contacts by name (:data:`worker.store.counters.COLUMNS`), of a
    cancelled campaign none waiting; ``dispositions`` count calls that ended; ``next_due_at`` is when the first
    waiting contact is due; ``facts`` is the row of :func:`worker.store.progress.facts`."""

    facts: Row[Any]
    counts: Mapping[str, int]
    dispositions: Mapping[str, int]
    next_due_at: datetime | None
    activity: Activity


def read_progress(dialer: Dialer, team_id: str, campaign_id: str) -> Progress:
    """Where the campaign stands. Raises :class:`NotFound`."""

    def work(conn: Connection) -> Progress:
        facts = progress.facts(conn, team_id, campaign_id)
        if facts is None:
            raise NotFound("campaign", campaign_id)
        counts = as_read(facts.status, counters.read(conn, [campaign_id])[campaign_id])
        ended = counters.dispositions(conn, campaign_id)
        margin = dialer.bounds.closing_margin_seconds
        due_at, opens_at = _next(facts, margin) if facts.status != CampaignStatus.CANCELLED else (None, None)
        situation = _situation(facts, counts, due_at, opens_at, progress.numbers(conn, campaign_id))
        dispositions = {disposition.value: ended.get(disposition, 0) for disposition in Disposition}
        return Progress(facts, counts, dispositions, due_at, activity(situation))

    return once(dialer.db, work)


def as_read(status: str, counts: Mapping[str, int]) -> dict[str, int]:
    """The counters of a campaign in this status: who waits in a cancelled one is cancelled, swept or not."""
    read = dict(counts)
    if status == CampaignStatus.CANCELLED:
        read["cancelled"] += read["pending"] + read["queued"]
        read["pending"] = read["queued"] = 0
    return read


def next_call_at(row: Row[Any], zone: str, due_at: datetime, margin_seconds: float) -> datetime | None:
    """The first instant, now or later, at which a contact due then may be called by its window; ``None`` if
    there is none. The last moments of a window are no time to begin a call."""
    now: datetime = row.now
    at = max(due_at, now)
    window = window_of(row, zone)
    if window is None or window.open_until(at, margin_seconds) is not None:
        return at
    return window.next_open(window.next_close(at))


def _next(row: Row[Any], margin_seconds: float) -> tuple[datetime | None, datetime | None]:
    """When the first contact is due, and when one that is due now may be called."""
    dues = [(zone, datetime.fromtimestamp(float(at), UTC)) for zone, at in row.due_by_zone if at is not None]
    opens = [next_call_at(row, zone, at, margin_seconds) for zone, at in dues if at <= row.now]
    return min((at for _, at in dues), default=None), min((at for at in opens if at is not None), default=None)


def _situation(
    row: Row[Any],
    counts: Mapping[str, int],
    due_at: datetime | None,
    opens_at: datetime | None,
    numbers: Sequence[Row[Any]],
) -> Situation:
    return Situation(
        status=CampaignStatus(row.status),
        now=row.now,
        is_deleted=row.deleted_at is not None,
        pause_reason=row.pause_reason,
        scheduled_start_at=row.scheduled_start_at,
        waiting=counts["pending"] + counts["queued"],
        live=row.live,
        limit=row.max_concurrent_calls,
        team_live=row.team_live,
        team_limit=row.team_limit,
        budget=None if row.max_calls is None else row.max_calls - row.calls_used,
        next_due_at=due_at,
        opens_at=opens_at,
        callers=[_caller(number, row.machine_now) for number in numbers],
    )


def _caller(row: Row[Any], machine_now: datetime) -> CallerIdState:
    is_resting = row.resting_until is not None and row.resting_until > machine_now
    return CallerIdState(
        is_enabled=row.is_enabled,
        resting_until=row.resting_until if is_resting else None,
        resting_reason=row.resting_reason if is_resting or row.is_tripped else None,
        is_tripped=row.is_tripped,
        is_probed=row.is_probed,
        is_full=row.number_live >= row.number_limit or row.account_live >= row.account_limit,
    )
