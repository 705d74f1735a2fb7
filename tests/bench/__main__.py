"""``python -m tests.bench P1 P3``: measure, compare within the run, print a table, and all of it as a line of JSON.

Ratios are what counts: reference and subject take turns on the same worker, and each ratio is the median of
those of the rounds. Seconds are shown and not judged, for machines differ and are shared. It ends with 0 when
everything could be measured and every call was as it must be, whatever the figures are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

import click

from tests.bench import beside, claiming, importing, memory, publishing, refilling, report, starting, ticking
from tests.bench.deployment import Deployment, deployed
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
@click.option("--contacts", type=click.IntRange(CAMPAIGNS), default=4000, show_default=True, help="In one round.")
@click.option("--rounds", type=click.IntRange(1), default=3, show_default=True, help="Three at least mean something.")
def main(names: Sequence[str], contacts: int, rounds: int) -> None:
    """Measure NAMES; all without."""
    wanted = set(names or NAMES)
    contacts -= contacts % CAMPAIGNS
    figures: list[Figure] = []
    notes: list[str] = []
    logs.configure("error")
    with Stack() as stack:
        click.echo(report.machine(stack))
        if wanted & {"P1", "P3"}:
            batched = measure(stack, "bench", noops_per_second, contacts, rounds, receives="P3" in wanted)
            figures += [*(_p1(batched) if "P1" in wanted else ()), *(_p3(batched) if "P3" in wanted else ())]
            notes += report.split("P1", batched.rounds)
        if "P2" in wanted:
            single = measure(
                stack, "bench_single", chains_per_second, contacts, rounds, DIAL_BATCH="1", BENCH_BY_MESSAGE="1"
            )
            within = measure(stack, "bench_within", chains_per_second, contacts, rounds, DIAL_BATCH="1")
            figures += [*_p2(single), *_p2_within(within)]
            notes += report.split("P2", single.rounds)
        for name, measure_alone in STANDING_ALONE.items():
            if name in wanted:
                figures += measure_alone(stack, rounds)
        baselines = beside.measure(stack) if wanted & {"P1", "P5"} else []
    click.echo(report.table(figures))
    click.echo("\n".join(map(str, baselines)))
    if any(it.is_missed for it in figures):
        click.echo("\n".join(notes))
    click.echo(report.as_json(figures))


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
