"""``dialer campaigns schedule`` … ``restore``: what moves a campaign through its life."""

from __future__ import annotations

from typing import Any

import click

from worker.cli.campaigns import tell
from worker.cli.context import ACTOR, NUMBER, Context, as_body, confirm, for_team, is_answered, yes_option
from worker.cli.showing import Cell, json_option, plain, show_json, show_rows, show_warnings, some
from worker.domain.errors import Conflict
from worker.domain.fields import MISSING
from worker.domain.model import Reason
from worker.domain.run_request import RunRequest, parse_run
from worker.domain.screening import causes_in_words
from worker.flow import admit, stop
from worker.flow.base import Step
from worker.flow.run_result import RunIsOpen, RunResult
from worker.operations import campaigns, removal, views
from worker.operations.progress import read_progress
from worker.process.celery_app import broker_answers

MOST_NAMED = 3
"""How many of those who cannot be called are named, by cause."""


@click.command()
@click.argument("campaign_id")
@click.option("--scheduled-start-at", metavar="INSTANT", help="Such as 2027-03-01T09:00:00-05:00.")
@json_option
@for_team
def schedule(context: Context, campaign_id: str, scheduled_start_at: str | None, as_json: bool) -> None:
    """Let a draft start by itself, or move the instant of a scheduled campaign."""
    at = MISSING if scheduled_start_at is None else scheduled_start_at or None  # an empty text is null, as everywhere
    campaigns.schedule(context.dialer, campaign_id, at, actor=context.actor, team_id=context.team_id)
    tell(context, campaign_id, as_json)


@click.command()
@click.argument("campaign_id")
@json_option
@for_team
def unschedule(context: Context, campaign_id: str, as_json: bool) -> None:
    """Make a scheduled campaign a draft again; it no longer starts by itself."""
    campaigns.unschedule(context.dialer, campaign_id, actor=context.actor, team_id=context.team_id)
    tell(context, campaign_id, as_json)


@click.command()
@click.argument("campaign_id")
@click.option("--max-calls", type=NUMBER, help="Cap the calls of this run, retries included.")
@click.option("--dry-run", is_flag=True, help="Say what would happen now, and change nothing.")
@click.option("--account-slug", metavar="SLUG", help="Refuse if this is not the slug of the campaign's team.")
@click.option("--replace", is_flag=True, help="Where a run is open, let this one take its place; else it is asked.")
@json_option
@for_team
def run(context: Context, /, campaign_id: str, replace: bool, as_json: bool, **given: Any) -> None:
    """Open a run: reserve its first calls and hand them to the workers."""
    wanted = parse_run(as_body(**given))
    try:
        result, steps = _run(context, campaign_id, wanted, may_replace=replace)
    except RunIsOpen as open_run:
        if not is_answered():
            raise Conflict(f"{open_run} Say --replace if it is to, or nothing to let the open one go on.") from None
        confirm(f"{open_run} Replace it?", yes=False)
        result, steps = _run(context, campaign_id, wanted, may_replace=True)
    context.carry_out(steps)
    if as_json:
        show_json(**views.run_answer(result))
        return
    _tell_run(result)
    if not (result.calls or result.dry_run) and result.remaining:
        found = read_progress(context.dialer, context.team_id, campaign_id, broker_answers=broker_answers)
        click.echo(plain(found.activity.message))


def _run(context: Context, campaign_id: str, wanted: RunRequest, *, may_replace: bool) -> tuple[RunResult, list[Step]]:
    return admit.run_campaign(
        context.dialer,
        campaign_id,
        opened_by=ACTOR,
        max_calls=wanted.max_calls,
        dry_run=wanted.dry_run,
        team_id=context.team_id,
        account_slug=wanted.account_slug,
        may_replace=may_replace,
    )


def _tell_run(result: RunResult) -> None:
    click.echo(result.message + ".")
    if result.dry_run and result.calls:
        columns: dict[str, Cell] = {"contact id": "contact_id", "from": "from_number", "to": "to_number"}
        show_rows(views.run_answer(result)["calls"], columns)
    if result.failed:
        click.echo(f"{some(result.failed, 'contact')} cannot be called:")
    for reason, count in result.causes.items():
        click.echo(plain(f"  {causes_in_words(reason, count)}: {_named(result, reason, count)}"))
    click.echo(f"{some(result.remaining, 'contact')} still waiting.")
    show_warnings(result.warnings)


def _named(result: RunResult, reason: Reason, count: int) -> str:
    """The first few of those who cannot be called for this reason; the contacts' list has all."""
    names = [one.name or one.contact_id for one in result.unreached if one.reason is reason][:MOST_NAMED]
    return ", ".join(names or ["see the list of contacts"]) + (", …" if 0 < len(names) < count else "")


@click.command()
@click.argument("campaign_id")
@json_option
@for_team
def pause(context: Context, campaign_id: str, as_json: bool) -> None:
    """Place no further call. Calls that wait at the carrier are cancelled; those that ring or talk go on. One that is
    paused already stays as it is."""
    context.carry_out(stop.pause_campaign(context.dialer, campaign_id, actor=context.actor, team_id=context.team_id))
    tell(context, campaign_id, as_json)


@click.command()
@click.argument("campaign_id")
@json_option
@for_team
def resume(context: Context, campaign_id: str, as_json: bool) -> None:
    """Go on with the run that was paused. One that has used its --max-calls wants a new run."""
    context.carry_out(admit.resume(context.dialer, campaign_id, actor=context.actor, team_id=context.team_id))
    tell(context, campaign_id, as_json)


@click.command()
@click.argument("campaign_id")
@click.option("--hang-up", is_flag=True, help="End calls that ring or talk, too.")
@yes_option
@json_option
@for_team
def cancel(context: Context, campaign_id: str, hang_up: bool, yes: bool, as_json: bool) -> None:
    """Stop the campaign for good; every contact that waits is cancelled with it. With --hang-up it may be said again,
    for the calls that were left alone."""
    confirm(f"Cancel campaign {campaign_id} for good?", yes)
    steps = stop.cancel_campaign(
        context.dialer, campaign_id, hang_up=hang_up, actor=context.actor, team_id=context.team_id
    )
    context.carry_out(steps)
    tell(context, campaign_id, as_json)


@click.command()
@click.argument("campaign_id")
@json_option
@for_team
def delete(context: Context, campaign_id: str, as_json: bool) -> None:
    """Put the campaign away: it keeps its history, neither dials nor starts, and can be restored."""
    removal.delete_campaign(context.dialer, context.team_id, campaign_id, actor=context.actor)
    tell(context, campaign_id, as_json)


@click.command()
@click.argument("campaign_id")
@json_option
@for_team
def restore(context: Context, campaign_id: str, as_json: bool) -> None:
    """Undo the deletion. Where the instant to start has passed meanwhile, the campaign comes back as a draft."""
    removal.restore_campaign(context.dialer, context.team_id, campaign_id, actor=context.actor)
    tell(context, campaign_id, as_json)


LIFE = (schedule, unschedule, run, pause, resume, cancel, delete, restore)
"""What ``dialer campaigns`` is given from here."""
