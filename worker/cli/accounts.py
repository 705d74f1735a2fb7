"""``dialer accounts``: carrier accounts, through whom calls are placed, how many at once, how fast."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from worker.cli.context import NUMBER, Context, as_body, as_changes, for_team
from worker.cli.resources import Part
from worker.cli.showing import json_option, show_made, show_one
from worker.operations import resources
from worker.operations import views_crm as views

ACCOUNT = Part(
    resources.ACCOUNT,
    "carrier_account",
    "carrier_accounts",
    views.account,
    {
        "id": "id",
        "carrier": "carrier",
        "name": "name",
        "calls": "max_concurrent_calls",
        "a second": "calls_per_second",
        "enabled": "enabled",
        "resting until": "resting_until",
    },
)


@click.group()
def accounts() -> None:
    """Carrier accounts: through whom calls are placed."""


ACCOUNT.read_by(accounts)


def limits(command: Callable[..., None]) -> Callable[..., None]:
    """The options that say how many calls may go through an account, or over a number, and whether any may."""
    for option in (
        click.option("--enabled/--disabled", default=None, help="Whether any call goes out by it."),
        click.option("--calls-per-second", type=NUMBER, help="How fast calls start; '' for no limit."),
        click.option("--max-concurrent-calls", type=NUMBER, help="Simultaneous calls."),
    ):
        command = option(command)
    return command


@accounts.command()
@click.option("--carrier", help="A carrier this deployment can call with, such as simulator.")
@click.option("--name", help="What people call it.")
@limits
@json_option
@for_team
def add(context: Context, /, as_json: bool, **given: Any) -> None:
    """Create a carrier account; says its id.

    Without --calls-per-second it makes one call a second, as carriers allow at first, and the simulator any number.
    """
    row = resources.create_account(context.dialer, context.team_id, as_body(**given), actor=context.actor)
    show_made("carrier_account", views.account(row), as_json=as_json)


@accounts.command()
@click.argument("account_id")
@click.option("--name", help="What people call it.")
@limits
@json_option
@for_team
def edit(context: Context, /, account_id: str, as_json: bool, **given: Any) -> None:
    """Change the name, the limits, or whether it is used at all. A limit that is lowered cuts no live call."""
    row, steps = resources.edit_account(
        context.dialer, context.team_id, account_id, as_changes(**given), actor=context.actor
    )
    context.carry_out(steps)
    show_one("carrier_account", views.account(row), as_json=as_json)
