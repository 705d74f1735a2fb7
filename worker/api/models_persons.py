"""The shapes of consents, opt-outs and erasures, and of all that is known of somebody, for the OpenAPI document."""

from __future__ import annotations

from datetime import datetime
from types import GenericAlias
from typing import Literal

from pydantic import BaseModel, Field

from worker.api.models import Done
from worker.api.models_calls import ContactHistory
from worker.api.models_resources import OWN_TEAM, answer, body_model, listing, shape
from worker.domain.answers import BANNED, LISTED
from worker.domain.consents import CONSENT, NEW_CONSENT, OPT_OUT, REVOCATION
from worker.operations.erasures import ERASURE

NewConsents = body_model(
    "NewConsents", "What some numbers have consented to.", (OWN_TEAM, *NEW_CONSENT),
    {each.name: each.example for each in NEW_CONSENT if each.example is not None},
)  # fmt: skip
Revocation = body_model("Revocation", "Who consents no more.", (OWN_TEAM, *REVOCATION), {"numbers": ["+12025550123"]})
NewOptOut = body_model(
    "NewOptOut", "Who wants no more calls: a number, or the callee of a call.", (OWN_TEAM, *OPT_OUT),
    {"callId": "call_01j...", "hangUp": True},
)  # fmt: skip
NewErasure = body_model(
    "NewErasure", "Who is to be erased: one of the three.", (OWN_TEAM, *ERASURE), {"number": "+12025550123"}
)
_CONSENT = answer("Consent", "A consent of a number, or a revocation.", CONSENT)
ConsentList = listing("ConsentList", "Consents and revocations, the latest first.", "consents", _CONSENT)


class AddedConsents(Done):
    """What became of the numbers."""

    added: int = Field(description="Of how many it was not known already, in the same words.")


class RevokedConsents(Done):
    """What became of the numbers."""

    revoked: int = Field(description="How many revocations were written down.")


class OptOutShown(BaseModel):
    """What an opt-out has brought about."""

    number: str = Field(description="In E.164.")
    purpose: str | None = Field(description="What it is not called for any more; none: anything.")
    added: bool = Field(description="Whether it is new to the do-not-call list.")
    live_calls: list[str] = Field(description="The calls to it that are live; `hangUp` ends them.")
    hang_up: bool = Field(description="Whether these are to end now.")


class OptOutAnswer(Done):
    """The number is called no more."""

    opt_out: OptOutShown


class ErasureShown(BaseModel):
    """How far an erasure has come."""

    id: str
    status: Literal["done", "ending_calls", "running"] = Field(
        description="Ending calls: somebody is on the phone, and is hung up first. Running: it goes on by itself."
    )
    contacts: int = Field(description="How many contacts the person was.")
    live_calls: list[str]
    requested_at: datetime
    done_at: datetime | None


class ErasureAnswer(Done):
    """An erasure; 200 when it is done, 202 while it goes on."""

    erasure: ErasureShown


ErasureList = listing("ErasureList", "Erasures, the latest first.", "erasures", ErasureShown)
_ENTRY = answer(
    "ListedNumber", "An entry of a do-not-call list, the team's or the one above teams.", (*BANNED, *LISTED)
)
Everything = shape(
    "Everything",
    ContactHistory,
    "All that is known of somebody.",
    {
        "do_not_call_entries": (GenericAlias(list, _ENTRY), Field()),
        "consents": (GenericAlias(list, _CONSENT), Field()),
    },
)
