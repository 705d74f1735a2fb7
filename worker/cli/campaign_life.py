"""``dialer campaigns schedule`` … ``restore``: what moves a campaign through its life.

Each imports what it needs when it is given: one that is only completed, or asked for its help, needs no database.
"""

from __future__ import annotations

import click

from worker.cli.campaign_status import show_end, show_status, waiting_in
from worker.cli.context import Context, confirm, for_team, yes_option
from worker.cli.showing import json_option, some
from worker.domain.fields import MISSING


@click.command()
@click.argument("campaign_id")
@click.option("--scheduled-start-at", metavar="INSTANT", help="Such as 2027-03-01T09:00:00-05:00.")
@json_option
@for_team
def schedule(context: Context, campaign_id: str, scheduled_start_at: str | None, as_json: bool) -> None:
    """Let a draft start by itself, or move the instant of a scheduled campaign."""
    from worker.operations import campaigns

    at = MISSING if scheduled_start_at is None else scheduled_start_at or None  # an empty text is null, as everywhere
    campaigns.schedule(context.dialer, campaign_id, at, actor=context.actor, team_id=context.team_id)
    show_status(context, campaign_id, as_json)


@click.command()
@click.argument("campaign_id")
@json_option
@for_team
def unschedule(context: Context, campaign_id: str, as_json: bool) -> None:
    """Make a scheduled campaign a draft again; it no longer starts by itself."""
    from worker.operations import campaigns

    campaigns.unschedule(context.dialer, campaign_id, actor=context.actor, team_id=context.team_id)
    show_status(context, campaign_id, as_json)


@click.command()
@click.argument("campaign_id")
@json_option
@for_team
def pause(context: Context, campaign_id: str, as_json: bool) -> None:
    """Place no further call. Calls that wait at the carrier are cancelled; those that ring or talk go on. One that is
    paused already stays as it is."""
    from worker.flow import stop

    context.carry_out(stop.pause_campaign(context.dialer, campaign_id, actor=context.actor, team_id=context.team_id))
    show_status(context, campaign_id, as_json)


@click.command()
@click.argument("campaign_id")
@json_option
@for_team
def resume(context: Context, campaign_id: str, as_json: bool) -> None:
    """Go on with the run that was paused. One that has used its --max-calls wants a new run."""
    from worker.flow import admit

    context.carry_out(admit.resume(context.dialer, campaign_id, actor=context.actor, team_id=context.team_id))
    show_status(context, campaign_id, as_json)


@click.command()
@click.argument("campaign_id")
@click.option("--hang-up", is_flag=True, help="End calls that ring or talk, too.")
@yes_option
@json_option
@for_team
def cancel(context: Context, campaign_id: str, hang_up: bool, yes: bool, as_json: bool) -> None:
    """Stop the campaign for good; every contact that waits is cancelled with it. With --hang-up it may be said again,
    for the calls that were left alone."""
    waits = waiting_in(context, campaign_id)
    confirm(f"Cancel campaign {campaign_id} for good? Contacts that wait and are not called then: {waits}.", yes)
    from worker.flow import stop

    steps = stop.cancel_campaign(
        context.dialer, campaign_id, hang_up=hang_up, actor=context.actor, team_id=context.team_id
    )
    context.carry_out(steps)
    show_status(context, campaign_id, as_json)


@click.command()
@click.argument("campaign_id")
@yes_option
@json_option
@for_team
def complete(context: Context, campaign_id: str, yes: bool, as_json: bool) -> None:
    """End the campaign: whoever still waits is cancelled with it. Calls that ring or talk go on; once they have ended
    it is completed."""
    waits = waiting_in(context, campaign_id)
    confirm(f"End campaign {campaign_id}? Contacts that wait and are not called then: {waits}.", yes)
    from worker.flow import close

    context.carry_out(
        close.complete_campaign(context.dialer, campaign_id, actor=context.actor, team_id=context.team_id)
    )
    show_end(context, campaign_id, as_json)
    if not as_json and waits:
        click.echo(f"{some(waits, 'contact')} that waited {'is' if waits == 1 else 'are'} cancelled with it.")


@click.command()
@click.argument("campaign_id")
@json_option
@for_team
def delete(context: Context, campaign_id: str, as_json: bool) -> None:
    """Put the campaign away: it keeps its history, neither dials nor starts, and can be restored."""
    from worker.operations import removal

    removal.delete_campaign(context.dialer, context.team_id, campaign_id, actor=context.actor)
    show_status(context, campaign_id, as_json)


@click.command()
@click.argument("campaign_id")
@json_option
@for_team
def restore(context: Context, campaign_id: str, as_json: bool) -> None:
    """Undo the deletion. Where the instant to start has passed meanwhile, the campaign comes back as a draft."""
    from worker.operations import removal

    removal.restore_campaign(context.dialer, context.team_id, campaign_id, actor=context.actor)
    show_status(context, campaign_id, as_json)
