"""After a backup was restored, nothing dials until somebody has looked.

A restored database is in the past: calls that were placed since are unknown to it, so contacts it takes for
waiting may have been called, and calls it takes for live have long ended. In doubt, nobody is rung.
"""

from __future__ import annotations

from worker.flow.base import Dialer
from worker.flow.stop import pause_campaign
from worker.operations.campaigns import unschedule
from worker.store import campaigns
from worker.store.database import once


def pause_all(dialer: Dialer, reason: str, *, actor: str) -> list[str]:
    """Pause every running campaign and take every schedule back; returns the ids. Each is resumed, or scheduled
    again, by hand."""
    running, scheduled = once(dialer.db, lambda conn: (campaigns.running(conn), campaigns.scheduled(conn)))
    for campaign_id in running:
        pause_campaign(dialer, campaign_id, reason, actor="dialer")
    for campaign_id in scheduled:
        unschedule(dialer, campaign_id, actor=actor)
    return [*running, *scheduled]
