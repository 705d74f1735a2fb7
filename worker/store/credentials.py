"""What the accounts of one set of carrier credentials may do together.

A deployment has one set of credentials per carrier. Where a carrier knows its accounts by them, all accounts of that
carrier, whoever's they are, are one account there: they share its limit of calls at once and its calls per second. Each
has limits of its own besides; together they have the largest that any of them which is enabled has.

Which carriers do so, their adapters say (:attr:`worker.carriers.base.Carrier.shares_credentials`); here they are given
as ``sharing``. Calls of several teams are counted under a lock of the credentials, which a claim takes after its team's
row and its campaigns': last, so that nobody who holds it waits for one who wants it. Where a carrier has one account
only, nothing of this is read.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol

from sqlalchemy import Connection, text

from worker.store.breakers import RATE_NOW
from worker.store.candidates import USABLE
from worker.store.carriers import known
from worker.store.channels import ACCOUNT_LIMIT
from worker.store.instants import turn
from worker.store.shapes import shaped

LOCK = text("""
SELECT pg_advisory_xact_lock(hashtextextended('credentials ' || name, 0))
FROM unnest(CAST(:carriers AS text[])) AS x (name)
""")

HOLD_CLAIMS = text("""
SELECT id FROM teams
WHERE id IN (SELECT team_id FROM carrier_accounts WHERE carrier = CAST(:carrier AS carrier))
ORDER BY id FOR NO KEY UPDATE
""")

READ = text(f"""
WITH lived AS MATERIALIZED (   -- an account at a time, by the index of what is live
    SELECT a.id,
           (SELECT count(*) FROM calls k WHERE k.account_id = a.id AND k.ended_at IS NULL) AS live,
           (SELECT count(*) FROM calls k
            WHERE k.account_id = a.id AND k.ended_at IS NULL AND k.state = 'reserved') AS reserved
    FROM carrier_accounts a WHERE a.carrier = ANY({known("carriers")}))
SELECT CAST(a.carrier AS text) AS carrier, sum(l.live)::integer AS live, sum(l.reserved)::integer AS reserved,
       coalesce(max({ACCOUNT_LIMIT}) FILTER (WHERE a.enabled), 0) AS most,
       coalesce(max(least(a.max_concurrent_calls, a.channels)) FILTER (WHERE a.enabled), 0) AS known_to_fit,
       CASE WHEN bool_and(a.calls_per_second IS NOT NULL) FILTER (WHERE a.enabled)
            THEN max({RATE_NOW}) FILTER (WHERE a.enabled) END AS rate
FROM carrier_accounts a JOIN lived l ON l.id = a.id
GROUP BY a.carrier
""")

_LIVE_OF = f"""
(SELECT count(*) FROM calls k JOIN carrier_accounts o ON o.id = k.account_id
 WHERE k.team_id = {{team}} AND k.ended_at IS NULL AND o.carrier = ANY({known("carriers")}))
"""
AHEAD = text(f"""
WITH mine AS MATERIALIZED (SELECT {_LIVE_OF.format(team=":team")} AS live)
SELECT w.team_id
FROM (SELECT c.team_id, min({turn("c.filled_at")}) AS oldest FROM campaigns c
      WHERE c.short_of_slots AND c.status = 'running' AND c.team_id <> :team
        AND EXISTS (SELECT FROM campaign_numbers cn
                    JOIN phone_numbers n ON n.id = cn.number_id
                    JOIN carrier_accounts a ON a.id = n.account_id
                    WHERE cn.campaign_id = c.id AND a.carrier = ANY({known("carriers")}) AND {USABLE})
      GROUP BY c.team_id) AS w
CROSS JOIN LATERAL (SELECT {_LIVE_OF.format(team="w.team_id")} AS live) AS theirs CROSS JOIN mine
WHERE theirs.live < mine.live OR theirs.live = mine.live AND w.oldest <= :before
ORDER BY rank() OVER (ORDER BY w.oldest) > 1, random()   -- one that cannot be filled after all must not keep others
LIMIT :most                                              -- from being tried
""")


@shaped(READ)
class CredentialsUse(Protocol):
    """What is under way by the credentials of a carrier, all teams together, and what may be: ``live`` calls and of
    them ``reserved``; at ``most`` so many live, of which so many are ``known_to_fit`` the carrier's channels; calls
    per second (``None``: no limit)."""

    carrier: str
    live: int
    reserved: int
    most: int
    known_to_fit: int
    rate: float | None


def lock(conn: Connection, carriers: Collection[str]) -> None:
    """Hold off claims of other teams with these credentials until the transaction ends; a statement of its own, so
    that the next one counts what they have committed."""
    conn.execute(LOCK, {"carriers": sorted(carriers)})


def hold_claims(conn: Connection, carrier: str) -> None:
    """Wait for the claims under way of all teams with an account of this carrier, and hold off further ones until the
    transaction ends: those that find a new account committed count with it, and none goes on that does not."""
    conn.execute(HOLD_CLAIMS, {"carrier": carrier})


def read(conn: Connection, carriers: Collection[str], *, recovery_seconds: float) -> Sequence[CredentialsUse]:
    """What is under way by the credentials of each carrier, and what may be."""
    return conn.execute(READ, {"carriers": sorted(carriers), "recovery": recovery_seconds}).all()


def ahead(conn: Connection, team_id: str, carriers: Collection[str], before: datetime, *, most: int) -> list[str]:
    """Other teams with a campaign that lacks a slot and could call by these credentials, whose turn it is: they have
    fewer calls live by them, or as many, and the campaign had its last turn ``before`` or then."""
    values = {"team": team_id, "carriers": sorted(carriers), "before": before, "most": most}
    return [row.team_id for row in conn.execute(AHEAD, values)]
