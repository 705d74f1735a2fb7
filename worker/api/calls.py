"""The calls of a team, in whatever campaign."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query, Response

from worker.api.contacts import TeamId
from worker.api.envelope import success
from worker.api.models_calls import CallAnswer, EvidenceList, TeamCallList
from worker.api.request_context import Context, Paged, PartOf
from worker.domain.errors import every
from worker.domain.fields import wrong
from worker.domain.model import Disposition
from worker.domain.paging import read_since
from worker.operations.calls import get_call, list_calls
from worker.operations.evidence import Wanted, call_evidence
from worker.store.reads.calls import WantedCalls

router = APIRouter(prefix="/api/crm/calls", tags=["Calls"])

FROM = "Only calls reserved at this instant or later, in ISO 8601 with an offset."


@router.get("", response_model=TeamCallList, summary="List calls")
def list_team_calls(
    context: Context,
    part: PartOf,
    team_id: TeamId = None,
    contact_id: Annotated[str | None, Query(alias="contactId", description="Only calls to this contact.")] = None,
    number: Annotated[str | None, Query(description="Only calls to this number, however it is written.")] = None,
    campaign_id: Annotated[str | None, Query(alias="campaignId", description="Only calls of this campaign.")] = None,
    disposition: Annotated[Disposition | None, Query(description="Only calls that ended so.")] = None,
    outcome: Annotated[str | None, Query(description="Only calls reported so, of the campaign that is named.")] = None,
    carrier_call_id: Annotated[
        str | None, Query(alias="carrierCallId", description="Only the call that its carrier calls so.")
    ] = None,
    from_: Annotated[str | None, Query(alias="from", description=FROM)] = None,
    to: Annotated[str | None, Query(description="Only calls reserved before this instant.")] = None,
) -> Response:
    """The team's calls, live or ended, newest first. Read to its end by `after`, the list neither loses nor doubles a
    call, whatever is dialed meanwhile. `count` is exact up to 10 000, which also stands for more; a page behind another
    is not counted. With `updatedSince` calls that have ended since come in the order in which they did, and live ones
    that have moved behind them."""
    context.own(team_id)
    bounds = every([partial(_instant, from_, "from"), partial(_instant, to, "to")])
    wanted = WantedCalls(
        contact_id,
        campaign_id,
        number,
        None if disposition is None else disposition.value,
        carrier_call_id,
        outcome,
        *bounds,
    )
    return success(**list_calls(context.dialer, context.team_id, wanted, part).answer("calls", part))


def _instant(text: str | None, path: str) -> datetime | None:
    return None if text is None else read_since(text, path)


@router.get("/evidence", response_model=EvidenceList, summary="Show what let calls pass")
def get_call_evidence(
    context: Context,
    page: Paged,
    team_id: TeamId = None,
    number: Annotated[str | None, Query(description="Calls to this number, however it is written. Required.")] = None,
    from_: Annotated[str | None, Query(alias="from", description=FROM)] = None,
    to: Annotated[str | None, Query(description="Only calls reserved before this instant.")] = None,
) -> Response:
    """What let each call to a number pass, the oldest first: the rules that bound it and where they are written, the
    clock it was placed by, the consent there was, the calls to the number before it, and how it ended. A call without a
    `pack` was bound by no rules: none were turned on for it."""
    context.own(team_id)
    if number is None or not number.strip():
        raise wrong("number", "Give the number that was called, such as +12025550123.")
    since, until = every([partial(_instant, from_, "from"), partial(_instant, to, "to")])
    wanted = Wanted(number, since, until)
    _, count, calls = call_evidence(context.dialer, context.team_id, wanted, limit=page.limit, offset=page.offset)
    return success(calls=calls, count=count, limit=page.limit, offset=page.offset)


@router.get("/{id}", response_model=CallAnswer, summary="Get a call")
def get_team_call(context: Context, id: str) -> Response:
    """One call, with everything its carrier has said of it."""
    call, events = get_call(context.dialer, context.team_id, id)
    return success(call=call, events=events)
