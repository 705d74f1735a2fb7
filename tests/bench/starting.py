"""P6: how long after its instant a scheduled campaign's first request leaves."""

from __future__ import annotations

from random import Random
from statistics import median, quantiles
from typing import Any

import psycopg

from tests.bench.deployment import Deployment, deployed
from tests.bench.effort import Effort
from tests.bench.report import Figure, say
from tests.bench.shape import TEAM, furnish
from worker.dev.stack import Stack
from worker.operations.examine import examine

SCHEDULED, QUICK_SCHEDULED = 20_000, 2_000
INSTANTS, QUICK_INSTANTS = 40, 16
AHEAD_SECONDS = 3.0
SPREAD_SECONDS, QUICK_SPREAD_SECONDS = 20, 4

OTHERS = """INSERT INTO campaigns (id, team_id, assistant_id, company_id, name, status, scheduled_start_at)
    SELECT format('camp_s%%s', n), %(team)s, 'asst_bench', 'comp_bench', 'Scheduled', 'scheduled',
           clock_timestamp() + interval '1 day' + n * interval '1 second'
    FROM generate_series(1, %(count)s::int) AS n"""
SOON = (
    """INSERT INTO campaigns (id, team_id, assistant_id, company_id, name, status, scheduled_start_at)
       SELECT %(prefix)s || n, %(team)s, 'asst_bench', 'comp_bench', 'Soon', 'scheduled', clock_timestamp() + after
       FROM unnest(%(after)s::interval[]) WITH ORDINALITY AS made (after, n)""",
    """INSERT INTO campaign_numbers (team_id, campaign_id, number_id, position)
       SELECT %(team)s, %(prefix)s || n, (%(numbers)s::text[])[n], 0
       FROM generate_series(1, array_length(%(numbers)s::text[], 1)) AS n""",
    "INSERT INTO campaign_zones (campaign_id, zone) SELECT id, '' FROM campaigns WHERE id LIKE %(prefix)s || '%%'",
    """INSERT INTO campaign_contacts (team_id, campaign_id, contact_id, due_at)
       SELECT %(team)s, %(prefix)s || n, (%(contacts)s::text[])[n], clock_timestamp()
       FROM generate_series(1, array_length(%(numbers)s::text[], 1)) AS n""",
)


def measure(stack: Stack, effort: Effort) -> list[Figure]:
    """Forty campaigns at random instants among many that wait: with the timer, and with the tick alone; in turns."""
    with deployed(stack, "bench_start") as ours, deployed(stack, "bench_start_tick", BENCH_BY_TICK="1") as by_tick:
        instants, spread = effort.of(INSTANTS, QUICK_INSTANTS), effort.of(SPREAD_SECONDS, QUICK_SPREAD_SECONDS)
        contacts = [f"cont_{n:07d}" for n in range(instants)]
        others, dice = effort.of(SCHEDULED, QUICK_SCHEDULED), Random(1)
        numbers = {there.name: _furnish(there, contacts, others) for there in (ours, by_tick)}
        made = []
        for n in range(effort.rounds):
            after = [AHEAD_SECONDS + dice.uniform(0, spread) for _ in range(instants)]
            both = [_p95(_lateness(there, f"camp_{n}_", contacts, numbers[there.name], after))
                    for there in (ours, by_tick)]  # fmt: skip
            made.append(both)
            say(f"P6 round {n + 1}: {1000 * both[0]:.1f} ms, by the tick {1000 * both[1]:.0f} ms")
        for there in (ours, by_tick):
            broken = {name: rows for name, rows in examine(there.dialer).items() if rows}
            assert not broken, f"invariants are broken: {broken}"
    return [
        Figure("P6", "P6 start after its instant, p95", 1000 * median(a for a, _ in made),
             1000 * median(b for _, b in made), "ms", reference="ms by a tick", ratio=median(b / a for a, b in made),
             at_least=30.0, rounds=[b / a for a, b in made])
    ]  # fmt: skip


def _furnish(there: Deployment, contacts: list[str], others: int) -> list[str]:
    with there.dialer.db.begin() as conn:
        numbers = furnish(conn, contacts)
    with psycopg.connect(there.environment["DATABASE_URL"]) as conn:
        conn.execute(OTHERS, {"team": TEAM, "count": others})
    return numbers


def _lateness(
    there: Deployment, prefix: str, contacts: list[str], numbers: list[str], after: list[float]
) -> list[float]:
    """Seconds from the instant of each campaign to the request for its first call."""
    values: dict[str, Any] = {
        "team": TEAM,
        "prefix": prefix,
        "after": [f"{seconds} s" for seconds in after],
        "numbers": numbers[: len(after)],
        "contacts": contacts[: len(after)],
    }
    with psycopg.connect(there.environment["DATABASE_URL"]) as conn:
        for statement in SOON:
            conn.execute(statement, values)
    ids = [f"{prefix}{n + 1}" for n in range(len(after))]
    running = "SELECT 1 FROM campaigns WHERE id = ANY(:ids) AND status <> 'completed' LIMIT 1"
    there.wait(lambda: not there.sql(running, ids=ids), "all have started and ended", seconds=120)
    requested = there.requests()
    rows = there.sql(
        """SELECT c.id, k.token, extract(epoch FROM c.scheduled_start_at)::float AS start_at
           FROM campaigns c JOIN calls k ON k.campaign_id = c.id WHERE c.id = ANY(:ids)""",
        ids=ids,
    )
    assert len(rows) == len(after), f"{len(rows)} calls of {len(after)} campaigns"
    late = [requested[row.token] - row.start_at for row in rows]
    assert min(late) >= 0, f"a call left {-min(late):.3f} s before its campaign's instant"
    return late


def _p95(seconds: list[float]) -> float:
    return quantiles(seconds, n=20)[-1]
