"""A campaign as a whole, for whoever works on with it elsewhere: exported row by row, or counted."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response
from fastapi.responses import StreamingResponse

from worker.api.envelope import success
from worker.api.models_report import ReportAnswer
from worker.api.request_context import Context
from worker.operations import views_report
from worker.operations.export_text import WHAT, lines_of
from worker.operations.report import read_report

router = APIRouter(prefix="/api/crm/campaigns/{id}", tags=["Campaigns"])

KINDS = {"csv": "text/csv; charset=utf-8", "json-lines": "application/jsonl"}
_CONTENT = {kind.partition(";")[0]: {"schema": {"type": "string"}} for kind in KINDS.values()}
_TABLE: dict[int | str, dict[str, Any]] = {200: {"content": _CONTENT}}


@router.get("/export", response_class=StreamingResponse, responses=_TABLE, summary="Export a campaign")
def export_campaign(
    context: Context,
    id: str,
    what: Annotated[Literal["contacts", "calls"], Query(description="What of the campaign.")] = "contacts",
    form: Annotated[
        Literal["csv", "json-lines"],
        Query(alias="format", description="csv is safe to open in a spreadsheet; json-lines is as it is stored."),
    ] = "csv",
) -> Response:
    """Its contacts as they stand, or its calls, all of them, a line each and as long as it may be; each as it is when
    its turn comes. An answer that breaks off is not whole: ask again."""
    fields, exported = WHAT[what]
    rows = exported(context.dialer, context.team_id, id)
    headers = {"Content-Disposition": f'attachment; filename="{what}.{"csv" if form == "csv" else "jsonl"}"'}
    return StreamingResponse(lines_of(fields, rows, form), media_type=KINDS[form], headers=headers)


@router.get("/report", response_model=ReportAnswer, summary="Count a campaign's calls")
def get_report(context: Context, id: str) -> Response:
    """Calls by hour and disposition, by attempt, by the weekday and hour of the callee, and how many there were at
    once; contacts by how far the campaign has come with them."""
    return success(report=views_report.report(read_report(context.dialer, context.team_id, id)))
