"""``python -m tests.bench P1 P3``: measure, compare within the run, print a table, and all of it as a line of JSON;
``--profile P1`` prints instead what a worker's processor time goes into.

Ratios are what counts: reference and subject take turns on the same worker, and each ratio is the median of
those of the rounds. Seconds are shown and not judged, for machines differ and are shared. What does not come true in
its time is reported as that, with how far it came, and the next figure is measured. It ends with 0 when every call was
as it must be, whatever the figures are, and with 1 when a run was void.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from statistics import StatisticsError
from time import monotonic

import click
import psycopg
from kombu.exceptions import KombuError
from redis import RedisError
from sqlalchemy.exc import DBAPIError

from tests.bench import (
    age,
    beside,
    claiming,
    importing,
    memory,
    network,
    overload,
    path_length,
    places,
    profiling,
    publishing,
    refilling,
    report,
    settling,
    starting,
    ticking,
)
from tests.bench.deployment import Unfinished
from tests.bench.effort import Effort
from tests.bench.report import Figure
from tests.bench.shape import STANDARD
from worker import logs
from worker.dev.stack import Stack
from worker.domain.errors import Unavailable

STANDING_ALONE: Mapping[str, Sequence[Callable[[Stack, Effort], Sequence[Figure]]]] = {
    "P4": [claiming.measure],
    "P5": [refilling.measure],
    "P6": [starting.measure],
    "P7": [importing.measure],
    "P8": [memory.measure],
    "P9": [publishing.measure],
    "P10": [ticking.measure],
    "P11": [overload.measure, overload.burst, overload.slow, overload.one_a_message],
    "P12": [network.calls, network.refills],
    "P13": [age.measure],
    "P14": [places.measure],
    "R": [path_length.measure],
}
"""Figures that have a file of their own; the parts of each stand or fall by themselves."""
TOO_MUCH = (Unavailable, OSError, psycopg.Error, DBAPIError, RedisError, KombuError, StatisticsError)
"""What the bench itself meets where the machine is too slow for it: a service that does not answer in its time, or too
few calls for a percentile."""
NAMES = ("P1", "P1e", "P2", "P3", *STANDING_ALONE)


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(NAMES))
@click.option("--contacts", type=click.IntRange(STANDARD.campaigns), help="In a round of P1, instead of 10 000.")
@click.option("--rounds", type=click.IntRange(1), default=3, show_default=True, help="Three at least mean something.")
@click.option("--quick", is_flag=True, help="One round of each, of a tenth of the size: every figure, less certain.")
@click.option(
    "--profile", "profiled", type=click.Choice(profiling.NAMES), help="Show what a worker computes meanwhile."
)
def main(names: Sequence[str], contacts: int | None, rounds: int, quick: bool, profiled: str | None) -> None:
    """Measure NAMES; all without. With --profile nothing is measured: sampling takes its share."""
    wanted = set(names or NAMES)
    effort = Effort(1 if quick else rounds, quick)
    made = Figures()
    logs.configure("error")
    with Stack(max_connections=200) as stack:
        click.echo(report.machine(stack))
        if profiled is not None:
            click.echo("\n".join(profiling.measure(stack, profiled, effort)))
            return
        for name, measured in _parts(stack, wanted, contacts, effort, made.notes):
            began_at = monotonic()
            made.add(name, measured)
            report.say(f"{name}: {monotonic() - began_at:.0f} s")
        baselines = beside.measure(stack) if wanted & {"P1", "P5"} and not quick else []
    click.echo(report.table(made.figures))
    click.echo("\n".join(map(str, baselines)))
    if any(it.is_missed for it in made.figures):
        click.echo("\n".join(made.notes))
    click.echo(report.as_json(made.figures))
    sys.exit(made.are_void)


def _parts(
    stack: Stack, wanted: Collection[str], contacts: int | None, effort: Effort, notes: list[str]
) -> Iterator[tuple[str, Callable[[], Sequence[Figure]]]]:
    """What is to be measured, by the name under which it is missed."""
    if not {"P1", "P3"}.isdisjoint(wanted):
        together = {"P1", "P3"} & set(wanted)
        yield " ".join(sorted(together)), lambda: settling.batched(stack, effort, contacts, together, notes)
    if "P1e" in wanted:
        yield "P1e", lambda: settling.one_by_one(stack, effort, notes)
    if "P2" in wanted:
        yield "P2", lambda: settling.single(stack, effort, notes)
    for name, parts in STANDING_ALONE.items():
        for part in parts if name in wanted else ():
            what = name if part.__name__ == "measure" else f"{name} {part.__name__.replace('_', ' ')}"
            yield what, partial(part, stack, effort)


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
        except TOO_MUCH as error:
            self._miss(name, f"{type(error).__name__}: {error}")
        except AssertionError as error:  # a call was not as it must be
            self.are_void = True
            self._miss(name, f"void: {error}")

    def _miss(self, name: str, why: str) -> None:
        report.say(f"{name}: no figure; {why}")
        self.figures.append(Figure(name, name, missing=why))


if __name__ == "__main__":
    main()
