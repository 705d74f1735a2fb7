"""Contacts that match a filter, found a slice at a time: of all the team has in the order in which they were made, of a
campaign's in the order in which they were added. A slice reads so many rows and no more, however few match."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from sqlalchemy import Connection, bindparam, func, select, text

from worker.domain.model import ContactStatus
from worker.domain.paging import Key
from worker.store.crm.contact_list import Wanted, conditions
from worker.store.shapes import shaped
from worker.store.tables import contacts

OF_TEAM = text("""
SELECT id, created_at FROM contacts
WHERE team_id = :team AND id <> '' AND (created_at, id) > (:after_at, :after_id) AND created_at <= :until
ORDER BY created_at, id LIMIT :most
""")
OF_CAMPAIGN = text("""
SELECT id, contact_id, CAST(status AS text) AS status FROM campaign_contacts
WHERE campaign_id = :campaign AND id > 0 AND id > :after ORDER BY id LIMIT :most
""")


@shaped(OF_TEAM)
class TeamSlice(Protocol):
    """A contact of a slice."""

    id: str
    created_at: datetime


@shaped(OF_CAMPAIGN)
class CampaignSlice(Protocol):
    """A contact of a campaign, by the number of its row."""

    id: int
    contact_id: str
    status: str


@dataclass(frozen=True, slots=True)
class Slice:
    """Those of a slice that match, and what the next one begins behind (``None``: there is none)."""

    contact_ids: list[str]
    after: str | None


def of_team(conn: Connection, team_id: str, wanted: Wanted, *, after: Key, until: datetime, most: int) -> Slice:
    """The next contacts of the team, made ``until`` then, that match."""
    values = {"team": team_id, "after_at": after.at, "after_id": after.id, "until": until, "most": most}
    rows: Sequence[TeamSlice] = conn.execute(OF_TEAM, values).all()
    behind = str(Key(rows[-1].created_at, rows[-1].id)) if len(rows) == most else None
    return Slice(_matching(conn, team_id, [row.id for row in rows], wanted), behind)


def of_campaign(
    conn: Connection,
    team_id: str,
    campaign_id: str,
    statuses: Sequence[ContactStatus] | None,
    wanted: Wanted,
    *,
    after: int,
    most: int,
) -> Slice:
    """The next contacts of the campaign that match and have one of the statuses (``None``: any)."""
    values = {"campaign": campaign_id, "after": after, "most": most}
    rows: Sequence[CampaignSlice] = conn.execute(OF_CAMPAIGN, values).all()
    ids = [row.contact_id for row in rows if statuses is None or row.status in statuses]
    behind = str(rows[-1].id) if len(rows) == most else None
    return Slice(_matching(conn, team_id, ids, wanted), behind)


def _matching(conn: Connection, team_id: str, contact_ids: list[str], wanted: Wanted) -> list[str]:
    """Those of the contacts that match, in their order."""
    if not contact_ids or wanted == Wanted():
        return contact_ids
    some = contacts.c.id == func.any(bindparam("some", contact_ids, contacts.c.tags.type))
    found = set(
        conn.execute(select(contacts.c.id).where(some, contacts.c.team_id == team_id, *conditions(wanted))).scalars()
    )
    return [contact_id for contact_id in contact_ids if contact_id in found]
