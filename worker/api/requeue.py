"""Contacts that were given up, put back among those that wait."""

from __future__ import annotations

from fastapi import APIRouter, Response
from pydantic import Field

from worker.api.idempotency import Answer
from worker.api.models import Done
from worker.api.models_campaigns import ContactIds
from worker.api.openapi import takes
from worker.api.request_context import Context, answered
from worker.domain.campaign import parse_contact_ids
from worker.flow.base import Dialer
from worker.operations.requeue import requeue_contacts as requeue

router = APIRouter(prefix="/api/crm/campaigns/{id}", tags=["Campaigns"])


class RequeueAnswer(Done):
    """Who waits again."""

    requeued: int = Field(description="How many contacts wait again.")
    errors: list[str] = Field(description="Why the others do not, a sentence each; who waited already is in neither.")


@router.post(
    "/contacts/requeue", response_model=RequeueAnswer, summary="Put contacts back", openapi_extra=takes(ContactIds)
)
def requeue_contacts(context: Context, id: str) -> Response:
    """Let contacts wait again that were given up, exhausted or failed: after their attempts were raised, their number
    was corrected, or what failed was mended. Attempts that were used stay used; who is not to be called, or has
    declined, is not called."""
    contact_ids = parse_contact_ids(context.body())

    def work(dialer: Dialer) -> Answer:
        done, steps = requeue(dialer, context.team_id, id, contact_ids, actor=context.actor)
        return answered(*steps, requeued=done.count, errors=list(done.errors))

    return context.do(work, in_one=False)
