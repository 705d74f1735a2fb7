"""``dialer erasures``: who was erased, by what goes on refusing their numbers; kept elsewhere, for a restore."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import click

from worker.cli.context import ACTOR, Context, for_all, for_team, paged
from worker.cli.files import reading
from worker.cli.showing import Cell, json_option, show_json, show_page, some

if TYPE_CHECKING:
    from worker.flow.base import Dialer


@click.group()
def erasures() -> None:
    """Erasures: who was erased, by what goes on refusing their numbers."""


@erasures.command("list")
@paged
@json_option
@for_team
def list_them(context: Context, limit: int, offset: int, as_json: bool) -> None:
    """List the team's erasures, the latest first. They name nobody."""
    from worker.operations.erasures import list_erasures

    count, shown = list_erasures(context.dialer, context.team_id, limit=limit, offset=offset)
    columns: dict[str, Cell] = {
        "id": "id",
        "since": "requested_at",
        "status": "status",
        "contacts": "contacts",
        "done": "done_at",
    }
    show_page("erasures", shown, columns, count=count, limit=limit, offset=offset, as_json=as_json)


@erasures.command("export")
@for_all
def export(dialer: Dialer) -> None:
    """Write the erasures of all teams, a line of JSON each; they name nobody. Keep them apart from the backups of the
    database: what was erased since one was made is in it."""
    from worker.operations.erasure_replay import exported

    for line in exported(dialer):
        click.echo(json.dumps(line))


@erasures.command("replay")
@click.argument("file", type=click.Path(allow_dash=True))
@json_option
@for_all
def replay(dialer: Dialer, file: str, as_json: bool) -> None:
    """Erase again whoever FILE says was erased, after a backup was restored; - reads a pipe."""
    from worker.operations.erasure_replay import replay as again

    with reading(file) as opened:
        done = again(dialer, (line.decode("utf-8", "replace") for line in opened), actor=ACTOR)
    if as_json:
        show_json(**done.answer())
    else:
        click.echo(
            f"{some(done.erasures, 'erasure')}: {some(done.contacts, 'contact')} erased again, "
            f"{some(done.numbers, 'number')} refused again; {done.running} still being looked through."
        )
    if done.unknown_teams:
        click.echo(f"dialer: {some(done.unknown_teams, 'line')} of teams that are not here.", err=True)
        sys.exit(1)
