"""Campaigns as they are shown: each with its caller IDs and its counters, one or a page of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, func, select, text

from worker.domain.campaign import CAMPAIGN
from worker.domain.lifecycle import reads_as_cancelled
from worker.domain.model import CampaignStatus
from worker.domain.reach import reach
from worker.store import counters
from worker.store.tables import campaigns

_AS_SHOWN = {
    bound: f"CASE WHEN c.call_windows IS NULL THEN c.{bound} END AS {bound}"
    for bound in ("call_window_start", "call_window_end")
}
"""Bounds that say nothing, where the campaign has several windows a day."""
_OWN = ", ".join(_AS_SHOWN.get(name, f"c.{name}") for name in CAMPAIGN.columns if name in campaigns.c)
SHOWN = f"""
SELECT {_OWN}, c.closing_at,
       ARRAY(SELECT n.number FROM campaign_numbers cn JOIN phone_numbers n ON n.id = cn.number_id
             WHERE cn.campaign_id = c.id ORDER BY cn.position) AS from_numbers,
       ARRAY(SELECT cn.number_id FROM campaign_numbers cn
             WHERE cn.campaign_id = c.id ORDER BY cn.position) AS from_number_ids
FROM campaigns c
"""

BY_ID = text(SHOWN + " WHERE c.id = :id AND c.team_id = :team")
BY_IDS = text(SHOWN + " WHERE c.id = ANY(:ids) ORDER BY c.created_at DESC, c.id DESC")


Shown = dict[str, Any]
"""A campaign by the columns of its declaration: its row, its caller IDs, its counters by name
(:data:`worker.store.counters.COLUMNS`), and its contacts by the words of :mod:`worker.domain.reach`."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Which campaigns of the team; ``deleted`` is ``exclude``, ``include`` or ``only``."""

    status: CampaignStatus | None = None
    assistant_id: str | None = None
    deleted: str = "exclude"


def show(conn: Connection, team_id: str, campaign_id: str) -> Shown | None:
    """The team's campaign with this id, deleted or not."""
    row = conn.execute(BY_ID, {"id": campaign_id, "team": team_id}).first()
    return None if row is None else _shown(row, counters.read(conn, [campaign_id])[campaign_id])


def page(conn: Connection, team_id: str, chosen: Filter, *, limit: int, offset: int) -> tuple[int, Sequence[Shown]]:
    """How many campaigns match, and ``limit`` of them after ``offset``, newest first. Those made for a test call are
    listed nowhere."""
    where = [campaigns.c.team_id == team_id, campaigns.c.id != "", campaigns.c.test_of.is_(None)]
    if chosen.status is not None:
        where.append(campaigns.c.status == chosen.status)
    if chosen.assistant_id is not None:
        where.append(campaigns.c.assistant_id == chosen.assistant_id)
    if chosen.deleted != "include":
        is_deleted = campaigns.c.deleted_at.is_not(None)
        where.append(is_deleted if chosen.deleted == "only" else ~is_deleted)
    count: int = conn.execute(select(func.count()).select_from(campaigns).where(*where)).scalar_one()
    newest = (campaigns.c.created_at.desc(), campaigns.c.id.desc())
    wanted = select(campaigns.c.id).where(*where).order_by(*newest).limit(limit).offset(offset)
    ids = [row.id for row in conn.execute(wanted)]
    rows = conn.execute(BY_IDS, {"ids": ids}).all() if ids else []
    counts = counters.read(conn, ids)
    return count, [_shown(row, counts[row.id]) for row in rows]


def _shown(row: Row[Any], counts: Mapping[str, int]) -> Shown:
    status = CampaignStatus.CANCELLED if reads_as_cancelled(row.status, row.closing_at) else row.status
    return {**row._asdict(), **counts, "reach": reach(status, counts)}
