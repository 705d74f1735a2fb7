"""``dialer dnc``: the do-not-call list of a team, and the one above teams."""

from __future__ import annotations

import click

from worker.cli.context import Context, as_body, country_option, for_team, many, paged
from worker.cli.dnc_import import all_teams_option, import_numbers, said_options
from worker.cli.showing import Cell, json_option, show_json, show_page, some
from worker.domain.answers import BANNED
from worker.operations import contacts
from worker.operations.views import view


@click.group()
def dnc() -> None:
    """The do-not-call list: numbers that no campaign calls."""


@dnc.command()
@many("numbers", "NUMBER")
@click.option("--reason", help="Why, for the record.")
@said_options
@all_teams_option
@country_option
@json_option
@for_team
def add(
    context: Context,
    numbers: tuple[str, ...],
    reason: str | None,
    purpose: str | None,
    source: str | None,
    evidence: str | None,
    all_teams: bool,
    country: str | None,
    as_json: bool,
) -> None:
    """Put numbers on the list; those on it already stay as they are. Once this has ended none of them is called any
    more, whatever has been prepared."""
    added = contacts.ban_numbers(
        context.dialer,
        None if all_teams else context.team_id,
        as_body(numbers=list(numbers), reason=reason, purpose=purpose, source=source, evidence=evidence),
        actor=context.actor,
        region=context.region(country),
    )
    if as_json:
        show_json(added=added)
    else:
        others = "; the others were on the list already" if added < len(numbers) else ""
        click.echo(f"Added {some(added, 'number')}{others}.")


@dnc.command("list")
@click.option("--number", help="Only this number, if it is there.")
@click.option("--purpose", help="Only entries for this purpose.")
@all_teams_option
@country_option
@paged
@json_option
@for_team
def list_them(
    context: Context,
    number: str | None,
    purpose: str | None,
    all_teams: bool,
    country: str | None,
    limit: int,
    offset: int,
    as_json: bool,
) -> None:
    """List the numbers, those added last first."""
    count, rows = contacts.banned_numbers(
        context.dialer,
        None if all_teams else context.team_id,
        limit=limit,
        offset=offset,
        number=number,
        purpose=purpose,
        region=context.region(country),
    )
    shown = [view(BANNED, row) for row in rows]
    columns: dict[str, Cell] = {
        "number": "number",
        "since": "created_at",
        "purpose": lambda row: row["purpose"] or "all",
        "reason": "reason",
        "source": "source",
        "by": "added_by",
    }
    show_page("numbers", shown, columns, count=count, limit=limit, offset=offset, as_json=as_json)


@dnc.command()
@click.argument("number")
@click.option("--purpose", help="Only its entry for this purpose.")
@all_teams_option
@country_option
@json_option
@for_team
def remove(
    context: Context, number: str, purpose: str | None, all_teams: bool, country: str | None, as_json: bool
) -> None:
    """Take a number off the list; campaigns call it again from their next run on."""
    contacts.unban_number(
        context.dialer,
        None if all_teams else context.team_id,
        number,
        actor=context.actor,
        region=context.region(country),
        purpose=purpose,
    )
    if as_json:
        show_json()
    else:
        click.echo("Removed 1 number.")


dnc.add_command(import_numbers)
