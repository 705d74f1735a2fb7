"""Campaigns that are made of others: who is taken over from one into the other, and who asked for test calls."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from sqlalchemy import Connection, text

from worker.domain.model import ContactStatus
from worker.store.instants import age
from worker.store.shapes import shaped

MEMBERS = text("""
SELECT id, contact_id FROM campaign_contacts
WHERE campaign_id = :campaign AND id > 0 AND id > :after
  AND (CAST(:status AS contact_status) IS NULL OR status = CAST(:status AS contact_status))
ORDER BY id LIMIT :most
""")

TESTS = text(f"""
SELECT created_at, {age("created_at")} AS seconds_ago FROM campaigns
WHERE tested_by = :actor AND test_of IS NOT NULL
ORDER BY created_at DESC LIMIT :most
""")


@shaped(MEMBERS)
class Member(Protocol):
    """A contact of a campaign, and its place there."""

    id: int
    contact_id: str


@shaped(TESTS)
class TestMade(Protocol):
    """When a test call was asked for, and how long ago that is."""

    created_at: datetime
    seconds_ago: float


def members(
    conn: Connection, campaign_id: str, status: ContactStatus | None, *, after: int, most: int
) -> Sequence[Member]:
    """The next ``most`` contacts of the campaign, in this status if one is named, in the order they were added."""
    values = {"campaign": campaign_id, "status": status, "after": after, "most": most}
    return conn.execute(MEMBERS, values).all()


def tests_made(conn: Connection, actor: str, *, most: int) -> Sequence[TestMade]:
    """The latest test calls somebody asked for, ``most`` of them, newest first."""
    return conn.execute(TESTS, {"actor": actor, "most": most}).all()
