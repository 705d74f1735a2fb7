"""Campaigns: listed, made, looked at, edited, deleted and restored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response

from worker.api.envelope import HttpError, success
from worker.api.idempotency import Answer
from worker.api.models import Done
from worker.api.models_campaigns import CAMPAIGN_MODELS, WrittenCampaign
from worker.api.models_progress import ProgressAnswer
from worker.api.openapi import takes
from worker.api.request_context import Context, Paged, RequestContext, answered
from worker.domain.campaign_warnings import warnings_of
from worker.domain.fields import MISSING
from worker.domain.model import CampaignStatus
from worker.domain.roles import Role, refusal
from worker.flow.base import Dialer, Step
from worker.operations import views
from worker.operations.campaign_edit import edit_campaign as edit
from worker.operations.campaigns import create_campaign as create
from worker.operations.campaigns import get_campaign as get
from worker.operations.campaigns import list_campaigns as list_them
from worker.operations.progress import read_progress
from worker.operations.removal import delete_campaign as delete
from worker.operations.removal import restore_campaign as restore
from worker.process import celery_app
from worker.store.reads.campaign_list import Filter

router = APIRouter(prefix="/api/crm/campaigns", tags=["Campaigns"])


def show(context: RequestContext, dialer: Dialer, campaign_id: str, *steps: Step) -> Answer:
    """The campaign as it is now, as the answer to what was done to it, and the steps that follow from that."""
    return answered(*steps, campaign=get(dialer, context.team_id, campaign_id))


def warned(answer: Answer, sent: Mapping[str, Any]) -> Answer:
    """The same answer, with what is to be said of the fields that were sent, if anything is."""
    warnings = warnings_of(sent)
    return replace(answer, fields={**answer.fields, "warnings": warnings}) if warnings else answer


def refuse_law(context: RequestContext, sent: Mapping[str, Any]) -> None:
    """Raises :class:`HttpError` (403) where rules are turned off by a key that may not decide that."""
    role = context.bearer.role
    if sent.get("law") is not None and not role.may(Role.ADMIN):
        raise HttpError(403, "role_required", refusal(role, Role.ADMIN))


@router.get("", response_model=CAMPAIGN_MODELS.listing, summary="List campaigns")
def list_campaigns(
    context: Context,
    page: Paged,
    team_id: Annotated[str, Query(alias="teamId", description="The team to list campaigns of: the key's.")],
    status: Annotated[CampaignStatus | None, Query(description="Only campaigns in this status.")] = None,
    assistant_id: Annotated[
        str | None, Query(alias="assistantId", description="Only campaigns of this assistant.")
    ] = None,
    deleted: Annotated[
        Literal["exclude", "include", "only"], Query(description="Whether to list soft-deleted campaigns.")
    ] = "exclude",
) -> Response:
    """The team's campaigns, newest first, a page at a time; `count` is the number before paging."""
    context.own(team_id)
    chosen = Filter(status, assistant_id, deleted)
    count, found = list_them(context.dialer, context.team_id, chosen, limit=page.limit, offset=page.offset)
    return success(campaigns=found, count=count, limit=page.limit, offset=page.offset)


@router.post("", response_model=WrittenCampaign, summary="Create a campaign", openapi_extra=takes(CAMPAIGN_MODELS.new))
def create_campaign(context: Context) -> Response:
    """A draft, or, with a `scheduledStartAt`, a campaign that starts by itself at that instant. `warnings` says what
    was accepted and may not have been meant, such as a setting that is nearly one of those known."""
    sent = {"teamId": MISSING, **context.body()}
    refuse_law(context, sent)

    def work(dialer: Dialer) -> Answer:
        made = show(context, dialer, create(dialer, context.team_id, sent, actor=context.actor))
        return warned(made, sent)

    return context.do(work)


@router.get("/{id}", response_model=CAMPAIGN_MODELS.answer, summary="Get a campaign")
def get_campaign(context: Context, id: str) -> Response:
    """One campaign, deleted or not."""
    return success(campaign=get(context.dialer, context.team_id, id))


@router.patch(
    "/{id}", response_model=WrittenCampaign, summary="Edit a campaign", openapi_extra=takes(CAMPAIGN_MODELS.edit)
)
def edit_campaign(context: Context, id: str) -> Response:
    """Change the fields sent; those left out stay. Name and description change at any time, `maxConcurrentCalls` also
    while the campaign runs (it holds from then on), everything else while it is draft, scheduled or paused. A field
    set to null goes back to its default, the call window as a whole. Lowering a limit never cuts a live call.
    `warnings` says what was accepted and may not have been meant."""
    sent = context.body()
    sent.pop("teamId", None)
    refuse_law(context, sent)

    def work(dialer: Dialer) -> Answer:
        steps = edit(dialer, context.team_id, id, sent, actor=context.actor)
        return warned(show(context, dialer, id, *steps), sent)

    return context.do(work)


@router.delete("/{id}", response_model=Done, summary="Delete a campaign")
def delete_campaign(context: Context, id: str) -> Response:
    """Put the campaign away. It keeps its history, neither dials nor starts, and can be restored. A running one is
    refused; pause or cancel it first."""
    context.nothing()

    def work(dialer: Dialer) -> Answer:
        delete(dialer, context.team_id, id, actor=context.actor)
        return answered()

    return context.do(work)


@router.post("/{id}/restore", response_model=CAMPAIGN_MODELS.answer, summary="Restore a deleted campaign")
def restore_campaign(context: Context, id: str) -> Response:
    """Undo the deletion. Where the instant to start has passed meanwhile, the campaign comes back as a draft."""
    context.nothing()

    def work(dialer: Dialer) -> Answer:
        restore(dialer, context.team_id, id, actor=context.actor)
        return show(context, dialer, id)

    return context.do(work)


@router.get("/{id}/progress", response_model=ProgressAnswer, summary="See how far a campaign has come")
def get_progress(context: Context, id: str) -> Response:
    """Contacts by status, calls by disposition, live calls against the limit, and one sentence that says what the
    campaign is doing, or why nothing is dialed and until when."""
    found = read_progress(context.dialer, context.team_id, id, broker_answers=celery_app.broker_answers)
    return success(progress=views.progress(found))
