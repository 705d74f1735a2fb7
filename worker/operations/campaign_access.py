"""The team's campaign, as whoever asks something of it needs it: there, not deleted, and staying as it is meanwhile."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol, cast

from sqlalchemy import Connection

from worker.domain.errors import Deleted, NotFound
from worker.store import campaigns


class CampaignRow(Protocol):
    """What is read of a campaign here and there (:func:`worker.store.campaigns.get`); ``now`` is business time."""

    id: str
    team_id: str
    status: str
    call_window_start: str | None
    call_window_end: str | None
    call_window_timezone: str | None
    now: datetime


class HeldRow(Protocol):
    """A campaign that stays as it is (:func:`worker.store.campaigns.share`)."""

    id: str
    team_id: str
    status: str


def find_campaign(conn: Connection, campaign_id: str, team_id: str | None) -> CampaignRow:
    """The campaign, deleted or not; the team's, where a team is named. Raises :class:`NotFound`."""
    row = campaigns.get(conn, campaign_id, team_id)
    if row is None:
        raise NotFound("campaign", campaign_id)
    return cast(CampaignRow, row)


def hold_campaign(conn: Connection, campaign_id: str, team_id: str | None) -> HeldRow:
    """The campaign, which until this transaction ends neither completes nor starts. Raises :class:`NotFound`, and
    :class:`Deleted`."""
    find_campaign(conn, campaign_id, team_id)
    row = campaigns.share(conn, campaign_id)
    if row is None:
        raise Deleted(campaign_id)
    return cast(HeldRow, row)
