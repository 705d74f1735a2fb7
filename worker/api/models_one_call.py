"""The shapes of what is done with a single call, and of campaigns made of others, for the OpenAPI document."""

from __future__ import annotations

from pydantic import Field

from worker.api.models import Done
from worker.api.models_campaigns import CAMPAIGN_MODELS, StartedCall
from worker.api.models_progress import CALL_MODEL
from worker.api.models_resources import body_model, shape
from worker.domain.run_request import CLONE, REDIAL, TEST_CALL

TestCall = body_model("TestCall", "The phone to try a campaign with.", TEST_CALL, {"to": "+12025550123"})
Clone = body_model("Clone", "How to copy a campaign.", CLONE, {"name": "Q2 Outreach", "withContacts": True})
Redial = body_model("Redial", "What the new campaign is called.", REDIAL, {"name": "Q1 Outreach, again"})
HungUpCall = shape("HungUpCall", Done, "A call that is to end.", {"call": (CALL_MODEL, Field())})


class TestCallAnswer(Done):
    """The call that tries a campaign; its campaign is one that was made for it."""

    call: StartedCall


CopiedCampaign = shape(
    "CopiedCampaign",
    CAMPAIGN_MODELS.answer,
    "A campaign that was made of another.",
    {"added": (int, Field(description="How many contacts were put into it."))},
)
