"""End one call, by somebody's word."""

from __future__ import annotations

import structlog
from sqlalchemy import Connection

from worker.domain.answers import CALL
from worker.domain.errors import Conflict, NotFound
from worker.domain.model import CallState
from worker.flow.base import Dialer, Step, Stop
from worker.operations.views import View, view
from worker.store import hangups
from worker.store.audit import note
from worker.store.database import transact
from worker.store.reads import campaign_calls

log = structlog.get_logger()


def hang_up_call(dialer: Dialer, team_id: str, call_id: str, *, actor: str) -> tuple[View, list[Step]]:
    """Have the carrier end the call, whether it rings or somebody talks; the call as it is now, which ends when its
    carrier says so. One that has ended stays as it is. What becomes of its contact its disposition decides, as ever.
    Raises :class:`NotFound`, and :class:`Conflict` for a call that has not been dialed."""

    def work(conn: Connection) -> tuple[View, bool]:
        row = campaign_calls.one(conn, team_id, call_id)
        if row is None:
            raise NotFound("call", call_id)
        is_marked = hangups.hang_up_one(conn, call_id)
        if is_marked:
            note(conn, team_id, actor, "hang_up_call", call_id, {"campaignId": row.campaign_id})
        elif row.state == CallState.RESERVED:
            raise Conflict(f"Call {call_id} has not been dialed yet; pause its campaign and it is not.")
        return view(CALL, row), is_marked

    call, is_marked = transact(dialer.db, work)
    log.info("call_hung_up", call_id=call_id, is_live=is_marked)
    return call, [Stop()] if is_marked else []
