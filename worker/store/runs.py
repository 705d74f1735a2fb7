"""One execution of a campaign: opened, and ended by a newer one, its budget, or the campaign's end."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from sqlalchemy import Connection, text

from worker.store.shapes import shaped

END_OPEN = text("""
UPDATE runs SET state = 'ended', ended_at = clock_timestamp(), end_reason = :reason
WHERE campaign_id = :campaign AND state = 'open' RETURNING id
""")

OPEN = text("""
INSERT INTO runs (id, team_id, campaign_id, opened_by, max_calls)
SELECT :id, team_id, id, :opened_by, CAST(:max_calls AS integer) FROM campaigns WHERE id = :campaign
""")

SPENT = text("""
SELECT c.id FROM campaigns c JOIN runs r ON r.id = c.run_id
WHERE c.status = 'running' AND r.calls_used >= r.max_calls
  AND NOT EXISTS (SELECT FROM calls k WHERE k.campaign_id = c.id AND k.ended_at IS NULL)
  AND c.id = ANY(:ids)
""")

OF_CAMPAIGN = text("""
SELECT id, campaign_id, state, opened_by, max_calls, calls_used, opened_at, ended_at, end_reason
FROM runs WHERE campaign_id = :campaign AND id <> '' ORDER BY opened_at DESC, id DESC LIMIT :limit OFFSET :offset
""")

# Of the campaign's latest calls, or a run that has made none yet would be looked for among all there ever were.
CALLS = text("""
SELECT id AS call_id, campaign_id, contact_id, from_number, to_number
FROM (SELECT * FROM calls WHERE campaign_id = :campaign AND id <> '' ORDER BY id DESC LIMIT :most) AS latest
WHERE run_id = :run ORDER BY id
""")

EXISTS = text("SELECT EXISTS (SELECT FROM runs WHERE id = :id)")

COUNT = text("SELECT count(*) FROM runs WHERE campaign_id = :campaign")


@shaped(OF_CAMPAIGN)
class RunRow(Protocol):
    """A run: how many calls it may make (``None``: no cap) and has made, and how it ended."""

    id: str
    campaign_id: str
    state: str
    opened_by: str
    max_calls: int | None
    calls_used: int
    opened_at: datetime
    ended_at: datetime | None
    end_reason: str | None


@shaped(CALLS)
class RunCall(Protocol):
    """A call of a run."""

    call_id: str
    campaign_id: str
    contact_id: str
    from_number: str
    to_number: str


def open_run(conn: Connection, campaign_id: str, run_id: str, *, opened_by: str, max_calls: int | None) -> str | None:
    """Open a run with a budget of ``max_calls`` calls (``None``: no cap); the one that was open ends. Returns the id
    of that one, if there was one."""
    replaced = end_open(conn, campaign_id, "superseded")
    conn.execute(OPEN, {"id": run_id, "campaign": campaign_id, "opened_by": opened_by, "max_calls": max_calls})
    return replaced


def calls(conn: Connection, campaign_id: str, run_id: str, *, most: int) -> Sequence[RunCall]:
    """Those of the campaign's ``most`` latest calls that are of this run, whoever reserved them."""
    return conn.execute(CALLS, {"campaign": campaign_id, "run": run_id, "most": most}).all()


def exists(conn: Connection, run_id: str) -> bool:
    """Whether a run with this id was opened."""
    found: bool = conn.execute(EXISTS, {"id": run_id}).scalar_one()
    return found


def end_open(conn: Connection, campaign_id: str, reason: str) -> str | None:
    """End the campaign's open run, if it has one."""
    row = conn.execute(END_OPEN, {"campaign": campaign_id, "reason": reason}).first()
    return None if row is None else str(row.id)


def spent(conn: Connection, campaign_ids: Sequence[str]) -> list[str]:
    """Those campaigns that run on a used-up budget and have no live call left."""
    return [row.id for row in conn.execute(SPENT, {"ids": list(campaign_ids)})]


def of_campaign(conn: Connection, campaign_id: str, *, limit: int, offset: int) -> tuple[int, Sequence[RunRow]]:
    """How many runs the campaign has had, and ``limit`` of them after ``offset``, newest first."""
    count: int = conn.execute(COUNT, {"campaign": campaign_id}).scalar_one()
    return count, conn.execute(OF_CAMPAIGN, {"campaign": campaign_id, "limit": limit, "offset": offset}).all()
