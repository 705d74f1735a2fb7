"""Companies: whom campaigns call for."""

from __future__ import annotations

from fastapi import APIRouter, Response

from worker.api.contacts import TeamId
from worker.api.envelope import success
from worker.api.idempotency import Answer
from worker.api.models_resources import CompanyAnswer, CompanyEdit, CompanyList, NewCompany
from worker.api.openapi import takes
from worker.api.request_context import Context, Paged, answered
from worker.flow.base import Dialer
from worker.operations import resources
from worker.operations import views_crm as views

router = APIRouter(prefix="/api/crm/companies", tags=["Companies"])


@router.get("", response_model=CompanyList, summary="List companies")
def list_companies(context: Context, page: Paged, team_id: TeamId = None) -> Response:
    """The team's companies, newest first."""
    context.own(team_id)
    count, rows = resources.list_parts(
        context.dialer, resources.COMPANY, context.team_id, limit=page.limit, offset=page.offset
    )
    return success(companies=[views.company(row) for row in rows], count=count, limit=page.limit, offset=page.offset)


@router.post("", response_model=CompanyAnswer, summary="Create a company", openapi_extra=takes(NewCompany))
def create_company(context: Context) -> Response:
    """Create a company."""
    sent = context.body()

    def work(dialer: Dialer) -> Answer:
        return answered(
            company=views.company(resources.create_company(dialer, context.team_id, sent, actor=context.actor))
        )

    return context.do(work)


@router.get("/{id}", response_model=CompanyAnswer, summary="Get a company")
def get_company(context: Context, id: str) -> Response:
    """Get one company."""
    return success(company=views.company(resources.get_part(context.dialer, resources.COMPANY, context.team_id, id)))


@router.patch("/{id}", response_model=CompanyAnswer, summary="Edit a company", openapi_extra=takes(CompanyEdit))
def edit_company(context: Context, id: str) -> Response:
    """Change the fields given."""
    sent = context.body()

    def work(dialer: Dialer) -> Answer:
        row = resources.edit_company(dialer, context.team_id, id, sent, actor=context.actor)
        return answered(company=views.company(row))

    return context.do(work)
