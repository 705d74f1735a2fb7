"""Start the campaigns whose instant has come, and end those whose end has."""

from __future__ import annotations

import structlog

from worker.domain.errors import Unavailable
from worker.flow.admit import start
from worker.flow.base import Dialer, Fill, Step
from worker.flow.close import end_due
from worker.store import campaigns
from worker.store.database import single

log = structlog.get_logger()

MOST_FAILURES = 3
"""How many campaigns are passed over whose row, or a service, is not to be had."""


def promote(dialer: Dialer, *, most: int = 100) -> list[Step]:
    """Start up to ``most`` scheduled campaigns, and end as many, earliest first; each in a transaction of its own, so
    that one that cannot start, because somebody holds its row for long, holds up no other."""
    due = single(dialer.db, lambda conn: campaigns.due(conn, most=most))
    steps: list[Step] = []
    failures = 0
    for campaign in due:
        try:
            steps += end_due(dialer, campaign.id) if campaign.ends else _start(dialer, campaign.id)
        except Unavailable as error:
            failures += 1
            if failures == MOST_FAILURES:
                raise
            log.warning("start_postponed", campaign_id=campaign.id, message=str(error))
    return steps


def _start(dialer: Dialer, campaign_id: str) -> list[Step]:
    team_id = start(dialer, campaign_id)
    return [] if team_id is None else [Fill(team_id, (campaign_id,))]
