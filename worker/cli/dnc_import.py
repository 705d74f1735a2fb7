"""``dialer dnc import``: a file of numbers onto the team's do-not-call list."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import ParamSpec, TypeVar

import click

from worker.cli.context import Context, for_team
from worker.cli.files import reading, separator, text_in
from worker.cli.importing import end_in_part, from_file, progress_bar, reporting
from worker.cli.showing import json_option, show_json, some
from worker.domain.contact_file import number_file
from worker.domain.csv_text import choose_encoding, pieces_of
from worker.operations.dnc_imports import LONGEST_REASON, SAID, ban_file
from worker.operations.import_progress import ImportObserver

P = ParamSpec("P")
T = TypeVar("T")


def said_options(command: Callable[P, T]) -> Callable[P, T]:
    """Give a command ``--purpose``, ``--source`` and ``--evidence``."""
    for field in reversed(SAID):
        command = click.option(f"--{field.name}", help=field.help)(command)
    return command


all_teams_option = click.option(
    "--all-teams", is_flag=True, help="The list above teams: it holds for every team of this deployment."
)


@click.command("import")
@from_file
@click.option("--reason", default="", help="Why nobody may call them, where a line does not say.")
@said_options
@all_teams_option
@json_option
@for_team
def import_numbers(
    context: Context,
    file: str,
    reason: str,
    purpose: str | None,
    source: str | None,
    evidence: str | None,
    all_teams: bool,
    country: str | None,
    delimiter: str | None,
    encoding: str | None,
    dry_run: bool,
    strict: bool,
    report: str | None,
    as_json: bool,
) -> None:
    """Put the numbers of FILE on the do-not-call list; - reads a pipe.

    FILE is a list with a number on each line, or a CSV whose first line names the columns, one of them phone. Where
    several hold numbers, all of them are banned; columns reason, purpose, source and evidence say why, for which calls,
    where it comes from and what proves it. The registry of the United States, as downloaded, is for telemarketing.

    It is read to its end before anything is written; with --strict nothing is, if a line has no number. It is then
    written 500 lines at a time, and dialing passes in between; after each, none of its numbers is called any more.
    Numbers that are on the list stay as they are. Ends with 1 if lines were refused.
    """
    region = context.region(country)
    with ExitStack() as stack:
        opened = stack.enter_context(reading(file))
        chosen = choose_encoding(opened, encoding)
        lines = pieces_of(stack.enter_context(text_in(opened, chosen)))
        numbers = number_file(lines, separator(delimiter), region)
        said = stack.enter_context(reporting(report))
        bar = stack.enter_context(progress_bar(opened, "number", is_whole=dry_run))
        banned = ban_file(
            context.dialer,
            None if all_teams else context.team_id,
            numbers,
            reason=reason[:LONGEST_REASON],
            purpose=purpose,
            source=source,
            evidence=evidence,
            region=region,
            dry_run=dry_run,
            strict=strict,
            actor=context.actor,
            observer=ImportObserver(said.add, bar.show),
        )
    if as_json:
        counts = {"lines": banned.lines, "refused": banned.refused, "added": banned.added}
        read = {
            "encoding": chosen.shown,
            "encoding_source": chosen.source,
            "notes": [chosen.note] if chosen.note else [],
        }
        show_json(success=not banned.is_refused, dryRun=dry_run, **counts, **read, errors=said.as_json())
    else:
        said.show(report)
        if not banned.is_refused:
            would = "Nothing was written; would be: " if dry_run else ""
            click.echo(
                f"{would}{some(banned.lines, 'line')}: {banned.added} added to the list, {banned.refused} refused."
            )
        if chosen.note:
            click.echo(chosen.note)
    if banned.is_refused:
        raise click.ClickException(
            f"Nothing was imported, for {some(banned.refused, 'line')} of the file has no number."
        )
    if banned.lines and not banned.to_write:
        raise click.ClickException("Nothing was imported, for no line has a number.")
    end_in_part(banned.refused, banned.lines)
