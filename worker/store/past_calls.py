"""Calls that are no longer kept: what of them stays, so that nothing that is counted changes when they go.

An ended call is deleted as many days after its end as a deployment says, with its events. What reports count of it
stays in ``past_calls``, some forty bytes in the arrays of those of its campaign that went with it, and is counted in
``past_call_totals``. Of the latest of each contact stays in ``latest_past_calls`` what an export shows and what is
looked at before a contact is put back. Counters and the contact's attempts are rows of their own, and stay as they are.

A batch is one statement. It locks rows of calls and events that are long over, and inserts: nothing that a claim, a
commit of dialing or settling waits for; where somebody else has a call, as settling has one of which news came after
all, the call is left for another day (:func:`worker.store.retention.begin_anew`).
"""

from __future__ import annotations

from sqlalchemy import Connection, text

from worker.store.dispositions import UNSENT
from worker.store.retention import walk

RETIRED_AT_ONCE = 500

ALL_CALLS = """(
    SELECT reserved_at, ended_at, dialed_at, claim_limits[2] AS campaign_limit, zone, attempt, disposition
    FROM calls WHERE campaign_id = :id AND id <> ''
    UNION ALL
    SELECT each.* FROM past_calls p CROSS JOIN LATERAL unnest(
        p.reserved, p.ended, p.dialed, p.campaign_limits, p.zones, p.attempts, p.dispositions) AS each
    WHERE p.campaign_id = :id) AS k"""
"""The calls of a campaign, kept or not, for who counts them."""

RETIRE = text(f"""
WITH {walk("calls", "t.ended_at")},
gone AS (
    DELETE FROM calls WHERE id = ANY(ARRAY(
        SELECT id FROM calls WHERE id = ANY(ARRAY(SELECT id FROM old)) FOR UPDATE SKIP LOCKED))
    RETURNING *),
news AS (
    DELETE FROM call_events WHERE outcome IS NOT NULL AND token = ANY(ARRAY(SELECT token FROM gone))),
reports AS (
    DELETE FROM call_outcomes WHERE call_id = ANY(ARRAY(SELECT id FROM gone))),
past AS (
    INSERT INTO past_calls (campaign_id, reserved, ended, dialed, campaign_limits, zones, attempts, dispositions)
    SELECT campaign_id, array_agg(reserved_at ORDER BY id), array_agg(ended_at ORDER BY id),
           array_agg(dialed_at ORDER BY id), array_agg(claim_limits[2] ORDER BY id), array_agg(zone ORDER BY id),
           array_agg(attempt ORDER BY id), array_agg(disposition ORDER BY id)
    FROM gone GROUP BY campaign_id),
counted AS (
    INSERT INTO past_call_totals AS t (campaign_id, disposition, calls)
    SELECT campaign_id, disposition, count(*) FROM gone GROUP BY campaign_id, disposition ORDER BY 1, 2
    ON CONFLICT (campaign_id, disposition) DO UPDATE SET calls = t.calls + excluded.calls),
latest AS (
    INSERT INTO latest_past_calls AS l (campaign_contact_id, disposition, ended_at, to_number)
    SELECT cc.id, (array_agg(g.disposition ORDER BY g.id DESC) FILTER (WHERE g.disposition NOT IN {UNSENT}))[1],
           (array_agg(g.ended_at ORDER BY g.id DESC) FILTER (WHERE g.disposition NOT IN {UNSENT}))[1],
           (array_agg(g.to_number ORDER BY g.id DESC) FILTER (WHERE g.attempt IS NOT NULL))[1]
    FROM gone g CROSS JOIN LATERAL (
        SELECT id FROM campaign_contacts WHERE contact_id = g.contact_id AND campaign_id = g.campaign_id LIMIT 1) AS cc
    GROUP BY cc.id
    ON CONFLICT (campaign_contact_id) DO UPDATE
    SET disposition = coalesce(excluded.disposition, l.disposition),
        ended_at = coalesce(excluded.ended_at, l.ended_at), to_number = coalesce(excluded.to_number, l.to_number)
    WHERE (l.ended_at > excluded.ended_at) IS NOT TRUE)
SELECT count(*) FROM gone
""")


def retire(conn: Connection, *, days: int) -> int:
    """Delete some of the calls that ended more than ``days`` ago, and their events; how many."""
    return int(conn.execute(RETIRE, {"days": days, "most": RETIRED_AT_ONCE}).scalar_one())
