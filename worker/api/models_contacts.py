"""The shapes of contacts and of the do-not-call list, for the OpenAPI document; see :mod:`worker.api.models`."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, RootModel

from worker.api.models import Done, ErrorDetail, Page, Sent
from worker.api.models_resources import NOT_BLANK, TEAM, answer_like, request_like

# ---------------------------------------------------------------------------------------------- contacts


Tag = Annotated[str, Field(min_length=1, max_length=100, pattern=NOT_BLANK)]


class ContactEdit(Sent):
    """The fields of a contact to change; null clears one."""

    teamId: str | None = Field(None, description=TEAM)
    companyId: str | None = Field(None, max_length=200, min_length=1)
    firstName: str | None = Field(None, max_length=200)
    lastName: str | None = Field(None, max_length=200)
    phone: str | None = Field(
        None,
        max_length=64,
        description="With its country code, or of the team's country: the one the team was given, else the one all its "
        "phone numbers belong to. What cannot be called is kept, and not called.",
    )
    phoneSecondary: str | None = Field(None, max_length=64, description="Kept, never dialed.")
    timezone: str | None = Field(
        None,
        min_length=1,
        max_length=64,
        description="The zone the contact lives in, if it is known: an IANA name, or what people and Windows call it "
        "(`Eastern Time`, `Pacific Standard Time`, a city), read with the country of the number and of the team. What "
        "may be several clocks, and names without summer time that stand for one with it (`EST`), are refused.",
    )
    doNotCall: bool = False
    email: str | None = Field(None, max_length=320)
    customFields: dict[str, Any] | None = Field(None, description="Whatever you want to keep with the contact.")
    tags: list[Tag] | None = Field(None, max_length=100)

    model_config = request_like({"timezone": "America/Chicago", "doNotCall": False})


class NewContact(ContactEdit):
    """A contact to create."""

    model_config = request_like(
        {
            "teamId": "team_01j...",
            "companyId": "comp_01j...",
            "firstName": "Ada",
            "lastName": "Lovelace",
            "phone": "+1 202 555 0123",
            "timezone": "America/New_York",
            "email": "ada@example.com",
            "customFields": {"plan": "gold"},
            "tags": ["trade show"],
        }
    )


class NewContacts(Sent):
    """Contacts to create, all or none."""

    teamId: str | None = Field(None, description=TEAM)
    contacts: list[NewContact] = Field(min_length=1, max_length=10_000)

    model_config = request_like(
        {"contacts": [{"firstName": "Ada", "phone": "+12025550123"}, {"phone": "+12025550124"}]}
    )


class NewContactOrContacts(RootModel[NewContacts | NewContact]):
    """One contact, or a list of them."""


class Contact(BaseModel):
    """A person of the CRM."""

    id: str
    team_id: str
    company_id: str | None
    first_name: str
    last_name: str
    phone: str | None = Field(description="As it was sent.")
    phone_e164: str | None = Field(description="What is dialed.")
    phone_fault: Literal["no_phone_number", "invalid_number"] | None = Field(description="Why nothing is dialed.")
    phone_secondary: str | None
    timezone: str | None
    do_not_call: bool = Field(description="Marked so, or its number is on the team's do-not-call list.")
    email: str | None
    custom_fields: dict[str, Any]
    tags: list[str]
    created_at: datetime
    updated_at: datetime

    model_config = answer_like(
        {
            "id": "cont_01j...",
            "team_id": "team_01j...",
            "company_id": "comp_01j...",
            "first_name": "Ada",
            "last_name": "Lovelace",
            "phone": "+1 202 555 0123",
            "phone_e164": "+12025550123",
            "phone_fault": None,
            "phone_secondary": None,
            "timezone": "America/New_York",
            "do_not_call": False,
            "email": "ada@example.com",
            "custom_fields": {"plan": "gold"},
            "tags": ["trade show"],
            "created_at": "2024-01-10T09:00:00Z",
            "updated_at": "2024-01-10T09:00:00Z",
        }
    )


class ContactAnswer(Done):
    """One contact."""

    contact: Contact


class ContactsAnswer(Done):
    """The contacts that were created, in the order they were sent."""

    contacts: list[Contact]
    count: int


class ContactList(Page):
    """Contacts, newest first."""

    contacts: list[Contact]


class LineError(ErrorDetail):
    """What is said about a line of a file."""

    line: int
    outcome: Literal["refused", "unreadable", "no_consent", "do_not_call", "no_zone"] = Field(
        description="Refused: it is not a contact. Unreadable: its do-not-call is neither yes nor no; it was taken for "
        "yes. No consent: a column that says who may be called says no, and was taken for do-not-call. Do not call: a "
        "column of something else says it in so many words, such as DNC among states, and it binds. No zone: the time "
        "zone of somebody who is not to be called cannot be read."
    )


class ImportAnswer(Done):
    """What became of a file."""

    import_id: str = Field(description="By it do-not-call can be taken back, if it was not meant.")
    lines: int = Field(description="Records of the file, without the first line.")
    imported: int = Field(description="Contacts of the file, made or found.")
    created: int = Field(description="Contacts that are new.")
    updated: int = Field(description="Contacts the team had that were changed.")
    merged: int = Field(description="Lines that are the same person as an earlier one.")
    refused: int = Field(description="Lines that could not be read.")
    uncallable: int = Field(description="Lines whose number cannot be called; they are contacts all the same.")
    do_not_call: int = Field(description="Lines whose person is not to be called.")
    unreadable: int = Field(description="Those among them whose do-not-call could not be read, and binds.")
    custom_fields: list[str] = Field(description="The columns that were kept as custom fields, by the names they have.")
    encoding: str = Field(description="How the file was read.")
    encoding_source: Literal["declared", "byte_order_mark", "assumed"] = Field(
        description="By what: `charset` of the Content-Type, the file's byte order mark, or what its bytes look like."
    )
    contact_ids: list[str] = Field(description="The first 10 000 contacts, in the order of the file.")
    errors: list[LineError] = Field(description="What is wrong with the first 1000 lines with which something is.")
    notes: list[str] = Field(description="What you should know of the file as a whole.")

    model_config = answer_like(
        {
            "success": True,
            "import_id": "imp_01j...",
            "lines": 4,
            "imported": 2,
            "created": 2,
            "updated": 0,
            "merged": 1,
            "refused": 1,
            "uncallable": 0,
            "do_not_call": 0,
            "unreadable": 0,
            "custom_fields": ["plan"],
            "encoding": "utf-8",
            "encoding_source": "assumed",
            "contact_ids": ["cont_01j...", "cont_02k..."],
            "errors": [
                {
                    "path": "line 3",
                    "line": 3,
                    "outcome": "refused",
                    "message": "timezone: Unknown time zone 'Mars'; use an IANA name, such as …",
                }
            ],
            "notes": ["Columns kept as custom fields: plan."],
        }
    )


class UndoneAnswer(Done):
    """What became of the do-not-call an import set."""

    taken_back: int = Field(description="Contacts that may be called again.")
    kept: int = Field(
        description="Contacts it marked that stay as they are: somebody or another import has said so, too, or it was "
        "taken back before."
    )

    model_config = answer_like({"success": True, "taken_back": 2, "kept": 1})


# ---------------------------------------------------------------------------------------------- do not call


class NumbersNotToCall(Sent):
    """Numbers that nobody is to call."""

    teamId: str | None = Field(None, description=TEAM)
    numbers: list[str] = Field(
        min_length=1,
        max_length=10_000,
        description="Each with its country code, or of the team's country, or as the `phone` of a contact is shown.",
    )
    reason: str | None = Field(None, max_length=200)

    model_config = request_like({"numbers": ["+12025550123"], "reason": "asked by mail"})


class BannedNumber(BaseModel):
    """A number that no campaign calls, whoever has it."""

    number: str = Field(description="In E.164.")
    reason: str
    created_at: datetime

    model_config = answer_like(
        {"number": "+12025550123", "reason": "asked by mail", "created_at": "2024-01-10T09:00:00Z"}
    )


class AddedNumbers(Done):
    """What became of the numbers."""

    added: int = Field(description="How many were not on the list before.")


class BannedNumberList(Page):
    """Numbers, those added last first."""

    numbers: list[BannedNumber]
