"""The shapes of what is in a campaign and of how far it has come, for the OpenAPI document."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

from worker.api.models import Done, Reach
from worker.api.models_calls import ClockReading, PassedRule
from worker.api.models_resources import answer, listing, shape
from worker.domain.answers import CALL, CAMPAIGN_CONTACT, RUN
from worker.domain.model import CampaignStatus, Disposition

CampaignContactList = shape(
    "CampaignContactList",
    listing(
        "CampaignContactPage",
        "Contacts of a campaign, those added last first.",
        "contacts",
        answer("CampaignContact", "A contact in a campaign.", CAMPAIGN_CONTACT),
    ),
    "Contacts of a campaign, those added last first.",
    {"next": (str | None, Field(description="What the next page begins behind, for `after`; none: this is the last."))},
)
CALL_MODEL = answer("Call", "One attempt to reach one contact.", CALL)
CallList = listing("CallList", "Calls of a campaign, newest first.", "calls", CALL_MODEL)
RunList = listing(
    "RunList", "Runs of a campaign, newest first.", "runs", answer("CampaignRun", "One execution of a campaign.", RUN)
)


class OutOfReach(BaseModel):
    """Contacts that cannot be called."""

    count: int
    reasons: dict[str, int] = Field(description="How many by each reason, such as `do_not_call`.")


class AddedContacts(Done):
    """What came of adding contacts."""

    added: int = Field(description="Those that are new in the campaign.")
    alreadyThere: int = Field(description="Those that were in it before, and are left as they are.")
    cannotBeCalled: OutOfReach = Field(description="Those of the new ones that cannot be called.")


class Prioritized(Done):
    """What came of giving contacts another priority."""

    changed: int = Field(description="Those that had another one.")


class Callback(BaseModel):
    """When a contact is called back."""

    campaign_id: str
    contact_id: str
    at: datetime = Field(description="The instant that was asked for.")
    call_at: datetime = Field(description="That, or the next one at which the campaign may call the contact.")


class CallbackAnswer(Done):
    """A callback that was asked for."""

    callback: Callback
    message: str = Field(description="The same for people, by the contact's clock, and what else it waits for.")


class CallbackCancelled(Done):
    """Whether there was a callback to take back."""

    cancelled: bool


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
    outcomes_awaited: int = Field(description="Contacts whose call has ended and who wait for its outcome.")
    callbacks: int = Field(description="Contacts that have asked to be called back, and were not yet.")
    max_concurrent_calls: int
    run: CurrentRun | None
    next_due_at: datetime | None = Field(description="When the first contact that waits is due: now or later.")
    next_wake_at: datetime | None = Field(description="When the dialer looks at the campaign again at the latest.")
    activity: Activity


class ProgressAnswer(Done):
    """Where a campaign stands."""

    progress: Progress


class Decided(BaseModel):
    """Whether a contact is called, and why."""

    verdict: Literal["dial", "wait", "never"]
    at: datetime = Field(description="The instant it is decided for.")
    until: datetime | None = Field(
        description="When it may be called; null where that is not known, or somebody has to do something."
    )
    message: str = Field(description="For people, by the callee's clock.")
    places: list[str] = Field(description="By the law of which places.", examples=[["US-IN"]])
    clocks: list[ClockReading] = Field(description="What the clocks of wherever the callee may be read then.")
    because: list[PassedRule] = Field(description="Why: rules of law with their source, and words of ours without.")


class DecisionAnswer(Done):
    """What is decided about a contact of a campaign."""

    decision: Decided
