"""The calls that were committed to be placed to one number, with what let each of them pass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import Connection, text

from worker.store.dispositions import UNSENT
from worker.store.shapes import shaped

# Each of two indexes has some of the calls to a number: those that have ended, and the one that lives.
_ANY = "({k}.ended_at IS NOT NULL OR {k}.ended_at IS NULL)"
_OF_NUMBER = f"k.team_id = :team AND k.to_number = :number AND {_ANY.format(k='k')}"
_IN_TIME = f"""k.dialing_at IS NOT NULL AND (k.disposition IS NULL OR k.disposition NOT IN {UNSENT})
  AND (CAST(:since AS timestamptz) IS NULL OR k.reserved_at >= :since)
  AND (CAST(:until AS timestamptz) IS NULL OR k.reserved_at < :until)"""
# Those before are counted along the index that has the calls of a number in their order.
PAGE = text(f"""
SELECT k.id, k.campaign_id, c.name AS campaign, c.call_window_timezone, k.contact_id, k.from_number, k.to_number,
       k.attempt, k.zone, k.law, k.dialed_at, k.valid_until, k.ringing_at, k.answered_at, k.ended_at,
       k.disposition, k.cause, k.machine_verdict, o.outcome,
       (SELECT count(*) FROM calls b
        WHERE b.team_id = k.team_id AND b.to_number = k.to_number AND {_ANY.format(k="b")}
          AND b.dialing_at < k.dialing_at
          AND (b.disposition IS NULL OR b.disposition NOT IN {UNSENT})) AS calls_before
FROM (SELECT * FROM calls k WHERE {_OF_NUMBER} AND {_IN_TIME}
      ORDER BY k.reserved_at, k.id LIMIT :limit OFFSET :offset) AS k
JOIN campaigns c ON c.id = k.campaign_id
LEFT JOIN call_outcomes o ON o.call_id = k.id
ORDER BY k.reserved_at, k.id
""")
COUNT = text(f"SELECT count(*) FROM calls k WHERE {_OF_NUMBER} AND {_IN_TIME}")


@shaped(PAGE, never_null=("dialed_at",))
class EvidentCall(Protocol):
    """A call that was committed to be placed at ``dialed_at`` (business time), and could have been until
    ``valid_until``; in ``law`` by which rules, where any bound it. ``zone`` is the contact's own zone, or its place
    then, or ''; ``calls_before`` counts the team's calls to the number that went out before, as far as they are
    kept."""

    id: str
    campaign_id: str
    campaign: str
    call_window_timezone: str | None
    contact_id: str
    from_number: str
    to_number: str
    attempt: int | None
    zone: str
    law: Mapping[str, Any] | None
    dialed_at: datetime
    valid_until: datetime | None
    ringing_at: datetime | None
    answered_at: datetime | None
    ended_at: datetime | None
    disposition: str | None
    cause: str | None
    machine_verdict: str | None
    outcome: str | None
    calls_before: int


def page(
    conn: Connection,
    team_id: str,
    number: str,
    *,
    since: datetime | None,
    until: datetime | None,
    limit: int,
    offset: int,
) -> tuple[int, Sequence[EvidentCall]]:
    """How many calls of the team went to this number, reserved from ``since`` and before ``until``, and ``limit`` of
    them after ``offset``, the oldest first."""
    values = {"team": team_id, "number": number, "since": since, "until": until}
    rows = conn.execute(PAGE, {**values, "limit": limit, "offset": offset}).all()
    return conn.execute(COUNT, values).scalar_one(), rows
