"""Consents of numbers, and opt-outs: who may be called for what, and who wants no more calls."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from worker.api.contacts import TeamId
from worker.api.envelope import success
from worker.api.idempotency import Answer
from worker.api.models_persons import (
    AddedConsents,
    ConsentList,
    NewConsents,
    NewOptOut,
    OptOutAnswer,
    Revocation,
    RevokedConsents,
)
from worker.api.openapi import takes
from worker.api.request_context import Context, NamedCallContext, Paged, answered
from worker.domain.law import Purpose
from worker.flow.base import Dialer
from worker.operations import consents
from worker.operations.batches import Bookmark
from worker.operations.opt_out import opt_out

router = APIRouter(prefix="/api/crm", tags=["Consents"])


@router.get("/consents", response_model=ConsentList, summary="List consents")
def list_consents(
    context: Context,
    page: Paged,
    team_id: TeamId = None,
    number: Annotated[str | None, Query(description="Only those of this number.")] = None,
    purpose: Annotated[Purpose | None, Query(description="Only those for this purpose.")] = None,
) -> Response:
    """Consents and revocations, the latest first. Nothing is ever taken out: a revocation is one more of them."""
    context.own(team_id)
    count, shown = consents.list_consents(
        context.dialer, context.team_id, limit=page.limit, offset=page.offset, number=number, purpose=purpose
    )
    return success(consents=shown, count=count, limit=page.limit, offset=page.offset)


@router.post("/consents", response_model=AddedConsents, summary="Add consents", openapi_extra=takes(NewConsents))
def add_consents(context: Context) -> Response:
    """Write down what up to 10 000 numbers have consented to. One that is in the future is refused; the same again
    changes nothing."""
    sent = context.body()

    def work(dialer: Dialer, bookmark: Bookmark) -> Answer:
        added = consents.add_consents(dialer, context.team_id, sent, actor=context.actor, bookmark=bookmark)
        return answered(added=added)

    return context.do_in_batches(work)


@router.post(
    "/consents/revoke", response_model=RevokedConsents, summary="Revoke consents", openapi_extra=takes(Revocation)
)
def revoke_consents(context: Context) -> Response:
    """Write down that up to 10 000 numbers consent no more, for a `purpose` or for any. Once this is answered none of
    them is called by what it had consented to, whatever has been prepared."""
    sent = context.body()

    def work(dialer: Dialer, bookmark: Bookmark) -> Answer:
        revoked = consents.revoke_consents(dialer, context.team_id, sent, actor=context.actor, bookmark=bookmark)
        return answered(revoked=revoked)

    return context.do_in_batches(work)


@router.post("/opt-outs", response_model=OptOutAnswer, summary="Opt somebody out", openapi_extra=takes(NewOptOut))
def add_opt_out(context: NamedCallContext) -> Response:
    """Let a number, or the callee of a call, be called no more: it goes on the do-not-call list, for a `purpose` or for
    all, and its consents are revoked. By a key, or by the assistant with the `callToken` of the call it names.

    Once this is answered no further call to it is placed. Calls that are live go on, unless `hangUp` is true:
    `live_calls` names them."""
    sent = context.body()

    def work(dialer: Dialer) -> Answer:
        done, steps = opt_out(dialer, context.team_id, sent, actor=context.actor, only_call=context.only_call)
        return answered(*steps, opt_out=done.answer())

    return context.do(work)
