"""Start the campaigns whose instant has come."""

from __future__ import annotations

from worker.flow.admit import start
from worker.flow.base import Dialer, Fill, Step
from worker.store import campaigns
from worker.store.database import once


def promote(dialer: Dialer, *, most: int = 100) -> list[Step]:
    """Start up to ``most`` scheduled campaigns, earliest first; each in a transaction of its own, so that one
    that cannot start holds up no other."""
    due = once(dialer.db, lambda conn: campaigns.due_to_start(conn, most=most))
    started = [(campaign.id, start(dialer, campaign.id)) for campaign in due]
    return [Fill(team_id, (campaign_id,)) for campaign_id, team_id in started if team_id is not None]
