"""A campaign as it stands after a command: what those that change one answer with."""

from __future__ import annotations

from typing import Any

import click

from worker.cli.context import Context
from worker.cli.showing import show_json
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
    until = f" for {campaign['scheduled_start_at']}" if status == CampaignStatus.SCHEDULED else ""
    click.echo(f"Campaign {campaign_id} is {status}{until}.")
