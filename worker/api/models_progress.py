"""The shapes of what is in a campaign and of how far it has come, for the OpenAPI document."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

from worker.api.models import Done, Page
from worker.domain.model import CallState, CampaignStatus, ContactStatus, Disposition, Reason, RunState

HOW_IT_ENDED = f"How it ended. {'; '.join(f'{each}: {each.traits.sentence}' for each in Disposition)}."


class CampaignContact(BaseModel):
    """A contact in a campaign."""

    contact_id: str
    first_name: str
    last_name: str
    phone: str | None
    timezone: str | None
    do_not_call: bool = Field(description="By its own word or by the team's list: no campaign calls it.")
    status: ContactStatus
    reason: Reason | None = Field(description="Why it was skipped or given up.")
    attempts: int
    due_at: datetime | None = Field(description="The earliest instant of the next attempt, for those that wait.")
    next_call_at: datetime | None = Field(
        description="The earliest that also lies in the call window; none for who is not to be called."
    )
    called: bool
    answered: bool
    added_at: datetime


class CampaignContactList(Page):
    """Contacts of a campaign, those added last first."""

    contacts: list[CampaignContact]


class Removed(Done):
    """How many contacts were removed."""

    removed: int


class Call(BaseModel):
    """One attempt to reach one contact."""

    id: str
    campaign_id: str
    run_id: str
    contact_id: str
    from_number: str
    to_number: str
    status: CallState
    attempt: int | None = Field(
        description="Which attempt at this contact it is; none for a call that was never placed."
    )
    disposition: Disposition | None = Field(description=HOW_IT_ENDED)
    cause: str | None = Field(description="The carrier's code for that, or ours.")
    machine_verdict: str | None
    created_at: datetime
    placed_at: datetime | None
    ringing_at: datetime | None
    answered_at: datetime | None
    ended_at: datetime | None


class CallList(Page):
    """Calls of a campaign, newest first."""

    calls: list[Call]


class CampaignRun(BaseModel):
    """One execution of a campaign."""

    id: str
    campaign_id: str
    status: RunState
    opened_by: Literal["api", "cli", "task", "schedule"]
    max_calls: int | None
    calls_used: int
    opened_at: datetime
    ended_at: datetime | None
    end_reason: str | None


class RunList(Page):
    """Runs of a campaign, newest first."""

    runs: list[CampaignRun]


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
    message: str = Field(examples=["The call window is shut until 2027-03-01T14:00:00Z."])
    until: datetime | None


class Progress(BaseModel):
    """Where a campaign stands."""

    campaign_id: str
    status: CampaignStatus
    contacts: ContactCounts
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
