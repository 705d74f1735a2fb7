"""``dialer dnc``: the do-not-call list of a team."""

from __future__ import annotations

import click

from worker.cli.context import Context, as_body, country_option, for_team, many, paged
from worker.cli.dnc_import import import_numbers
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
@country_option
@json_option
@for_team
def add(context: Context, numbers: tuple[str, ...], reason: str | None, country: str | None, as_json: bool) -> None:
    """Put numbers on the list; those on it already stay as they are. Once this has ended none of them is called any
    more, whatever has been prepared."""
    added = contacts.ban_numbers(
        context.dialer,
        context.team_id,
        as_body(numbers=list(numbers), reason=reason),
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
@country_option
@paged
@json_option
@for_team
def list_them(
    context: Context, number: str | None, country: str | None, limit: int, offset: int, as_json: bool
) -> None:
    """List the numbers, those added last first."""
    region = context.region(country)
    count, rows = contacts.banned_numbers(
        context.dialer, context.team_id, limit=limit, offset=offset, number=number, region=region
    )
    shown = [view(BANNED, row) for row in rows]
    columns: dict[str, Cell] = {"number": "number", "since": "created_at", "reason": "reason"}
    show_page("numbers", shown, columns, count=count, limit=limit, offset=offset, as_json=as_json)


@dnc.command()
@click.argument("number")
@country_option
@json_option
@for_team
def remove(context: Context, number: str, country: str | None, as_json: bool) -> None:
    """Take a number off the list; campaigns call it again from their next run on."""
    contacts.unban_number(context.dialer, context.team_id, number, actor=context.actor, region=context.region(country))
    if as_json:
        show_json()
    else:
        click.echo("Removed 1 number.")


dnc.add_command(import_numbers)
