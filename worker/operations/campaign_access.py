"""The team's campaign, as whoever asks something of it needs it: there, not deleted, and staying as it is meanwhile."""

from __future__ import annotations

from sqlalchemy import Connection

from worker.domain.errors import Conflict, Deleted, NotFound
from worker.domain.lifecycle import closing
from worker.store import campaigns
from worker.store.campaigns import CampaignRow, SharedCampaign


def find_campaign(conn: Connection, campaign_id: str, team_id: str | None) -> CampaignRow:
    """The campaign, deleted or not; the team's, where a team is named. Raises :class:`NotFound`."""
    row = campaigns.get(conn, campaign_id, team_id)
    if row is None:
        raise NotFound("campaign", campaign_id)
    return row


def refuse_closing(campaign: SharedCampaign) -> None:
    """Raises :class:`Conflict` for a campaign that is coming to its end: nobody waits in it any more."""
    if campaign.closing_at is not None:
        raise Conflict(closing(campaign.id))


def hold_campaign(conn: Connection, campaign_id: str, team_id: str | None) -> SharedCampaign:
    """The campaign, which until this transaction ends neither completes nor starts. Raises :class:`NotFound`, and
    :class:`Deleted`."""
    row = campaigns.share(conn, campaign_id, team_id)
    if row is None:
        find_campaign(conn, campaign_id, team_id)
        raise Deleted(campaign_id)
    return row
