"""Look at the campaigns whose instant to be looked at has come.

``next_wake_at`` is when the next contact falls due, a window opens, or — because a doorbell may have been lost
— a minute from now at the latest while anything of the campaign waits or lives. A campaign with contacts due
now and no slot free is looked at on every tick; it is the settling of its calls that rings it at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row

from worker.domain.model import CampaignStatus
from worker.flow.base import Dialer, Step, window_of
from worker.flow.fill import fill
from worker.flow.finish import finish
from worker.flow.stop import sweep
from worker.store import campaigns, claims
from worker.store.database import once, transact

SOONEST = timedelta(seconds=1)
LATEST = timedelta(seconds=60)


def wake(dialer: Dialer, *, most: int = 500) -> list[Step]:
    """Fill every running campaign that is due to be looked at, and set when to look again; sweep the waiting
    contacts of cancelled ones."""
    due = once(dialer.db, lambda conn: campaigns.due_to_wake(conn, most=most))
    steps: list[Step] = []
    teams: dict[str, list[str]] = {}
    for campaign in due:
        if campaign.status == CampaignStatus.RUNNING:
            teams.setdefault(campaign.team_id, []).append(campaign.id)
        elif campaign.status == CampaignStatus.CANCELLED:
            sweep(dialer, campaign.id)
    for team_id, campaign_ids in teams.items():
        steps += fill(dialer, team_id, campaign_ids).steps
    running = [campaign_id for campaign_ids in teams.values() for campaign_id in campaign_ids]
    if running:
        finish(dialer, transact(dialer.db, lambda conn: _set_alarms(conn, running)))
    return steps


def _set_alarms(conn: Connection, campaign_ids: Sequence[str]) -> list[str]:
    """Set the next instant of each; returns those with nothing waiting or nothing left to do but finish."""
    campaigns.lock_all(conn, campaign_ids)
    rows = claims.next_due(conn, campaign_ids)
    claims.set_wake(conn, [(row.id, alarm(row)) for row in rows])
    return [row.id for row in rows if not row.is_live]


def alarm(row: Row[Any]) -> datetime:
    """When to look at the campaign of this row (:func:`worker.store.claims.next_due`) again."""
    now: datetime = row.now
    soonest = now + LATEST
    for zone, epoch in row.due_by_zone:
        if epoch is None:
            continue
        at: datetime | None = max(now, datetime.fromtimestamp(float(epoch), UTC))
        window = window_of(row, zone)
        if window is not None and at is not None and at <= soonest:
            at = window.next_open(at)
        if at is not None:
            soonest = min(soonest, at)
    return max(soonest, now + SOONEST)
