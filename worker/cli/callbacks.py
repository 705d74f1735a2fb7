"""``dialer campaigns callback``: call a contact back when it asked to be."""

from __future__ import annotations

import click

from worker.cli.context import Context, for_team
from worker.cli.named import as_given
from worker.cli.showing import json_option, plain, show_json


@click.command()
@click.argument("campaign_id")
@click.argument("contact_id")
@click.argument("at", metavar="[AT]", required=False)
@click.option("--cancel", is_flag=True, help="Take the callback back.")
@json_option
@for_team
def callback(context: Context, campaign_id: str, contact_id: str, at: str | None, cancel: bool, as_json: bool) -> None:
    """Call a contact back at AT. That is read by its own clock, such as 2027-03-01T17:00, or has an offset. It is
    called before those merely due, and once it may be one call beyond --max-attempts-per-contact."""
    if (at is None) != cancel:
        raise click.UsageError("Give the instant to call back at, or --cancel.", click.get_current_context())
    from worker.operations import callbacks, views

    if cancel:
        found = callbacks.cancel_callback(context.dialer, context.team_id, campaign_id, contact_id, actor=context.actor)
        if as_json:
            show_json(cancelled=found)
        else:
            click.echo("It is not called back." if found else "It had not asked to be called back.")
        return
    asked = callbacks.call_back(context.dialer, context.team_id, campaign_id, contact_id, at, actor=context.actor)
    if as_json:
        show_json(callback=views.callback(asked), message=asked.message)
    else:
        click.echo(plain(as_given(asked.message)))
