"""The rules of calling, as `dialer policy list` shows them. They are the program's, and the same for every team."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from worker.api.contacts import TeamId
from worker.api.envelope import success
from worker.api.models_policies import Policies
from worker.api.request_context import Context
from worker.domain.policies import listing

router = APIRouter(prefix="/api/crm/policies", tags=["Policies"])


@router.get("", response_model=Policies, summary="List the rules of calling")
def list_policies(
    context: Context,
    team_id: TeamId = None,
    place: Annotated[str | None, Query(description="Only the rules that hold there, such as `US-FL`.")] = None,
) -> Response:
    """The purposes that a call may have, and the rules by place: what each wants, how well it is proven, when it holds
    and when it was checked. Not legal advice."""
    context.own(team_id)
    return success(**listing(place))
