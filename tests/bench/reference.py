"""What stock Celery gets through, by the same settings: tasks that do nothing, and tasks that hand on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import monotonic

from tests.bench.deployment import Deployment

CHAINS = 100
WORST_TASKS_PER_SECOND = 20.0
POLL_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Reference:
    """Tasks that do nothing: how many a second, and what one of them had each part compute."""

    per_second: float
    processor_seconds: Mapping[str, float]


def refer(there: Deployment, count: int, tasks_per_second: Callable[[Deployment, int], float]) -> Reference:
    """Measure ``count`` tasks that do nothing."""
    computed = there.processor_seconds()
    per_second = tasks_per_second(there, count)
    computed = more(computed, there.processor_seconds())
    return Reference(per_second, {part: amount / count for part, amount in computed.items()})


def noops_per_second(there: Deployment, count: int) -> float:
    """Empty tasks a second, from a queue that was filled before."""
    prefilled = there.reference_key("prefilled")
    if there.redis.llen(prefilled) != count:
        there.redis.delete(prefilled)
        for _ in range(count):
            there.reference.send_task("bench.noop", queue="prefilled")
    return _drained(there, count, prefilled)


def chains_per_second(there: Deployment, count: int) -> float:
    """Empty tasks a second, each of which publishes the next; :data:`CHAINS` of them side by side."""
    length = max(1, count // CHAINS)
    started_at = monotonic()
    for _ in range(CHAINS):
        there.reference.send_task("bench.chain", [length])
    _await_empty(there, CHAINS * length)
    return CHAINS * length / (monotonic() - started_at)


def more(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    return {what: amount - before.get(what, 0) for what, amount in after.items()}


def _drained(there: Deployment, count: int, prefilled: str) -> float:
    """The speed from the first look that sees the queue shrink, or from its filling where that look sees it gone
    already, to the one that sees all done."""
    left, began_at = count, monotonic()
    there.redis.copy(prefilled, there.reference_key("control"))

    def shrinks() -> bool:
        nonlocal left
        left = there.redis.llen(there.reference_key("control"))
        return left < count

    there.wait(shrinks, "the worker takes tasks", seconds=30, every=POLL_SECONDS)
    if left:
        count, began_at = left, monotonic()
    _await_empty(there, count)
    return count / (monotonic() - began_at)


def _await_empty(there: Deployment, count: int) -> None:
    def is_empty() -> bool:
        return not there.redis.exists(there.reference_key("control"), there.reference_key("unacked"))

    there.wait(is_empty, "all tasks were done", seconds=30 + count / WORST_TASKS_PER_SECOND, every=POLL_SECONDS)
