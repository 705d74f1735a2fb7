"""Campaigns: listed, made, looked at, edited, deleted and restored."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response

from worker.api import views
from worker.api.asking import Ask, Paged
from worker.api.envelope import success
from worker.domain.model import CampaignStatus
from worker.store import campaign_list
from worker.store.campaign_list import Filter

router = APIRouter(prefix="/api/crm/campaigns", tags=["Campaigns"])


@router.get("")
def list_campaigns(
    ask: Ask,
    page: Paged,
    team_id: Annotated[str, Query(alias="teamId", description="The team ID to list campaigns for.")],
    status: Annotated[CampaignStatus | None, Query(description="Filter campaigns by status.")] = None,
    assistant_id: Annotated[
        str | None, Query(alias="assistantId", description="Filter campaigns assigned to a specific assistant ID.")
    ] = None,
    deleted: Annotated[
        Literal["exclude", "include", "only"], Query(description="Whether to include soft-deleted campaigns.")
    ] = "exclude",
) -> Response:
    """List the team's campaigns, newest first."""
    ask.own(team_id)
    chosen = Filter(status, assistant_id, deleted)
    count, rows = ask.read(
        lambda conn: campaign_list.page(conn, ask.team_id, chosen, limit=page.limit, offset=page.offset)
    )
    return success(
        campaigns=[views.campaign(shown) for shown in rows], count=count, limit=page.limit, offset=page.offset
    )
