"""``dialer calls hang-up``: end one call."""

from __future__ import annotations

import click

from worker.cli.context import Context, for_team
from worker.cli.showing import json_option, show_json
from worker.domain.model import CallState


@click.command()
@click.argument("call_id")
@json_option
@for_team
def hang_up(context: Context, call_id: str, as_json: bool) -> None:
    """Have the carrier end CALL_ID, whether it rings or somebody talks. It is over when the carrier says so; one that
    is over already stays as it is."""
    from worker.operations.hang_up_call import hang_up_call

    call, steps = hang_up_call(context.dialer, context.team_id, call_id, actor=context.actor)
    context.carry_out(steps)
    if as_json:
        show_json(call=call)
    elif call["status"] == CallState.ENDED:
        click.echo(f"Call {call_id} is over already.")
    else:
        click.echo(f"Call {call_id} is hung up; it is over when its carrier says so.")
