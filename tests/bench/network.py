"""P12: P1 and P5 with a network between the worker and its servers, in turns with none: half a millisecond in each
direction, by relays in a process of their own (:mod:`tests.bench.delay`)."""

from __future__ import annotations

from statistics import median

from tests.bench.deployment import deployed
from tests.bench.effort import Effort
from tests.bench.reference import Reference
from tests.bench.refilling import CALL_SECONDS, Refilled
from tests.bench.report import Figure, say
from tests.bench.throughput import Workload
from worker.dev.stack import Stack

SECONDS = 0.0005
CONTACTS, QUICK_CONTACTS = 10_000, 1_000
_NOTHING = Reference(1.0, {})


def calls(stack: Stack, effort: Effort) -> list[Figure]:
    """P1 through the network ÷ P1 without; the relays compute beside it, on the same cores."""
    count = effort.of(CONTACTS, QUICK_CONTACTS)
    with deployed(stack, "bench_near") as near, deployed(stack, "bench_far", network_seconds=SECONDS) as far:
        loads, made = (Workload(near, count), Workload(far, count)), []
        for n in range(effort.rounds):
            direct, delayed = (load.round(_NOTHING) for load in loads)
            made.append((direct.calls_per_second, delayed.calls_per_second))
            relays = 1000 * delayed.processor_seconds.get("network", 0.0)
            say(
                f"P12 P1 round {n + 1}: {made[-1][1]:,.0f} calls/s through a network, {made[-1][0]:,.0f} without; "
                f"its relays computed {relays:.2f} ms a call"
            )
    without, through = (median(sides) for sides in zip(*made, strict=True))
    return [
        Figure("P12 P1", "P12 P1 through a network", through, without, "calls/s", reference="calls/s without",
             ratio=median(b / a for a, b in made), at_least=0.7, rounds=[b / a for a, b in made])
    ]  # fmt: skip


def refills(stack: Stack, effort: Effort) -> list[Figure]:
    """P5's p95 through the network, against a tick's second, as P5 is, and beside P5 without."""
    settings = {"BENCH_CALL_SECONDS": CALL_SECONDS}
    with (
        deployed(stack, "bench_refill_near", **settings) as near,
        deployed(stack, "bench_refill_far", network_seconds=SECONDS, **settings) as far,
    ):
        both, made = (Refilled(near, effort), Refilled(far, effort)), []
        for n in range(effort.rounds):
            without, through = (side.round().p95 for side in both)
            made.append((1000 * without, 1000 * through))
            say(f"P12 P5 round {n + 1}: {made[-1][1]:.1f} ms through a network, {made[-1][0]:.1f} ms without")
    without, through = (median(sides) for sides in zip(*made, strict=True))
    return [
        Figure("P12 P5", "   P5 through a network, p95", through, without, "ms", reference="ms without",
             ratio=through, at_most=40.0, rounds=[b for _, b in made])
    ]  # fmt: skip
