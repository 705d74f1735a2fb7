"""Those who wait to be called, a bounded sample of them: where they may be, what an assistant is sent of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from sqlalchemy import Connection, text

from worker.store.conversations import person
from worker.store.shapes import shaped

# The first of them by the index the claim runs over, zone by zone, each with its contact by key: OFFSET 0 keeps the
# planner from beginning with all the contacts there are.
_WAITING = """
SELECT {what}
FROM (SELECT w.contact_id
      FROM {zones} AS z (zone)
      CROSS JOIN LATERAL (SELECT unnest(ranks) AS rank FROM campaigns WHERE id = :campaign) AS r
      CROSS JOIN LATERAL (
          SELECT contact_id FROM campaign_contacts
          WHERE campaign_id = :campaign AND zone = z.zone AND rank = r.rank AND status IN ('pending', 'queued')
          ORDER BY due_at, id LIMIT :most) AS w
      LIMIT :most) AS w
CROSS JOIN LATERAL (SELECT * FROM contacts WHERE id = w.contact_id OFFSET 0) AS k
"""
_EVERY_ZONE = "(SELECT zone FROM campaign_zones WHERE campaign_id = :campaign)"
_SAMPLE = f"{_WAITING.format(what='k.phone_e164, k.place', zones='{zones}')}WHERE k.phone_e164 IS NOT NULL"
WITHOUT_ZONE = text(_SAMPLE.format(zones="(VALUES (''))"))
ALL = text(_SAMPLE.format(zones=_EVERY_ZONE))
PEOPLE = text(_WAITING.format(what=f"k.id AS contact_id, {person('k')} AS person", zones=_EVERY_ZONE))


@shaped(PEOPLE)
class WaitingPerson(Protocol):
    """A contact that waits, with what an assistant may be sent of it."""

    contact_id: str
    person: Mapping[str, Any]


@shaped(WITHOUT_ZONE, ALL, never_null=("phone_e164",))
class WaitingPlace(Protocol):
    """The number of a contact that waits, and the code of its place; '' where none was computed yet."""

    phone_e164: str
    place: str


def waiting_places(conn: Connection, campaign_id: str, *, with_own_zone: bool, most: int) -> Sequence[WaitingPlace]:
    """Where those due first may be who have no zone of their own, ``most`` of them; ``with_own_zone``, the others, too,
    for a campaign that calls everybody by its clock."""
    sample = ALL if with_own_zone else WITHOUT_ZONE
    return conn.execute(sample, {"campaign": campaign_id, "most": most}).all()


def waiting_people(conn: Connection, campaign_id: str, *, most: int) -> Sequence[WaitingPerson]:
    """Those due first, ``most`` of them."""
    return conn.execute(PEOPLE, {"campaign": campaign_id, "most": most}).all()
