"""Companies, assistants, phone numbers, carrier accounts: what a campaign is made of. Their routes are those that every
plain resource has, made of its declaration: list, create, get, edit."""

from __future__ import annotations

from fastapi import APIRouter, Response

from worker.api.contacts import TeamId
from worker.api.envelope import success
from worker.api.idempotency import Answer
from worker.api.models_resources import models_of
from worker.api.openapi import takes
from worker.api.request_context import Context, Paged, answered
from worker.domain.resources import Resource
from worker.flow.base import Dialer
from worker.operations.assistants import RESOURCES
from worker.operations.resources import create_resource, edit_resource, get_resource, list_resources


def router_of(resource: Resource) -> APIRouter:
    """The routes of a plain resource."""
    one, models = resource.one, models_of(resource)
    clears = "; null clears one" if resource.clears_by_null else ""
    router = APIRouter(prefix=f"/api/crm/{resource.path}", tags=[resource.plural.capitalize()])

    @router.get(
        "",
        response_model=models.listing,
        name=f"list_{resource.nouns}",
        summary=f"List {resource.plural}",
        description=f"The team's {resource.plural}, newest first.",
    )
    def list_them(context: Context, page: Paged, team_id: TeamId = None) -> Response:
        context.own(team_id)
        count, found = list_resources(
            context.dialer, resource, context.team_id, limit=page.limit, offset=page.offset
        )  # fmt: skip
        return success(**{resource.many: found}, count=count, limit=page.limit, offset=page.offset)

    @router.post(
        "",
        response_model=models.answer,
        name=f"create_{resource.noun}",
        summary=f"Create {resource.a}",
        description=f"Create {resource.a}.\n\n{resource.on_create}".strip(),
        openapi_extra=takes(models.new),
    )
    def create(context: Context) -> Response:
        sent = context.body()

        def work(dialer: Dialer) -> Answer:
            made = create_resource(dialer, resource, context.team_id, sent, actor=context.actor)
            return answered(**{one: made})

        return context.do(work)

    @router.get(
        "/{id}",
        response_model=models.answer,
        name=f"get_{resource.noun}",
        summary=f"Get {resource.a}",
        description=f"Get one {resource.what}.",
    )
    def get(context: Context, id: str) -> Response:
        return success(**{one: get_resource(context.dialer, resource, context.team_id, id)})

    @router.patch(
        "/{id}",
        response_model=models.answer,
        name=f"edit_{resource.noun}",
        summary=f"Edit {resource.a}",
        description=f"Change the fields given{clears}.\n\n{resource.on_edit}".strip(),
        openapi_extra=takes(models.edit),
    )
    def edit(context: Context, id: str) -> Response:
        sent = context.body()

        def work(dialer: Dialer) -> Answer:
            edited, steps = edit_resource(dialer, resource, context.team_id, id, sent, actor=context.actor)
            return answered(*steps, **{one: edited})

        return context.do(work)

    return router


ROUTERS = [router_of(each) for each in RESOURCES]
