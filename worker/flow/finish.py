"""Complete a campaign, or pause it because its run's budget is used up.

Both lock the campaign's row and ask in a second statement, which therefore sees what others committed before
they had to wait. Adding contacts takes the same row first, so that adding and completing never cross.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

import structlog
from sqlalchemy import Connection

from worker.domain.lifecycle import Verb
from worker.flow.base import Dialer
from worker.store import campaign_ends, campaigns, runs
from worker.store.database import transact

log = structlog.get_logger()

BUDGET_USED = "max_calls_reached"


def finish(dialer: Dialer, campaign_ids: Iterable[str]) -> None:
    """Complete those of the campaigns in which no contact waits and no call lives; pause those whose budget is
    used up and whose calls have ended. The others are left alone."""
    for campaign_id in campaign_ids:
        became = transact(dialer.db, partial(_finish, campaign_id=campaign_id))
        if became is not None:
            log.info("campaign_finished", campaign_id=campaign_id, status=became)


def _finish(conn: Connection, campaign_id: str) -> str | None:
    if not campaigns.lock(conn, campaign_id):
        return None
    if campaign_ends.finished(conn, [campaign_id]):
        return _do(conn, Verb.COMPLETE, campaign_id, None)
    if runs.spent(conn, [campaign_id]):
        return _do(conn, Verb.PAUSE, campaign_id, BUDGET_USED)
    return None


def _do(conn: Connection, verb: Verb, campaign_id: str, reason: str | None) -> str | None:
    if campaigns.move(conn, verb, campaign_id, reason=reason) is None:
        return None
    runs.end_open(conn, campaign_id, reason or "completed")
    campaigns.audit(conn, campaign_id, "dialer", verb, {"reason": reason})
    return "completed" if verb is Verb.COMPLETE else "paused"
