"""The shapes of companies, assistants, carrier accounts and phone numbers, for the OpenAPI document; see
:mod:`worker.api.models`."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, create_model

from worker.api.models import Done, Page, Sent
from worker.carriers import registry
from worker.carriers.spec import AssistantField

TEAM = "Your team; the key's own team is meant anyway."
NOT_BLANK = r"\S"


def request_like(example: dict[str, Any]) -> ConfigDict:
    """The configuration of a request body that looks like this."""
    return ConfigDict(extra="forbid", json_schema_extra={"examples": [example]})


def answer_like(example: dict[str, Any]) -> ConfigDict:
    """The configuration of an object of an answer that looks like this."""
    return ConfigDict(json_schema_extra={"examples": [example]})


def without_default(schema: dict[str, Any]) -> None:
    """Say of a field that may be left out, and is not null, nothing of what Python puts in its place."""
    schema.pop("default")


# ---------------------------------------------------------------------------------------------- companies


class CompanyEdit(Sent):
    """The fields of a company to change."""

    teamId: str | None = Field(None, description=TEAM)
    name: str = Field("", min_length=1, max_length=200, pattern=NOT_BLANK, json_schema_extra=without_default)

    model_config = request_like({"name": "Example Company"})


class NewCompany(CompanyEdit):
    """A company to create."""

    name: str = Field(min_length=1, max_length=200, pattern=NOT_BLANK)


class Company(BaseModel):
    """Whom campaigns call for."""

    id: str
    team_id: str
    name: str
    created_at: datetime

    model_config = answer_like(
        {
            "id": "comp_01j...",
            "team_id": "team_01j...",
            "name": "Example Company",
            "created_at": "2024-01-10T09:00:00Z",
        }
    )


class CompanyAnswer(Done):
    """One company."""

    company: Company


class CompanyList(Page):
    """Companies, newest first."""

    companies: list[Company]


# ---------------------------------------------------------------------------------------------- assistants


def _sent(field: AssistantField) -> Any:
    """A field that a single carrier reads, as requests have it."""
    return str | None, Field(None, min_length=1, max_length=200, pattern=NOT_BLANK, description=field.help)


def _answered() -> Any:
    """The same, as answers have it."""
    return str | None, ...


class _AssistantEdit(Sent):
    """The fields of an assistant to change; null clears one."""

    teamId: str | None = Field(None, description=TEAM)
    name: str = Field("", min_length=1, max_length=200, pattern=NOT_BLANK, json_schema_extra=without_default)
    streamUrl: str | None = Field(
        None, max_length=2000, pattern="^wss?://", description="Where the carrier streams the call's audio to."
    )
    answerUrl: str | None = Field(
        None, max_length=2000, pattern="^https?://", description="Where the carrier asks what to do."
    )

    model_config = request_like({"streamUrl": "wss://voice.example.com/stream"})


AssistantEdit = create_model(
    "AssistantEdit",
    __base__=_AssistantEdit,
    __doc__=_AssistantEdit.__doc__,
    **{field.name: _sent(field) for field in registry.assistant_fields()},
    settings=(dict[str, Any] | None, Field(None, description="Kept and returned as given.")),
)


class NewAssistant(AssistantEdit):
    """An assistant to create."""

    name: str = Field(min_length=1, max_length=200, pattern=NOT_BLANK)

    model_config = request_like({"name": "Ann", "streamUrl": "wss://voice.example.com/stream"})


class _Assistant(BaseModel):
    """Who talks when a callee answers."""

    id: str
    team_id: str
    name: str
    stream_url: str | None
    answer_url: str | None

    model_config = answer_like(
        {
            "id": "asst_01j...",
            "team_id": "team_01j...",
            "name": "Ann",
            "stream_url": "wss://voice.example.com/stream",
            "answer_url": None,
            **{field.key: None for field in registry.assistant_fields()},
            "settings": {},
            "created_at": "2024-01-10T09:00:00Z",
        }
    )


Assistant = create_model(
    "Assistant",
    __base__=_Assistant,
    __doc__=_Assistant.__doc__,
    **{field.key: _answered() for field in registry.assistant_fields()},
    settings=(dict[str, Any], ...),
    created_at=(datetime, ...),
)


class AssistantAnswer(Done):
    """One assistant."""

    assistant: Assistant


class AssistantList(Page):
    """Assistants, newest first."""

    assistants: list[Assistant]


# ---------------------------------------------------------------------------------------------- carrier accounts


class CarrierAccountEdit(Sent):
    """The fields of a carrier account to change."""

    teamId: str | None = Field(None, description=TEAM)
    name: str = Field("", min_length=1, max_length=200, pattern=NOT_BLANK, json_schema_extra=without_default)
    maxConcurrentCalls: int = Field(100, ge=1, le=10_000, description="Simultaneous calls.")
    callsPerSecond: float | None = Field(None, ge=0.01, le=1000, description="How fast calls start; null: no limit.")
    enabled: bool = Field(True, description="Whether calls go through it at all.")

    model_config = request_like({"maxConcurrentCalls": 50})


class NewCarrierAccount(CarrierAccountEdit):
    """A carrier account to create."""

    carrier: str = Field(description="A carrier this deployment can call with.", examples=["simulator"])
    name: str = Field(min_length=1, max_length=200, pattern=NOT_BLANK)

    model_config = request_like({"carrier": "simulator", "name": "Simulator"})


class CarrierAccount(BaseModel):
    """An account with a carrier."""

    id: str
    team_id: str
    carrier: str
    name: str
    max_concurrent_calls: int
    calls_per_second: float | None
    enabled: bool
    resting_until: datetime | None = Field(description="It is backed off, and places no call before this.")
    resting_reason: str | None
    breaker_open: bool = Field(description="It failed too often; after `resting_until` a single call tries it.")
    created_at: datetime

    model_config = answer_like(
        {
            "id": "acct_01j...",
            "team_id": "team_01j...",
            "carrier": "simulator",
            "name": "Simulator",
            "max_concurrent_calls": 100,
            "calls_per_second": None,
            "enabled": True,
            "resting_until": None,
            "resting_reason": None,
            "breaker_open": False,
            "created_at": "2024-01-10T09:00:00Z",
        }
    )


class CarrierAccountAnswer(Done):
    """One carrier account."""

    carrier_account: CarrierAccount


class CarrierAccountList(Page):
    """Carrier accounts, newest first."""

    carrier_accounts: list[CarrierAccount]


# ---------------------------------------------------------------------------------------------- phone numbers


class PhoneNumberEdit(Sent):
    """The fields of a phone number to change."""

    teamId: str | None = Field(None, description=TEAM)
    maxConcurrentCalls: int = Field(10, ge=1, le=1000, description="Simultaneous calls.")
    callsPerSecond: float | None = Field(None, ge=0.01, le=1000, description="How fast calls start; null: no limit.")
    enabled: bool = Field(True, description="Whether it is shown at all.")

    model_config = request_like({"maxConcurrentCalls": 5})


class NewPhoneNumber(PhoneNumberEdit):
    """A phone number to create."""

    number: str = Field(max_length=64, description="With its country code.")
    carrierAccountId: str = Field(min_length=1, max_length=200, description="The account calls are placed through.")

    model_config = request_like({"number": "+12025550123", "carrierAccountId": "acct_01j..."})


class PhoneNumber(BaseModel):
    """A number that campaigns show to those they call."""

    id: str
    team_id: str
    carrier_account_id: str
    number: str = Field(description="In E.164.")
    max_concurrent_calls: int
    calls_per_second: float | None
    enabled: bool
    disabled_reason: str | None = Field(description="Why the dialer took it out of rotation, if it did.")
    resting_until: datetime | None = Field(description="It is shown to nobody before this.")
    created_at: datetime

    model_config = answer_like(
        {
            "id": "pn_01j...",
            "team_id": "team_01j...",
            "carrier_account_id": "acct_01j...",
            "number": "+12025550123",
            "max_concurrent_calls": 10,
            "calls_per_second": None,
            "enabled": True,
            "disabled_reason": None,
            "resting_until": None,
            "created_at": "2024-01-10T09:00:00Z",
        }
    )


class PhoneNumberAnswer(Done):
    """One phone number."""

    phone_number: PhoneNumber


class PhoneNumberList(Page):
    """Phone numbers, newest first."""

    phone_numbers: list[PhoneNumber]
