"""Carrier accounts: through whom calls are placed, how many at once, how fast."""

from __future__ import annotations

from fastapi import APIRouter, Response

from worker.api.contacts import TeamId
from worker.api.envelope import success
from worker.api.idempotency import Answer
from worker.api.models_resources import CarrierAccountAnswer, CarrierAccountEdit, CarrierAccountList, NewCarrierAccount
from worker.api.openapi import takes
from worker.api.request_context import Context, Paged, answered
from worker.flow.base import Dialer
from worker.operations import resources
from worker.operations import views_crm as views

router = APIRouter(prefix="/api/crm/carrier-accounts", tags=["Carrier accounts"])


@router.get("", response_model=CarrierAccountList, summary="List carrier accounts")
def list_accounts(context: Context, page: Paged, team_id: TeamId = None) -> Response:
    """The team's carrier accounts, newest first."""
    context.own(team_id)
    count, rows = resources.list_parts(
        context.dialer, resources.ACCOUNT, context.team_id, limit=page.limit, offset=page.offset
    )
    shown = [views.account(row) for row in rows]
    return success(carrier_accounts=shown, count=count, limit=page.limit, offset=page.offset)


@router.post(
    "", response_model=CarrierAccountAnswer, summary="Create a carrier account", openapi_extra=takes(NewCarrierAccount)
)
def create_account(context: Context) -> Response:
    """Create a carrier account.

    Without `callsPerSecond` it makes one call a second, as carriers allow at first, and the simulator any
    number; null asks for no limit.
    """
    sent = context.body()

    def work(dialer: Dialer) -> Answer:
        row = resources.create_account(dialer, context.team_id, sent, actor=context.actor)
        return answered(carrier_account=views.account(row))

    return context.do(work)


@router.get("/{id}", response_model=CarrierAccountAnswer, summary="Get a carrier account")
def get_account(context: Context, id: str) -> Response:
    """Get one carrier account."""
    return success(
        carrier_account=views.account(resources.get_part(context.dialer, resources.ACCOUNT, context.team_id, id))
    )


@router.patch(
    "/{id}",
    response_model=CarrierAccountAnswer,
    summary="Edit a carrier account",
    openapi_extra=takes(CarrierAccountEdit),
)
def edit_account(context: Context, id: str) -> Response:
    """Change the name, the limits, or whether it is used at all.

    A limit that is lowered cuts no live call. Disabled, no further call is placed through it, whatever has been
    prepared.
    """
    sent = context.body()

    def work(dialer: Dialer) -> Answer:
        row, steps = resources.edit_account(dialer, context.team_id, id, sent, actor=context.actor)
        return answered(*steps, carrier_account=views.account(row))

    return context.do(work)
