"""``dialer numbers``: the caller IDs campaigns rotate over."""

from __future__ import annotations

from typing import Any

import click

from worker.cli.accounts import limits
from worker.cli.context import Context, as_body, as_changes, country_option, for_team
from worker.cli.resources import Part
from worker.cli.showing import json_option, show_made, show_one
from worker.operations import resources
from worker.operations import views_crm as views

NUMBER = Part(
    resources.NUMBER,
    "phone_number",
    "phone_numbers",
    views.number,
    {
        "id": "id",
        "number": "number",
        "calls": "max_concurrent_calls",
        "a second": "calls_per_second",
        "enabled": "enabled",
        "why not": lambda number: number["disabled_reason"] or number["resting_until"],
    },
)


@click.group()
def numbers() -> None:
    """Phone numbers: the caller IDs campaigns rotate over."""


NUMBER.read_by(numbers)


@numbers.command()
@click.option("--number", help="With its country code, such as +12025550123.")
@country_option
@click.option("--carrier-account-id", metavar="ID", help="The account calls are placed through.")
@limits
@json_option
@for_team
def add(context: Context, /, country: str | None, as_json: bool, **given: Any) -> None:
    """Create a phone number that campaigns may show; says its id."""
    region = context.region(country)
    row = resources.create_number(context.dialer, context.team_id, as_body(**given), actor=context.actor, region=region)
    show_made("phone_number", views.number(row), as_json=as_json)


@numbers.command()
@click.argument("number_id")
@limits
@json_option
@for_team
def edit(context: Context, /, number_id: str, as_json: bool, **given: Any) -> None:
    """Change the limits, or whether it is shown at all. A limit that is lowered cuts no live call."""
    _edit(context, number_id, as_changes(**given), as_json)


@numbers.command()
@click.argument("number_id")
@json_option
@for_team
def enable(context: Context, number_id: str, as_json: bool) -> None:
    """Show the number to those who are called, from now on."""
    _edit(context, number_id, {"enabled": True}, as_json)


@numbers.command()
@click.argument("number_id")
@json_option
@for_team
def disable(context: Context, number_id: str, as_json: bool) -> None:
    """Show the number in no further call, whatever has been prepared."""
    _edit(context, number_id, {"enabled": False}, as_json)


def _edit(context: Context, number_id: str, changes: dict[str, Any], as_json: bool) -> None:
    row, steps = resources.edit_number(context.dialer, context.team_id, number_id, changes, actor=context.actor)
    context.carry_out(steps)
    show_one("phone_number", views.number(row), as_json=as_json)
