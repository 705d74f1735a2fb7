"""``python -m tests.bench --profile P1``: what a worker computes while the calls of a figure go on."""

from __future__ import annotations

from collections.abc import Callable

from tests.bench import sampling
from tests.bench.deployment import Deployment, deployed
from tests.bench.effort import Effort
from tests.bench.reference import Reference
from tests.bench.refilling import CALL_SECONDS, Refilled
from tests.bench.settling import CALLS_A_SLOT, CONNECTIONS, CONTACTS, ONE_BY_ONE, SINGLE
from tests.bench.throughput import Workload
from worker.dev.stack import Stack

NAMES = ("P1", "P1e", "P2", "P5")
_NOTHING = Reference(1.0, {})


def measure(stack: Stack, name: str, effort: Effort) -> list[str]:
    """The top of a flame graph of all rounds together, after one that imports and connects what is needed but once."""
    settings = {"BENCH_SAMPLED": "1", **({"BENCH_CALL_SECONDS": CALL_SECONDS} if name == "P5" else {})}
    with deployed(stack, "bench_profile", connections=CONNECTIONS if name == "P1e" else 0, **settings) as there:
        play = _round(there, name, effort)
        play()
        there.samples()
        for _ in range(effort.rounds):
            play()
        return [f"{name}, the worker:", *sampling.top(there.samples())]


def _round(there: Deployment, name: str, effort: Effort) -> Callable[[], object]:
    match name:
        case "P5":
            return Refilled(there, effort).round
        case "P2":
            load = Workload(there, effort.of(CALLS_A_SLOT, 2) * SINGLE.campaigns, SINGLE, by_messages=False)
        case _:
            load = Workload(there, effort.of(ONE_BY_ONE if name == "P1e" else CONTACTS))
    return lambda: load.round(_NOTHING)
