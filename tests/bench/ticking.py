"""P10: what a tick costs that finds nothing due, however many campaigns wait."""

from __future__ import annotations

from statistics import median
from time import perf_counter

from tests.bench.bare import TEAM, Bare, bare
from tests.bench.effort import Effort
from tests.bench.report import Figure, say
from worker.dev.stack import Stack
from worker.flow.tick import tick

FEW, MANY, ASLEEP = 10_000, 100_000, 10_000
TICKS = 20

SCHEDULED = """INSERT INTO campaigns (id, team_id, assistant_id, company_id, name, status, scheduled_start_at)
    SELECT format('camp_s%%s', n), %(team)s, 'asst_bare', 'comp_bare', 'Scheduled', 'scheduled',
           dialer_now() + interval '1 day' + n * interval '1 second'
    FROM generate_series(%(first)s::int, %(last)s::int) AS n"""
RUNNING = (
    """INSERT INTO campaigns (id, team_id, assistant_id, company_id, name, status, run_id, next_wake_at)
       SELECT format('camp_r%%s', n), %(team)s, 'asst_bare', 'comp_bare', 'Running', 'running', format('run_%%s', n),
              dialer_now() + interval '1 hour'
       FROM generate_series(1, %(last)s::int) AS n""",
    """INSERT INTO runs (id, team_id, campaign_id, opened_by)
       SELECT format('run_%%s', n), %(team)s, format('camp_r%%s', n), 'cli'
       FROM generate_series(1, %(last)s::int) AS n""",
    """INSERT INTO contacts (id, team_id, phone, phone_e164)
       VALUES ('cont_bare', %(team)s, '+999200000000', '+999200000000')""",
    """INSERT INTO campaign_contacts (team_id, campaign_id, contact_id, due_at)
       SELECT %(team)s, format('camp_r%%s', n), 'cont_bare', dialer_now() + interval '1 hour'
       FROM generate_series(1, %(last)s::int) AS n""",
    "INSERT INTO campaign_zones (campaign_id, zone) SELECT id, '' FROM campaigns WHERE status = 'running'",
    """INSERT INTO campaign_totals (campaign_id, total, pending)
       SELECT id, 1, 1 FROM campaigns WHERE status = 'running'""",
)  # fmt: skip


def measure(stack: Stack, effort: Effort) -> list[Figure]:
    """The same database twice: with few scheduled campaigns, and with many; in rounds, for it cannot be both."""
    with bare(stack, "bench_tick_few") as few, bare(stack, "bench_tick_many") as many:
        scheduled_few, scheduled_many = effort.of(FEW), effort.of(MANY)
        for there, scheduled in ((few, scheduled_few), (many, scheduled_many)):
            there.furnish()
            _load(there, scheduled)
        made = []
        for n in range(effort.rounds):
            taken = [(_tick(few), _tick(many)) for _ in range(TICKS)]
            made.append(tuple(median(seconds) for seconds in zip(*taken, strict=True)))
            ours = [f"{1000 * seconds:.1f} ms" for seconds in made[-1]]
            say(f"P10 round {n + 1}: {ours[0]} with {scheduled_few:,} scheduled, {ours[1]} with {scheduled_many:,}")
        for there in (few, many):
            there.check()
    of_few, of_many = (median(seconds) for seconds in zip(*made, strict=True))
    return [
        Figure("P10", f"P10 tick, {scheduled_many:,} scheduled", 1000 * of_many, 1000 * of_few, "ms",
             reference=f"{scheduled_few:,}", ratio=of_many / of_few, at_most=2.0, rounds=[b / a for a, b in made])
    ]  # fmt: skip


def _load(there: Bare, scheduled: int) -> None:
    with there.past_the_verbs() as conn:
        conn.execute(SCHEDULED, {"team": TEAM, "first": 1, "last": scheduled})
        for statement in RUNNING:
            conn.execute(statement, {"team": TEAM, "last": ASLEEP})
    there.vacuum()
    _tick(there)


def _tick(there: Bare) -> float:
    """The seconds of a tick that does all of its work."""
    there.sql("UPDATE ticks SET last_at = 'epoch'")
    began_at = perf_counter()
    steps = tick(there.dialer)
    seconds = perf_counter() - began_at
    assert not steps, f"something was due: {steps}"
    return seconds
