"""Everything a campaign has, for whoever works on with it elsewhere: its contacts as they stand, its calls."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache, partial
from typing import Any, Protocol, TypeVar

from sqlalchemy import Connection

from worker.domain.contact_table import CONTACT_FIELDS
from worker.domain.errors import NotFound
from worker.domain.model import WAITING, CampaignStatus
from worker.flow.base import Dialer
from worker.operations.progress import TimedWindow, next_call_at
from worker.store import campaigns
from worker.store.database import Database, once, pinned
from worker.store.reads import exports
from worker.store.reads.exports import ExportedCall

PAGE_ROWS = 2000

CALL_FIELDS = tuple(ExportedCall.__annotations__)


R = TypeVar("R")


class TimedCampaign(TimedWindow, Protocol):
    """The campaign whose contacts are exported, as it was at the beginning."""

    id: str
    status: str


def export_contacts(dialer: Dialer, team_id: str, campaign_id: str) -> Iterator[Mapping[str, Any]]:
    """The campaign's contacts by ``CONTACT_FIELDS``, in the order they were added. ``next_call_at`` is the first
    instant at which the window lets a contact be called that waits in a running campaign, as of the beginning. Raises
    :class:`NotFound` before the first is read."""
    campaign = once(dialer.db, partial(_campaign, team_id, campaign_id))
    return _contacts(dialer, campaign)


def export_calls(dialer: Dialer, team_id: str, campaign_id: str) -> Iterator[Mapping[str, Any]]:
    """The campaign's calls by ``CALL_FIELDS``, in the order they were reserved. Raises :class:`NotFound` before the
    first is read."""
    once(dialer.db, partial(_campaign, team_id, campaign_id))
    pages = partial(exports.calls, campaign_id=campaign_id, most=PAGE_ROWS)
    rows = _rows(dialer.db, pages, (datetime.min.replace(tzinfo=UTC), ""), lambda row: (row.reserved_at, row.id))
    return ({name: getattr(row, name) for name in CALL_FIELDS} for row in rows)


def _campaign(team_id: str, campaign_id: str, conn: Connection) -> TimedCampaign:
    campaign = campaigns.get(conn, campaign_id, team_id)
    if campaign is None:
        raise NotFound("campaign", campaign_id)
    return campaign


def _contacts(dialer: Dialer, campaign: TimedCampaign) -> Iterator[Mapping[str, Any]]:
    @lru_cache(maxsize=10_000)
    def next_at(zone: str, due_at: datetime) -> datetime | None:
        return next_call_at(campaign, zone, due_at, dialer.bounds.closing_margin_seconds)

    with pinned(dialer.db) as db:
        once(db, lambda conn: exports.find_latest(conn, campaign.id))
        pages = partial(exports.contacts, campaign_id=campaign.id, most=PAGE_ROWS)
        for row in _rows(db, pages, 0, lambda row: row.id):
            fields = {name: getattr(row, name, None) for name in CONTACT_FIELDS}
            if row.status in WAITING and campaign.status == CampaignStatus.RUNNING:
                fields["next_call_at"] = next_at(row.zone, max(row.due_at, campaign.now))
            yield fields


def _rows(db: Database, page: Callable[..., Sequence[R]], after: Any, place: Callable[[R], Any]) -> Iterator[R]:
    """Page after page, each behind the ``place`` of the last row before it, until one is not full."""
    while True:
        rows = once(db, partial(page, after=after))
        yield from rows
        if len(rows) < PAGE_ROWS:
            return
        after = place(rows[-1])
        del rows  # or two pages are held while the next is read
