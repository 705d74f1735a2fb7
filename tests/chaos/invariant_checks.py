"""The product's own invariants, checked under fire: most are about live calls, and in the end there are none.

Those of safety are checked all the time, those of liveness when no fault keeps them from coming about any more. Beside
each stands what counts its occasions: the rows that could break it just then.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sqlalchemy import Connection, text

from tests.chaos.evidence import InvariantCheck
from worker.flow.base import Dialer
from worker.operations.examine import examine
from worker.store.database import once, planned_by_size
from worker.store.invariants import END_WAS_REPORTED, INVARIANTS

OCCASIONS: Mapping[str, str] = {
    "limit_held": """
        SELECT count(*) FROM (
            SELECT FROM calls k CROSS JOIN LATERAL (VALUES
                (1, k.team_id), (2, k.campaign_id), (3, k.number_id), (4, k.account_id)) AS s (n, scope)
            WHERE k.ended_at IS NULL GROUP BY s.n, s.scope
            HAVING count(*) >= (
                array_agg(k.claim_limits[s.n] ORDER BY k.reserved_at DESC, k.id DESC))[1]) AS full_up""",
    "ended_calls_are_over": f"""
        SELECT count(*) FROM calls k
        WHERE k.ended_at IS NOT NULL AND k.placed_at IS NOT NULL AND NOT {END_WAS_REPORTED}""",
    "limit_held_at_carrier": """
        SELECT count(*) FROM (
            SELECT FROM calls k WHERE k.ended_at IS NULL AND k.state IN ('placed', 'ringing', 'in_progress')
            GROUP BY k.campaign_id HAVING count(*) >= max(k.claim_limits[2])) AS full_up""",
    "one_live_call_per_contact": """
        SELECT count(*) FROM calls k
        WHERE k.ended_at IS NULL AND EXISTS (
            SELECT FROM contacts p JOIN campaign_contacts cc ON cc.contact_id = p.id
            WHERE p.team_id = k.team_id AND p.phone_e164 = k.to_number AND cc.status IN ('pending', 'queued'))""",
    "counters_add_up": "SELECT count(DISTINCT campaign_id) FROM calls WHERE ended_at IS NOT NULL",
    "attempts_within_limit": """
        SELECT count(*) FROM campaign_contacts cc JOIN campaigns c ON c.id = cc.campaign_id
        WHERE cc.attempts >= c.max_attempts_per_contact""",
    "callbacks_wait": "SELECT count(*) FROM calls WHERE callback_at IS NOT NULL",
    "stops_hold": """
        SELECT (SELECT count(*) FROM calls k JOIN campaigns c ON c.id = k.campaign_id
                WHERE k.dialing_at IS NOT NULL AND c.status IN ('paused', 'cancelled'))
             + (SELECT count(*) FROM calls k JOIN do_not_call d ON d.team_id = k.team_id AND d.number = k.to_number
                WHERE k.dialing_at IS NOT NULL)""",
    "consents_hold": "SELECT count(*) FROM calls WHERE law ->> 'consent' IN ('express', 'written')",
    "erased_stay_erased": "SELECT count(*) FROM suppressed",
    "caps_hold": """
        SELECT count(*) FROM campaign_contacts WHERE reason = 'frequency' AND status IN ('pending', 'queued')""",
    "history_is_true": "SELECT count(*) FROM callees WHERE cardinality(recent) > 1",
    "quiet_times_hold": "SELECT count(*) FROM callees WHERE conversed_at IS NOT NULL OR refused_at IS NOT NULL",
    "outcomes_decide": """
        SELECT count(*) FROM call_outcomes o JOIN calls k ON k.id = o.call_id
        WHERE k.ended_at IS NOT NULL AND (o.next IS NOT NULL OR o.waits_until IS NOT NULL)""",
    "rules_let_calls_pass": "SELECT count(*) FROM calls WHERE law IS NOT NULL",
    "calls_end_in_time": "SELECT count(*) FROM calls WHERE ended_at IS NULL AND provable_end_at < clock_timestamp()",
    "no_slot_leaks": "SELECT count(*) FROM calls WHERE ended_at > clock_timestamp() - interval '5 s'",
    "due_contacts_are_called": """
        SELECT count(*) FROM campaigns c
        WHERE c.status = 'running' AND c.deleted_at IS NULL AND EXISTS (
            SELECT FROM campaign_contacts cc WHERE cc.campaign_id = c.id AND cc.status IN ('pending', 'queued')
              AND cc.due_at < dialer_now())""",
}


def check_safety(dialer: Dialer) -> list[InvariantCheck]:
    """The invariants that hold at any instant, whatever is broken."""
    return once(dialer.db, _check_safety)


def _check_safety(conn: Connection) -> list[InvariantCheck]:
    invariant_checks = []
    with planned_by_size(conn):
        for it in INVARIANTS:
            if it.is_safety:
                offenders = [f"{row.offender}" for row in conn.execute(text(it.query))]
                invariant_checks.append(_seen(conn, it.name, offenders))
    return invariant_checks


def check_all(dialer: Dialer) -> list[InvariantCheck]:
    """All of them, when nothing is broken."""
    found = examine(dialer)
    said = {name: [f"{row['offender']}" for row in rows] for name, rows in found.items()}
    return once(dialer.db, lambda conn: [_seen(conn, name, offenders) for name, offenders in said.items()])


def _seen(conn: Connection, name: str, offenders: Iterable[str]) -> InvariantCheck:
    occasions: int = conn.execute(text(OCCASIONS[name])).scalar_one()
    found = tuple(offenders)
    return InvariantCheck(name, max(occasions, len(found)), found)
