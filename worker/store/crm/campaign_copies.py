"""Campaigns that are made of others: who is taken over from one into the other, and who asked for test calls."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from sqlalchemy import Connection, text

from worker.store.instants import age
from worker.store.shapes import shaped

MEMBERS = text("""
SELECT id, contact_id FROM campaign_contacts
WHERE campaign_id = :campaign AND id > 0 AND id > :after
ORDER BY id LIMIT :most
""")
NOT_REACHED = text("""
SELECT cc.id, cc.contact_id FROM campaign_contacts cc JOIN campaigns c ON c.id = cc.campaign_id
WHERE cc.campaign_id = :campaign AND cc.id > 0 AND cc.id > :after
  AND (cc.status = 'exhausted' OR (cc.status = 'cancelled' AND cc.reason = 'campaign_ended')
       OR (c.closing_at IS NOT NULL AND cc.status IN ('pending', 'queued')))   -- ended, and not swept yet
ORDER BY cc.id LIMIT :most
""")

TESTS = text(f"""
SELECT created_at, {age("created_at")} AS seconds_ago FROM campaigns
WHERE tested_by = :actor AND test_of IS NOT NULL
ORDER BY created_at DESC LIMIT :most
""")


@shaped(MEMBERS, NOT_REACHED)
class Member(Protocol):
    """A contact of a campaign, and its place there."""

    id: int
    contact_id: str


@shaped(TESTS)
class TestMade(Protocol):
    """When a test call was asked for, and how long ago that is."""

    created_at: datetime
    seconds_ago: float


def members(conn: Connection, campaign_id: str, *, after: int, most: int) -> Sequence[Member]:
    """The next ``most`` contacts of the campaign, in the order they were added."""
    return conn.execute(MEMBERS, {"campaign": campaign_id, "after": after, "most": most}).all()


def not_reached(conn: Connection, campaign_id: str, *, after: int, most: int) -> Sequence[Member]:
    """The same of those whose attempts are used, or who still waited when the campaign ended."""
    return conn.execute(NOT_REACHED, {"campaign": campaign_id, "after": after, "most": most}).all()


def tests_made(conn: Connection, actor: str, *, most: int) -> Sequence[TestMade]:
    """The latest test calls somebody asked for, ``most`` of them, newest first."""
    return conn.execute(TESTS, {"actor": actor, "most": most}).all()
