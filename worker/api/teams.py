"""A key's own team and the keys of that team. Teams are made by the deployment's operators, on the command line."""

from __future__ import annotations

from fastapi import APIRouter, Response

from worker.api.contacts import TeamId
from worker.api.envelope import success
from worker.api.idempotency import Answer
from worker.api.models_teams import TEAM_MODELS, KeyAnswer, KeyList, NewKey, NewKeyAnswer
from worker.api.openapi import takes
from worker.api.request_context import Context, Paged, RequestContext, answered, refuse_unknown
from worker.domain.answers import KEY
from worker.domain.errors import NotFound
from worker.domain.resources import TEAM
from worker.flow.base import Dialer
from worker.operations import keys, teams
from worker.operations.views import view

router = APIRouter(prefix="/api/crm", tags=["Teams and keys"])


def _own(context: RequestContext, team_id: str) -> None:
    """A key knows no other team than its own."""
    if team_id != context.team_id:
        raise NotFound("team", team_id)


@router.get("/teams", response_model=TEAM_MODELS.listing, summary="List teams")
def list_teams(context: Context, page: Paged, team_id: TeamId = None) -> Response:
    """The team of the key, which is the only one it sees."""
    context.own(team_id)
    own = [view(TEAM.fields, teams.choose_team(context.dialer, context.team_id))][page.offset :]
    return success(teams=own, count=1, limit=page.limit, offset=page.offset)


@router.get("/teams/{id}", response_model=TEAM_MODELS.answer, summary="Get a team")
def get_team(context: Context, id: str) -> Response:
    """The team of the key, by its id."""
    _own(context, id)
    return success(team=view(TEAM.fields, teams.choose_team(context.dialer, id)))


@router.patch(
    "/teams/{id}", response_model=TEAM_MODELS.answer, summary="Edit a team", openapi_extra=takes(TEAM_MODELS.edit)
)
def edit_team(context: Context, id: str) -> Response:
    """Change the name, the country of numbers without a country code, or how many calls the team may have at once.
    Lowering that cuts no live call."""
    sent = context.body()
    sent.pop("teamId", None)
    _own(context, id)

    def work(dialer: Dialer) -> Answer:
        row, steps = teams.edit_team(dialer, id, sent, actor=context.actor)
        return answered(*steps, team=view(TEAM.fields, row))

    return context.do(work)


@router.get("/keys", response_model=KeyList, summary="List the keys of the team")
def list_keys(context: Context, page: Paged, team_id: TeamId = None) -> Response:
    """Newest first, revoked ones too; never their texts."""
    context.own(team_id)
    rows = keys.list_keys(context.dialer, context.team_id)
    found = [view(KEY, row) for row in rows[page.offset : page.offset + page.limit]]
    return success(keys=found, count=len(rows), limit=page.limit, offset=page.offset)


@router.post("/keys", response_model=NewKeyAnswer, summary="Make a key", openapi_extra=takes(NewKey))
def create_key(context: Context) -> Response:
    """`token` is the key's text, which is shown this once: it is not kept, so the same request with the same
    `Idempotency-Key` is answered with null in its place."""
    sent = context.body()
    refuse_unknown(sent, ("teamId", "name", "role"))

    def work(dialer: Dialer) -> Answer:
        row, token = keys.create_key(
            dialer, context.team_id, sent.get("name"), role=sent.get("role"), actor=context.actor
        )
        return Answer({"key": view(KEY, row), "token": token}, unkept=("token",))

    return context.do(work)


@router.post("/keys/{id}/revoke", response_model=KeyAnswer, summary="Revoke a key")
def revoke_key(context: Context, id: str) -> Response:
    """From the answer on the key opens nothing, also where it is the one this request came with. Revoking it again
    changes nothing."""
    context.nothing()

    def work(dialer: Dialer) -> Answer:
        return answered(key=view(KEY, keys.revoke_key(dialer, context.team_id, id, actor=context.actor)))

    return context.do(work)
