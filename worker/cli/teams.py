"""``dialer teams``: who owns everything else. A team names itself here by its slug or id, not by ``--team``."""

from __future__ import annotations

from typing import Any

import click

from worker.cli.context import ACTOR, as_body, as_changes, carry_out, for_all, paged
from worker.cli.resources import options
from worker.cli.showing import Cell, json_option, show_edited, show_made, show_one, show_page, show_warnings
from worker.domain.resources import TEAM
from worker.flow.base import Dialer
from worker.operations.teams import choose_team, create_team, edit_team, list_teams, released
from worker.operations.views import view


@click.group()
def teams() -> None:
    """Teams: who owns everything else."""


@teams.command("list")
@paged
@json_option
@for_all
def list_them(dialer: Dialer, limit: int, offset: int, as_json: bool) -> None:
    """List the teams, newest first."""
    count, rows = list_teams(dialer, limit=limit, offset=offset)
    shown = [view(TEAM.fields, row) for row in rows]
    columns: dict[str, Cell] = {
        "id": "id",
        "slug": "slug",
        "name": "name",
        "calls": "max_concurrent_calls",
        "country": "country",
    }
    show_page("teams", shown, columns, count=count, limit=limit, offset=offset, as_json=as_json)


@teams.command()
@click.argument("team", metavar="SLUG|ID")
@json_option
@for_all
def show(dialer: Dialer, team: str, as_json: bool) -> None:
    """Show one team."""
    show_one("team", view(TEAM.fields, choose_team(dialer, team)), as_json=as_json)


@teams.command()
@options(TEAM.settable(is_new=True), is_new=True)
@json_option
@for_all
def add(dialer: Dialer, /, as_json: bool, **given: Any) -> None:
    """Create a team; says its id."""
    show_made("team", view(TEAM.fields, create_team(dialer, as_body(**given), actor=ACTOR)), as_json=as_json)


@teams.command()
@click.argument("team", metavar="SLUG|ID")
@options(TEAM.settable(is_new=False), is_new=False)
@json_option
@for_all
def edit(dialer: Dialer, /, team: str, as_json: bool, **given: Any) -> None:
    """Change the name, the limit or the country. A limit that is lowered cuts no live call."""
    changes = as_changes(**given)
    was = choose_team(dialer, team)
    row, steps = edit_team(dialer, was.id, changes, actor=ACTOR)
    carry_out(steps)
    show_edited("team", view(TEAM.fields, was), view(TEAM.fields, row), as_json=as_json)
    warning = released(dialer, was, row)
    show_warnings([] if warning is None else [warning])
