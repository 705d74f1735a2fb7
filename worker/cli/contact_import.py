"""``dialer contacts import``: a file of contacts into the CRM, and into a campaign."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from typing import Any, BinaryIO

import click

from worker.cli.context import NUMBER, Context, for_team
from worker.cli.files import reading, separator, text_in
from worker.cli.importing import LineReport, end_in_part, from_file, progress_bar, reporting
from worker.cli.named import as_given
from worker.cli.showing import json_option, show_json, show_warnings, some
from worker.domain.additions import DEFAULT_PRIORITY, PRIORITY
from worker.domain.contact import TAGS
from worker.domain.contact_file import ContactFile
from worker.domain.csv_text import Encoding, choose_encoding, pieces_of
from worker.domain.whereabouts import BASIS_IN_WORDS
from worker.operations import views_crm
from worker.operations.import_notes import import_notes
from worker.operations.import_progress import ImportObserver
from worker.operations.import_request import Loaded
from worker.operations.imports import load_contacts


@click.command("import")
@from_file
@click.option("--campaign-id", "--campaign", metavar="ID|NAME", help="Add the contacts to this campaign, too.")
@click.option("--priority", type=NUMBER, help="In the campaign, where the file gives none: 1 is called first, 9 last.")
@click.option("--company-id", help="The company of all of them.")
@click.option("--tag", multiple=True, help="A tag for all of them; may be repeated.")
@json_option
@for_team
def import_contacts(
    context: Context,
    /,
    file: str,
    delimiter: str | None,
    encoding: str | None,
    country: str | None,
    report: str | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Bring the contacts of FILE, a CSV, into the CRM; - reads a pipe.

    The first line names the columns: phone (or Mobile #, Tel., …), first_name, last_name, phone_secondary, email,
    timezone, do_not_call, tags (separated by semicolons), external_id, in any spelling people use; "dialer samples"
    writes the names that are understood to columns.md. Others become custom fields, but one that may be a ban on calls
    refuses the file. With --campaign-id a column priority says whom it calls first, from 1 to 9.

    In do_not_call any word for yes, a mark or a date is one; what cannot be read is taken for one, and said. If most of
    the column cannot be read, nothing is imported.

    Lines with the same number are one contact, and a contact of the team that has it is updated: what a line says
    replaces what was there, an empty field changes nothing, custom fields and tags are joined, and nobody is taken off
    do-not-call. Without a number that can be called, the same number, name and email as written are the same contact.
    Who has an external id is found by that, whatever the number, and whom another one names is somebody else.
    The same file twice changes nothing.

    The file is read to its end before anything is written; with --strict nothing is, if anything is wrong with a line.
    It is then written 500 lines at a time, each with its place in the campaign, and dialing and stops pass in between.
    If that breaks off, it says how far it came, and the same command again does the rest.

    Ends with 1 if lines were refused, and so does a --dry-run of such a file.
    """
    region, campaign_id = context.region(country), options["campaign_id"]
    if options["priority"] is not None and campaign_id is None:
        raise click.UsageError("--priority is one within a campaign; name it with --campaign-id.")
    with ExitStack() as stack:
        source = stack.enter_context(reading(file))
        chosen = choose_encoding(source, encoding)
        text = stack.enter_context(text_in(source, chosen))
        contact_file = ContactFile(
            pieces_of(text), separator(delimiter), region=region, for_campaign=campaign_id is not None
        )
        said = stack.enter_context(reporting(report))
        loaded = _load(context, contact_file, source, said, region=region, **options)
    context.carry_out(loaded.steps)
    if as_json:
        show_json(**_as_json(loaded, contact_file, chosen, said, options))
    else:
        _show(loaded, import_notes(contact_file, loaded, chosen), said, options, report)
    if loaded.is_refused:
        raise click.ClickException(
            f"Nothing was imported; lines of {file} that cannot be called or read: {said.count}."
        )
    if loaded.lines and not loaded.to_write:
        raise click.ClickException("Nothing was imported, for every line was refused.")
    end_in_part(loaded.refused, loaded.lines)


def _load(context: Context, contact_file: ContactFile, source: BinaryIO, said: LineReport, **options: Any) -> Loaded:
    with progress_bar(source, "contact", is_whole=options["dry_run"]) as bar:
        return load_contacts(
            context.dialer,
            context.team_id,
            options["company_id"],
            contact_file,
            campaign_id=options["campaign_id"],
            priority=DEFAULT_PRIORITY if options["priority"] is None else PRIORITY(options["priority"], "priority"),
            tags=tuple(TAGS(list(options["tag"]), "tag")),
            region=options["region"],
            dry_run=options["dry_run"],
            strict=options["strict"],
            actor=context.actor,
            most_ids=0,
            observer=ImportObserver(said.add, bar.show),
        )


def _as_json(
    loaded: Loaded, contact_file: ContactFile, encoding: Encoding, said: LineReport, options: dict[str, Any]
) -> dict[str, Any]:
    counts = views_crm.imported(loaded, contact_file, encoding)
    del counts["contact_ids"]
    return {
        "success": not loaded.is_refused,
        "dryRun": options["dry_run"],
        **counts,
        "errors": said.as_json(),
        "warnings": list(loaded.warnings),
    }


def _show(loaded: Loaded, notes: Iterable[str], said: LineReport, options: dict[str, Any], report: str | None) -> None:
    said.show(report)
    would = "Nothing was written; would be: " if options["dry_run"] else ""
    if not loaded.is_refused:
        click.echo(
            f"{would}{some(loaded.lines, 'line')}: {some(loaded.created, 'contact')} created, "
            f"{loaded.changed} changed, {loaded.unchanged} as before; "
            f"{loaded.merged} merged into others, {loaded.refused} refused."
        )
        if loaded.do_not_call:
            by = f"; the import is {loaded.import_id}" if loaded.import_id else ""
            click.echo(f"{some(loaded.do_not_call, 'line')} with do-not-call{by}.")
        if loaded.uncallable:
            click.echo(f"{loaded.uncallable} without a number that can be called; they are contacts all the same.")
        if options["campaign_id"]:
            already = loaded.written - loaded.added
            click.echo(f"{loaded.added} added to {as_given(options['campaign_id'])}; {already} were in it.")
            if loaded.prioritized:
                click.echo(f"{some(loaded.prioritized, 'contact')} of it had another priority.")
    if loaded.placed:
        by = ", ".join(f"{count} by {BASIS_IN_WORDS[basis]}" for basis, count in loaded.placed.most_common())
        click.echo(f"Where {some(loaded.placed.total(), 'line')} with a number may be: {by}.")
    for note in notes:
        click.echo(note)
    show_warnings(loaded.warnings)
