"""The shapes of campaigns and of requests about them, for the OpenAPI document."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, Field, create_model

from worker.api.models import Done, Sent
from worker.api.models_resources import answer_like, body_model, models_of, request_like, without_default
from worker.domain.additions import ADDITIONS, PRIORITIES
from worker.domain.campaign import CAMPAIGN, CONTACT_IDS
from worker.domain.model import CallState
from worker.domain.run_request import CANCEL, RUN

CAMPAIGN_MODELS = models_of(CAMPAIGN)
ContactIds = body_model(
    "ContactIds", "Contacts that exist.", CONTACT_IDS, {"contactIds": ["cont_01j...", "cont_02k...", "cont_03l..."]}
)
ContactsToAdd = body_model(
    "ContactsToAdd", "Contacts that exist.", ADDITIONS, {"contactIds": ["cont_01j...", "cont_02k...", "cont_03l..."]}
)
Priorities = body_model(
    "Priorities", "Contacts of a campaign.", PRIORITIES, {"contactIds": ["cont_01j..."], "priority": 1}
)
Run = body_model("Run", "How to run a campaign.", RUN, {"accountSlug": "my-team", "maxCalls": 20})
Cancellation = body_model("Cancellation", "How to cancel a campaign.", CANCEL, {"hangUp": False})


class Schedule(Sent):
    """When a campaign starts by itself."""

    scheduledStartAt: datetime = Field(description="A future instant with an offset.")

    model_config = request_like({"scheduledStartAt": "2027-03-01T09:00:00-05:00"})


class AskedCallback(Sent):
    """When a contact is to be called back."""

    at: datetime = Field(description="A future instant, at most 60 days away; without an offset it is read by the "
                         "contact's clock.")  # fmt: skip

    model_config = request_like({"at": "2027-03-01T17:00:00-05:00"})


WrittenCampaign = create_model(
    "WrittenCampaign",
    __base__=CAMPAIGN_MODELS.answer,
    __doc__="A campaign that was created or edited.",
    warnings=(
        list[str],
        Field(
            [],
            description="What was accepted as it was sent and may not be what was meant, a sentence each, such as a "
            "time zone without summer time or a setting that is nearly one of those known; left out where there is "
            "nothing.",
            json_schema_extra=without_default,
        ),
    ),
)


class StartedCall(BaseModel):
    """A call that was reserved by a run; one of a dry run has no id."""

    id: str | None
    campaign_id: str
    run_id: str | None
    contact_id: str
    from_number: str
    to_number: str
    status: CallState


class WaitingFor(BaseModel):
    """How many wait for one thing."""

    count: int = Field(examples=[212])
    next: datetime | None = Field(description="When it comes for the first of them; null where that is not known, or "
                                  "somebody has to do something.")  # fmt: skip
    places: dict[str, int] = Field(description="How many of them are where, as far as their place decides.",
                                   examples=[{"US-RI": 120, "US-PA": 92}])  # fmt: skip


class WaitingContacts(BaseModel):
    """Contacts that wait, each in one of these, and those that were left out."""

    now: WaitingFor = Field(description="They may be called.")
    later: WaitingFor = Field(description="They are due later: a retry, or put back.")
    hours: WaitingFor = Field(description="It is not the hour for them: by the window, or the rules of their place.")
    frequency: WaitingFor = Field(description="Their number has had its calls for now.")
    consent: WaitingFor = Field(description="Left out, or will be: their place wants a consent that is missing.")
    prohibited: WaitingFor = Field(description="Left out, or will be: the rules of their place forbid such calls.")
    placeUnknown: WaitingFor = Field(description="Nobody knows where they are, and the team holds them.")
    doNotCall: WaitingFor = Field(description="Left out: they want no calls.")


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
        "campaign's, and what hour it is where they are; how many lack what the `variables` name. Of those due "
        "first, at most 1000 are checked."
    )
    missingVariables: list[str] = Field(description="Of a dry run: which of them lack what, a sentence each.")
    waiting: WaitingContacts | None = Field(description="Of a dry run: for what those wait who wait.")

    model_config = answer_like({
        "success": True, "started": 1, "failed": 2,
        "calls": [{"id": "call_01j...", "campaign_id": "camp_01j...", "run_id": "run_01j...",
                   "contact_id": "cont_01j...", "from_number": "+12025551234", "to_number": "+12025550123",
                   "status": "reserved"}],
        "errors": ["Contact cont_09x... has no phone number", "Contact cont_10y... is marked do-not-call"],
        "message": "Started 1 call", "dryRun": False, "runId": "run_01j...", "remaining": 180, "opensAt": None,
        "replacedRunId": None, "warnings": [], "missingVariables": [], "waiting": None,
    })  # fmt: skip
