"""``dialer numbers``: the caller IDs campaigns rotate over."""

from __future__ import annotations

import click

from worker.cli.context import Context, for_team
from worker.cli.resources import add_commands, change
from worker.cli.showing import json_option
from worker.domain.resources import NUMBER


@click.group()
def numbers() -> None:
    """Phone numbers: the caller IDs campaigns rotate over."""


add_commands(
    numbers,
    NUMBER,
    {
        "id": "id",
        "number": "number",
        "calls": "max_concurrent_calls",
        "a second": "calls_per_second",
        "enabled": "enabled",
        "why not": lambda number: number["disabled_reason"] or number["resting_until"],
    },
    takes_country=True,
)


@numbers.command()
@click.argument("number_id")
@json_option
@for_team
def enable(context: Context, number_id: str, as_json: bool) -> None:
    """Show the number to those who are called, from now on."""
    change(context, NUMBER, number_id, {"enabled": True}, as_json)


@numbers.command()
@click.argument("number_id")
@json_option
@for_team
def disable(context: Context, number_id: str, as_json: bool) -> None:
    """Show the number in no further call, whatever has been prepared."""
    change(context, NUMBER, number_id, {"enabled": False}, as_json)
