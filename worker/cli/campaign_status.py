"""A campaign as it stands after a command: what those that change one answer with."""

from __future__ import annotations

from typing import Any

import click

from worker.cli.context import Context, broker_answers
from worker.cli.named import as_given
from worker.cli.showing import plain, show_json
from worker.domain.model import CampaignStatus


def campaign_of(context: Context, campaign_id: str) -> dict[str, Any]:
    """The team's campaign as the API shows it. Raises :class:`NotFound`."""
    from worker.operations.campaigns import get_campaign

    return get_campaign(context.dialer, context.team_id, campaign_id)


def show_status(context: Context, campaign_id: str, as_json: bool, **more: Any) -> None:
    """What became of the campaign: the API's answer, with ``more`` in it, or a sentence."""
    campaign = campaign_of(context, campaign_id)
    if as_json:
        show_json(campaign=campaign, **more)
        return
    status = "deleted" if campaign["deleted_at"] else campaign["status"]
    click.echo(plain(f"Campaign {as_given(campaign_id)} is {status}.{_starts(context, campaign_id, status)}"))


def _starts(context: Context, campaign_id: str, status: str) -> str:
    """When a campaign that is scheduled starts, on its own clock."""
    if status != CampaignStatus.SCHEDULED:
        return ""
    from worker.operations.progress import read_progress

    found = read_progress(context.dialer, context.team_id, campaign_id, broker_answers=broker_answers)
    return f" {found.activity.message}"


def show_end(context: Context, campaign_id: str, as_json: bool) -> None:
    """What became of a campaign that was to end: completed, or ending, for as long as it has live calls."""
    campaign = campaign_of(context, campaign_id)
    if as_json or campaign["closing_at"] is None or campaign["status"] == CampaignStatus.COMPLETED:
        show_status(context, campaign_id, as_json)
        return
    from worker.operations.progress import read_progress

    found = read_progress(context.dialer, context.team_id, campaign_id, broker_answers=broker_answers)
    click.echo(plain(f"Campaign {as_given(campaign_id)} is ending. {found.activity.message}"))


def waiting_in(context: Context, campaign_id: str) -> int:
    """How many contacts of the campaign wait to be called. Raises :class:`NotFound`."""
    from worker.operations.progress import read_progress

    counts = read_progress(context.dialer, context.team_id, campaign_id, broker_answers=broker_answers).counts
    return counts["pending"] + counts["queued"]
