"""``dialer consents``: who may be called for what."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

import click

from worker.cli.context import Context, as_body, country_option, for_team, many, paged
from worker.cli.dnc_import import said_options
from worker.cli.files import reading, separator, text_in
from worker.cli.importing import end_in_part, from_file, progress_bar, reporting
from worker.cli.showing import Cell, json_option, show_json, show_page, some
from worker.domain.consents import RANKS
from worker.operations import consents as operations
from worker.operations.import_progress import ImportObserver


@click.group()
def consents() -> None:
    """Consents: who may be called for what."""


@consents.command()
@many("numbers", "NUMBER")
@click.option("--kind", required=True, help=f"{' or '.join(RANKS)}.")
@click.option("--given-at", metavar="INSTANT", help="When it was given: an instant or a date; left out, now.")
@click.option("--expires-at", metavar="INSTANT", help="Until when it holds; left out, until it is revoked.")
@said_options
@country_option
@json_option
@for_team
def add(context: Context, /, numbers: tuple[str, ...], country: str | None, as_json: bool, **said: Any) -> None:
    """Write down what numbers have consented to."""
    body = as_body(numbers=list(numbers), **said)
    region = context.region(country)
    added = operations.add_consents(context.dialer, context.team_id, body, actor=context.actor, region=region)
    if as_json:
        show_json(added=added)
    else:
        others = "; the others were known already" if added < len(numbers) else ""
        click.echo(f"Added {some(added, 'consent')}{others}.")


@consents.command("list")
@click.option("--number", help="Only those of this number.")
@click.option("--purpose", help="Only those for this purpose.")
@country_option
@paged
@json_option
@for_team
def list_them(
    context: Context,
    number: str | None,
    purpose: str | None,
    country: str | None,
    limit: int,
    offset: int,
    as_json: bool,
) -> None:
    """List consents and revocations, the latest first."""
    count, shown = operations.list_consents(
        context.dialer,
        context.team_id,
        limit=limit,
        offset=offset,
        number=number,
        purpose=purpose,
        region=context.region(country),
    )
    columns: dict[str, Cell] = {
        "number": "number",
        "purpose": lambda row: row["purpose"] or "all",
        "kind": "kind",
        "since": "given_at",
        "until": "expires_at",
        "counts": "counts",
        "last used": "last_used_at",
        "source": "source",
    }
    show_page("consents", shown, columns, count=count, limit=limit, offset=offset, as_json=as_json)


@consents.command()
@many("numbers", "NUMBER")
@click.option("--revoked-at", metavar="INSTANT", help="Since when; left out, from now on.")
@said_options
@country_option
@json_option
@for_team
def revoke(context: Context, /, numbers: tuple[str, ...], country: str | None, as_json: bool, **said: Any) -> None:
    """Write down that numbers consent no more. Once this has ended none of them is called by what it had consented to,
    whatever has been prepared."""
    body = as_body(numbers=list(numbers), **said)
    region = context.region(country)
    revoked = operations.revoke_consents(context.dialer, context.team_id, body, actor=context.actor, region=region)
    if as_json:
        show_json(revoked=revoked)
    else:
        click.echo(f"Wrote down {some(revoked, 'revocation')}.")


@consents.command("import")
@from_file
@click.option("--kind", help=f"{' or '.join(RANKS)}, where a line does not say.")
@click.option("--given-at", metavar="INSTANT", help="When they were given, where a line does not say.")
@said_options
@json_option
@for_team
def import_consents(
    context: Context,
    /,
    file: str,
    country: str | None,
    delimiter: str | None,
    encoding: str | None,
    dry_run: bool,
    strict: bool,
    report: str | None,
    as_json: bool,
    **said: str | None,
) -> None:
    """Write down the consents of FILE, a CSV; - reads a pipe. Its first line names the columns: phone, and where the
    options do not say it, kind, given_at, expires_at, purpose, source and evidence.

    It is read to its end before anything is written; with --strict nothing is, if a line is refused. The same file
    again changes nothing. Ends with 1 if lines were refused.
    """
    from worker.domain.contact_file import number_file
    from worker.domain.csv_text import choose_encoding, pieces_of
    from worker.operations.consent_imports import import_file

    region = context.region(country)
    with ExitStack() as stack:
        opened = stack.enter_context(reading(file))
        chosen = choose_encoding(opened, encoding)
        lines = number_file(pieces_of(stack.enter_context(text_in(opened, chosen))), separator(delimiter), region)
        listed = stack.enter_context(reporting(report))
        bar = stack.enter_context(progress_bar(opened, "consent", is_whole=dry_run))
        done = import_file(
            context.dialer,
            context.team_id,
            lines,
            as_body(**said),
            region=region,
            dry_run=dry_run,
            strict=strict,
            actor=context.actor,
            observer=ImportObserver(listed.add, bar.show),
        )
    if as_json:
        counts = {"lines": done.lines, "refused": done.refused, "added": done.added}
        show_json(success=not done.is_refused, dryRun=dry_run, **counts, errors=listed.as_json())
    else:
        listed.show(report)
        if not done.is_refused:
            would = "Nothing was written; would be: " if dry_run else ""
            click.echo(f"{would}{some(done.lines, 'line')}: {done.added} added, {done.refused} refused.")
    if done.is_refused:
        raise click.ClickException(f"Nothing was imported, for {some(done.refused, 'line')} of the file is refused.")
    end_in_part(done.refused, done.lines)
