"""A campaign's calls as numbers, by several measures; drawn elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sqlalchemy import Connection

from worker.domain.errors import NotFound
from worker.domain.whose_clock import clock_zone
from worker.domain.window import local_time
from worker.flow.base import Dialer
from worker.operations.progress import as_read
from worker.store import call_outcomes, counters
from worker.store.database import once
from worker.store.reads import progress, reporting
from worker.store.reads.progress import CampaignFacts


@dataclass(slots=True)
class Week:
    """Calls and answers by weekday (Monday is 0) and hour on the callee's clock."""

    calls: list[list[int]] = field(default_factory=lambda: [[0] * 24 for _ in range(7)])
    answers: list[list[int]] = field(default_factory=lambda: [[0] * 24 for _ in range(7)])

    def add(self, local: datetime, calls: int, answers: int) -> None:
        """Count calls that were placed at this time of the callee's."""
        self.calls[local.weekday()][local.hour] += calls
        self.answers[local.weekday()][local.hour] += answers


@dataclass(frozen=True, slots=True)
class Use:
    """Slots in use over time in equal parts: ``peaks`` and ``limits`` of each, between ``edges`` (one more)."""

    edges: Sequence[datetime]
    peaks: Sequence[int]
    limits: Sequence[int]


@dataclass(frozen=True, slots=True)
class CampaignReport:
    """A campaign's calls by several measures; all instants are business time. ``zone`` is the campaign's;
    ``attempts`` says of each try how many calls were made and how many answered, ``outcomes`` how many calls were
    reported with each word, ``first_words`` in how many it was said when the assistant spoke, and in how many late."""

    facts: CampaignFacts
    zone: str
    counts: Mapping[str, int]
    hours: Mapping[datetime, Mapping[str, int]]
    use: Use | None
    attempts: Mapping[int, tuple[int, int]]
    week: Week
    outcomes: Mapping[str, int] = field(default_factory=dict)
    first_words: tuple[int, int] = (0, 0)


def read_report(dialer: Dialer, team_id: str, campaign_id: str) -> CampaignReport:
    """Count everything, at one instant. Raises :class:`NotFound`."""

    def work(conn: Connection) -> CampaignReport:
        reporting.take_time(conn)
        facts = progress.facts(conn, team_id, campaign_id)
        if facts is None:
            raise NotFound("campaign", campaign_id)
        hours: dict[datetime, dict[str, int]] = {}
        for row in reporting.by_hour(conn, campaign_id):
            hours.setdefault(datetime.fromtimestamp(row.at, UTC), {})[row.disposition] = row.calls
        words = call_outcomes.first_words(conn, campaign_id)
        return CampaignReport(
            facts=facts,
            zone=facts.call_window_timezone or "UTC",
            counts=as_read(facts, counters.read(conn, [campaign_id])[campaign_id]),
            hours=hours,
            use=_use(conn, campaign_id),
            attempts={row.attempt: (row.calls, row.answers) for row in reporting.by_attempt(conn, campaign_id)},
            week=_week(conn, facts, campaign_id),
            outcomes=call_outcomes.counts(conn, campaign_id),
            first_words=(words.reported, words.late),
        )

    return once(dialer.db, work)


def _week(conn: Connection, facts: CampaignFacts, campaign_id: str) -> Week:
    """By the clock of each callee; one whose zone nobody can read is called by nobody, and has no clock."""
    week, campaign_zone = Week(), facts.call_window_timezone or "UTC"
    for row in reporting.by_quarter(conn, campaign_id):
        zone = clock_zone(facts.settings, row.zone, campaign_zone)
        local = local_time(datetime.fromtimestamp(row.at, UTC), zone)
        if local is not None:
            week.add(local, row.calls, row.answers)
    return week


def _use(conn: Connection, campaign_id: str) -> Use | None:
    """Each part's peak; where nothing moves, what the parts before left."""
    rows = {row.part: row for row in reporting.slots(conn, campaign_id)}
    if not rows:
        return None
    start = next(iter(rows.values()))
    step = (start.last - start.first) / reporting.BUCKETS
    machine = [start.first + step * n for n in range(reporting.BUCKETS + 1)]
    edges = [datetime.fromtimestamp(at, UTC) for at in reporting.business_times(conn, machine)]
    peaks, limits, live, limit = [], [], 0, start.campaign_limit or 0
    for part in range(reporting.BUCKETS):
        row = rows.get(part)
        peaks.append(live if row is None else max(live, row.peak))
        if row is not None:
            live, limit = live + row.moved, row.campaign_limit or limit
        limits.append(limit)
    return Use(edges, peaks, limits)
