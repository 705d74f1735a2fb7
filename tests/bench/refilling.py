"""P5: how long a slot stays empty, from the commit of a call's end to the request for the next call; and the share of
their time that slots are in use, from the request for a call to the commit of its end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median, quantiles

from tests.bench.deployment import Deployment, deployed
from tests.bench.effort import Effort
from tests.bench.report import Figure, say
from tests.bench.shape import TEAM, furnish, opened
from tests.bench.throughput import unbroken
from worker.dev.stack import Stack
from worker.operations import campaigns as campaign_operations

CAMPAIGNS, SLOTS = 10, 3
CALLS_A_SLOT, QUICK_CALLS_A_SLOT = 12, 5
CALL_SECONDS = "0.5 1.5"
PATIENCE_SECONDS = 180.0


@dataclass(frozen=True, slots=True)
class Refills:
    """Of one round: the seconds each freed slot stayed empty, and the share of slot time with a call."""

    gaps: Sequence[float]
    in_use: float

    @property
    def p95(self) -> float:
        return quantiles(self.gaps, n=20)[-1]


class Refilled:
    """The campaigns of one deployment, round after round."""

    def __init__(self, there: Deployment, effort: Effort) -> None:
        self._there = there
        self._share = SLOTS * effort.of(CALLS_A_SLOT, QUICK_CALLS_A_SLOT)
        self._contacts = [f"cont_{n:07d}" for n in range(CAMPAIGNS * self._share)]
        with there.dialer.db.begin() as conn:
            self._numbers = furnish(conn, self._contacts)

    def round(self) -> Refills:
        """Call everybody once."""
        there, share = self._there, self._share
        campaigns = []
        for n in range(CAMPAIGNS):
            campaign = opened(there, self._numbers[n : n + 1], limit=SLOTS)
            own = self._contacts[n * share : (n + 1) * share]
            campaign_operations.add_contacts(there.dialer, campaign, own, actor="test")
            campaigns.append(campaign)
        for campaign in campaigns:
            there.celery.send_task("worker.run_campaign", [campaign])
        running = "SELECT 1 FROM campaigns WHERE id = ANY(:ids) AND status <> 'completed' LIMIT 1"
        there.wait(lambda: not there.sql(running, ids=campaigns), "all campaigns completed", seconds=PATIENCE_SECONDS)
        requested = there.requests()
        of_each = [self._refills(campaign, requested) for campaign in campaigns]
        unbroken(there)
        return Refills([gap for gaps, _ in of_each for gap in gaps], sum(share for _, share in of_each) / CAMPAIGNS)

    def _refills(self, campaign: str, requested: dict[str, float]) -> tuple[list[float], float]:
        """Seconds from each end to the request it made room for: the n-th end of a campaign frees the slot of its call
        number n + slots. The slots' time is from the first end to the last request: before and after, there is nothing
        to refill."""
        rows = self._there.sql(
            """SELECT k.token, extract(epoch FROM e.received_at)::float AS ended_at FROM calls k
               JOIN call_events e ON e.token = k.token AND e.kind = 'ended' WHERE k.campaign_id = :id""",
            id=campaign,
        )
        assert len(rows) == self._share, f"{len(rows)} calls of {self._share} contacts of {TEAM}"
        began, ended = sorted(requested[row.token] for row in rows), sorted(row.ended_at for row in rows)
        gaps = [at - room for room, at in zip(ended, began[SLOTS:], strict=False)]
        since, until = ended[0], began[-1]
        called = sum(max(0.0, min(row.ended_at, until) - max(requested[row.token], since)) for row in rows)
        return gaps, called / (SLOTS * (until - since))


def measure(stack: Stack, effort: Effort) -> list[Figure]:
    """The same campaigns with the news dispatched at once, and with the tick alone; in turns."""
    with (
        deployed(stack, "bench_refill", BENCH_CALL_SECONDS=CALL_SECONDS) as ours,
        deployed(stack, "bench_refill_tick", BENCH_CALL_SECONDS=CALL_SECONDS, BENCH_BY_TICK="1") as by_tick,
    ):
        at_once, ticked = Refilled(ours, effort), Refilled(by_tick, effort)
        made = []
        for n in range(effort.rounds):
            both = at_once.round(), ticked.round()
            made.append(both)
            say(
                f"P5 round {n + 1}: {1000 * both[0].p95:.1f} ms, by the tick {1000 * both[1].p95:.0f} ms; "
                f"slots in use {100 * both[0].in_use:.1f} %, by the tick {100 * both[1].in_use:.1f} %"
            )
    p95, by_tick_p95 = (1000 * median(side.p95 for side in sides) for sides in zip(*made, strict=True))
    in_use, by_tick_in_use = (100 * median(side.in_use for side in sides) for sides in zip(*made, strict=True))
    return [
        Figure("P5", "P5 refill gap, p95", p95, by_tick_p95, "ms", reference="ms by a tick",
             ratio=median(b.p95 / a.p95 for a, b in made), at_least=40.0, rounds=[b.p95 / a.p95 for a, b in made]),
        Figure("slots in use", "   slots in use, calls of 1 s", in_use, by_tick_in_use, "%", reference="% by a tick",
             ratio=in_use / 100, at_least=0.95, rounds=[a.in_use for a, _ in made]),
    ]  # fmt: skip
