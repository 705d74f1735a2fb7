"""What somebody who watches a campaign sees of it: one reading, one transaction, the same cost for ten contacts and
for a million."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from worker.domain.whose_clock import clock_zone
from worker.domain.window import RULES_END
from worker.flow.base import Dialer, window_of
from worker.operations.progress import Progress, Standing, finish_reading, next_call_at, read_standing
from worker.store.database import once
from worker.store.reads import watching
from worker.store.reads.progress import CampaignFacts
from worker.store.reads.watching import CallInFlight, LatestEnd, QueuedContact

MOST_CALLS = 100
MOST_RETRIES = 12


@dataclass(frozen=True, slots=True)
class ZoneClock:
    """The call window in one zone of the campaign's contacts: open or shut now, and until when. ``changes_at`` is
    ``None`` where it never changes again; ``is_waited_in`` where some contact waits."""

    zone: str
    is_open: bool
    changes_at: datetime | None
    is_waited_in: bool


@dataclass(frozen=True, slots=True)
class Retry:
    """A contact that waits for another attempt: how its latest call ended (``None``: not known any more, or it was
    only put back), and when it may be called at the earliest (``None``: never)."""

    row: QueuedContact
    zone: str
    disposition: str | None
    at: datetime | None


@dataclass(frozen=True, slots=True)
class CampaignReading:
    """A campaign at one instant. ``calls`` are live ones, each with its zone; ``zone`` is the campaign's."""

    progress: Progress
    zone: str
    calls: Sequence[tuple[CallInFlight, str]]
    retries: Sequence[Retry]
    clocks: Sequence[ZoneClock]

    @property
    def now(self) -> datetime:
        """Business time."""
        return self.progress.facts.now


def read_watching(
    dialer: Dialer, team_id: str, campaign_id: str, *, broker_answers: Callable[[], bool]
) -> CampaignReading:
    """Read how the campaign does now. Raises :class:`~worker.domain.errors.NotFound`."""

    def work(
        conn: Connection,
    ) -> tuple[Standing, Sequence[CallInFlight], Sequence[QueuedContact], dict[str, LatestEnd]]:
        standing = read_standing(conn, dialer, team_id, campaign_id)
        queue = watching.retry_queue(conn, campaign_id, most=MOST_RETRIES)
        ends = watching.latest_ends(conn, campaign_id, [row.contact_id for row in queue]) if queue else {}
        return standing, watching.live_calls(conn, campaign_id, most=MOST_CALLS), queue, ends

    standing, calls, queue, ends = once(dialer.db, work)
    found = finish_reading(dialer, standing, broker_answers)
    margin = dialer.bounds.closing_margin_seconds
    return CampaignReading(
        progress=found,
        zone=_zone(found.facts, ""),
        calls=[(row, _zone(found.facts, row.zone)) for row in calls],
        retries=_in_their_order([_retry(found.facts, row, ends, margin) for row in queue]),
        clocks=_clocks(found.facts),
    )


def newest_campaign(dialer: Dialer, team_id: str) -> str | None:
    """The campaign of the team that was made last; ``None`` if it has none."""
    return once(dialer.db, lambda conn: watching.newest_campaign(conn, team_id))


def _zone(facts: CampaignFacts, own: str) -> str:
    return clock_zone(facts.settings, own, facts.call_window_timezone or "UTC")


def _retry(facts: CampaignFacts, row: QueuedContact, ends: dict[str, LatestEnd], margin_seconds: float) -> Retry:
    end = ends.get(row.contact_id)
    at = next_call_at(facts, row.zone, row.due_at, margin_seconds)
    return Retry(row, _zone(facts, row.zone), None if end is None else end.disposition, at)


def _in_their_order(retries: Sequence[Retry]) -> Sequence[Retry]:
    return sorted(retries, key=lambda retry: (retry.at is None, retry.at or retry.row.due_at, retry.row.contact_id))


def _clocks(facts: CampaignFacts) -> Sequence[ZoneClock]:
    """One for each zone on whose clock somebody is called, those that are waited in first."""
    waited: dict[str, bool] = {}
    own = {}
    for zone, due in facts.due_by_zone:
        read = _zone(facts, zone)
        own[read] = zone
        waited[read] = waited.get(read, False) or due is not None
    clocks = [_clock(facts, read, zone, waited[read]) for read, zone in own.items()]
    return sorted(clocks, key=lambda clock: (not clock.is_waited_in, clock.zone))


def _clock(facts: CampaignFacts, read: str, own: str, is_waited_in: bool) -> ZoneClock:
    window, now = window_of(facts, own), facts.now
    if window is None:
        return ZoneClock(read, True, None, is_waited_in)
    is_open = window.is_open(now)
    at = window.next_close(now) if is_open else window.next_open(now)
    return ZoneClock(read, is_open, None if at == RULES_END else at, is_waited_in)
