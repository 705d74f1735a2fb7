"""Whether a campaign could have one more call now, by the rows: the question of the invariant that nobody waits who may
be called, and of what stands still. It is put otherwise than a claim puts it (:mod:`worker.store.claims`), so that a
fault there does not hide itself."""

from __future__ import annotations

from worker.store.breakers import RESTS_NOT
from worker.store.channels import ACCOUNT_LIMIT
from worker.store.failovers import IS_NOT_HELD

MAY_CALL_MORE = """c.status = 'running' AND c.deleted_at IS NULL AND (r.max_calls IS NULL OR r.calls_used < r.max_calls)
  AND (SELECT count(*) FROM calls k WHERE k.campaign_id = c.id AND k.ended_at IS NULL) < c.max_concurrent_calls
  AND (SELECT count(*) FROM calls k WHERE k.team_id = c.team_id AND k.ended_at IS NULL) < t.max_concurrent_calls"""
"""A campaign ``c`` runs, with some of the budget of its run ``r``, and has room, as has its team ``t``."""

LIVE_OF_NUMBER = """(SELECT count(*) FROM calls k
                 WHERE k.team_id = c.team_id AND k.number_id = n.id AND k.ended_at IS NULL)"""
LIVE_OF_ACCOUNT = """(SELECT count(*) FROM calls k
                 WHERE k.team_id = c.team_id AND k.account_id = a.id AND k.ended_at IS NULL)"""

ARE_CREDENTIALS_FULL = f"""EXISTS (   -- account by account, by the index of what is live
                    SELECT FROM carrier_accounts o
                    CROSS JOIN LATERAL (
                        SELECT count(*) AS live, count(k.claim_limits[5]) AS shared
                        FROM calls k WHERE k.account_id = o.id AND k.ended_at IS NULL) AS l
                    WHERE o.carrier = a.carrier
                    HAVING sum(l.shared) > 0 AND sum(l.live) >= max({ACCOUNT_LIMIT.replace("a.", "o.")})
                                                                FILTER (WHERE o.enabled))"""
"""Whether a live call of the credentials of an account ``a`` was claimed under their limit, which is used up."""

CALLER_IDS_WITH_ROOM = f"""
              FROM campaign_numbers cn JOIN phone_numbers n ON n.id = cn.number_id
              JOIN carrier_accounts a ON a.id = n.account_id
              WHERE cn.campaign_id = c.id AND n.enabled AND a.enabled
                AND {IS_NOT_HELD} AND {RESTS_NOT} AND a.breaker_until IS NULL
                AND {LIVE_OF_NUMBER} < n.max_concurrent_calls
                AND {LIVE_OF_ACCOUNT} < {ACCOUNT_LIMIT}
                AND NOT {ARE_CREDENTIALS_FULL}"""
"""The caller IDs ``n`` of a campaign ``c`` that may be used now, each with its account ``a``: enabled, not resting,
nothing being tried, with room in both."""
