"""The contacts of a campaign, with when each is called next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from worker.domain.lifecycle import reads_as_cancelled
from worker.domain.model import WAITING, CampaignStatus, ContactStatus
from worker.domain.whose_clock import clock_zone
from worker.flow.base import Dialer
from worker.operations.campaign_access import find_campaign
from worker.operations.progress import TimedWindow, as_read, next_call_at
from worker.store import counters
from worker.store.columns import ClosableCampaign
from worker.store.crm import campaign_contacts
from worker.store.crm.campaign_contacts import CampaignContactRow
from worker.store.database import once


@dataclass(frozen=True, slots=True)
class CampaignContact:
    """A contact in a campaign, and when its window first lets it be called (``None``: never, or it does not
    wait, or is not to be called); ``zone`` is the one by whose clock it is called, ``None`` where there is none."""

    row: CampaignContactRow
    next_call_at: datetime | None
    zone: str | None


@dataclass(frozen=True, slots=True)
class CampaignContacts:
    """A page of them, and how many there are before paging, as they were at ``now``; ``is_running`` where the
    campaign is, for else nobody is called before it is."""

    count: int
    contacts: Sequence[CampaignContact]
    now: datetime
    is_running: bool


def list_campaign_contacts(
    dialer: Dialer,
    team_id: str,
    campaign_id: str,
    status: ContactStatus | None,
    *,
    limit: int,
    offset: int,
    after: int | None = None,
) -> CampaignContacts:
    """The campaign's contacts that read as ``status`` (``None``: all), those added last first, behind the row
    ``after``. Raises :class:`NotFound`."""

    def work(conn: Connection) -> CampaignContacts:
        campaign = find_campaign(conn, campaign_id, team_id)
        counts = as_read(campaign, counters.read(conn, [campaign_id])[campaign_id])
        count = counts["total" if status is None else status.value]
        wanted = stored_statuses(campaign, status)
        rows = campaign_contacts.page(conn, campaign_id, wanted, limit=limit, offset=offset, after=after)
        found = [CampaignContact(row, _next_call_at(dialer, campaign, row), _zone(campaign, row)) for row in rows]
        return CampaignContacts(count, found, campaign.now, campaign.status == CampaignStatus.RUNNING)

    return once(dialer.db, work)


def _zone(campaign: TimedWindow, row: CampaignContactRow) -> str | None:
    return clock_zone(campaign.settings, row.zone, campaign.call_window_timezone or "") or None


def stored_statuses(campaign: ClosableCampaign, status: ContactStatus | None) -> Sequence[ContactStatus] | None:
    """The statuses in the rows that read as this one (``None``: any)."""
    if status is None or not reads_as_cancelled(campaign.status, campaign.closing_at):
        return None if status is None else [status]
    if status is ContactStatus.CANCELLED:
        return [status, *WAITING]
    return [] if status in WAITING else [status]


def _next_call_at(dialer: Dialer, campaign: TimedWindow, row: CampaignContactRow) -> datetime | None:
    if row.status not in WAITING or row.do_not_call:
        return None
    return next_call_at(campaign, row.zone, row.due_at, dialer.bounds.closing_margin_seconds)
