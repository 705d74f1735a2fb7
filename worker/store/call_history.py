"""The history of numbers (``callees``), by which caps and quiet times are decided: read with the contact it is of,
compared where a call is committed, and gone through for crowds of contacts that may not be called yet.

It is written by a trigger of ``calls``. Whoever reserves a call has its number to himself until the call ends, for a
number has one live call of a team; but a refusal, or a ring that is reported late, may change what was read meanwhile.
So the commit of ``dialing`` requires the row to be as it was read, word for word.
"""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from sqlalchemy import Connection, text

from worker.domain.frequency import MARGIN
from worker.store.shapes import shaped

READ = """e.recent, e.conversed_at, e.refused_at, concat_ws(' ', e.recent, e.conversed_at, e.refused_at) AS history"""
"""The columns of a row ``e`` of ``callees``; ``history`` is all of it in words, to be compared."""


def unchanged(team: str, number: str, history: str) -> str:
    """SQL for whether the history of a number is still as it was read; true where it was not (``NULL``). Without a row
    it reads as nothing."""
    return f"""({history} IS NULL OR coalesce((SELECT concat_ws(' ', e.recent, e.conversed_at, e.refused_at)
               FROM callees e WHERE e.team_id = {team} AND e.number = {number}), '') = {history})"""


IS_AHEAD_BY = "date_trunc('second', dialer_due_now() - dialer_now())"
"""By how much what ``due_at`` is compared with is ahead of business time: nothing, unless a clock was set back."""

_RULES = """
SELECT r ->> 'after' AS after, CAST(r ->> 'calls' AS integer) AS calls,
       CAST(r ->> 'hours' AS integer) * interval '1 hour' AS span
FROM jsonb_array_elements(CAST(:rules AS jsonb)) AS r"""

_MARGIN = f"interval '{MARGIN.total_seconds()} seconds'"
_RESTS_UNTIL = f"""(
    SELECT max(r.span + {_MARGIN} + CASE WHEN r.calls IS NOT NULL THEN e.recent[r.calls]
                                         WHEN r.after = 'conversation' THEN e.conversed_at
                                         ELSE e.refused_at END) FROM rules r)"""
"""Until when the rules keep a callee ``e`` from being called: what :func:`worker.domain.frequency.resting` says. A
refusal for good is left to the claim."""

_DUE = """
    SELECT ranked.* FROM (SELECT ranks, use_secondary_phone FROM campaigns WHERE id = :campaign LIMIT 1) AS c
    CROSS JOIN LATERAL unnest(c.ranks) AS r (rank)
    CROSS JOIN LATERAL (
        SELECT cc.campaign_id, cc.contact_id FROM campaign_contacts cc
        WHERE cc.campaign_id = :campaign AND cc.zone = :zone AND cc.rank = r.rank
          AND cc.status IN ('pending', 'queued') AND cc.due_at <= (SELECT dialer_due_now())
          AND NOT (c.use_secondary_phone AND cc.attempts % 2 = 1)   -- its second number is looked at by the claim
        ORDER BY cc.due_at, cc.id LIMIT :most) AS ranked
    LIMIT :most"""

_CAPPED = f"""
    SELECT due.campaign_id, due.contact_id, rest.until
    FROM due
    CROSS JOIN LATERAL (SELECT team_id, phone_e164 FROM contacts WHERE id = due.contact_id LIMIT 1) AS k
    CROSS JOIN LATERAL (SELECT * FROM callees WHERE team_id = k.team_id AND number = k.phone_e164 LIMIT 1) AS e
    CROSS JOIN LATERAL (SELECT {_RESTS_UNTIL} AS until) AS rest
    WHERE rest.until > (SELECT dialer_now())"""

# Not locked before, or each row would be written twice; who was taken up meanwhile is left alone. The state is compared
# as text, or the index of who waits is gone through for each.
PARK = text(f"""
WITH rules AS MATERIALIZED ({_RULES}),
due AS MATERIALIZED ({_DUE}),
capped AS MATERIALIZED ({_CAPPED}),
parked AS (
    UPDATE campaign_contacts cc
    SET status = 'queued', reason = 'frequency', due_at = greatest(cc.due_at, x.until + (SELECT {IS_AHEAD_BY}))
    FROM capped x
    WHERE cc.contact_id = x.contact_id AND cc.campaign_id || '' = x.campaign_id
      AND CAST(cc.status AS text) IN ('pending', 'queued') AND cc.due_at <= (SELECT dialer_due_now())   -- still so
    RETURNING 1)
SELECT (SELECT count(*) FROM due) AS looked_at, (SELECT count(*) FROM parked) AS parked
""")

FREE = text("""
WITH freed AS (
    UPDATE campaign_contacts cc SET due_at = least(cc.due_at, (SELECT dialer_due_now())), reason = NULL
    FROM campaigns c
    WHERE c.team_id = :team AND c.id <> '' AND (CAST(:campaign AS text) IS NULL OR c.id = :campaign)
      AND cc.campaign_id = c.id AND cc.reason = 'frequency' AND cc.status IN ('pending', 'queued')
    RETURNING cc.campaign_id)
SELECT DISTINCT campaign_id FROM freed ORDER BY campaign_id
""")

WAITING = text(f"""
WITH rules AS MATERIALIZED ({_RULES}),
due AS MATERIALIZED ({_DUE}),
capped AS MATERIALIZED ({_CAPPED})
SELECT count(*) AS contacts, min(until) AS next_at FROM capped
""")

PARKED = text("""
SELECT count(*) AS contacts, min(due_at) AS next_at FROM campaign_contacts
WHERE campaign_id = :campaign AND reason = 'frequency' AND status IN ('pending', 'queued')
  AND due_at > (SELECT dialer_due_now())
""")

REFUSED = text("""
INSERT INTO callees AS e (team_id, number, refused_at) VALUES (:team, :number, dialer_now())
ON CONFLICT (team_id, number) DO UPDATE SET refused_at = greatest(e.refused_at, excluded.refused_at)
""")


class CallHistory(Protocol):
    """What is known of the calls to a number; nothing where it was not asked for or there is no row."""

    recent: list[datetime] | None
    conversed_at: datetime | None
    refused_at: datetime | None
    history: str | None


@shaped(PARK)
class Parked(Protocol):
    """How many contacts that are due were looked at, and how many of them may not be called yet."""

    looked_at: int
    parked: int


@shaped(WAITING, PARKED)
class Capped(Protocol):
    """How many contacts may not be called yet for how often they were, and when the first of them may."""

    contacts: int
    next_at: datetime | None


def park(conn: Connection, campaign_id: str, zone: str, rules: str, *, most: int) -> Parked:
    """Put off, in one statement, those of the next ``most`` due contacts of the campaign in this zone whom the rules
    (JSON) keep from being called, each to its own instant."""
    return conn.execute(PARK, _which(campaign_id, zone, rules, most)).one()


def free(conn: Connection, team_id: str, campaign_id: str | None = None) -> list[str]:
    """Let those be due again who were put off, of a campaign or of all of the team, for the rules are others now: they
    were due when they were put off. The campaigns they are in."""
    return list(conn.execute(FREE, {"team": team_id, "campaign": campaign_id}).scalars())


def parked(conn: Connection, campaign_id: str) -> Capped:
    """Who of the campaign was put off."""
    return conn.execute(PARKED, {"campaign": campaign_id}).one()


def waiting(conn: Connection, campaign_id: str, zone: str, rules: str, *, most: int) -> Capped:
    """Who of the next ``most`` due contacts of the campaign in this zone would be."""
    return conn.execute(WAITING, _which(campaign_id, zone, rules, most)).one()


def refused(conn: Connection, team_id: str, number: str) -> None:
    """The callee does not want to be called, as of now."""
    conn.execute(REFUSED, {"team": team_id, "number": number})


def _which(campaign_id: str, zone: str, rules: str, most: int) -> dict[str, object]:
    return {"campaign": campaign_id, "zone": zone, "rules": rules, "most": most}
