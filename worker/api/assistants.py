"""Assistants: who talks when a callee answers."""

from __future__ import annotations

from fastapi import APIRouter, Response

from worker.api.contacts import TeamId
from worker.api.envelope import success
from worker.api.idempotency import Answer
from worker.api.models_resources import AssistantAnswer, AssistantEdit, AssistantList, NewAssistant
from worker.api.openapi import takes
from worker.api.request_context import Context, Paged, answered
from worker.carriers import registry
from worker.domain.assistant import api_name
from worker.flow.base import Dialer
from worker.operations import resources
from worker.operations import views_crm as views

router = APIRouter(prefix="/api/crm/assistants", tags=["Assistants"])


@router.get("", response_model=AssistantList, summary="List assistants")
def list_assistants(context: Context, page: Paged, team_id: TeamId = None) -> Response:
    """The team's assistants, newest first."""
    context.own(team_id)
    count, rows = resources.list_parts(
        context.dialer, resources.ASSISTANT, context.team_id, limit=page.limit, offset=page.offset
    )
    shown = [views.assistant(row) for row in rows]
    return success(assistants=shown, count=count, limit=page.limit, offset=page.offset)


def _create_help() -> str:
    """What is said of an assistant's fields: which carrier connects by which."""
    ways = [
        f"{spec.title} connects by {' or '.join(f'`{api_name(key)}`' for key in spec.connects_by)}"
        if spec.connects_by
        else f"{spec.title} needs none of them"
        for spec in registry.specs().values()
    ]
    return (
        "Create an assistant.\n\n`streamUrl` is where the carrier streams the call's audio to, `answerUrl` where it "
        f"asks for instructions; an id is of an assistant that lives at its carrier. {'; '.join(ways)}."
    )


@router.post(
    "",
    response_model=AssistantAnswer,
    summary="Create an assistant",
    description=_create_help(),
    openapi_extra=takes(NewAssistant),
)
def create_assistant(context: Context) -> Response:
    """Create an assistant."""
    sent = context.body()

    def work(dialer: Dialer) -> Answer:
        row = resources.create_assistant(dialer, context.team_id, sent, actor=context.actor)
        return answered(assistant=views.assistant(row))

    return context.do(work)


@router.get("/{id}", response_model=AssistantAnswer, summary="Get an assistant")
def get_assistant(context: Context, id: str) -> Response:
    """Get one assistant."""
    return success(
        assistant=views.assistant(resources.get_part(context.dialer, resources.ASSISTANT, context.team_id, id))
    )


@router.patch("/{id}", response_model=AssistantAnswer, summary="Edit an assistant", openapi_extra=takes(AssistantEdit))
def edit_assistant(context: Context, id: str) -> Response:
    """Change the fields given; null clears one."""
    sent = context.body()

    def work(dialer: Dialer) -> Answer:
        row = resources.edit_assistant(dialer, context.team_id, id, sent, actor=context.actor)
        return answered(assistant=views.assistant(row))

    return context.do(work)
