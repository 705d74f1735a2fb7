"""The calls of a campaign as they are shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from sqlalchemy import Connection, text

from worker.store import counters
from worker.store.reads.exports import OUTCOME, ExportedCall
from worker.store.shapes import shaped

PAGE = text(f"""
SELECT k.id, k.campaign_id, k.run_id, k.contact_id, k.from_number, k.to_number, k.state, k.attempt, k.disposition,
       k.cause, k.machine_verdict, k.reserved_at, k.dialing_at, k.placed_at, k.ringing_at, k.answered_at, k.ended_at,
       {OUTCOME}
FROM (SELECT * FROM calls WHERE campaign_id = :campaign AND id <> '' ORDER BY id DESC LIMIT :limit OFFSET :offset) AS k
LEFT JOIN call_outcomes o ON o.call_id = k.id
ORDER BY k.id DESC
""")
LIVE = text("SELECT count(*) FROM calls WHERE campaign_id = :campaign AND ended_at IS NULL")
PAST = text("SELECT coalesce(sum(calls), 0) FROM past_call_totals WHERE campaign_id = :campaign")


@shaped(PAGE)
class CallRow(ExportedCall, Protocol):
    """A call as it is shown."""

    campaign_id: str


def page(conn: Connection, campaign_id: str, *, limit: int, offset: int) -> tuple[int, Sequence[CallRow]]:
    """How many calls of the campaign are kept, live ones included, and ``limit`` of them after ``offset``, newest
    first. Those that ended are counted by the counters, so that a long history costs no more than a short one."""
    count = sum(counters.dispositions(conn, campaign_id).values())
    count += conn.execute(LIVE, {"campaign": campaign_id}).scalar_one()
    count -= int(conn.execute(PAST, {"campaign": campaign_id}).scalar_one())
    rows = conn.execute(PAGE, {"campaign": campaign_id, "limit": limit, "offset": offset}).all()
    return count, rows
