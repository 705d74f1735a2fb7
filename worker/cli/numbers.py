"""``dialer numbers enable`` and ``disable``; the other commands of numbers are those of every resource."""

from __future__ import annotations

import click

from worker.cli.context import Context, for_team
from worker.cli.resources import change
from worker.cli.showing import json_option
from worker.domain.resources import NUMBER


@click.command()
@click.argument("number_id")
@json_option
@for_team
def enable(context: Context, number_id: str, as_json: bool) -> None:
    """Show the number to those who are called, from now on."""
    change(context, NUMBER, number_id, {"enabled": True}, as_json)


@click.command()
@click.argument("number_id")
@json_option
@for_team
def disable(context: Context, number_id: str, as_json: bool) -> None:
    """Show the number in no further call, whatever has been prepared."""
    change(context, NUMBER, number_id, {"enabled": False}, as_json)
