"""What moves a campaign through its life: schedule, run, pause, resume, complete, cancel."""

from __future__ import annotations

from fastapi import APIRouter, Response

from worker.api.campaigns import show
from worker.api.idempotency import Answer
from worker.api.models_campaigns import CAMPAIGN_MODELS, Cancellation, Run, RunAnswer, Schedule
from worker.api.openapi import takes
from worker.api.request_context import Context, answered
from worker.domain.fields import MISSING
from worker.domain.run_request import parse_cancellation, parse_run
from worker.flow import admit, close, stop
from worker.flow.base import Dialer
from worker.operations import campaigns, views

router = APIRouter(prefix="/api/crm/campaigns/{id}", tags=["Campaigns"])


@router.post("/run", response_model=RunAnswer, summary="Start a campaign", openapi_extra=takes(Run, is_required=False))
def run_campaign(context: Context, id: str) -> Response:
    """Open a run: contacts that wait are called, up to the campaign's limits at once, until all are reached or
    `maxCalls` is used up. The answer names the calls handed to the workers by this request, and the contacts that
    cannot be called. With `dryRun` it says what would happen now, and nothing does."""
    wanted = parse_run(context.body(is_optional=True))

    def work(dialer: Dialer) -> Answer:
        result, steps = admit.run_campaign(
            dialer,
            id,
            opened_by="api",
            actor=context.actor,
            max_calls=wanted.max_calls,
            dry_run=wanted.dry_run,
            team_id=context.team_id,
            account_slug=wanted.account_slug,
        )
        return answered(*steps, **views.run_answer(result))

    return context.do(work, in_one=False)


@router.post(
    "/schedule", response_model=CAMPAIGN_MODELS.answer, summary="Schedule a campaign", openapi_extra=takes(Schedule)
)
def schedule_campaign(context: Context, id: str) -> Response:
    """Let a draft start by itself, or move the instant of a scheduled campaign."""
    at = context.nothing("scheduledStartAt").get("scheduledStartAt", MISSING)

    def work(dialer: Dialer) -> Answer:
        campaigns.schedule(dialer, id, at, actor=context.actor, team_id=context.team_id)
        return show(context, dialer, id)

    return context.do(work)


@router.post("/unschedule", response_model=CAMPAIGN_MODELS.answer, summary="Make a scheduled campaign a draft again")
def unschedule_campaign(context: Context, id: str) -> Response:
    """The campaign no longer starts by itself."""
    context.nothing()

    def work(dialer: Dialer) -> Answer:
        campaigns.unschedule(dialer, id, actor=context.actor, team_id=context.team_id)
        return show(context, dialer, id)

    return context.do(work)


@router.post("/pause", response_model=CAMPAIGN_MODELS.answer, summary="Pause a campaign")
def pause_campaign(context: Context, id: str) -> Response:
    """Once this is answered no further call is placed. Calls that still wait at the carrier are cancelled; those
    that ring or talk go on, and their results are recorded. One that is paused already stays as it is."""
    context.nothing()

    def work(dialer: Dialer) -> Answer:
        steps = stop.pause_campaign(dialer, id, actor=context.actor, team_id=context.team_id)
        return show(context, dialer, id, *steps)

    return context.do(work)


@router.post("/resume", response_model=CAMPAIGN_MODELS.answer, summary="Resume a paused campaign")
def resume_campaign(context: Context, id: str) -> Response:
    """Go on with the run that was paused. One that has used its `maxCalls` cannot be resumed; open a new run."""
    context.nothing()

    def work(dialer: Dialer) -> Answer:
        steps = admit.resume(dialer, id, actor=context.actor, team_id=context.team_id)
        return show(context, dialer, id, *steps)

    return context.do(work, in_one=False)


@router.post("/complete", response_model=CAMPAIGN_MODELS.answer, summary="End a campaign by hand")
def complete_campaign(context: Context, id: str) -> Response:
    """Call nobody more: every contact that waits reads as cancelled at once, with the reason `campaign_ended`. Calls
    that ring or talk go on; once they have ended the campaign is completed. One that is ending, or completed, stays as
    it is."""
    context.nothing()

    def work(dialer: Dialer) -> Answer:
        steps = close.complete_campaign(dialer, id, actor=context.actor, team_id=context.team_id)
        return show(context, dialer, id, *steps)

    return context.do(work, in_one=False)


@router.post(
    "/cancel",
    response_model=CAMPAIGN_MODELS.answer,
    summary="Cancel a campaign",
    openapi_extra=takes(Cancellation, is_required=False),
)
def cancel_campaign(context: Context, id: str) -> Response:
    """Stop the campaign for good. As with a pause, calls that ring or talk go on, unless `hangUp` is true; every
    contact that waits reads as cancelled at once. One that is cancelled already stays so, and with `hangUp` loses the
    calls it had left alone."""
    hang_up = parse_cancellation(context.body(is_optional=True))

    def work(dialer: Dialer) -> Answer:
        steps = stop.cancel_campaign(dialer, id, hang_up=hang_up, actor=context.actor, team_id=context.team_id)
        return show(context, dialer, id, *steps)

    return context.do(work)
