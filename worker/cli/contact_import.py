"""``dialer contacts import``: a file of contacts into the CRM, and into a campaign."""

from __future__ import annotations

import csv
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from worker.api import views_crm
from worker.cli.asking import Asked, for_team
from worker.cli.files import INPUT, OUTPUT, delimiter, reading, text_in, writing
from worker.cli.showing import json_option, show_json, some
from worker.clock import monotonic
from worker.domain.contact_file import ContactFile, LineFault
from worker.domain.csv_text import pieces_of
from worker.domain.errors import DialerError, Unavailable
from worker.domain.screening import check_region
from worker.domain.spreadsheet import cells
from worker.flow.load import MOST_FAULTS, Loaded, Watch, load_contacts, waits_for_next_run

MOST_LINES_SHOWN = 20


class Interrupted(DialerError):
    """Something ended an import; the sentence says what was done by then."""

    def __init__(self, said: str, exit_code: int) -> None:
        super().__init__(said)
        self.exit_code = exit_code


@dataclass(slots=True)
class Report:
    """What was said about lines: all of it into ``--report``, the first of it onto the screen."""

    rows: Any = None
    told: list[tuple[str, LineFault]] = field(default_factory=list)
    count: int = 0

    def tell(self, outcome: str, fault: LineFault) -> None:
        if self.rows is not None:
            self.rows.writerow(cells([str(fault.line), outcome, fault.message]))
        if outcome != "merged":
            self.count += 1
            if len(self.told) < MOST_FAULTS:
                self.told.append((outcome, fault))


@dataclass(slots=True)
class Seen:
    """How far an import has come: the bar, on a terminal; and what to say if it ends here."""

    bar: Progress
    file: BinaryIO
    size: int
    is_whole: bool
    written: int = 0
    began_at: float = field(default_factory=monotonic)
    task: Any = None

    def step(self, loaded: Loaded) -> None:
        if not self.is_whole:
            self.written = loaded.written
        is_reading = not loaded.written
        done = loaded.lines if is_reading else loaded.written
        if self.task is None or is_reading != self.bar.tasks[self.task].fields["is_reading"]:
            self.began_at = monotonic() if self.task is not None else self.began_at
            if self.task is not None:
                self.bar.update(self.task, completed=self.bar.tasks[self.task].total)
            self.task = self.bar.add_task("Reading" if is_reading else "Writing", is_reading=is_reading, rate="")
        rate = f"{done / max(monotonic() - self.began_at, 0.001):,.0f} rows/s"
        total, completed = (self.size, self.file.tell()) if is_reading else (loaded.people, loaded.written)
        self.bar.update(self.task, total=total, completed=completed, rate=rate)


@click.command("import")
@click.argument("file", type=INPUT)
@click.option("--campaign-id", help="Add the contacts to this campaign, too.")
@click.option("--company-id", help="The company of all of them.")
@click.option("--tag", multiple=True, help="A tag for all of them; may be repeated.")
@click.option("--country", help="Where numbers without a country code belong, such as US.")
@click.option("--delimiter", "sign", help="What separates the columns, such as ; or tab; else it is found.")
@click.option("--encoding", help="How the file was saved, such as utf-8 or cp1252; else it is found.")
@click.option("--dry-run", is_flag=True, help="Say what would happen, and write nothing.")
@click.option("--strict", is_flag=True, help="All or nothing: write nothing if any line is refused or uncallable.")
@click.option("--report", type=OUTPUT, metavar="FILE.csv", help="Write what was said about each line to this file.")
@json_option
@for_team
def import_contacts(
    ask: Asked,
    /,
    file: str,
    sign: str | None,
    encoding: str | None,
    country: str | None,
    report: str | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Bring the contacts of FILE, a CSV, into the CRM; - reads a pipe.

    The first line names the columns: phone (or number, mobile, …), first_name, last_name, phone_secondary, email,
    timezone, do_not_call, tags (separated by semicolons); others become custom fields.

    Lines with the same number are one contact, and a contact of the team that has it is updated: what a line says
    replaces what was there, an empty field changes nothing, custom fields and tags are joined, and nobody is taken off
    do-not-call. Without a number that can be called, the same number, name and email as written are the same contact.
    The same file twice changes nothing.

    The file is read to its end before anything is written. It is then written 10,000 lines at a time, each with its
    place in the campaign; if that breaks off, you are told how far it came. With --strict it is one transaction.
    """
    region = check_region(country.upper()) if country else None
    with ExitStack() as stack:
        source = stack.enter_context(reading(file))
        people = ContactFile(pieces_of(stack.enter_context(text_in(source, encoding))), delimiter(sign))
        said = Report()
        if report is not None:
            said.rows = csv.writer(stack.enter_context(writing(report)))
            said.rows.writerow(["line", "outcome", "message"])
        loaded = _load(ask, people, source, said, region=region, **options)
    ask.carry_out(loaded.steps)
    notes = list(_notes(people, loaded))
    if as_json:
        show_json(**_as_json(loaded, said, notes, options))
    else:
        _show(loaded, said, notes, options, report)
    if loaded.is_refused:
        raise click.ClickException(f"Nothing was imported, for {some(said.count, 'line')} cannot be called or read.")
    if loaded.lines and not loaded.people:
        raise click.ClickException("Nothing was imported, for no line could be read.")


def _load(ask: Asked, people: ContactFile, source: BinaryIO, said: Report, **options: Any) -> Loaded:
    with _bar() as bar:
        seen = Seen(bar, source, os.fstat(source.fileno()).st_size, options["strict"] or options["dry_run"])
        try:
            return load_contacts(
                ask.dialer,
                ask.team_id,
                options["company_id"],
                people,
                campaign_id=options["campaign_id"],
                tags=options["tag"],
                region=options["region"],
                dry_run=options["dry_run"],
                strict=options["strict"],
                actor=ask.actor,
                most_ids=0,
                watch=Watch(said.tell, seen.step),
            )
        except KeyboardInterrupt:
            raise Interrupted(f"Stopped. {_so_far(seen)}", 1) from None
        except DialerError as error:
            if isinstance(error, Unavailable) or seen.written:
                raise Interrupted(f"{error} {_so_far(seen)}", error.exit_code) from error
            raise


def _so_far(seen: Seen) -> str:
    if not seen.written:
        return "Nothing was imported."
    return f"{some(seen.written, 'contact')} were imported by then; the same command again goes on from there."


@contextmanager
def _bar() -> Iterator[Progress]:
    columns = (
        TextColumn("{task.description}"), BarColumn(bar_width=None), TaskProgressColumn(),
        TextColumn("{task.fields[rate]}"), TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as bar:
        yield bar


def _notes(people: ContactFile, loaded: Loaded) -> Iterator[str]:
    if people.columns.custom:
        yield f"Columns kept as custom fields: {', '.join(people.columns.custom)}."
    if people.is_cut and loaded.lines:
        yield "The last line has no end; if the file was cut off there, look at its last contact."
    if waits_for_next_run(loaded):
        yield "The campaign is completed: they wait for its next run."


def _as_json(loaded: Loaded, said: Report, notes: list[str], options: dict[str, Any]) -> dict[str, Any]:
    counts = views_crm.imported(loaded)
    del counts["contact_ids"], counts["errors"]
    return {
        "success": not loaded.is_refused,
        "dryRun": options["dry_run"],
        **counts,
        "added": loaded.added if options["campaign_id"] else None,
        "errors": [
            {"path": f.path, "line": f.line, "outcome": outcome, "message": f.message} for outcome, f in said.told
        ],
        "notes": notes,
    }


def _show(loaded: Loaded, said: Report, notes: list[str], options: dict[str, Any], report: str | None) -> None:
    for outcome, fault in said.told[:MOST_LINES_SHOWN]:
        click.echo(f"  {fault.path} {outcome}: {fault.message}")
    if said.count > MOST_LINES_SHOWN:
        where = f"{report} lists them all" if report else "--report FILE.csv lists them all"
        click.echo(f"  and {some(said.count - MOST_LINES_SHOWN, 'line')} more; {where}.")
    would = "Nothing was written; would be: " if options["dry_run"] else ""
    if not loaded.is_refused:
        click.echo(
            f"{would}{some(loaded.lines, 'line')}: {some(loaded.created, 'contact')} created, "
            f"{loaded.changed} changed, {loaded.unchanged} as before; "
            f"{loaded.merged} merged into others, {loaded.refused} refused."
        )
        if loaded.uncallable:
            click.echo(f"{loaded.uncallable} without a number that can be called; they are contacts all the same.")
        if options["campaign_id"]:
            already = loaded.written - loaded.added
            click.echo(f"{loaded.added} added to {options['campaign_id']}; {already} were in it.")
    for note in notes:
        click.echo(note)
