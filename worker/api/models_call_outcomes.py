"""The shapes of what an assistant reads and reports of its call, for the OpenAPI document."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, Field

from worker.api.models import Done
from worker.api.models_resources import body_model
from worker.domain.outcomes import REPORT_FIELDS, Effect, Then

Report = body_model(
    "OutcomeReport",
    "What came of a conversation.",
    REPORT_FIELDS,
    {"outcome": "interested", "summary": "Wants an offer by mail.", "data": {"seats": 12}},
)


class CallContextShown(BaseModel):
    """What the assistant of a call may know of the callee."""

    call_id: str
    campaign_id: str
    contact_id: str
    variables: dict[str, str] = Field(description="Empty text for what the contact does not have.")


class CallContextAnswer(Done):
    """What the assistant of a call is sent."""

    context: CallContextShown


class ReportedOutcome(BaseModel):
    """A report, as it was taken."""

    call_id: str
    campaign_id: str
    contact_id: str
    outcome: str
    effect: Effect = Field(description="Whether it decides about the contact, now or at the end of the call.")
    next: Then | None = Field(description="What the word means for the contact, where it decides.")
    retry_after_minutes: int | None
    callback_at: datetime | None = Field(description="When the callee asked to be called again.")
    call_at: datetime | None = Field(description="When it is: then, or when the campaign may call next.")
    callback: str | None = Field(description="The same in a sentence, or why nobody is called back.")
    do_not_call: bool


class OutcomeAnswer(Done):
    """What a report comes to."""

    outcome: ReportedOutcome
