"""``dialer campaigns test-call``, ``clone`` and ``redial``: a campaign tried with one call, and others made of it."""

from __future__ import annotations

import click

from worker.cli.campaign_status import campaign_of
from worker.cli.context import ACTOR, Context, as_body, broker_answers, country_option, for_team
from worker.cli.showing import json_option, show_json, some

name_option = click.option("--name", help="What the new campaign is called.")


@click.command()
@click.argument("campaign_id")
@click.option("--to", metavar="NUMBER", help="The phone to call, such as +12025550123.")
@country_option
@json_option
@for_team
def test_call(context: Context, campaign_id: str, to: str | None, country: str | None, as_json: bool) -> None:
    """Call one phone now, yours, as CAMPAIGN_ID would, and leave it out of what it counts. It is placed as any other:
    within the call window and every limit, and not to who is on the do-not-call list. Where it cannot be placed now, it
    is not placed later."""
    from worker.domain.run_request import parse_test_call
    from worker.operations import views
    from worker.operations.test_call import place_test_call

    number = parse_test_call(as_body(to=to), context.region(country))
    result, steps = place_test_call(
        context.dialer,
        context.team_id,
        campaign_id,
        number,
        opened_by=ACTOR,
        actor=context.actor,
        broker_answers=broker_answers,
    )
    context.carry_out(steps)
    call = views.run_answer(result)["calls"][0]
    if as_json:
        show_json(call=call)
    else:
        click.echo(f"Call {call['id']} from {call['from_number']} to {call['to_number']} is on its way.")


@click.command()
@click.argument("campaign_id")
@name_option
@click.option("--with-contacts", is_flag=True, default=None, help="Put the same contacts into it, too.")
@json_option
@for_team
def clone(context: Context, campaign_id: str, name: str | None, with_contacts: bool | None, as_json: bool) -> None:
    """Make a draft with the fields of CAMPAIGN_ID; says its id. Its schedule is not copied; contacts that are wait as
    if they had never been called."""
    from worker.domain.run_request import parse_clone
    from worker.operations.copies import clone_campaign

    name, has_contacts = parse_clone(as_body(name=name, with_contacts=with_contacts))
    new_id, added = clone_campaign(
        context.dialer, context.team_id, campaign_id, name, with_contacts=has_contacts, actor=context.actor
    )
    _show_copy(context, new_id, added, as_json)


@click.command()
@click.argument("campaign_id")
@name_option
@json_option
@for_team
def redial(context: Context, campaign_id: str, name: str | None, as_json: bool) -> None:
    """Make a draft of those CAMPAIGN_ID has not reached: their attempts are used, or they still waited when it ended.
    Says its id. They have all their attempts there again."""
    from worker.domain.run_request import parse_redial
    from worker.operations.copies import redial_campaign

    name = parse_redial(as_body(name=name))
    new_id, added = redial_campaign(context.dialer, context.team_id, campaign_id, name, actor=context.actor)
    _show_copy(context, new_id, added, as_json)


def _show_copy(context: Context, new_id: str, added: int, as_json: bool) -> None:
    """The API's answer, or the new id alone, for a script to keep."""
    if as_json:
        show_json(campaign=campaign_of(context, new_id), added=added)
        return
    click.echo(new_id)
    click.echo(f"{some(added, 'contact')} in it.", err=True)
