"""Contacts that were given up, put back among those that wait."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response

from worker.api.by_filter import do_matching
from worker.api.idempotency import Answer
from worker.api.models_selection import ContactIdsOrFilterOfCampaign, RequeueAnswer, RequeuedByFilter
from worker.api.openapi import takes
from worker.api.request_context import Context, answered
from worker.domain.campaign import parse_contact_ids
from worker.domain.selection import parse_filter
from worker.flow.base import Dialer
from worker.operations.by_filter import Handled, Matching
from worker.operations.requeue import requeue_contacts as requeue

router = APIRouter(prefix="/api/crm/campaigns/{id}", tags=["Campaigns"])


@router.post(
    "/contacts/requeue",
    response_model=RequeuedByFilter | RequeueAnswer,
    summary="Put contacts back",
    openapi_extra=takes(ContactIdsOrFilterOfCampaign),
)
def requeue_contacts(context: Context, id: str) -> Response:
    """Let contacts wait again that were given up, exhausted or failed: after their attempts were raised, their number
    was corrected, or what failed was mended; those that are named, or all that match a `filter`. Attempts that were
    used stay used; who is not to be called, or has declined, is not called."""
    sent = context.body()
    if "filter" in sent:
        return do_matching(context, id, parse_filter(sent, in_campaign=True), Matching.requeue, _requeued)
    contact_ids = parse_contact_ids(sent)

    def work(dialer: Dialer) -> Answer:
        done, steps = requeue(dialer, context.team_id, id, contact_ids, actor=context.actor)
        return answered(*steps, requeued=done.count, errors=list(done.errors))

    return context.do(work, in_one=False)


def _requeued(done: Handled) -> dict[str, Any]:
    return {"requeued": done.done, "errors": done.errors, "matched": done.matched, "refused": done.refused}
