"""The shapes of campaigns and of what is asked of them, for the OpenAPI document."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from worker.api.models import Done, Page, Sent
from worker.api.models_resources import NOT_BLANK, without_default
from worker.domain.model import CallState, CampaignStatus

HH_MM = r"^([01][0-9]|2[0-3]):[0-5][0-9]$"
HH_MM_OR_24 = r"^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$"

# ---------------------------------------------------------------------------------------------- requests


class NewCampaign(Sent):
    """A campaign to create."""

    teamId: str = Field(description="The team that owns the campaign: the key's.", min_length=1, max_length=200)
    assistantId: str = Field(description="The assistant that talks.", min_length=1, max_length=200)
    companyId: str = Field(description="The company the campaign belongs to.", min_length=1, max_length=200)
    fromNumberIds: list[str] = Field(
        description="Phone numbers to show as the caller; calls rotate over them.", min_length=1, max_length=500
    )
    name: str = Field(description="A name for people.", min_length=1, max_length=200, pattern=NOT_BLANK)
    description: str | None = Field(None, description="What the campaign is for.", max_length=10_000)
    scheduledStartAt: datetime | None = Field(
        None, description="When it starts by itself: a future instant with an offset. Left out, you run it."
    )
    callWindowStart: str | None = Field(None, description="Calls go out from this time of day on.", pattern=HH_MM)
    callWindowEnd: str | None = Field(None, description="No call goes out from this time on.", pattern=HH_MM_OR_24)
    callWindowTimezone: str | None = Field(
        None,
        min_length=1,
        description="The IANA zone the window is in. All three window fields are given, or none. A name without summer "
        "time, such as `EST`, is taken as it is, and warned of.",
    )
    maxConcurrentCalls: int | None = Field(3, description="Simultaneous calls.", ge=1, le=1000)
    maxAttemptsPerContact: int | None = Field(
        3, description="Calls one contact may get in all, the first included.", ge=1, le=20
    )
    retryDelayMinutes: int | None = Field(
        60, description="From the end of a call to the next attempt.", ge=0, le=43_200
    )
    settings: dict[str, Any] | None = Field(
        None,
        description="Kept and returned as given. Known here: retryDelays (minutes by disposition), "
        "useContactTimezone (false: every contact is called in the campaign's zone), machineDetection (an object: "
        "the carrier listens for answering machines; onMachine: retry or complete, hangUp: true or false).",
    )

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "teamId": "team_01j...",
                    "assistantId": "asst_01j...",
                    "companyId": "comp_01j...",
                    "fromNumberIds": ["pn_01j..."],
                    "name": "Q1 Trade Show Follow-Up",
                    "description": "Follow up with leads from the January trade show",
                    "callWindowStart": "09:00",
                    "callWindowEnd": "17:00",
                    "callWindowTimezone": "America/New_York",
                    "maxConcurrentCalls": 5,
                    "maxAttemptsPerContact": 3,
                    "retryDelayMinutes": 60,
                }
            ]
        },
    )


class CampaignEdit(Sent):
    """The fields of a campaign to change."""

    assistantId: str = Field("", min_length=1, max_length=200, json_schema_extra=without_default)
    companyId: str = Field("", min_length=1, max_length=200, json_schema_extra=without_default)
    fromNumberIds: list[str] = Field([], min_length=1, max_length=500, json_schema_extra=without_default)
    name: str = Field("", min_length=1, max_length=200, pattern=NOT_BLANK, json_schema_extra=without_default)
    description: str | None = Field(None, max_length=10_000)
    callWindowStart: str | None = Field(None, pattern=HH_MM)
    callWindowEnd: str | None = Field(None, pattern=HH_MM_OR_24)
    callWindowTimezone: str | None = Field(None, min_length=1)
    maxConcurrentCalls: int | None = Field(None, ge=1, le=1000)
    maxAttemptsPerContact: int | None = Field(None, ge=1, le=20)
    retryDelayMinutes: int | None = Field(None, ge=0, le=43_200)
    settings: dict[str, Any] | None = None

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"maxConcurrentCalls": 8}]})


class ContactIds(Sent):
    """Contacts that exist."""

    contactIds: list[str] = Field(min_length=1, max_length=10_000)

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"contactIds": ["cont_01j...", "cont_02k...", "cont_03l..."]}]},
    )


class Run(Sent):
    """How to run a campaign."""

    accountSlug: str | None = Field(None, description="The slug of the campaign's team.", min_length=1, max_length=100)
    maxCalls: int | None = Field(
        None, description="Most calls this run places, retries included.", ge=1, le=2_000_000_000
    )
    dryRun: bool | None = Field(False, description="Say what would happen now, and change nothing.")

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"accountSlug": "my-team", "maxCalls": 20}]}
    )


class Schedule(Sent):
    """When a campaign starts by itself."""

    scheduledStartAt: datetime = Field(description="A future instant with an offset.")

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"scheduledStartAt": "2027-03-01T09:00:00-05:00"}]}
    )


class Cancellation(Sent):
    """How to cancel a campaign."""

    hangUp: bool | None = Field(False, description="End its live calls too.")

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"hangUp": False}]})


# ---------------------------------------------------------------------------------------------- answers


class Campaign(BaseModel):
    """A campaign. Its counters count contacts, not calls."""

    id: str
    team_id: str
    assistant_id: str
    company_id: str
    name: str
    description: str | None
    from_number: str | None = Field(description="The first of its numbers.")
    from_numbers: list[str]
    from_number_ids: list[str]
    status: CampaignStatus
    pause_reason: str | None = Field(description="`requested`, `max_calls_reached`, or what stopped it.")
    scheduled_start_at: datetime | None
    call_window_start: str | None
    call_window_end: str | None
    call_window_timezone: str | None
    max_concurrent_calls: int
    max_attempts_per_contact: int
    retry_delay_minutes: int
    settings: dict[str, Any]
    run_id: str | None = Field(description="The newest run; it governs.")
    total_contacts: int
    contacts_called: int = Field(description="Had a call that was accepted by, or may have reached, the carrier.")
    contacts_completed: int = Field(description="Are in a terminal state after at least one call.")
    contacts_answered: int = Field(description="Answered at least once.")
    created_at: datetime
    updated_at: datetime
    completed_at: datetime | None
    deleted_at: datetime | None

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "camp_01j...",
                    "team_id": "team_01j...",
                    "assistant_id": "asst_01j...",
                    "company_id": "comp_01j...",
                    "name": "Q1 Outreach",
                    "description": "Qualify leads from the January trade show",
                    "from_number": "+12025551234",
                    "from_numbers": ["+12025551234"],
                    "from_number_ids": ["pn_01j..."],
                    "status": "running",
                    "pause_reason": None,
                    "scheduled_start_at": None,
                    "call_window_start": "09:00",
                    "call_window_end": "17:00",
                    "call_window_timezone": "America/New_York",
                    "max_concurrent_calls": 5,
                    "max_attempts_per_contact": 3,
                    "retry_delay_minutes": 60,
                    "settings": {},
                    "run_id": "run_01j...",
                    "total_contacts": 200,
                    "contacts_called": 80,
                    "contacts_completed": 65,
                    "contacts_answered": 55,
                    "created_at": "2024-01-10T09:00:00Z",
                    "updated_at": "2024-01-15T14:30:00Z",
                    "completed_at": None,
                    "deleted_at": None,
                }
            ]
        }
    )


class CampaignAnswer(Done):
    """One campaign."""

    campaign: Campaign


class WrittenCampaign(CampaignAnswer):
    """A campaign that was created or edited."""

    warnings: list[str] = Field(
        [],
        description="What was accepted as it was sent and may not be what was meant, a sentence each, such as a time "
        "zone without summer time or a setting that is nearly one of those known; left out where there is nothing.",
        json_schema_extra=without_default,
    )


class CampaignList(Page):
    """Campaigns, newest first."""

    campaigns: list[Campaign]


class StartedCall(BaseModel):
    """A call that was reserved by a run; one of a dry run has no id."""

    id: str | None
    campaign_id: str
    run_id: str | None
    contact_id: str
    from_number: str
    to_number: str
    status: CallState


class RunAnswer(Done):
    """What a run has started."""

    started: int = Field(description="Calls reserved and handed to the workers by this request.")
    failed: int = Field(description="Contacts that cannot be called.")
    calls: list[StartedCall]
    errors: list[str] = Field(description="Why contacts cannot be called, for at most 1000 of them.")
    message: str
    dryRun: bool
    runId: str | None
    remaining: int = Field(description="Contacts that still wait.")
    opensAt: datetime | None = Field(description="When the call window opens, if it is shut now.")
    replacedRunId: str | None = Field(description="The run that was open until this one was opened.")
    warnings: list[str] = Field(
        description="What to look at: how many numbers of contacts without a time zone of their own cannot be in the "
        "campaign's, and what hour it is where they are. Of those due first, at most 1000 are checked."
    )

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "success": True,
                    "started": 1,
                    "failed": 2,
                    "calls": [
                        {
                            "id": "call_01j...",
                            "campaign_id": "camp_01j...",
                            "run_id": "run_01j...",
                            "contact_id": "cont_01j...",
                            "from_number": "+12025551234",
                            "to_number": "+12025550123",
                            "status": "reserved",
                        }
                    ],
                    "errors": [
                        "Contact cont_09x... has no phone number",
                        "Contact cont_10y... is marked do-not-call",
                    ],
                    "message": "Started 1 call",
                    "dryRun": False,
                    "runId": "run_01j...",
                    "remaining": 180,
                    "opensAt": None,
                    "replacedRunId": None,
                    "warnings": [],
                }
            ]
        }
    )
