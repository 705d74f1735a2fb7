"""``dialer opt-out``: somebody wants no more calls."""

from __future__ import annotations

import click

from worker.cli.context import Context, as_body, country_option, for_team
from worker.cli.dnc_import import said_options
from worker.cli.showing import json_option, show_json, some


@click.command()
@click.argument("number", required=False)
@click.option("--call-id", metavar="CALL_ID", help="The call in which it was said; its callee is meant.")
@said_options
@click.option("--hang-up", is_flag=True, help="End the calls that are live to them.")
@click.option("--all-teams", is_flag=True, help="No team of this deployment calls them any more.")
@country_option
@json_option
@for_team
def opt_out(
    context: Context,
    number: str | None,
    call_id: str | None,
    purpose: str | None,
    source: str | None,
    evidence: str | None,
    hang_up: bool,
    all_teams: bool,
    country: str | None,
    as_json: bool,
) -> None:
    """Let NUMBER, or the callee of a call, be called no more. It goes on the do-not-call list, and its consents are
    revoked. Once this has ended no further call to it is placed."""
    from worker.operations import opt_out as operation

    said = as_body(number=number, call_id=call_id, purpose=purpose, source=source, evidence=evidence)
    done, steps = operation.opt_out(
        context.dialer,
        context.team_id,
        said | ({"hangUp": True} if hang_up else {}),
        actor=context.actor,
        region=context.region(country),
        all_teams=all_teams,
    )
    context.carry_out(steps)
    if as_json:
        show_json(opt_out=done.answer())
        return
    what = f"for {done.purpose} " if done.purpose else ""
    click.echo(f"{done.number} is called {what}no more{'' if done.added else '; it was on the list already'}.")
    if done.live_calls:
        live = some(len(done.live_calls), "call")
        click.echo(f"{live} to it {'is hung up' if done.hang_up else 'goes on; --hang-up ends it'}.")
