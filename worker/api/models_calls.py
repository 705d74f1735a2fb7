"""The shapes of calls and of a person's story, for the OpenAPI document; see :mod:`worker.api.models`."""

from __future__ import annotations

from datetime import datetime
from types import GenericAlias

from pydantic import BaseModel, Field

from worker.api.models import Done, KeyPage, Page
from worker.api.models_contacts import CONTACT_MODELS
from worker.api.models_resources import answer, shape
from worker.domain.answers import CALL_EVENT, DO_NOT_CALL, EDIT, EVIDENCE, STORY_CAMPAIGN, TEAM_CALL

TeamCall = answer("TeamCall", "One attempt to reach one contact, and what its carrier calls it.", TEAM_CALL)
CallEvent = answer("CallEvent", "What a carrier said of a call.", CALL_EVENT)
TeamCallList = shape(
    "TeamCallList", KeyPage, "Calls of the team.", {"calls": (GenericAlias(list, TeamCall), Field())}
)  # fmt: skip
CallAnswer = shape(
    "CallAnswer",
    Done,
    "One call, and what its carrier said, in the order in which it came.",
    {"call": (TeamCall, Field()), "events": (GenericAlias(list, CallEvent), Field())},
)


class ClockReading(BaseModel):
    """What the clock of a zone read."""

    zone: str = Field(examples=["America/New_York"])
    local: str = Field(description="With its offset from UTC.", examples=["2027-03-01T12:00:03-05:00"])


class PassedRule(BaseModel):
    """A rule that let a call pass, or that keeps one from passing."""

    rule: str = Field(examples=["us.fcc.hours"])
    text: str | None = Field(description="What it says; null where this version has it no more.")
    source: str | None = Field(description="Where it is written.", examples=["47 CFR 64.1200(c)(1)"])


Evidence = shape(
    "Evidence",
    answer("EvidentCall", "A call, and what let it pass.", EVIDENCE),
    "A call, and what let it pass.",
    {
        "clocks": (list[ClockReading], Field(description="What the clocks of wherever the callee might be read then.")),
        "rules": (list[PassedRule], Field(description="The rules that bound it, all of which let it pass.")),
    },
)
EvidenceList = shape(
    "EvidenceList", Page, "Calls to one number, the oldest first.", {"calls": (GenericAlias(list, Evidence), Field())}
)  # fmt: skip


class Standing(BaseModel):
    """Why somebody waits in a campaign, or is not called there any more."""

    code: str = Field(examples=["window_shut"])
    message: str = Field(
        description="For people, by the clock of the contact.",
        examples=["The call window is shut for it until Tue 09:00 New York, in 16 h."],
    )
    until: datetime | None
    is_over: bool = Field(description="Nobody calls it there any more, unless something is mended or it is put back.")


StoryCampaign = shape(
    "StoryCampaign",
    answer("CampaignOfContact", "A campaign that a contact is in.", STORY_CAMPAIGN),
    "A campaign that a contact is in, and what becomes of it there.",
    {"standing": (Standing, Field())},
)
StoryCall = shape(
    "StoryCall", TeamCall, "A call, and what its carrier said.", {"events": (GenericAlias(list, CallEvent), Field())}
)
ContactHistory = shape(
    "ContactHistory",
    Done,
    "Everything about one contact: the latest 50 campaigns, 100 calls and 100 edits.",
    {
        "contact": (CONTACT_MODELS.shown, Field()),
        "do_not_call": (answer("ContactDoNotCall", "By which word nobody calls a contact.", DO_NOT_CALL), Field()),
        "campaigns": (GenericAlias(list, StoryCampaign), Field()),
        "calls": (GenericAlias(list, StoryCall), Field()),
        "edits": (GenericAlias(list, answer("Edit", "What somebody did.", EDIT)), Field()),
    },
)
