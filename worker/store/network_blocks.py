"""Caller IDs whose calls end in 603 so often that a network must block them: read, and made good to the contacts."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy import Connection, text

from worker.domain.network_blocks import CALLS, DECLINED, NETWORK_BLOCKED, SECONDS
from worker.domain.retry import REJECTIONS
from worker.store.batches import Batch
from worker.store.dispositions import REJECTED, UNSENT
from worker.store.shapes import shaped


@dataclass(frozen=True, slots=True)
class Declined:
    """A call that is about to end in a 603, and by which number of its team it was placed."""

    call_id: str
    team_id: str
    number_id: str


DECLINES = Batch(Declined)

_RECENTLY = f"reserved_at > clock_timestamp() - {SECONDS} * interval '1 second'"  # or ahead, if the clock was set back
_IN_603 = f"k.disposition IN {REJECTED} AND coalesce(k.cause IN ('{DECLINED}', '{NETWORK_BLOCKED}'), false)"
_COUNTS_AS_DECLINED = f"""
k.team_id = :team AND k.disposition IN {REJECTED} AND k.{_RECENTLY} AND k.number_id = :number AND k.cause = '{DECLINED}'
"""

MOST_READ = 2000
"""How many of a team's newest calls are looked through for those of one number."""

# The calls that end just now are no ended ones yet; those of the same batch that end otherwise count when they have.
NEWEST_ENDS = text(f"""
WITH x AS (SELECT * FROM {DECLINES})
SELECT n.number_id, k.to_number, k.declined
FROM (SELECT DISTINCT number_id, team_id FROM x) AS n
CROSS JOIN LATERAL (
    SELECT * FROM (
        SELECT k.to_number, true AS declined, k.reserved_at
        FROM x JOIN calls k ON k.id = x.call_id WHERE x.number_id = n.number_id
        UNION ALL   -- who talks has declined nothing, and would only count when it is too late
        SELECT k.to_number, false, k.reserved_at
        FROM phone_numbers p JOIN calls k ON k.account_id = p.account_id
        WHERE p.id = n.number_id AND k.number_id = p.id AND k.ended_at IS NULL AND k.state = 'in_progress'
          AND k.{_RECENTLY}
        UNION ALL
        (SELECT k.to_number, {_IN_603}, k.reserved_at
         FROM (SELECT * FROM calls k WHERE k.team_id = n.team_id AND k.ended_at IS NOT NULL AND k.{_RECENTLY}
               ORDER BY k.reserved_at DESC, k.id DESC LIMIT {MOST_READ}) AS k
         WHERE k.number_id = n.number_id AND k.disposition NOT IN {UNSENT}
         ORDER BY k.reserved_at DESC, k.id DESC LIMIT {CALLS})) AS k
    ORDER BY k.reserved_at DESC LIMIT {CALLS}) AS k
""")

DECLINED_BY = text(f"SELECT DISTINCT k.campaign_id FROM calls k WHERE {_COUNTS_AS_DECLINED} ORDER BY 1")

# Who was given up for such calls waits again, if the campaign goes on, attempts are left, and nobody else is called by
# the number meanwhile.
FORGIVE = text(f"""
WITH declined AS (
    UPDATE calls SET cause = '{NETWORK_BLOCKED}'
    WHERE id IN (SELECT k.id FROM calls k WHERE {_COUNTS_AS_DECLINED} AND k.campaign_id = ANY(:campaigns)
                 ORDER BY k.id FOR NO KEY UPDATE)
    RETURNING contact_id, campaign_id),
counted AS (
    SELECT contact_id, campaign_id, count(*) AS n FROM declined GROUP BY contact_id, campaign_id),
forgiven AS (
    SELECT cc.contact_id, cc.campaign_id, d.n,
           cc.status = 'failed' AND cc.reason = 'rejected' AND cc.rejections >= {REJECTIONS}
           AND cc.rejections - d.n < {REJECTIONS} AND c.status IN ('running', 'paused') AND c.closing_at IS NULL
           AND c.deleted_at IS NULL
           AND NOT EXISTS (SELECT FROM contacts p JOIN contacts o ON o.team_id = p.team_id
                                   AND o.phone_e164 = p.phone_e164 AND o.id <> p.id
                           JOIN campaign_contacts oc ON oc.contact_id = o.id AND oc.campaign_id = cc.campaign_id
                           WHERE p.id = cc.contact_id
                             AND oc.status IN ('pending', 'queued', 'calling', 'completed')) AS returns,
           cc.attempts < c.max_attempts_per_contact AS has_attempts,
           coalesce(CAST(c.settings -> 'retryDelays' ->> 'rejected' AS integer), c.retry_delay_minutes) AS minutes
    FROM counted d
    JOIN campaign_contacts cc ON cc.contact_id = d.contact_id AND cc.campaign_id || '' = d.campaign_id
    JOIN campaigns c ON c.id = cc.campaign_id
    ORDER BY cc.contact_id, cc.campaign_id FOR NO KEY UPDATE OF cc)
UPDATE campaign_contacts cc
SET rejections = greatest(cc.rejections - f.n, 0),
    status = CASE WHEN NOT f.returns THEN cc.status WHEN f.has_attempts THEN 'queued' ELSE 'exhausted' END,
    reason = CASE WHEN f.returns THEN NULL ELSE cc.reason END,
    due_at = CASE WHEN f.returns AND f.has_attempts
                  THEN greatest(cc.callback_at, dialer_due_now() + f.minutes * interval '1 minute') ELSE cc.due_at END
FROM forgiven f WHERE cc.contact_id = f.contact_id AND cc.campaign_id || '' = f.campaign_id
""")


@shaped(NEWEST_ENDS)
class NewestEnd(Protocol):
    """One of the newest calls of a number: whom it went to, and whether it ended in a 603."""

    number_id: str
    to_number: str
    declined: bool


def newest_ends(conn: Connection, declined: Iterable[Declined]) -> Sequence[NewestEnd]:
    """The newest calls of the numbers of these calls, with them."""
    return conn.execute(NEWEST_ENDS, DECLINES.bind(declined)).all()


def campaigns_declined(conn: Connection, team_id: str, number_id: str) -> list[str]:
    """The campaigns whose calls by this number ended in a 603 and count as declined, in id order."""
    return [row.campaign_id for row in conn.execute(DECLINED_BY, {"team": team_id, "number": number_id})]


def forgive(conn: Connection, team_id: str, number_id: str, campaign_ids: Collection[str]) -> int:
    """Count the calls by this number that ended in a 603 no longer as declined by those they went to, and let those who
    were given up for them wait again; the caller has locked these campaigns. Returns how many contacts it concerned."""
    values = {"team": team_id, "number": number_id, "campaigns": list(campaign_ids)}
    return conn.execute(FORGIVE, values).rowcount
