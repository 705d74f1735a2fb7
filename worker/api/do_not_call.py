"""The team's do-not-call list: numbers that no campaign calls, whoever has them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from worker.api.contacts import TeamId
from worker.api.envelope import success
from worker.api.idempotency import Answer
from worker.api.models import Done
from worker.api.models_contacts import AddedNumbers, BannedNumberList, NumbersNotToCall
from worker.api.openapi import takes
from worker.api.request_context import Context, Paged, answered
from worker.domain.answers import BANNED
from worker.domain.law import Purpose
from worker.flow.base import Dialer
from worker.operations import contacts
from worker.operations.batches import Bookmark
from worker.operations.views import view

router = APIRouter(prefix="/api/crm/do-not-call", tags=["Do not call"])


@router.get("", response_model=BannedNumberList, summary="List the do-not-call list")
def list_do_not_call(
    context: Context,
    page: Paged,
    team_id: TeamId = None,
    number: Annotated[str | None, Query(description="Only this number, if it is there.")] = None,
    purpose: Annotated[Purpose | None, Query(description="Only entries for this purpose.")] = None,
) -> Response:
    """The entries, those added last first: of one number there may be several, each for a purpose."""
    context.own(team_id)
    count, rows = contacts.banned_numbers(
        context.dialer, context.team_id, limit=page.limit, offset=page.offset, number=number, purpose=purpose
    )
    return success(numbers=[view(BANNED, row) for row in rows], count=count, limit=page.limit, offset=page.offset)


@router.post(
    "", response_model=AddedNumbers, summary="Add to the do-not-call list", openapi_extra=takes(NumbersNotToCall)
)
def add_to_do_not_call(context: Context) -> Response:
    """Add up to 10 000 numbers; those on the list already stay as they are. With a `purpose` they are not called for
    that, nor by campaigns without a purpose; without one, for nothing.

    Once this is answered none of them is called any more, whatever has been prepared.
    """
    sent = context.body()

    def work(dialer: Dialer, bookmark: Bookmark) -> Answer:
        return answered(
            added=contacts.ban_numbers(dialer, context.team_id, sent, actor=context.actor, bookmark=bookmark)
        )

    return context.do_in_batches(work)


@router.delete("/{number}", response_model=Done, summary="Remove from the do-not-call list")
def remove_from_do_not_call(
    context: Context,
    number: str,
    purpose: Annotated[Purpose | None, Query(description="Only its entry for this purpose.")] = None,
) -> Response:
    """Take a number off the list, all its entries or that for a purpose; campaigns call it again from their next run
    on."""
    context.nothing()

    def work(dialer: Dialer) -> Answer:
        contacts.unban_number(dialer, context.team_id, number, actor=context.actor, purpose=purpose)
        return answered()

    return context.do(work)
