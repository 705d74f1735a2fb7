"""The calls of a campaign as they are shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from sqlalchemy import Connection, text

from worker.store import counters
from worker.store.reads.exports import OUTCOME, ExportedCall
from worker.store.shapes import shaped

_SHOWN = f"""
SELECT k.id, k.campaign_id, k.run_id, k.contact_id, k.from_number, k.to_number, k.state, k.attempt, k.disposition,
       k.cause, k.machine_verdict, k.reserved_at, k.dialing_at, k.placed_at, k.ringing_at, k.answered_at, k.ended_at,
       {OUTCOME}
FROM {{}} AS k
LEFT JOIN call_outcomes o ON o.call_id = k.id
"""
_SLICE = "(SELECT * FROM calls WHERE {} ORDER BY reserved_at DESC, id DESC LIMIT :limit OFFSET :offset)"
PAGE = text(f"""
{_SHOWN.format(_SLICE.format("campaign_id = :campaign AND id <> ''"))} ORDER BY k.reserved_at DESC, k.id DESC
""")
ONE = text(f"{_SHOWN.format('calls')} WHERE k.id = :id AND k.team_id = :team")
LIVE = text("SELECT count(*) FROM calls WHERE campaign_id = :campaign AND ended_at IS NULL")
PAST = text("SELECT coalesce(sum(calls), 0) FROM past_call_totals WHERE campaign_id = :campaign")


@shaped(PAGE, ONE)
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


def one(conn: Connection, team_id: str, call_id: str) -> CallRow | None:
    """The team's call with this id."""
    return conn.execute(ONE, {"id": call_id, "team": team_id}).first()
