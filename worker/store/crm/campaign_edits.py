"""A campaign made and changed by hand: its fields, its caller IDs, deleted and restored. Others decide whether."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, func, insert, text, update

from worker.domain.model import CampaignStatus
from worker.store.tables import campaigns

NUMBERS_OFF = text("DELETE FROM campaign_numbers WHERE campaign_id = :id RETURNING number_id, used_at")

NUMBERS_ON = text("""
INSERT INTO campaign_numbers (team_id, campaign_id, number_id, position, used_at)
SELECT c.team_id, c.id, x.number_id, x.ord - 1, coalesce(x.used_at, 'epoch')
FROM campaigns c, unnest(CAST(:numbers AS text[]), CAST(:used AS timestamptz[]))
                  WITH ORDINALITY AS x (number_id, used_at, ord)
WHERE c.id = :id
""")

DELETE = text("""
UPDATE campaigns SET deleted_at = clock_timestamp(), updated_at = clock_timestamp()
WHERE id = :id AND deleted_at IS NULL AND status <> 'running'
RETURNING id
""")

RESTORE = text("""
UPDATE campaigns
SET deleted_at = NULL, updated_at = clock_timestamp(),
    status = CASE WHEN is_past THEN 'draft' ELSE status END,
    scheduled_start_at = CASE WHEN is_past THEN NULL ELSE scheduled_start_at END
FROM (SELECT id AS found, status = 'scheduled' AND scheduled_start_at <= dialer_now() AS is_past
      FROM campaigns WHERE id = :id) AS c
WHERE id = c.found AND deleted_at IS NOT NULL
RETURNING id
""")


def create(conn: Connection, new: Mapping[str, Any], number_ids: Sequence[str]) -> None:
    """Write a campaign, by column, with its caller IDs: a draft, or scheduled where it has an instant to start at."""
    is_scheduled = new.get("scheduled_start_at") is not None
    status = CampaignStatus.SCHEDULED if is_scheduled else CampaignStatus.DRAFT
    conn.execute(insert(campaigns).values({**new, "status": status.value}))
    conn.execute(NUMBERS_ON, {"id": new["id"], "numbers": list(number_ids), "used": [None] * len(number_ids)})


def edit(conn: Connection, campaign_id: str, columns: Mapping[str, Any], *, is_policy: bool) -> None:
    """Set these columns. A policy edit raises ``policy_version``, so that no call planned under the old policy
    is dialed; for it the caller holds :func:`worker.store.gate.close_gate`."""
    version = {"policy_version": campaigns.c.policy_version + 1} if is_policy else {}
    change = update(campaigns).where(campaigns.c.id == campaign_id)
    conn.execute(change.values({**columns, **version, "updated_at": func.clock_timestamp()}))


def set_numbers(conn: Connection, campaign_id: str, number_ids: Sequence[str]) -> None:
    """Give the campaign these caller IDs, in this order; those it had keep their turn in the rotation."""
    used = {row.number_id: row.used_at for row in conn.execute(NUMBERS_OFF, {"id": campaign_id})}
    values = {"id": campaign_id, "numbers": list(number_ids), "used": [used.get(number) for number in number_ids]}
    conn.execute(NUMBERS_ON, values)


def delete(conn: Connection, campaign_id: str) -> str | None:
    """Put the campaign out of sight; its id, or ``None`` if it runs, or is deleted already."""
    return conn.execute(DELETE, {"id": campaign_id}).scalar()


def restore(conn: Connection, campaign_id: str) -> str | None:
    """Bring it back, as a draft where its instant to start has passed; its id, or ``None`` if it was not deleted."""
    return conn.execute(RESTORE, {"id": campaign_id}).scalar()
