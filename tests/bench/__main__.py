"""``python -m tests.bench P1 P3``: measure, compare within the run, print a table, and all of it as a line of JSON.

Ratios are what counts: reference and subject take turns on the same worker, and each ratio is the median of
those of the rounds. Seconds are shown and not judged, for machines differ and are shared. What does not come true in
its time is reported as that, with how far it came, and the next figure is measured. It ends with 0 when every call was
as it must be, whatever the figures are, and with 1 when a run was void.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from functools import partial
from statistics import median

import click

from tests.bench import (
    age,
    beside,
    claiming,
    importing,
    memory,
    path_length,
    publishing,
    refilling,
    report,
    starting,
    ticking,
)
from tests.bench.deployment import Deployment, Unfinished, deployed
from tests.bench.effort import Effort
from tests.bench.receipt import Receipt, receive
from tests.bench.report import Figure
from tests.bench.throughput import CAMPAIGNS, Round, Workload, chains_per_second, noops_per_second, refer
from worker import logs
from worker.dev.stack import Stack

STANDING_ALONE = {
    "P4": claiming.measure,
    "P5": refilling.measure,
    "P6": starting.measure,
    "P7": importing.measure,
    "P8": memory.measure,
    "P9": publishing.measure,
    "P10": ticking.measure,
    "P13": age.measure,
    "R": path_length.measure,
}
"""Figures that have a file of their own."""
NAMES = ("P1", "P2", "P3", *STANDING_ALONE)
RECEIVED_CALLS = 200


@dataclass(frozen=True, slots=True)
class Measured:
    """The rounds of one deployment, and the receipt of callbacks, where that was measured."""

    rounds: Sequence[Round]
    received: Receipt | None = None

    def middle(self, of: Callable[[Round], float]) -> float:
        return median(of(it) for it in self.rounds)


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(NAMES))
@click.option("--contacts", type=click.IntRange(CAMPAIGNS), default=4000, show_default=True, help="In one round of P1.")
@click.option("--rounds", type=click.IntRange(1), default=3, show_default=True, help="Three at least mean something.")
@click.option("--quick", is_flag=True, help="One round of each, of a tenth of the size: every figure, less certain.")
def main(names: Sequence[str], contacts: int, rounds: int, quick: bool) -> None:
    """Measure NAMES; all without."""
    wanted = set(names or NAMES)
    effort = Effort(1 if quick else rounds, quick)
    contacts = max(CAMPAIGNS, effort.of(contacts))
    contacts -= contacts % CAMPAIGNS
    made = Figures()
    logs.configure("error")
    with Stack() as stack:
        click.echo(report.machine(stack))
        if wanted & {"P1", "P3"}:
            made.add("P1 P3", lambda: _throughput(stack, wanted, contacts, effort, made.notes))
        if "P2" in wanted:
            made.add("P2", lambda: _one_by_one(stack, contacts, effort, made.notes))
        for name, measure_alone in STANDING_ALONE.items():
            if name in wanted:
                made.add(name, partial(measure_alone, stack, effort))
        baselines = beside.measure(stack) if wanted & {"P1", "P5"} and not quick else []
    click.echo(report.table(made.figures))
    click.echo("\n".join(map(str, baselines)))
    if any(it.is_missed for it in made.figures):
        click.echo("\n".join(made.notes))
    click.echo(report.as_json(made.figures))
    sys.exit(made.are_void)


@dataclass(slots=True)
class Figures:
    """What was measured. A figure that did not come in its time, or whose run is void, is a line that says so, and the
    next one is measured."""

    figures: list[Figure] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    are_void: bool = False

    def add(self, name: str, measured: Callable[[], Sequence[Figure]]) -> None:
        try:
            self.figures += measured()
        except Unfinished as error:
            self._miss(name, str(error))
        except AssertionError as error:  # a call was not as it must be
            self.are_void = True
            self._miss(name, f"void: {error}")

    def _miss(self, name: str, why: str) -> None:
        report.say(f"{name}: no figure; {why}")
        self.figures.append(Figure(name, name, missing=why))


def _throughput(
    stack: Stack, wanted: Collection[str], contacts: int, effort: Effort, notes: list[str]
) -> Sequence[Figure]:
    batched = measure(stack, "bench", noops_per_second, contacts, effort.rounds, receives="P3" in wanted)
    notes += report.split("P1", batched.rounds)
    return [*(_p1(batched) if "P1" in wanted else ()), *(_p3(batched) if "P3" in wanted else ())]


def _one_by_one(stack: Stack, contacts: int, effort: Effort, notes: list[str]) -> Sequence[Figure]:
    single = measure(
        stack, "bench_single", chains_per_second, contacts, effort.rounds, DIAL_BATCH="1", BENCH_BY_MESSAGE="1"
    )
    within = measure(stack, "bench_within", chains_per_second, contacts, effort.rounds, DIAL_BATCH="1")
    notes += report.split("P2", single.rounds)
    return [*_p2(single), *_p2_within(within)]


def measure(
    stack: Stack,
    name: str,
    reference: Callable[[Deployment, int], float],
    contacts: int,
    rounds: int,
    *,
    receives: bool = False,
    **settings: str,
) -> Measured:
    """``rounds`` times the reference and the calls, in turns, on one deployment; nothing else runs meanwhile."""
    with deployed(stack, name, **settings) as there:
        workload = Workload(there, contacts)
        reference(there, contacts)  # connections, imports, caches; and no-ops are laid in stock
        made = []
        for n in range(rounds):
            one = workload.round(refer(there, contacts, reference))
            made.append(one)
            report.say(
                f"{name} round {n + 1}: {one.reference.per_second:,.0f} tasks/s, {one.calls_per_second:,.0f} calls/s, "
                f"ratio {one.ratio:.2f}"
            )
        return Measured(made, receive(there, RECEIVED_CALLS) if receives else None)


def _p1(measured: Measured) -> list[Figure]:
    return [_against(measured, "P1", "P1 calls against no-ops", "no-ops/s", at_least=2.0)]


def _p2(measured: Measured) -> list[Figure]:
    return [_against(measured, "P2", "P2 one call per message", "chained/s", at_least=0.75)]


def _p2_within(measured: Measured) -> list[Figure]:
    """The same batch as deployed, where a worker's dial pool takes what its tasks reserve, and what waits together."""
    return [_against(measured, "P2 within", "   handed on within a worker", "chained/s", at_least=None)]


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


if __name__ == "__main__":
    main()
