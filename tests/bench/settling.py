"""P1, P1e, P2, P3: calls that are settled a second, against what stock Celery gets through in the same run.

A round is the reference, then the calls, so that what else the machine does meets both. P1: 20 campaigns of 50 slots,
against tasks that do nothing, consumed from a queue that was filled before the clock starts. P1e: the same, and the
news of each call is posted by itself to a web process, as a carrier does it. P2: a thousand campaigns of one slot, so
that each fill is of one call, against tasks that hand on. P3: what P1's calls sent to PostgreSQL and Redis.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from statistics import median

from tests.bench import report
from tests.bench.deployment import Deployment, deployed
from tests.bench.effort import Effort
from tests.bench.receipt import Receipt, receive
from tests.bench.reference import chains_per_second, noops_per_second, refer
from tests.bench.report import Figure
from tests.bench.shape import Shape
from tests.bench.throughput import Round, Workload
from worker.dev.stack import Stack

CONTACTS, QUICK_CONTACTS = 10_000, 1_500
ONE_BY_ONE, QUICK_ONE_BY_ONE = 2_000, 400
"""Contacts of P1e: a call takes ten times as long as in P1, and so does the start."""
CONNECTIONS = 8
"""Over which news is posted one by one."""
SINGLE, QUICK_SINGLE = Shape(1000, 1, 1), Shape(200, 1, 1)
CALLS_A_SLOT = 10
TASKS, QUICK_TASKS = 4_000, 1_000
"""Of the reference: enough to last a second or two."""
RECEIVED_CALLS = 200


@dataclass(frozen=True, slots=True)
class Measured:
    """The rounds of one deployment, and the receipt of callbacks, where that was measured."""

    rounds: Sequence[Round]
    received: Receipt | None = None

    def middle(self, of: Callable[[Round], float]) -> float:
        return median(of(it) for it in self.rounds)


def batched(
    stack: Stack, effort: Effort, contacts: int | None, wanted: Collection[str], notes: list[str]
) -> list[Figure]:
    """P1, P3."""
    count = contacts or effort.of(CONTACTS, QUICK_CONTACTS)
    with deployed(stack, "bench", has_reference=True) as there:
        rounds = measure(there, "P1", noops_per_second, Workload(there, count), effort)
        received = receive(there, effort.of(RECEIVED_CALLS, 50)) if "P3" in wanted else None
    measured = Measured(rounds, received)
    notes += report.split("P1", rounds)
    p1 = _against(measured, "P1", "P1 calls against no-ops", "no-ops/s", at_least=2.0)
    return [*([p1] if "P1" in wanted else ()), *(_p3(measured) if "P3" in wanted else ())]


def one_by_one(stack: Stack, effort: Effort, notes: list[str]) -> list[Figure]:
    """P1e."""
    count = effort.of(ONE_BY_ONE, QUICK_ONE_BY_ONE)
    with deployed(stack, "bench_http", connections=CONNECTIONS, has_reference=True) as there:
        rounds = measure(there, "P1e", noops_per_second, Workload(there, count), effort)
    notes += report.split("P1e", rounds)
    return [_against(Measured(rounds), "P1e", "P1e news one by one over HTTP", "no-ops/s", at_least=0.5)]


def single(stack: Stack, effort: Effort, notes: list[str]) -> list[Figure]:
    """P2."""
    shape = QUICK_SINGLE if effort.is_quick else SINGLE
    with deployed(stack, "bench_single", has_reference=True) as there:
        workload = Workload(there, CALLS_A_SLOT * shape.campaigns, shape, by_messages=False)
        rounds = measure(there, "P2", chains_per_second, workload, effort)
    notes += report.split("P2", rounds)
    return [_against(Measured(rounds), "P2", "P2 one call a fill", "chained/s", at_least=1.0)]


def measure(
    there: Deployment, name: str, reference: Callable[[Deployment, int], float], workload: Workload, effort: Effort
) -> list[Round]:
    """The reference and the calls, in turns, on one deployment; nothing else runs meanwhile."""
    tasks = effort.of(TASKS, QUICK_TASKS)
    reference(there, tasks)  # connections, imports, caches; and no-ops are laid in stock
    made = []
    for n in range(effort.rounds):
        one = workload.round(refer(there, tasks, reference))
        made.append(one)
        report.say(
            f"{name} round {n + 1}: {one.reference.per_second:,.0f} tasks/s, {one.calls_per_second:,.0f} calls/s, "
            f"ratio {one.ratio:.2f}"
        )
    return made


def _against(measured: Measured, key: str, what: str, reference: str, *, at_least: float | None) -> Figure:
    return Figure(
        key,
        what,
        measured.middle(lambda r: r.calls_per_second),
        measured.middle(lambda r: r.reference.per_second),
        "calls/s",
        reference,
        measured.middle(lambda r: r.ratio),
        at_least=at_least,
        rounds=[r.ratio for r in measured.rounds],
    )


def _p3(measured: Measured) -> list[Figure]:
    def counted(key: str, what: str, name: str, **target: float) -> Figure:
        rounds = [r.commands.get(name, 0.0) / r.calls for r in measured.rounds]
        return Figure(key, what, ratio=median(rounds), rounds=rounds, **target)

    figures = [
        counted("P3 SQL", "P3 SQL statements a call", "engine:statements", at_most=0.5),
        counted("P3 SQL round trips", "   with BEGIN, COMMIT, ping", "engine:round trips"),
        counted("P3 SQL receipt", "   receipt, in the process", "receipt:statements"),
        counted("P3 Redis", "P3 Redis commands a call", "engine:commands", at_most=4.0),
        counted("P3 Redis receipt", "   receipt, in the process", "receipt:commands"),
    ]
    if measured.received is not None:
        got = measured.received
        for key, what, each in (
            ("P3 HTTP SQL", "   receipt over HTTP, SQL a callback", got.statements),
            ("P3 HTTP SQL round trips", "   the same with BEGIN, COMMIT, ping", got.round_trips),
            ("P3 HTTP Redis", "   receipt over HTTP, Redis a callback", got.redis_commands),
        ):
            figures.append(Figure(key, what, got.per_second, unit="callbacks/s", ratio=each))
    return figures
