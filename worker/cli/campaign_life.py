"""``dialer campaigns schedule`` … ``restore``: what moves a campaign through its life."""

from __future__ import annotations

from typing import Any

import click

from worker.api import views
from worker.cli.asking import ACTOR, NUMBER, Asked, as_body, confirm, for_team, yes_option
from worker.cli.campaigns import tell
from worker.cli.showing import Cell, json_option, plain, show_json, show_rows, show_warnings, some
from worker.domain.run_request import parse_run
from worker.flow import admit, prepare, remove, stop
from worker.flow.admit import RunResult


@click.command()
@click.argument("campaign_id")
@click.option("--scheduled-start-at", metavar="INSTANT", help="Such as 2027-03-01T09:00:00-05:00.")
@json_option
@for_team
def schedule(ask: Asked, campaign_id: str, scheduled_start_at: str | None, as_json: bool) -> None:
    """Let a draft start by itself, or move the instant of a scheduled campaign."""
    prepare.schedule(ask.dialer, campaign_id, scheduled_start_at, actor=ask.actor, team_id=ask.team_id)
    tell(ask, campaign_id, as_json)


@click.command()
@click.argument("campaign_id")
@json_option
@for_team
def unschedule(ask: Asked, campaign_id: str, as_json: bool) -> None:
    """Make a scheduled campaign a draft again; it no longer starts by itself."""
    prepare.unschedule(ask.dialer, campaign_id, actor=ask.actor, team_id=ask.team_id)
    tell(ask, campaign_id, as_json)


@click.command()
@click.argument("campaign_id")
@click.option("--max-calls", type=NUMBER, help="Cap the calls of this run, retries included.")
@click.option("--dry-run", is_flag=True, help="Say what would happen now, and change nothing.")
@click.option("--account-slug", metavar="SLUG", help="Refuse if this is not the slug of the campaign's team.")
@json_option
@for_team
def run(ask: Asked, /, campaign_id: str, as_json: bool, **given: Any) -> None:
    """Open a run: reserve its first calls and hand them to the workers."""
    wanted = parse_run(as_body(**given))
    result, steps = admit.run_campaign(
        ask.dialer,
        campaign_id,
        opened_by=ACTOR,
        max_calls=wanted.max_calls,
        dry_run=wanted.dry_run,
        team_id=ask.team_id,
        account_slug=wanted.account_slug,
    )
    ask.carry_out(steps)
    if as_json:
        show_json(**views.run_answer(result))
    else:
        _tell_run(result)


def _tell_run(result: RunResult) -> None:
    click.echo(result.message + ".")
    if result.dry_run and result.calls:
        columns: dict[str, Cell] = {"contact id": "contact_id", "from": "from_number", "to": "to_number"}
        show_rows(views.run_answer(result)["calls"], columns)
    for error in result.errors:
        click.echo(plain(f"  {error}."))
    if result.failed > len(result.errors):
        click.echo(f"  and {result.failed - len(result.errors)} more.")
    click.echo(f"{some(result.remaining, 'contact')} still waiting.")
    show_warnings(result.warnings)


@click.command()
@click.argument("campaign_id")
@json_option
@for_team
def pause(ask: Asked, campaign_id: str, as_json: bool) -> None:
    """Place no further call. Calls that wait at the carrier are cancelled; those that ring or talk go on."""
    ask.carry_out(stop.pause_campaign(ask.dialer, campaign_id, actor=ask.actor, team_id=ask.team_id))
    tell(ask, campaign_id, as_json)


@click.command()
@click.argument("campaign_id")
@json_option
@for_team
def resume(ask: Asked, campaign_id: str, as_json: bool) -> None:
    """Go on with the run that was paused. One that has used its --max-calls wants a new run."""
    ask.carry_out(admit.resume(ask.dialer, campaign_id, actor=ask.actor, team_id=ask.team_id))
    tell(ask, campaign_id, as_json)


@click.command()
@click.argument("campaign_id")
@click.option("--hang-up", is_flag=True, help="End calls that ring or talk, too.")
@yes_option
@json_option
@for_team
def cancel(ask: Asked, campaign_id: str, hang_up: bool, yes: bool, as_json: bool) -> None:
    """Stop the campaign for good; every contact that waits is cancelled with it."""
    confirm(f"Cancel campaign {campaign_id} for good?", yes)
    steps = stop.cancel_campaign(ask.dialer, campaign_id, hang_up=hang_up, actor=ask.actor, team_id=ask.team_id)
    ask.carry_out(steps)
    tell(ask, campaign_id, as_json)


@click.command()
@click.argument("campaign_id")
@json_option
@for_team
def delete(ask: Asked, campaign_id: str, as_json: bool) -> None:
    """Put the campaign away: it keeps its history, neither dials nor starts, and can be restored."""
    remove.delete_campaign(ask.dialer, ask.team_id, campaign_id, actor=ask.actor)
    tell(ask, campaign_id, as_json)


@click.command()
@click.argument("campaign_id")
@json_option
@for_team
def restore(ask: Asked, campaign_id: str, as_json: bool) -> None:
    """Undo the deletion. Where the instant to start has passed meanwhile, the campaign comes back as a draft."""
    remove.restore_campaign(ask.dialer, ask.team_id, campaign_id, actor=ask.actor)
    tell(ask, campaign_id, as_json)


LIFE = (schedule, unschedule, run, pause, resume, cancel, delete, restore)
"""What ``dialer campaigns`` is given from here."""
