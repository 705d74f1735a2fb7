"""End a campaign: at its ``scheduledEndAt``, or by hand.

As a stop, an end is one committed row, at the same cost for ten contacts and a million: nobody who waits is called any
more, and each reads as cancelled at once. Calls that ring or talk go on; those still queued at the carrier are
cancelled. Once the rows have been swept, the last call has ended and its outcome is known, the campaign is completed.
The tick does what is left of that, whoever died in between.
"""

from __future__ import annotations

import structlog
from sqlalchemy import Connection

from worker.crashpoint import crashpoint
from worker.domain.lifecycle import Verb
from worker.domain.model import Reason
from worker.flow.base import Dialer, Step, Stop
from worker.flow.stop import refused, sweep, team_of
from worker.store import campaign_ends, campaigns, gate, runs
from worker.store.database import transact

log = structlog.get_logger()


def complete_campaign(dialer: Dialer, campaign_id: str, *, actor: str, team_id: str | None = None) -> list[Step]:
    """End a campaign that runs or is paused; one that is ending, or is completed, is left as it is. Raises
    :class:`Conflict` from any other state."""
    return _close(dialer, campaign_id, actor, team_id, is_due=False)


def end_due(dialer: Dialer, campaign_id: str) -> list[Step]:
    """End a campaign if its ``scheduledEndAt`` has come."""
    return _close(dialer, campaign_id, "dialer", None, is_due=True)


def _close(dialer: Dialer, campaign_id: str, actor: str, team_id: str | None, *, is_due: bool) -> list[Step]:
    def work(conn: Connection) -> bool:
        gate.close_gate(conn, team_of(conn, campaign_id, team_id))
        if not campaign_ends.close(conn, campaign_id, is_due=is_due):
            if not (is_due or _is_over(conn, campaign_id)):
                raise refused(conn, Verb.COMPLETE, campaign_id)
            return False
        runs.end_open(conn, campaign_id, Reason.CAMPAIGN_ENDED)
        campaigns.audit(conn, campaign_id, actor, "end", {"by": "scheduledEndAt" if is_due else "complete"})
        return True

    if not transact(dialer.db, work):
        return []
    crashpoint("close.after_commit")
    log.info("campaign_ended", campaign_id=campaign_id)
    close_down(dialer, campaign_id)
    return [Stop()]


def close_down(dialer: Dialer, campaign_id: str) -> None:
    """Sweep a batch of a closing campaign's waiting contacts; where none is left, no call lives and no outcome
    is awaited, complete it."""
    if sweep(dialer, campaign_id, Reason.CAMPAIGN_ENDED):
        return
    crashpoint("close.after_sweep")
    if transact(dialer.db, lambda conn: _completed(conn, campaign_id)):
        log.info("campaign_finished", campaign_id=campaign_id, status="completed")


def _completed(conn: Connection, campaign_id: str) -> bool:
    campaigns.lock(conn, campaign_id)
    if not campaign_ends.is_closed(conn, campaign_id):
        return False
    campaigns.move(conn, Verb.COMPLETE, campaign_id)
    campaigns.audit(conn, campaign_id, "dialer", Verb.COMPLETE, {"reason": Reason.CAMPAIGN_ENDED})
    return True


def _is_over(conn: Connection, campaign_id: str) -> bool:
    campaign = campaigns.get(conn, campaign_id)
    if campaign is None or campaign.deleted_at is not None:
        return False
    return campaign.closing_at is not None or campaign.status == "completed"
