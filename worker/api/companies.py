"""Companies: whom campaigns call for."""

from __future__ import annotations

from fastapi import APIRouter, Response

from worker.api import views_crm as views
from worker.api.asking import Ask, Paged, answered
from worker.api.contacts import TeamId
from worker.api.envelope import success
from worker.api.idempotency import Answer
from worker.api.models_parts import CompanyAnswer, CompanyEdit, CompanyList, NewCompany
from worker.api.openapi import takes
from worker.flow import parts
from worker.flow.base import Dialer

router = APIRouter(prefix="/api/crm/companies", tags=["Companies"])


@router.get("", response_model=CompanyList, summary="List companies")
def list_companies(ask: Ask, page: Paged, team_id: TeamId = None) -> Response:
    """The team's companies, newest first."""
    ask.own(team_id)
    count, rows = parts.list_parts(ask.dialer, parts.COMPANY, ask.team_id, limit=page.limit, offset=page.offset)
    return success(companies=[views.company(row) for row in rows], count=count, limit=page.limit, offset=page.offset)


@router.post("", response_model=CompanyAnswer, summary="Create a company", openapi_extra=takes(NewCompany))
def create_company(ask: Ask) -> Response:
    """Create a company."""
    sent = ask.body()

    def work(dialer: Dialer) -> Answer:
        return answered(company=views.company(parts.create_company(dialer, ask.team_id, sent, actor=ask.actor)))

    return ask.do(work)


@router.get("/{id}", response_model=CompanyAnswer, summary="Get a company")
def get_company(ask: Ask, id: str) -> Response:
    """Get one company."""
    return success(company=views.company(parts.get_part(ask.dialer, parts.COMPANY, ask.team_id, id)))


@router.patch("/{id}", response_model=CompanyAnswer, summary="Edit a company", openapi_extra=takes(CompanyEdit))
def edit_company(ask: Ask, id: str) -> Response:
    """Change the fields given."""
    sent = ask.body()

    def work(dialer: Dialer) -> Answer:
        row = parts.edit_company(dialer, ask.team_id, id, sent, actor=ask.actor)
        return answered(company=views.company(row))

    return ask.do(work)
