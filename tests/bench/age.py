"""P13: calls settled and claims in a database of age, against the same in a young one, with retention at work.

The old one holds what a team has called before: ended calls, three events each, a contact for every five of them, and a
year of the audit log. A fifth of the calls is older than they are kept, so the tick deletes some of them all the time.
The rows are laid in by the set, past the verbs, and are as the verbs would have left them: every invariant holds.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from statistics import median

from tests.bench import claiming
from tests.bench.bare import Bare, bare
from tests.bench.deployment import Deployment, deployed
from tests.bench.effort import Effort
from tests.bench.report import Figure, say
from tests.bench.shape import STANDARD
from tests.bench.throughput import Reference, Workload
from worker.dev.stack import Stack
from worker.flow.retain import retain
from worker.store.database import open_database

CALLS, CALLS_A_CONTACT = 5_000_000, 5
DAYS_OF_CALLS, DAYS_KEPT = 39, 31
AUDIT_LINES = 365_000
P1_CONTACTS, WAITING, CLAIMS = 10_000, 100_000, 40
AGED = "bench_aged"
RETENTION = dict.fromkeys(("RETENTION_CALLS_DAYS", "RETENTION_EVENTS_DAYS", "RETENTION_AUDIT_DAYS"), str(DAYS_KEPT))
FILLED = ("contacts", "campaign_contacts", "calls", "call_events", "audit_log")
NONE = Reference(1.0, {})

FILL = """
INSERT INTO teams (id, slug, name) VALUES ('team_old', 'old', 'Old');
INSERT INTO companies (id, team_id, name) VALUES ('comp_old', 'team_old', 'A company');
INSERT INTO assistants (id, team_id, name) VALUES ('asst_old', 'team_old', 'An assistant');
INSERT INTO carrier_accounts (id, team_id, carrier, name) VALUES ('acct_old', 'team_old', 'simulator', 'An account');
INSERT INTO phone_numbers (id, team_id, account_id, number) VALUES ('pn_old', 'team_old', 'acct_old', '+99910000');
INSERT INTO campaigns (id, team_id, assistant_id, company_id, name, status, run_id, completed_at)
SELECT 'camp_old' || n, 'team_old', 'asst_old', 'comp_old', 'Old', 'completed', 'run_old' || n, clock_timestamp()
FROM generate_series(0, {campaigns} - 1) AS n;
INSERT INTO runs (id, team_id, campaign_id, opened_by, state, ended_at)
SELECT 'run_old' || n, 'team_old', 'camp_old' || n, 'api', 'ended', clock_timestamp()
FROM generate_series(0, {campaigns} - 1) AS n;
INSERT INTO campaign_numbers (team_id, campaign_id, number_id, position)
SELECT 'team_old', 'camp_old' || n, 'pn_old', 0 FROM generate_series(0, {campaigns} - 1) AS n;
INSERT INTO campaign_zones (campaign_id, zone) SELECT 'camp_old' || n, '' FROM generate_series(0, {campaigns} - 1) AS n;
INSERT INTO contacts (id, team_id, first_name, last_name, phone, phone_e164)
SELECT 'cont_00old' || lpad(n::text, 19, '0'), 'team_old', 'First ' || n, 'Last ' || n, number, number
FROM (SELECT n, '+9990' || lpad(n::text, 8, '0') AS number FROM generate_series(0, {contacts} - 1) AS n) AS made;
INSERT INTO campaign_contacts (team_id, campaign_id, contact_id, status, due_at, attempts, called, answered)
SELECT 'team_old', 'camp_old' || n % {campaigns}, 'cont_00old' || lpad(n::text, 19, '0'), 'completed',
       clock_timestamp(), {each}, true, true
FROM generate_series(0, {contacts} - 1) AS n;
INSERT INTO campaign_totals (campaign_id, total, completed, called, answered, finished)
SELECT campaign_id, count(*), count(*), count(*), count(*), count(*) FROM campaign_contacts GROUP BY campaign_id;
INSERT INTO calls (id, team_id, campaign_id, run_id, contact_id, number_id, account_id, token, from_number, to_number,
                   zone, state, attempt, called_before, rang, carrier_call_id, disposition, claim_limits, valid_until,
                   dialed_at, max_attempts, reserved_at, dialing_at, placed_at, ringing_at, ended_at, provable_end_at)
SELECT 'call_00old' || lpad(n::text, 19, '0'), 'team_old', 'camp_old' || c % {campaigns}, 'run_old' || c % {campaigns},
       'cont_00old' || lpad(c::text, 19, '0'), 'pn_old', 'acct_old', md5(n::text), '+99910000',
       '+9990' || lpad(c::text, 8, '0'), '', 'ended', nth, nth > 1, true, 'sim_' || md5('c' || n),
       CAST(CASE WHEN nth = {each} THEN 'answered' ELSE 'busy' END AS disposition), '{{100,50,10,100}}',
       at + interval '1 hour', at, {each}, at, at, at, at + interval '2 s', at + interval '30 s', at + interval '1 hour'
FROM (SELECT n, n % {contacts} AS c, n / {contacts} + 1 AS nth,
             clock_timestamp() - interval '{days} days' * (1 - n::float / {calls}) - interval '1 hour' AS at
      FROM generate_series(0, {calls} - 1) AS n) AS made;
INSERT INTO callees (team_id, number, recent, conversed_at)
SELECT team_id, to_number,
       coalesce((array_agg(dialed_at ORDER BY dialed_at DESC)
                 FILTER (WHERE call_counts(disposition, rang)))[1:32], '{{}}'),
       max(ended_at) FILTER (WHERE disposition = 'answered')
FROM calls WHERE dialed_at > dialer_now() - interval '32 days' GROUP BY team_id, to_number
ON CONFLICT (team_id, number) DO UPDATE SET recent = excluded.recent, conversed_at = excluded.conversed_at;
INSERT INTO disposition_totals (campaign_id, disposition, calls)
SELECT campaign_id, disposition, count(*) FROM calls GROUP BY campaign_id, disposition;
INSERT INTO call_events (carrier, token, event_id, carrier_call_id, kind, disposition, occurred_at, received_at,
                         outcome, raw)
SELECT 'simulator', k.token, e.kind, k.carrier_call_id, e.kind, CASE WHEN e.kind = 'ended' THEN k.disposition END,
       k.reserved_at, k.reserved_at + e.after, 'moved',
       CASE WHEN k.reserved_at > clock_timestamp() - interval '30 days'
            THEN jsonb_build_object('call', k.carrier_call_id, 'event', e.kind, 'at', k.reserved_at, 'token', k.token)
            ELSE '{{}}' END
FROM calls k CROSS JOIN (VALUES ('queued', interval '1 s'), ('ringing', interval '2 s'), ('ended', interval '30 s'))
     AS e (kind, after) ORDER BY k.id;
INSERT INTO audit_log (team_id, at, actor, action, subject_id, detail)
SELECT 'team_old', clock_timestamp() - interval '365 days' * (1 - n::float / {lines}), 'api', 'edit', 'camp_old0',
       '{{"field": "name"}}'
FROM generate_series(1, {lines}) AS n;
"""
INDEXES = """
SELECT indexname, indexdef FROM pg_indexes i
WHERE schemaname = 'public' AND tablename = ANY(%s)
  AND NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conname = i.indexname)
"""
SIZES = """
SELECT pg_total_relation_size('calls') / (SELECT count(*) FROM calls),
       pg_total_relation_size('call_events') / (SELECT count(*) FROM call_events),
       pg_total_relation_size('audit_log') / (SELECT count(*) FROM audit_log),
       pg_total_relation_size('contacts') / (SELECT count(*) FROM contacts),
       pg_total_relation_size('campaign_contacts') / (SELECT count(*) FROM campaign_contacts)
"""
LEFT = """
SELECT coalesce(sum(calls), 0),
       (pg_total_relation_size('past_calls') + pg_total_relation_size('latest_past_calls'))
       / greatest(coalesce(sum(calls), 0), 1)
FROM past_call_totals
"""


def measure(stack: Stack, effort: Effort) -> list[Figure]:
    """Lay in the years once, then measure on copies of them."""
    calls = effort.of(CALLS)
    with bare(stack, AGED) as there:
        fill(there, calls, effort.of(AUDIT_LINES))
    return [*_claims(stack, effort, calls), *_settled(stack, effort, calls)]


def fill(there: Bare, calls: int, lines: int) -> None:
    """Lay in so many ended calls and lines of the audit log."""
    statement = FILL.format(
        calls=calls, contacts=calls // CALLS_A_CONTACT, each=CALLS_A_CONTACT,
        campaigns=STANDARD.campaigns, days=DAYS_OF_CALLS,
        lines=lines,
    )  # fmt: skip
    with there.past_the_verbs() as conn:
        indexes = conn.execute(INDEXES, [list(FILLED)]).fetchall()
        for name, _ in indexes:
            conn.execute(f"DROP INDEX {name}")
        conn.execute(statement)
        for _, definition in indexes:
            conn.execute(definition)
    there.vacuum()
    call, event, line, contact, in_campaign = there.sql(SIZES)[0]
    say(f"P13 bytes with indexes: a call {call}, an event {event}, a line of the audit log {line},")
    say(f"P13 a contact {contact}, in a campaign {in_campaign}")


def _claims(stack: Stack, effort: Effort, calls: int) -> list[Figure]:
    """P4's claim, young and old in turns; between two of them the old one retires a batch."""
    made = []
    with bare(stack, "bench_claim_young") as young, bare(stack, "bench_claim_old", template=AGED, **RETENTION) as old:
        for there in (young, old):
            there.furnish()
            there.load("camp_new", effort.of(WAITING), digit=2, limit=claiming.CLAIM)
            claiming.empty(there, "camp_new")
        for n in range(effort.rounds):
            taken = [(_claim(young), _claim(old)) for _ in range(CLAIMS)]
            of_young, of_old = (median(seconds) for seconds in zip(*taken, strict=True))
            made.append((of_young, of_old))
            say(f"P13 claim round {n + 1}: {1000 * of_young:.1f} ms young, {1000 * of_old:.1f} ms old")
        gone, left = old.sql(LEFT)[0]
        say(f"P13 {gone} calls retired beside; {left} bytes are left of each")
        with _patient(old) as patient:
            patient.check()
    of_young, of_old = (median(seconds) for seconds in zip(*made, strict=True))
    return [
        Figure("P13 claim", f"P13 claim after {calls:,} calls", 1000 * of_old, 1000 * of_young, "ms",
             reference="young", ratio=of_young / of_old, at_least=0.9, rounds=[a / b for a, b in made]),
    ]  # fmt: skip


def _claim(there: Bare) -> float:
    retain(there.dialer)
    return claiming.claim(there, "camp_new", claiming.CLAIM)


@contextmanager
def _patient(there: Bare) -> Iterator[Bare]:
    """The same, with statements that may take as long as they take: they go over millions of calls."""
    engine = open_database(there.environment["DATABASE_URL"], pool_size=4, statement_ms=0)
    try:
        yield replace(there, dialer=replace(there.dialer, db=engine))
    finally:
        engine.dispose()


def _settled(stack: Stack, effort: Effort, calls: int) -> list[Figure]:
    """P1's calls, on two deployments in turns."""
    contacts = effort.of(P1_CONTACTS)
    made = []
    with (
        deployed(stack, "bench_young") as young,
        deployed(stack, "bench_old", template=AGED, **RETENTION) as old,
        _patient_deployment(old) as patient,
    ):
        workloads = [Workload(there, contacts) for there in (young, patient)]
        for n in range(effort.rounds):
            of_young, of_old = (workload.round(NONE).calls_per_second for workload in workloads)
            made.append((of_young, of_old))
            say(f"P13 round {n + 1}: {of_young:,.0f} calls/s young, {of_old:,.0f} calls/s old")
        say(f"P13 {patient.sql(LEFT)[0][0]} calls retired beside")
    of_young, of_old = (median(figures) for figures in zip(*made, strict=True))
    return [
        Figure("P13", f"P13 calls after {calls:,} calls", of_old, of_young, "calls/s", reference="young",
             ratio=median(b / a for a, b in made), at_least=0.9, rounds=[b / a for a, b in made]),
    ]  # fmt: skip


@contextmanager
def _patient_deployment(there: Deployment) -> Iterator[Deployment]:
    engine = open_database(there.environment["DATABASE_URL"], pool_size=4, statement_ms=0)
    try:
        yield replace(there, dialer=replace(there.dialer, db=engine))
    finally:
        engine.dispose()
