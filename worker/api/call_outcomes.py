"""A call, by those who speak in it: what its assistant may know of the callee, and what it reports."""

from __future__ import annotations

from fastapi import APIRouter, Response

from worker.api.envelope import success
from worker.api.idempotency import Answer
from worker.api.models_call_outcomes import CallContextAnswer, OutcomeAnswer, Report
from worker.api.openapi import takes
from worker.api.request_context import CallContext, answered
from worker.domain.errors import NotFound
from worker.flow import outcomes
from worker.flow.base import Dialer

router = APIRouter(prefix="/api/crm/calls/{id}", tags=["Calls"])


@router.get("/context", response_model=CallContextAnswer, summary="What the assistant of a call is sent")
def read_call_context(context: CallContext, id: str) -> Response:
    """The campaign's `variables` for the callee, as of now. For an assistant that was reached by an address, which
    carries nothing personal: it asks with `Authorization: Bearer` and the `callToken` it was given. Once the call is
    over there is nothing to see."""
    found = outcomes.read_context(context.dialer, context.team_id, id)
    if found is None:
        raise NotFound("live call", id)
    return success(context=found)


@router.post(
    "/outcome", response_model=OutcomeAnswer, summary="Report the outcome of a call", openapi_extra=takes(Report)
)
def report_call_outcome(context: CallContext, id: str) -> Response:
    """By the assistant with its `callToken`, which is good for this call alone until a day after its end, or by a key.

    While the call lives the last word said decides when it ends; within `OUTCOME_WAIT_SECONDS` after its end the word
    decides at once; later ones annotate (`effect` says which). The same report sent again is answered the same and
    changes nothing. `doNotCall` binds whenever it comes, at once, in every campaign. What a later report leaves out
    stays as it was said before."""
    sent = context.body()

    def work(dialer: Dialer) -> Answer:
        outcome, steps = outcomes.report_outcome(dialer, context.team_id, id, sent, actor=context.actor)
        return answered(*steps, outcome=dict(outcome))

    return context.do(work)
