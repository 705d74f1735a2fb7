"""Phone numbers: the caller IDs campaigns rotate over."""

from __future__ import annotations

from fastapi import APIRouter, Response

from worker.api.contacts import TeamId
from worker.api.envelope import success
from worker.api.idempotency import Answer
from worker.api.models_resources import NewPhoneNumber, PhoneNumberAnswer, PhoneNumberEdit, PhoneNumberList
from worker.api.openapi import takes
from worker.api.request_context import Context, Paged, answered
from worker.flow.base import Dialer
from worker.operations import resources
from worker.operations import views_crm as views

router = APIRouter(prefix="/api/crm/phone-numbers", tags=["Phone numbers"])


@router.get("", response_model=PhoneNumberList, summary="List phone numbers")
def list_numbers(context: Context, page: Paged, team_id: TeamId = None) -> Response:
    """The team's phone numbers, newest first."""
    context.own(team_id)
    count, rows = resources.list_parts(
        context.dialer, resources.NUMBER, context.team_id, limit=page.limit, offset=page.offset
    )
    shown = [views.number(row) for row in rows]
    return success(phone_numbers=shown, count=count, limit=page.limit, offset=page.offset)


@router.post("", response_model=PhoneNumberAnswer, summary="Create a phone number", openapi_extra=takes(NewPhoneNumber))
def create_number(context: Context) -> Response:
    """Create a phone number that campaigns may show."""
    sent = context.body()

    def work(dialer: Dialer) -> Answer:
        return answered(
            phone_number=views.number(resources.create_number(dialer, context.team_id, sent, actor=context.actor))
        )

    return context.do(work)


@router.get("/{id}", response_model=PhoneNumberAnswer, summary="Get a phone number")
def get_number(context: Context, id: str) -> Response:
    """Get one phone number."""
    return success(phone_number=views.number(resources.get_part(context.dialer, resources.NUMBER, context.team_id, id)))


@router.patch(
    "/{id}", response_model=PhoneNumberAnswer, summary="Edit a phone number", openapi_extra=takes(PhoneNumberEdit)
)
def edit_number(context: Context, id: str) -> Response:
    """Change the limits, or whether it is shown at all; the number and its account are for life.

    A limit that is lowered cuts no live call. Disabled, the number is shown in no further call, whatever has been
    prepared.
    """
    sent = context.body()

    def work(dialer: Dialer) -> Answer:
        row, steps = resources.edit_number(dialer, context.team_id, id, sent, actor=context.actor)
        return answered(*steps, phone_number=views.number(row))

    return context.do(work)
