"""A campaign as it is shown."""

from __future__ import annotations

from worker.domain.errors import NotFound
from worker.flow.base import Dialer
from worker.store.database import once
from worker.store.reads import campaign_list
from worker.store.reads.campaign_list import Shown


def find_campaign(dialer: Dialer, team_id: str, campaign_id: str) -> Shown:
    """The team's campaign, deleted or not. Raises :class:`NotFound`."""
    shown = once(dialer.db, lambda conn: campaign_list.show(conn, team_id, campaign_id))
    if shown is None:
        raise NotFound("campaign", campaign_id)
    return shown
