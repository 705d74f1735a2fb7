"""What must never be: each invariant as a query that returns the rows that break it, so none when all is well.

Each has a name, which code, tests and ``dialer doctor`` use, and a sentence that says what it means.

They are checked after every database test, at the end of a demonstration, and by operators. What a query cannot
see in the database is given to it: which zones are open now, who holds a slot.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, text

from worker.domain.model import Bounds
from worker.store.bans import digest, purpose_of
from worker.store.batches import Batch
from worker.store.database import planned_by_size
from worker.store.dispositions import ANSWERED, COUNTS_IF_IT_RANG, NEVER_COUNTS, UNSENT
from worker.store.instants import has_waited, jumped, turn
from worker.store.room import CALLER_IDS_WITH_ROOM, MAY_CALL_MORE

# Its own end: not one reported with another carrier's key, and not that of another call under its token.
END_WAS_REPORTED = """EXISTS (
          SELECT FROM call_events e WHERE e.token = k.token AND e.kind = 'ended'
            AND e.outcome IS DISTINCT FROM 'foreign'
            AND (k.carrier_call_id IS NULL OR e.carrier_call_id = k.carrier_call_id))"""

# Live calls of each scope against the limit that the claim which added the last of them had read; of credentials it
# has read one where several accounts have them.
LIMIT_HELD = f"""
WITH scoped AS (
    SELECT k.id, {turn("k.reserved_at")} AS turn, s.kind, s.scope, k.claim_limits[s.n] AS allowed
    FROM calls k JOIN carrier_accounts a ON a.id = k.account_id CROSS JOIN LATERAL (VALUES
        (1, 'team', k.team_id), (2, 'campaign', k.campaign_id), (3, 'number', k.number_id),
        (4, 'account', k.account_id), (5, 'credentials', CAST(a.carrier AS text))) AS s (n, kind, scope)
    WHERE k.ended_at IS NULL)
SELECT kind || ' ' || scope AS offender, count(*) AS live, (array_agg(allowed ORDER BY turn DESC, id DESC))[1]
FROM scoped GROUP BY kind, scope
HAVING count(*) > (array_agg(allowed ORDER BY turn DESC, id DESC))[1]
"""

# A call the dialer has closed, that its carrier speaks of as alive, and that nothing has ended since.
ENDED_CALLS_ARE_OVER = f"""
SELECT k.id AS offender FROM calls k
WHERE k.late_evidence_at IS NOT NULL
  AND NOT {END_WAS_REPORTED}
"""

# Follows from limit_held and ended_calls_are_over; checked anyway, by what carriers reported: more calls alive there
# than any limit allowed.
LIMIT_HELD_AT_CARRIER = f"""
SELECT k.campaign_id AS offender, count(*) FROM calls k
WHERE k.ended_at IS NULL AND k.state IN ('placed', 'ringing', 'in_progress')
   OR k.late_evidence_at IS NOT NULL
      AND NOT {END_WAS_REPORTED}
GROUP BY k.campaign_id HAVING count(*) > max(k.claim_limits[2])
"""

ONE_LIVE_CALL_PER_CONTACT = """
SELECT min(id) AS offender, team_id, contact_id FROM calls WHERE ended_at IS NULL
GROUP BY team_id, contact_id HAVING count(*) > 1
UNION ALL
SELECT min(id), team_id, to_number FROM calls WHERE ended_at IS NULL GROUP BY team_id, to_number HAVING count(*) > 1
"""

# Ended calls, kept or not, against the counters, and contacts against theirs, campaign by campaign.
COUNTERS_ADD_UP = """
WITH ended AS (
    SELECT campaign_id, disposition, sum(n) AS n FROM (
        SELECT campaign_id, disposition, count(*) AS n FROM calls WHERE ended_at IS NOT NULL GROUP BY 1, 2
        UNION ALL SELECT campaign_id, disposition, calls FROM past_call_totals) AS parts
    GROUP BY 1, 2),
counted AS (
    SELECT campaign_id, disposition, sum(n) AS n FROM (
        SELECT campaign_id, disposition, calls AS n FROM disposition_totals
        UNION ALL SELECT campaign_id, disposition, 1 FROM counter_deltas WHERE call_id IS NOT NULL) AS parts
    GROUP BY 1, 2),
contacts_now AS (
    SELECT campaign_id, count(*) AS total, count(*) FILTER (WHERE called) AS called,
           count(*) FILTER (WHERE answered) AS answered,
           count(*) FILTER (WHERE called AND status >= 'completed') AS finished,
           count(*) FILTER (WHERE status IN ('pending', 'queued')) AS waiting
    FROM campaign_contacts GROUP BY 1),
contacts_counted AS (
    SELECT campaign_id, sum(total) AS total, sum(called) AS called, sum(answered) AS answered,
           sum(finished) AS finished, sum(pending + queued) AS waiting
    FROM (SELECT campaign_id, total, called, answered, finished, pending, queued FROM campaign_totals
          UNION ALL SELECT campaign_id, total, called, answered, finished, pending, queued FROM counter_deltas) AS parts
    GROUP BY 1)
SELECT coalesce(e.campaign_id, c.campaign_id) AS offender, coalesce(e.disposition, c.disposition)::text AS what
FROM ended e FULL JOIN counted c USING (campaign_id, disposition)
WHERE coalesce(e.n, 0) <> coalesce(c.n, 0)
UNION ALL
SELECT coalesce(n.campaign_id, c.campaign_id), 'contacts'
FROM contacts_now n FULL JOIN contacts_counted c USING (campaign_id)
WHERE (coalesce(n.total, 0), coalesce(n.called, 0), coalesce(n.answered, 0), coalesce(n.finished, 0),
       coalesce(n.waiting, 0))
   <> (coalesce(c.total, 0), coalesce(c.called, 0), coalesce(c.answered, 0), coalesce(c.finished, 0),
       coalesce(c.waiting, 0))
"""

# Attempts cover every request that may have made a call, and never exceed what was allowed when dialing: the most of
# the campaign, and one call beyond that for who asked to be called back, once for each contact.
ATTEMPTS_WITHIN_LIMIT = f"""
SELECT cc.campaign_id || ' ' || cc.contact_id AS offender, cc.attempts, k.sent, k.most
FROM campaign_contacts cc
JOIN (SELECT campaign_id, contact_id, max(max_attempts) AS most,
             count(*) FILTER (WHERE attempt IS NOT NULL AND (disposition IN {NEVER_COUNTS}) IS NOT TRUE
                              AND NOT ((disposition IN {COUNTS_IF_IT_RANG}) IS TRUE AND NOT rang)) AS sent
      FROM calls WHERE attempt IS NOT NULL GROUP BY 1, 2) AS k USING (campaign_id, contact_id)
WHERE cc.attempts < k.sent OR cc.attempts > k.most
UNION ALL
SELECT campaign_id || ' ' || contact_id, NULL, count(*), 1
FROM calls k
WHERE is_extra AND attempt IS NOT NULL AND (disposition IN {NEVER_COUNTS}) IS NOT TRUE
  AND NOT ((disposition IN {COUNTS_IF_IT_RANG}) IS TRUE AND NOT rang)
GROUP BY campaign_id, contact_id HAVING count(*) > 1
"""

# Nobody who asked to be called later was called for it before; nor are there attempts beyond the most without.
CALLBACKS_WAIT = """
SELECT id AS offender, callback_at, dialed_at FROM calls
WHERE dialed_at < callback_at OR is_extra AND callback_at IS NULL
"""

# Of the calls to a number those that count, each with the rules it was committed under: at most so many in the hours
# before it, itself among them. A call that was cancelled, and of which a ring was reported later, is counted apart: it
# was none when the others were committed.
COUNTING = f"""(k.disposition IN {NEVER_COUNTS}) IS NOT TRUE AND NOT ((k.disposition IN {COUNTS_IF_IT_RANG}) IS TRUE
           AND (NOT k.rang OR k.ringing_at > k.ended_at))"""
CAPS_HOLD = f"""
SELECT k.id AS offender, r.rule, count(*) AS calls
FROM calls k CROSS JOIN LATERAL jsonb_array_elements(k.frequency) AS r (rule)
JOIN calls o ON o.team_id = k.team_id AND o.to_number = k.to_number AND o.dialed_at <= k.dialed_at
  AND o.dialed_at > k.dialed_at - CAST(r.rule ->> 'hours' AS integer) * interval '1 hour'
WHERE k.to_number <> '' AND k.frequency IS NOT NULL AND r.rule ? 'calls' AND {COUNTING}
  AND {COUNTING.replace("k.", "o.")}
GROUP BY k.id, r.rule HAVING count(*) > CAST(r.rule ->> 'calls' AS integer)
"""

# The history of a number is that of its calls: the newest 32 that count, of 31 days.
HISTORY_IS_TRUE = f"""
WITH counting AS (
    SELECT k.team_id, k.to_number AS number, k.dialed_at FROM calls k
    WHERE k.to_number <> '' AND k.dialed_at > dialer_now() - interval '31 days'
      AND (k.disposition IN {NEVER_COUNTS}) IS NOT TRUE
      AND NOT ((k.disposition IN {COUNTS_IF_IT_RANG}) IS TRUE AND NOT k.rang)),
called AS (
    SELECT team_id, number, (array_agg(dialed_at ORDER BY dialed_at DESC))[1:32] AS recent FROM counting GROUP BY 1, 2),
known AS (   -- of calls that are kept
    SELECT e.team_id, e.number, ARRAY(
        SELECT at FROM unnest(e.recent) AS r (at)
        WHERE at > dialer_now() - interval '31 days'
          AND EXISTS (SELECT FROM calls k WHERE k.team_id = e.team_id AND k.to_number = e.number AND k.dialed_at = at
                                            AND (k.ended_at IS NOT NULL OR k.ended_at IS NULL))
        ORDER BY at DESC) AS recent
    FROM callees e)
SELECT team_id || ' ' || number AS offender, called.recent AS called, known.recent AS known
FROM called FULL JOIN known USING (team_id, number)
WHERE coalesce(called.recent, '{{}}') <> coalesce(known.recent, '{{}}')
"""

# None after a conversation, or a refusal, within the quiet time that the call was committed under.
QUIET_TIMES_HOLD = f"""
WITH quiet AS (
    SELECT k.id, k.team_id, k.to_number, k.dialed_at, k.seq, r.rule ->> 'after' AS after,
           k.dialed_at - CAST(r.rule ->> 'hours' AS integer) * interval '1 hour' AS since
    FROM calls k CROSS JOIN LATERAL jsonb_array_elements(k.frequency) AS r (rule)
    WHERE k.to_number <> '' AND k.frequency IS NOT NULL
      AND r.rule ? 'after' AND (k.disposition IN {UNSENT}) IS NOT TRUE)
SELECT q.id AS offender, q.after FROM quiet q
JOIN calls o ON o.team_id = q.team_id AND o.to_number = q.to_number AND o.seq < q.seq AND o.disposition IN {ANSWERED}
WHERE q.after = 'conversation' AND o.dialed_at > q.since
UNION ALL
SELECT q.id, q.after FROM quiet q JOIN callees e ON e.team_id = q.team_id AND e.number = q.to_number
WHERE q.after = 'refusal' AND e.refused_at <= q.dialed_at AND (q.since IS NULL OR e.refused_at > q.since)
"""

IS_AHEAD = """EXISTS (SELECT FROM clock_jumps j
    WHERE j.seconds < 0 AND j.number > k.clock_jump AND k.dialing_at > j.at)"""
"""Whether a call was dialed by a clock that was set back behind it since: it looks later than what came after it."""

IS_FOR_CALL = f"""(d.purpose = '' OR d.purpose = k.law ->> 'purpose'
    OR k.law IS NULL AND {purpose_of("k.campaign_id")} IS NULL)"""
"""Whether an entry of a do-not-call list stops a call for what it was placed for; a campaign's purpose may have been
edited since."""

# Nothing committed to be placed after the stop that now governs, nor in a window's last moments.
STOPS_HOLD = f"""
SELECT k.id AS offender FROM calls k JOIN campaigns c ON c.id = k.campaign_id
WHERE k.dialing_at IS NOT NULL
  AND (c.status IN ('paused', 'cancelled') AND k.dialing_at > c.stopped_at AND NOT {IS_AHEAD}
       OR k.dialed_at >= k.valid_until OR k.dialed_at >= c.scheduled_end_at AND NOT {IS_AHEAD})
UNION ALL
SELECT k.id FROM calls k JOIN do_not_call d ON d.team_id = k.team_id AND d.number = k.to_number
WHERE k.dialing_at > d.created_at AND {IS_FOR_CALL} AND NOT {IS_AHEAD}
UNION ALL
SELECT k.id FROM calls k JOIN do_not_call_everywhere d ON d.number = k.to_number
WHERE k.dialing_at > d.created_at AND {IS_FOR_CALL} AND NOT {IS_AHEAD}
"""

# What a call passed by, its callee had consented to when it was committed: given by then, not expired, and not taken
# back by what had been written down by then.
CONSENTS_HOLD = f"""
SELECT k.id AS offender, k.law ->> 'consent' AS consent FROM calls k
WHERE k.law ->> 'consent' IN ('express', 'written') AND k.to_number <> '' AND k.dialing_at IS NOT NULL
  AND NOT {IS_AHEAD} AND NOT EXISTS (
    SELECT FROM consents g
    WHERE g.team_id = k.team_id AND g.number = k.to_number AND g.kind IN ('written', k.law ->> 'consent')
      AND g.purpose IN ('', k.law ->> 'purpose') AND g.created_at <= k.dialing_at
      AND g.given_at <= k.dialed_at AND (g.expires_at IS NULL OR k.dialed_at < g.expires_at)
      AND NOT EXISTS (SELECT FROM consents r
                      WHERE r.team_id = g.team_id AND r.number = g.number AND r.kind = 'revoked'
                        AND r.purpose IN ('', k.law ->> 'purpose') AND r.created_at < k.dialing_at
                        AND (r.given_at, r.id) > (g.given_at, g.id)))
"""

# Somebody who was erased stands nowhere by their number: in a call only that was reserved before.
ERASED_STAY_ERASED = f"""
WITH erased AS MATERIALIZED (
    SELECT s.team_id, s.digest, s.created_at FROM suppressed s
    WHERE NOT EXISTS (SELECT FROM erasures e WHERE e.team_id = s.team_id AND e.done_at IS NULL
                                               AND s.digest = ANY(e.digests))),
written AS (
    SELECT team_id, phone_e164 AS number, 'contact ' || id AS offender FROM contacts WHERE phone_e164 IS NOT NULL
    UNION ALL SELECT team_id, number, 'do_not_call' FROM do_not_call
    UNION ALL SELECT team_id, number, 'consents' FROM consents
    UNION ALL SELECT team_id, number, 'callees' FROM callees
    UNION ALL SELECT k.team_id, k.to_number, 'call ' || k.id FROM calls k
              WHERE k.reserved_at > (SELECT min(created_at) FROM erased) - interval '1 day')
SELECT w.offender FROM written w JOIN erased e ON e.team_id = w.team_id AND e.digest = {digest("w.number")}
WHERE w.team_id IN (SELECT team_id FROM erased)
UNION ALL
SELECT 'dialed ' || k.id FROM calls k JOIN erased e ON e.team_id = k.team_id AND e.digest = {digest("k.to_number")}
WHERE k.dialing_at > e.created_at AND NOT {IS_AHEAD}
"""

# Who waits for the outcome of a call has no other; and no word that was said before the end is passed over.
OUTCOMES_DECIDE = f"""
SELECT o.call_id AS offender, 'waits' AS what FROM call_outcomes o JOIN calls k ON k.id = o.call_id
LEFT JOIN campaign_contacts cc ON cc.contact_id = k.contact_id AND cc.campaign_id || '' = k.campaign_id
WHERE o.waits_until IS NOT NULL AND (k.ended_at IS NULL OR cc.status IS DISTINCT FROM 'calling')
UNION ALL
SELECT o.call_id, 'said' FROM call_outcomes o JOIN calls k ON k.id = o.call_id
WHERE o.next IS NOT NULL AND o.decided_at IS NULL AND k.ended_at IS NOT NULL AND k.disposition NOT IN {UNSENT}
"""

# What let a call pass is named, where rules bound it: kept when it was committed, and then only. A campaign's purpose
# changes while it stands, so calls that were committed since its last change were bound by the one it has.
RULES_LET_CALLS_PASS = f"""
SELECT k.id AS offender, k.law FROM calls k
WHERE k.law IS NOT NULL AND (k.dialing_at IS NULL OR coalesce(k.law ->> 'pack', '') = ''
                             OR coalesce(jsonb_typeof(k.law -> 'rules'), '') <> 'array')
UNION ALL
SELECT k.id, NULL FROM calls k JOIN campaigns c ON c.id = k.campaign_id
WHERE c.purpose IS NOT NULL AND c.law IS NULL AND k.dialing_at > c.updated_at AND k.law IS NULL AND NOT {IS_AHEAD}
"""

CALLS_END_IN_TIME = f"""
SELECT k.id AS offender, k.provable_end_at FROM calls k
WHERE k.ended_at IS NULL AND k.provable_end_at + {jumped("k.clock_jump", "k.dialing_at")} * interval '1 second'
                             < clock_timestamp() - :reap_seconds * interval '1 second'
"""

# Members of slots (given) older than a reconcile and the grace, whose call has not been live for as long. They were
# read before this: one whose call ended a moment ago is being given back.
NO_SLOT_LEAKS = """
SELECT m.call_id AS offender FROM unnest(CAST(:member_ids AS text[])) AS m (call_id)
WHERE NOT EXISTS (SELECT FROM calls k WHERE k.id = m.call_id AND (
    k.ended_at IS NULL OR k.ended_at > clock_timestamp() - :stray_seconds * interval '1 second'))
"""


@dataclass(frozen=True, slots=True)
class OpenZone:
    """A zone of a campaign whose window is open."""

    campaign_id: str
    zone: str


OPEN_ZONES = Batch(OpenZone)

# Contacts due in an open zone (given) of a running campaign with room everywhere, untouched for two ticks.
DUE_CONTACTS_ARE_CALLED = f"""
SELECT DISTINCT c.id AS offender FROM campaigns c
JOIN {OPEN_ZONES} ON x.campaign_id = c.id
JOIN runs r ON r.id = c.run_id AND r.state = 'open'
JOIN teams t ON t.id = c.team_id
WHERE {MAY_CALL_MORE}
  AND (c.next_wake_at < dialer_now() - :late_seconds * dialer_speed() * interval '1 second'
       OR c.next_wake_at > dialer_now() + interval '2 minutes')   -- asleep, though somebody waits
  AND NOT (c.short_of_slots AND EXISTS (   -- those are looked at together, team by team
          SELECT FROM ticks k WHERE k.name = 'fill ' || c.team_id
          AND NOT {has_waited("k.last_at", ":late_seconds")}))
  AND EXISTS (SELECT FROM campaign_contacts cc
              WHERE cc.campaign_id = c.id AND cc.zone = x.zone AND cc.status IN ('pending', 'queued')
                AND cc.due_at < dialer_now() - :late_seconds * dialer_speed() * interval '1 second')
  AND EXISTS (SELECT {CALLER_IDS_WITH_ROOM}
                AND coalesce(n.resting_until <= clock_timestamp() - :late_seconds * interval '1 second', true)
                AND coalesce(a.resting_until <= clock_timestamp() - :late_seconds * interval '1 second', true))
"""


@dataclass(frozen=True, slots=True)
class Invariant:
    """What must always hold: ``holds`` is the sentence that is true then, ``query`` finds the rows that break it.

    One of safety (``is_safety``) holds at every instant; one of liveness once nothing keeps it from coming about.
    """

    name: str
    holds: str
    query: str
    is_safety: bool = True


INVARIANTS = (
    Invariant("limit_held", "No live call exceeds a limit.", LIMIT_HELD),
    Invariant("ended_calls_are_over", "No call that ended goes on at its carrier.", ENDED_CALLS_ARE_OVER),
    Invariant("limit_held_at_carrier", "Carriers have no more calls than allowed.", LIMIT_HELD_AT_CARRIER),
    Invariant("one_live_call_per_contact", "Nobody has two calls at once.", ONE_LIVE_CALL_PER_CONTACT),
    Invariant("counters_add_up", "Counters agree with what they count.", COUNTERS_ADD_UP),
    Invariant("attempts_within_limit", "Nobody was called more often than allowed.", ATTEMPTS_WITHIN_LIMIT),
    Invariant("callbacks_wait", "Nobody is called back before the instant.", CALLBACKS_WAIT),
    Invariant("stops_hold", "No call after a stop or outside its window.", STOPS_HOLD),
    Invariant("rules_let_calls_pass", "Every call that rules bound names those it passed by.", RULES_LET_CALLS_PASS),
    Invariant("caps_hold", "No number is called more often than its caps allow.", CAPS_HOLD),
    Invariant("history_is_true", "What is known of the calls to a number is what they were.", HISTORY_IS_TRUE),
    Invariant("quiet_times_hold", "No call within a quiet time.", QUIET_TIMES_HOLD),
    Invariant("consents_hold", "Nobody was called by a consent that did not hold.", CONSENTS_HOLD),
    Invariant("erased_stay_erased", "Nobody who was erased is written down, or called.", ERASED_STAY_ERASED),
    Invariant("outcomes_decide", "Every outcome that was reported in a call decides.", OUTCOMES_DECIDE),
    Invariant("calls_end_in_time", "No call is open longer than it can last.", CALLS_END_IN_TIME, is_safety=False),
    Invariant("no_slot_leaks", "No slot is held for a call that is over.", NO_SLOT_LEAKS, is_safety=False),
    Invariant(
        "due_contacts_are_called",
        "Nobody waits who is due and may be called.",
        DUE_CONTACTS_ARE_CALLED,
        is_safety=False,
    ),
)
BY_NAME = {invariant.name: invariant for invariant in INVARIANTS}


def violations(
    conn: Connection,
    bounds: Bounds,
    *,
    stale_members: Sequence[str] = (),
    open_zones: Sequence[tuple[str, str]] = (),
    late_seconds: float = 3.0,
) -> Mapping[str, list[dict[str, Any]]]:
    """Every invariant by name, with the rows that break it (``offender`` first); empty lists when all is well.

    ``stale_members`` are call ids that hold a slot for longer than one reconcile and the grace;
    ``open_zones`` are the (campaign, zone) whose window has been open for ``late_seconds``.
    """
    given = OPEN_ZONES.bind(OpenZone(*each) for each in open_zones) | {
        "reap_seconds": bounds.request_seconds + bounds.check_after_seconds + late_seconds,
        "member_ids": list(stale_members),
        "stray_seconds": bounds.slot_grace_seconds + 2 * bounds.reconcile_every_seconds,
        "late_seconds": late_seconds,
    }
    found = {}
    with planned_by_size(conn):
        for each in INVARIANTS:
            values = {key: value for key, value in given.items() if f":{key}" in each.query}
            found[each.name] = [dict(row) for row in conn.execute(text(each.query), values).mappings()]
    return found
