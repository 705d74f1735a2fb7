"""What a screen shows of a campaign beside its progress, each by the handful: nothing here reads more because a
campaign has more contacts or a longer past."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from sqlalchemy import Connection, text

from worker.store.dispositions import ANSWERED
from worker.store.shapes import shaped

LIVE = text("""
SELECT l.id, l.contact_id, l.to_number, l.zone, CAST(l.state AS text) AS state, k.first_name, k.last_name,
       coalesce(l.attempt, cc.attempts + 1) AS attempt,
       greatest(0, extract(epoch FROM clock_timestamp()
               - coalesce(l.answered_at, l.ringing_at, l.placed_at, l.dialing_at, l.reserved_at))::float
           * (SELECT dialer_speed())) AS for_seconds
FROM calls l
JOIN contacts k ON k.id = l.contact_id
JOIN campaign_contacts cc ON cc.contact_id = l.contact_id AND cc.campaign_id = l.campaign_id
WHERE l.campaign_id = :id AND l.ended_at IS NULL
ORDER BY l.reserved_at, l.id LIMIT :most
""")

# Those who wait for another attempt stand among those who wait for their first, in one index in the order they are
# due. It is read from its start, and again from now on, a few of each zone, and nowhere else.
QUEUE = text("""
SELECT cc.contact_id, cc.zone, cc.due_at, cc.attempts, cc.callback_at, k.first_name, k.last_name, k.phone_e164
FROM campaign_zones z
JOIN campaigns c ON c.id = z.campaign_id
CROSS JOIN LATERAL unnest(c.ranks) AS r (rank)
CROSS JOIN LATERAL (
    SELECT * FROM (
        SELECT w.contact_id, w.zone, w.due_at, w.attempts, w.callback_at, w.status FROM campaign_contacts w
        WHERE w.campaign_id = :id AND w.zone = z.zone AND w.rank = r.rank AND w.status IN ('pending', 'queued')
          AND w.due_at <= (SELECT dialer_now())
        ORDER BY w.due_at, w.id LIMIT :most) AS due
    UNION ALL
    SELECT * FROM (
        SELECT w.contact_id, w.zone, w.due_at, w.attempts, w.callback_at, w.status FROM campaign_contacts w
        WHERE w.campaign_id = :id AND w.zone = z.zone AND w.rank = r.rank AND w.status IN ('pending', 'queued')
          AND w.due_at > (SELECT dialer_now())
        ORDER BY w.due_at, w.id LIMIT :most) AS later) AS cc
CROSS JOIN LATERAL (SELECT * FROM contacts WHERE id = cc.contact_id LIMIT 1) AS k
WHERE z.campaign_id = :id AND (cc.status = 'queued' OR cc.callback_at IS NOT NULL)
ORDER BY cc.due_at, cc.contact_id
""")

# A contact may have been called for months: its latest call is looked for among
# the latest of the campaign, and not found if more have been made since.
LOOK_BACK = 2000
LATEST_ENDS = text(f"""
SELECT DISTINCT ON (contact_id) contact_id, CAST(disposition AS text) AS disposition, cause
FROM (SELECT id, contact_id, disposition, cause, reserved_at FROM calls
      WHERE campaign_id = :id AND id <> '' ORDER BY reserved_at DESC, id DESC LIMIT {LOOK_BACK}) AS latest
WHERE contact_id = ANY(:contacts) AND disposition IS NOT NULL
ORDER BY contact_id, reserved_at DESC, id DESC
""")

NEWEST = text("""
SELECT id FROM campaigns WHERE team_id = :team AND id <> '' AND deleted_at IS NULL AND test_of IS NULL
ORDER BY created_at DESC, id DESC LIMIT 1
""")


# Those that are at work stand first, then those that will be, each newest first.
BOARD = text("""
SELECT c.id, c.name, CAST(c.status AS text) AS status, c.pause_reason, c.scheduled_start_at, c.missed_start_at,
       c.closing_at, c.max_concurrent_calls,
       c.call_window_timezone, (SELECT dialer_now()) AS now,
       (SELECT count(*) FROM calls k WHERE k.campaign_id = c.id AND k.ended_at IS NULL) AS live
FROM (SELECT * FROM campaigns
      WHERE team_id = :team AND id <> '' AND deleted_at IS NULL AND test_of IS NULL
      ORDER BY CASE status WHEN 'running' THEN 1 WHEN 'paused' THEN 2 WHEN 'scheduled' THEN 3 WHEN 'draft' THEN 4
               ELSE 5 END, created_at DESC, id DESC
      LIMIT :most) AS c
""")

COUNT_CAMPAIGNS = text("""
SELECT count(*) FROM campaigns WHERE team_id = :team AND id <> '' AND deleted_at IS NULL AND test_of IS NULL
""")

# As with the latest ends: the latest calls of each campaign, and of those the ones of its day.
TODAY = text(f"""
SELECT d.id AS campaign_id, count(k.dialed_at) AS calls, count(*) FILTER (WHERE k.disposition IN {ANSWERED}) AS answered
FROM unnest(CAST(:ids AS text[]), CAST(:since AS timestamptz[])) AS d (id, since)
CROSS JOIN LATERAL (SELECT dialed_at, disposition FROM calls
                    WHERE campaign_id = d.id AND id <> ''
                    ORDER BY reserved_at DESC, id DESC LIMIT {LOOK_BACK}) AS k
WHERE k.dialed_at >= d.since
GROUP BY d.id
""")


class CalledPerson(Protocol):
    """Who a row of the screen is about."""

    contact_id: str
    first_name: str
    last_name: str


@shaped(LIVE)
class CallInFlight(CalledPerson, Protocol):
    """A live call: whom it reaches, and how long it has been in its state, in seconds of business time."""

    id: str
    to_number: str
    zone: str
    state: str
    attempt: int
    for_seconds: float


@shaped(QUEUE)
class QueuedContact(CalledPerson, Protocol):
    """A contact that waits for another attempt."""

    zone: str
    due_at: datetime
    attempts: int
    callback_at: datetime | None
    phone_e164: str | None


@shaped(LATEST_ENDS)
class LatestEnd(Protocol):
    """How the latest call to a contact ended."""

    contact_id: str
    disposition: str
    cause: str | None


@shaped(BOARD)
class BoardRow(Protocol):
    """A campaign of the team, as it stands on the board."""

    id: str
    name: str
    status: str
    pause_reason: str | None
    scheduled_start_at: datetime | None
    missed_start_at: datetime | None
    closing_at: datetime | None
    max_concurrent_calls: int
    call_window_timezone: str | None
    now: datetime
    live: int


@shaped(TODAY)
class TodaysCalls(Protocol):
    """What a campaign has dialed since its day began, among its last :data:`LOOK_BACK` calls."""

    campaign_id: str
    calls: int
    answered: int


def live_calls(conn: Connection, campaign_id: str, *, most: int) -> Sequence[CallInFlight]:
    """The first ``most`` live calls in the order they were reserved."""
    return conn.execute(LIVE, {"id": campaign_id, "most": most}).all()


def retry_queue(conn: Connection, campaign_id: str, *, most: int) -> Sequence[QueuedContact]:
    """Who waits for another attempt: up to twice ``most`` of each zone, the first that are due and the first that
    will be. Those who are due may stand behind others who wait for their first attempt; then they are left out."""
    return conn.execute(QUEUE, {"id": campaign_id, "most": most}).all()


def latest_ends(conn: Connection, campaign_id: str, contact_ids: Sequence[str]) -> dict[str, LatestEnd]:
    """Contact → how the latest call to it ended, where that was among the campaign's last :data:`LOOK_BACK`."""
    rows = conn.execute(LATEST_ENDS, {"id": campaign_id, "contacts": list(contact_ids)})
    return {row.contact_id: row for row in rows}


def newest_campaign(conn: Connection, team_id: str) -> str | None:
    """The team's latest campaign that is not deleted."""
    found: str | None = conn.execute(NEWEST, {"team": team_id}).scalar_one_or_none()
    return found


def board(conn: Connection, team_id: str, *, most: int) -> tuple[int, Sequence[BoardRow]]:
    """How many campaigns the team has that are not deleted, and ``most`` of them, those at work first."""
    count: int = conn.execute(COUNT_CAMPAIGNS, {"team": team_id}).scalar_one()
    return count, conn.execute(BOARD, {"team": team_id, "most": most}).all()


def todays_calls(conn: Connection, since: Mapping[str, datetime]) -> dict[str, TodaysCalls]:
    """Campaign → what it has dialed since the instant (business time) its day began, where it has."""
    rows = conn.execute(TODAY, {"ids": list(since), "since": list(since.values())}) if since else ()
    return {row.campaign_id: row for row in rows}
