"""``dialer campaigns``: what operators do with campaigns."""

from __future__ import annotations

import click

from worker.api import views
from worker.cli.asking import ACTOR, NUMBER, Asked, for_team
from worker.cli.campaign_export import export
from worker.cli.showing import json_option, show_json, some
from worker.flow.admit import run_campaign


@click.group()
def campaigns() -> None:
    """Campaigns and their runs."""


@campaigns.command()
@click.argument("campaign_id")
@click.option("--max-calls", type=NUMBER, help="Cap the calls of this run, retries included.")
@click.option("--dry-run", is_flag=True, help="Say what would happen now, and change nothing.")
@json_option
@for_team
def run(ask: Asked, campaign_id: str, max_calls: int | None, dry_run: bool, as_json: bool) -> None:
    """Open a run of CAMPAIGN_ID: reserve its first calls and hand them to the workers."""
    result, steps = run_campaign(
        ask.dialer, campaign_id, opened_by=ACTOR, max_calls=max_calls, dry_run=dry_run, team_id=ask.team_id
    )
    ask.carry_out(steps)
    if as_json:
        show_json(**views.run_answer(result))
        return
    click.echo(result.message + ".")
    for error in result.errors:
        click.echo(f"  {error}.")
    if result.failed > len(result.errors):
        click.echo(f"  and {result.failed - len(result.errors)} more.")
    click.echo(f"{some(result.remaining, 'contact')} still waiting.")


campaigns.add_command(export)
