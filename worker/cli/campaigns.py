"""``dialer campaigns``: what operators do with campaigns."""

from __future__ import annotations

import json
from typing import Any

import click

from worker import logs, tasks, wiring
from worker.flow.admit import RunResult, run_campaign
from worker.settings import read_settings


@click.group()
def campaigns() -> None:
    """Campaigns and their runs."""


@campaigns.command()
@click.argument("campaign_id")
@click.option("--max-calls", type=int, help="Cap the calls of this run, retries included.")
@click.option("--dry-run", is_flag=True, help="Say what would happen now, and change nothing.")
@click.option("--json", "as_json", is_flag=True, help="Answer with one line of JSON.")
def run(campaign_id: str, max_calls: int | None, dry_run: bool, as_json: bool) -> None:
    """Open a run of CAMPAIGN_ID: reserve its first calls and hand them to the workers."""
    chosen = read_settings()
    logs.configure("warning", chosen.log_format)
    result, steps = run_campaign(wiring.dialer(), campaign_id, opened_by="cli", max_calls=max_calls, dry_run=dry_run)
    tasks.carry_out(steps)
    if as_json:
        click.echo(json.dumps(as_dict(result)))
        return
    click.echo(result.message + ".")
    for error in result.errors:
        click.echo(f"  {error}.")
    if result.failed > len(result.errors):
        click.echo(f"  and {result.failed - len(result.errors)} more.")
    click.echo(f"{result.remaining} contact{'' if result.remaining == 1 else 's'} still waiting.")


def as_dict(result: RunResult) -> dict[str, Any]:
    """The answer in the names of the API page."""
    return {
        "success": True,
        "started": len(result.calls),
        "failed": result.failed,
        "calls": [
            {
                "id": call.call_id,
                "contact_id": call.contact_id,
                "from_number": call.from_number,
                "to_number": call.to_number,
                "status": "reserved",
            }
            for call in result.calls
        ],
        "errors": list(result.errors),
        "message": result.message,
        "dryRun": result.dry_run,
        "runId": result.run_id,
        "remaining": result.remaining,
        "opensAt": None if result.opens_at is None else result.opens_at.isoformat().replace("+00:00", "Z"),
    }
