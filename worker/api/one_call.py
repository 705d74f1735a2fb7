"""What is done with a single call: a campaign is tried with one, one is hung up."""

from __future__ import annotations

from fastapi import APIRouter, Response

from worker.api.idempotency import Answer
from worker.api.models_one_call import HungUpCall, TestCall, TestCallAnswer
from worker.api.openapi import takes
from worker.api.request_context import Context, answered
from worker.domain.run_request import parse_test_call
from worker.flow.base import Dialer
from worker.operations import views
from worker.operations.country import region_of
from worker.operations.hang_up_call import hang_up_call as hang_up
from worker.operations.test_call import place_test_call
from worker.process import celery_app

router = APIRouter(prefix="/api/crm", tags=["Calls"])


@router.post(
    "/campaigns/{id}/test-call",
    response_model=TestCallAnswer,
    summary="Try a campaign with one call",
    openapi_extra=takes(TestCall),
)
def try_campaign(context: Context, id: str) -> Response:
    """Call one phone now, yours, through the campaign's own assistant and caller IDs, whatever state it is in.

    The call is placed as any other: it takes places, keeps to the carrier's rate, the call window and do-not-call; it
    is left out of the campaign's contacts, calls and counters. Where it cannot be placed now it is not placed later,
    and the 409 says why. A key may ask for ten in an hour."""
    to = parse_test_call(context.body(), region_of(context.dialer, context.team_id))

    def work(dialer: Dialer) -> Answer:
        result, steps = place_test_call(
            dialer,
            context.team_id,
            id,
            to,
            opened_by="api",
            actor=context.actor,
            broker_answers=celery_app.broker_answers,
        )
        return answered(*steps, call=views.run_answer(result)["calls"][0])

    return context.do(work, in_one=False)


@router.post("/calls/{id}/hang-up", response_model=HungUpCall, summary="Hang up a call")
def hang_up_call(context: Context, id: str) -> Response:
    """Have the carrier end a call, whether it rings or somebody talks. It is over when the carrier says so; how it
    ended decides whether its contact is called again, as ever. One that is over already stays as it is."""
    context.nothing()

    def work(dialer: Dialer) -> Answer:
        call, steps = hang_up(dialer, context.team_id, id, actor=context.actor)
        return answered(*steps, call=call)

    return context.do(work)
