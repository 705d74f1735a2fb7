"""Campaigns made of others."""

from __future__ import annotations

from fastapi import APIRouter, Response

from worker.api.idempotency import Answer
from worker.api.models_one_call import Clone, CopiedCampaign, Redial
from worker.api.openapi import takes
from worker.api.request_context import Context, answered
from worker.domain.run_request import parse_clone, parse_redial
from worker.flow.base import Dialer
from worker.operations.batches import Bookmark
from worker.operations.campaigns import get_campaign
from worker.operations.copies import clone_campaign as clone
from worker.operations.copies import redial_campaign as redial

router = APIRouter(prefix="/api/crm/campaigns/{id}", tags=["Campaigns"])


@router.post(
    "/clone", response_model=CopiedCampaign, summary="Copy a campaign", openapi_extra=takes(Clone, is_required=False)
)
def clone_campaign(context: Context, id: str) -> Response:
    """Make a draft with the same fields, without the instants at which this one starts or ends; with the same contacts
    where `withContacts` is true, who wait there as if they had never been called."""
    name, with_contacts = parse_clone(context.body(is_optional=True))

    def work(dialer: Dialer, bookmark: Bookmark) -> Answer:
        new_id, added = clone(
            dialer, context.team_id, id, name, with_contacts=with_contacts, actor=context.actor, bookmark=bookmark
        )
        return answered(campaign=get_campaign(dialer, context.team_id, new_id), added=added)

    return context.do_in_batches(work)


@router.post(
    "/redial",
    response_model=CopiedCampaign,
    summary="Make a campaign of who was not reached",
    openapi_extra=takes(Redial, is_required=False),
)
def redial_campaign(context: Context, id: str) -> Response:
    """Make a draft with the same fields, and with those contacts who were not reached: their attempts were used up
    without an answer, or they still waited when the campaign ended. They have all their attempts there again."""
    name = parse_redial(context.body(is_optional=True))

    def work(dialer: Dialer, bookmark: Bookmark) -> Answer:
        new_id, added = redial(dialer, context.team_id, id, name, actor=context.actor, bookmark=bookmark)
        return answered(campaign=get_campaign(dialer, context.team_id, new_id), added=added)

    return context.do_in_batches(work)
