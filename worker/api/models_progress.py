"""The shapes of what is in a campaign and of how far it has come, for the OpenAPI document."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

from worker.api.models import Done, Reach
from worker.api.models_resources import answer, listing
from worker.domain.answers import CALL, CAMPAIGN_CONTACT, RUN
from worker.domain.model import CampaignStatus, Disposition

CampaignContactList = listing(
    "CampaignContactList",
    "Contacts of a campaign, those added last first.",
    "contacts",
    answer("CampaignContact", "A contact in a campaign.", CAMPAIGN_CONTACT),
)
CALL_MODEL = answer("Call", "One attempt to reach one contact.", CALL)
CallList = listing("CallList", "Calls of a campaign, newest first.", "calls", CALL_MODEL)
RunList = listing(
    "RunList", "Runs of a campaign, newest first.", "runs", answer("CampaignRun", "One execution of a campaign.", RUN)
)


class Removed(Done):
    """How many contacts were removed."""

    removed: int


class ContactCounts(BaseModel):
    """A campaign's contacts by status."""

    total: int
    pending: int
    queued: int
    calling: int
    completed: int
    exhausted: int
    failed: int
    skipped: int
    cancelled: int


class CurrentRun(BaseModel):
    """The newest run."""

    id: str
    is_open: bool
    opened_by: Literal["api", "cli", "task", "schedule"]
    opened_at: datetime
    max_calls: int | None
    calls_used: int


class Activity(BaseModel):
    """What a campaign is doing, or why nothing is dialed."""

    code: str = Field(examples=["window_shut"])
    message: str = Field(examples=["The call window is shut until 09:00 New York, in 8 h."])
    until: datetime | None


class Progress(BaseModel):
    """Where a campaign stands."""

    campaign_id: str
    status: CampaignStatus
    contacts: ContactCounts
    reach: Reach
    contacts_called: int
    contacts_completed: int
    contacts_answered: int
    calls: dict[Disposition, int] = Field(description="Calls that ended, by disposition.")
    live_calls: int
    max_concurrent_calls: int
    run: CurrentRun | None
    next_due_at: datetime | None = Field(description="When the first contact that waits is due: now or later.")
    next_wake_at: datetime | None = Field(description="When the dialer looks at the campaign again at the latest.")
    activity: Activity


class ProgressAnswer(Done):
    """Where a campaign stands."""

    progress: Progress
