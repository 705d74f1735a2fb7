"""Call a contact back when it asked to be, or no more."""

from __future__ import annotations

import structlog

from worker.crashpoint import crashpoint
from worker.domain.callback import Callback
from worker.flow import callbacks
from worker.flow.base import Dialer
from worker.flow.callbacks import Which
from worker.store.database import transact

log = structlog.get_logger()


def call_back(dialer: Dialer, team_id: str, campaign_id: str, contact_id: str, at: object, *, actor: str) -> Callback:
    """Let a contact of a campaign be called ``at`` an instant (:func:`worker.flow.callbacks.ask`)."""
    which = Which(campaign_id, contact_id, team_id)
    asked = transact(dialer.db, lambda conn: callbacks.ask(conn, which, at, bounds=dialer.bounds, actor=actor))
    crashpoint("callback.after_commit")
    log.info("callback_set", campaign_id=campaign_id, contact_id=contact_id)
    return asked


def cancel_callback(dialer: Dialer, team_id: str, campaign_id: str, contact_id: str, *, actor: str) -> bool:
    """Take it back (:func:`worker.flow.callbacks.cancel`)."""
    which = Which(campaign_id, contact_id, team_id)
    found = transact(dialer.db, lambda conn: callbacks.cancel(conn, which, actor=actor))
    log.info("callback_cancelled", campaign_id=campaign_id, contact_id=contact_id, found=found)
    return found
