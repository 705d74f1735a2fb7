"""The numbers of those who wait to be called by their campaign's clock, a bounded sample of them."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, text

# The first of them by the index the claim runs over, zone by zone, each with its contact by key: OFFSET 0 keeps the
# planner from beginning with all the contacts there are.
_SAMPLE = """
SELECT k.phone_e164
FROM (SELECT w.contact_id
      FROM {zones} AS z (zone)
      CROSS JOIN LATERAL (SELECT unnest(ranks) AS rank FROM campaigns WHERE id = :campaign) AS r
      CROSS JOIN LATERAL (
          SELECT contact_id FROM campaign_contacts
          WHERE campaign_id = :campaign AND zone = z.zone AND rank = r.rank AND status IN ('pending', 'queued')
          ORDER BY due_at, id LIMIT :most) AS w
      LIMIT :most) AS w
CROSS JOIN LATERAL (SELECT phone_e164 FROM contacts WHERE id = w.contact_id OFFSET 0) AS k
WHERE k.phone_e164 IS NOT NULL
"""
WITHOUT_ZONE = text(_SAMPLE.format(zones="(VALUES (''))"))
ALL = text(_SAMPLE.format(zones="(SELECT zone FROM campaign_zones WHERE campaign_id = :campaign)"))


def waiting_numbers(conn: Connection, campaign_id: str, *, with_own_zone: bool, most: int) -> Sequence[str]:
    """The numbers of those due first who have no zone of their own, ``most`` of them; ``with_own_zone``, of the others
    too, for a campaign that calls everybody by its clock."""
    sample = ALL if with_own_zone else WITHOUT_ZONE
    return conn.execute(sample, {"campaign": campaign_id, "most": most}).scalars().all()
