"""``python -m tests.bench P1 P3``: measure, compare within the run, print a table.

Ratios are what counts: reference and subject take turns on the same worker, and each ratio is the median of
those of the rounds. Seconds are shown and not judged, for machines differ and are shared. It ends with 0 when
everything could be measured and every call was as it must be, whatever the figures are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

import click

from tests.bench import report
from tests.bench.deployment import Deployment, deployed
from tests.bench.receipt import Receipt, receive
from tests.bench.report import Line
from tests.bench.throughput import CAMPAIGNS, Round, Workload, chains_per_second, noops_per_second, refer
from worker import logs
from worker.dev.stack import Stack

NAMES = ("P1", "P2", "P3")
RECEIVED_CALLS = 200


@dataclass(frozen=True, slots=True)
class Measured:
    """The rounds of one deployment, and the receipt of callbacks, where that was asked for."""

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
    lines: list[Line] = []
    notes: list[str] = []
    logs.configure("error")
    with Stack() as stack:
        click.echo(report.machine(stack))
        if wanted & {"P1", "P3"}:
            batched = measure(stack, "bench", noops_per_second, contacts, rounds, receives="P3" in wanted)
            lines += [*(_p1(batched) if "P1" in wanted else ()), *(_p3(batched) if "P3" in wanted else ())]
            notes += report.split("P1", batched.rounds)
        if "P2" in wanted:
            single = measure(stack, "bench_single", chains_per_second, contacts, rounds, DIAL_BATCH="1")
            lines += _p2(single)
            notes += report.split("P2", single.rounds)
    click.echo(report.table(lines))
    if any(line.is_missed for line in lines):
        click.echo("\n".join(notes))


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
            click.echo(
                f"{name} round {n + 1}: {one.reference.per_second:,.0f} tasks/s, {one.calls_per_second:,.0f} calls/s, "
                f"ratio {one.ratio:.2f}"
            )
        return Measured(made, receive(there, RECEIVED_CALLS) if receives else None)


def _p1(measured: Measured) -> list[Line]:
    return [
        Line(
            "P1 calls against no-ops",
            f"{measured.middle(lambda r: r.calls_per_second):,.0f} calls/s",
            f"{measured.middle(lambda r: r.reference.per_second):,.0f} no-ops/s",
            measured.middle(lambda r: r.ratio),
            at_least=2.0,
            rounds=[r.ratio for r in measured.rounds],
        )
    ]


def _p2(measured: Measured) -> list[Line]:
    return [
        Line(
            "P2 one call per message",
            f"{measured.middle(lambda r: r.calls_per_second):,.0f} calls/s",
            f"{measured.middle(lambda r: r.reference.per_second):,.0f} chained/s",
            measured.middle(lambda r: r.ratio),
            at_least=0.75,
            rounds=[r.ratio for r in measured.rounds],
        )
    ]


def _p3(measured: Measured) -> list[Line]:
    def per_call(what: str) -> list[float]:
        return [r.asked.get(what, 0.0) / r.calls for r in measured.rounds]

    lines = [
        Line("P3 SQL statements a call", ratio=median(per_call("engine:statements")), at_most=0.5,
             rounds=per_call("engine:statements")),
        Line("   with BEGIN, COMMIT, ping", ratio=median(per_call("engine:round trips")),
             rounds=per_call("engine:round trips")),
        Line("   receipt, in the process", ratio=median(per_call("receipt:statements")),
             rounds=per_call("receipt:statements")),
        Line("P3 Redis commands a call", ratio=median(per_call("engine:commands")), at_most=4.0,
             rounds=per_call("engine:commands")),
        Line("   receipt, in the process", ratio=median(per_call("receipt:commands")),
             rounds=per_call("receipt:commands")),
    ]  # fmt: skip
    if measured.received is not None:
        got = measured.received
        figure = f"{got.per_second:,.0f} callbacks/s"
        lines += [
            Line("   receipt over HTTP, SQL a callback", figure, ratio=got.statements),
            Line("   the same with BEGIN, COMMIT, ping", figure, ratio=got.round_trips),
            Line("   receipt over HTTP, Redis a callback", figure, ratio=got.redis_commands),
        ]
    return lines


if __name__ == "__main__":
    main()
