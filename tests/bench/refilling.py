"""P5: how long a slot stays empty: from the commit of a call's end to the request for the next call."""

from __future__ import annotations

from statistics import median, quantiles

from tests.bench.deployment import Deployment, deployed
from tests.bench.effort import Effort
from tests.bench.report import Figure, say
from tests.bench.throughput import TEAM, furnish, opened
from worker.dev.stack import Stack
from worker.operations import campaigns as campaign_operations
from worker.operations.examine import examine

CAMPAIGNS, SLOTS, CALLS_A_SLOT = 10, 3, 12
CALL_SECONDS = "0.5 1.5"
PATIENCE_SECONDS = 180.0


def measure(stack: Stack, effort: Effort) -> list[Figure]:
    """The same campaigns with the news dispatched at once, and with the tick alone; in turns."""
    with (
        deployed(stack, "bench_refill", BENCH_CALL_SECONDS=CALL_SECONDS) as ours,
        deployed(stack, "bench_refill_tick", BENCH_CALL_SECONDS=CALL_SECONDS, BENCH_BY_TICK="1") as by_tick,
    ):
        contacts = [f"cont_{n:07d}" for n in range(CAMPAIGNS * SLOTS * CALLS_A_SLOT)]
        numbers = {there.name: _furnish(there, contacts) for there in (ours, by_tick)}
        made = []
        for n in range(effort.rounds):
            both = [_p95(_gaps(there, contacts, numbers[there.name])) for there in (ours, by_tick)]
            made.append(both)
            say(f"P5 round {n + 1}: {1000 * both[0]:.1f} ms, by the tick {1000 * both[1]:.0f} ms")
        for there in (ours, by_tick):
            broken = {name: rows for name, rows in examine(there.dialer).items() if rows}
            assert not broken, f"invariants are broken: {broken}"
    return [
        Figure("P5", "P5 refill gap, p95", 1000 * median(a for a, _ in made), 1000 * median(b for _, b in made), "ms",
             reference="ms by a tick", ratio=median(b / a for a, b in made), at_least=20.0,
             rounds=[b / a for a, b in made])
    ]  # fmt: skip


def _furnish(there: Deployment, contacts: list[str]) -> list[str]:
    with there.dialer.db.begin() as conn:
        return furnish(conn, contacts)


def _gaps(there: Deployment, contacts: list[str], numbers: list[str]) -> list[float]:
    """Seconds from each end to the request it made room for: the n-th end of a campaign frees the slot of its call
    number n + slots."""
    share = len(contacts) // CAMPAIGNS
    campaigns = []
    for n in range(CAMPAIGNS):
        campaign = opened(there, numbers[n : n + 1], limit=SLOTS)
        campaign_operations.add_contacts(there.dialer, campaign, contacts[n * share : (n + 1) * share], actor="test")
        campaigns.append(campaign)
    for campaign in campaigns:
        there.celery.send_task("worker.run_campaign", [campaign])
    running = "SELECT 1 FROM campaigns WHERE id = ANY(:ids) AND status <> 'completed' LIMIT 1"
    there.wait(lambda: not there.sql(running, ids=campaigns), "all campaigns completed", seconds=PATIENCE_SECONDS)
    requested = there.requests()
    gaps = []
    for campaign in campaigns:
        rows = there.sql(
            """SELECT k.token, extract(epoch FROM e.received_at)::float AS ended_at FROM calls k
               JOIN call_events e ON e.token = k.token AND e.kind = 'ended' WHERE k.campaign_id = :id""",
            id=campaign,
        )
        assert len(rows) == share, f"{len(rows)} calls of {share} contacts of {TEAM}"
        began, ended = sorted(requested[row.token] for row in rows), sorted(row.ended_at for row in rows)
        gaps += [at - room for room, at in zip(ended, began[SLOTS:], strict=False)]
    return gaps


def _p95(seconds: list[float]) -> float:
    return quantiles(seconds, n=20)[-1]
