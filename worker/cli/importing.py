"""What commands that read a long file share: the bar, what was said about lines, and how far it came."""

from __future__ import annotations

import csv
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeRemainingColumn

from worker.cli.context import country_option
from worker.cli.files import INPUT, OUTPUT, writing
from worker.cli.showing import some
from worker.clock import monotonic
from worker.domain.contact_file import LineFault
from worker.domain.errors import DialerError, Unavailable
from worker.domain.spreadsheet import cells
from worker.operations.import_progress import ImportProgress

MOST_IN_JSON = 1000
MOST_SHOWN = 20


class Interrupted(DialerError):
    """Something ended an import; the sentence says what was done by then."""

    def __init__(self, said: str, exit_code: int) -> None:
        super().__init__(said)
        self.exit_code = exit_code


@dataclass(slots=True)
class LineReport:
    """What was said about lines: all of it into the file of ``--report``, the first of it here. Lines that were merged
    lost nothing, and are only in the file."""

    rows: Any = None
    lines: list[tuple[str, LineFault]] = field(default_factory=list)
    count: int = 0

    def add(self, outcome: str, fault: LineFault) -> None:
        if self.rows is not None:
            self.rows.writerow(cells([str(fault.line), outcome, fault.message]))
        if outcome != "merged":
            self.count += 1
            if len(self.lines) < MOST_IN_JSON:
                self.lines.append((outcome, fault))

    def as_json(self) -> list[dict[str, Any]]:
        return [
            {"path": fault.path, "line": fault.line, "outcome": outcome, "message": fault.message}
            for outcome, fault in self.lines
        ]

    def show(self, path: str | None) -> None:
        """The first lines, and where the others are."""
        for outcome, fault in self.lines[:MOST_SHOWN]:
            click.echo(f"{fault.path} {outcome}: {fault.message}")
        if self.count > MOST_SHOWN:
            click.echo(
                f"and {some(self.count - MOST_SHOWN, 'line')} more; {path or '--report FILE.csv'} lists them all."
            )


def from_file(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give an importing command its file, and how to read it."""
    given = (
        click.argument("file", type=INPUT),
        country_option,
        click.option("--delimiter", help="What separates the columns, such as ; or tab; else it is found."),
        click.option("--encoding", help="How the file was saved, such as utf-8 or windows-1250; else it is found."),
        click.option("--dry-run", is_flag=True, help="Say what would happen, and write nothing."),
        click.option("--strict", is_flag=True, help="All or nothing: write nothing if anything is wrong with a line."),
        click.option("--report", type=OUTPUT, metavar="FILE.csv", help="Write what is said about lines to this file."),
    )
    for give in reversed(given):
        command = give(command)
    return command


def end_in_part(refused: int, lines: int) -> None:
    """End with 1 where lines were refused: it is done in part."""
    if refused:
        were = "was" if refused == 1 else "were"
        raise click.ClickException(
            f"Done in part: {refused} of {some(lines, 'line')} {were} refused; mend them and import the file again."
        )


@contextmanager
def reporting(path: str | None) -> Iterator[LineReport]:
    """A report, which is a file too where a path is given."""
    if path is None:
        yield LineReport()
        return
    with writing(path) as file:
        rows = csv.writer(file)
        rows.writerow(["line", "outcome", "message"])
        yield LineReport(rows)


@dataclass(slots=True)
class ImportBar:
    """The bar, on a terminal; and what is committed by now. A ``whole`` is committed at its end or not at all."""

    bar: Progress
    source: BinaryIO
    is_whole: bool
    committed: int = 0
    task: TaskID | None = None
    is_reading: bool = True
    began_at: float = field(default_factory=monotonic)

    def show(self, progress: ImportProgress) -> None:
        """It has come as far as this."""
        self.committed = 0 if self.is_whole else progress.written
        if self.task is None:
            self.task = self.bar.add_task("Reading", total=os.fstat(self.source.fileno()).st_size, rate="")
        if self.is_reading and progress.written:
            self.bar.update(self.task, completed=self.bar.tasks[0].total)
            self.task, self.is_reading = self.bar.add_task("Writing", total=progress.to_write, rate=""), False
            self.began_at = monotonic()
        rows, completed = (
            (progress.lines, self.source.tell()) if self.is_reading else (progress.written, progress.written)
        )
        rate = f"{rows / max(monotonic() - self.began_at, 0.001):,.0f} rows/s"
        self.bar.update(self.task, completed=completed, rate=rate)


@contextmanager
def progress_bar(source: BinaryIO, noun: str, *, is_whole: bool) -> Iterator[ImportBar]:
    """Show how far it is; if it ends early, say what is done."""
    columns = (
        TextColumn("{task.description}"), BarColumn(bar_width=None), TaskProgressColumn(),
        TextColumn("{task.fields[rate]}"), TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as bar:
        shown = ImportBar(bar, source, is_whole)
        try:
            yield shown
        except KeyboardInterrupt:
            raise Interrupted(f"Stopped. {_so_far(shown, noun)}", 1) from None
        except DialerError as error:
            if isinstance(error, Unavailable) or shown.committed:
                raise Interrupted(f"{error} {_so_far(shown, noun)}", error.exit_code) from error
            raise


def _so_far(shown: ImportBar, noun: str) -> str:
    if not shown.committed:
        return "Nothing was imported."
    was = "was" if shown.committed == 1 else "were"
    return f"{some(shown.committed, noun)} {was} imported before; the same command again does the rest."
