"""Erasure of persons, and all that is known of one."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response

from worker.api.contacts import TeamId
from worker.api.envelope import success
from worker.api.idempotency import Answer
from worker.api.models_persons import ErasureAnswer, ErasureList, Everything, NewErasure
from worker.api.openapi import takes
from worker.api.request_context import Context, Paged
from worker.flow.base import Dialer
from worker.operations import erasures
from worker.operations.everything import everything_of
from worker.process import celery_app

router = APIRouter(prefix="/api/crm", tags=["Contacts"])

GOES_ON: dict[int | str, dict[str, Any]] = {202: {"model": ErasureAnswer, "description": "It is begun, and goes on."}}


@router.post(
    "/erasures",
    response_model=ErasureAnswer,
    responses=GOES_ON,
    summary="Erase a person",
    openapi_extra=takes(NewErasure),
)
def erase(context: Context) -> Response:
    """Erase whoever has a number, is a contact, or has an external id: contacts, what their calls and the news of them
    say, do-not-call entries, consents, notes and kept answers. Calls stay, without the number. The number goes on being
    refused, by an HMAC of it.

    Once this is answered nobody calls them. Calls that are live are hung up first: then, and where there is much to
    look through, the answer is 202, and the rest is done by itself. The same again changes nothing and says how far it
    is."""
    sent = context.body()

    def work(dialer: Dialer) -> Answer:
        erasure, steps = erasures.erase_person(dialer, context.team_id, sent, actor=context.actor)
        return Answer({"erasure": erasure.answer()}, tuple(steps), status=200 if erasure.is_done else 202)

    return context.do(work, in_one=False)


@router.get("/erasures", response_model=ErasureList, summary="List erasures")
def list_erasures(context: Context, page: Paged, team_id: TeamId = None) -> Response:
    """The team's erasures, the latest first. They name nobody."""
    context.own(team_id)
    count, shown = erasures.list_erasures(context.dialer, context.team_id, limit=page.limit, offset=page.offset)
    return success(erasures=shown, count=count, limit=page.limit, offset=page.offset)


@router.get("/contacts/{id}/everything", response_model=Everything, summary="Get all that is known of a contact")
def get_everything(context: Context, id: str) -> Response:
    """The story of a contact, the entries of do-not-call lists that their numbers are on, and what they have consented
    to: what somebody is given who asks what is kept of them."""
    return success(**everything_of(context.dialer, context.team_id, id, broker_answers=celery_app.broker_answers))
