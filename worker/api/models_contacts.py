"""The shapes of contacts and of the do-not-call list, for the OpenAPI document; see :mod:`worker.api.models`."""

from __future__ import annotations

from dataclasses import replace
from types import GenericAlias
from typing import Literal

from pydantic import Field, RootModel, create_model

from worker.api.models import Done, ErrorDetail, KeyPage, Sent
from worker.api.models_resources import (
    OWN_TEAM,
    TEAM,
    answer,
    answer_like,
    body_model,
    listing,
    models_of,
    shape,
)
from worker.domain.answers import BANNED
from worker.domain.contact import CONTACT
from worker.domain.paging import MOST_AT_ONCE
from worker.domain.resources import BAN

# ---------------------------------------------------------------------------------------------- contacts


_MODELS = models_of(CONTACT)
_LIST = {"contacts": (GenericAlias(list, _MODELS.shown), Field())}
CONTACT_MODELS = replace(_MODELS, listing=shape("ContactList", KeyPage, "Contacts, newest first.", _LIST))
ContactUpsert = body_model(
    "ContactUpsert",
    "The fields of a contact to make or to change; null clears one.",
    (OWN_TEAM, *CONTACT.settable(is_new=False)),
    {"firstName": "Ada", "phone": "+12025550123"},
    is_new=False,
)
UpsertAnswer = shape(
    "UpsertAnswer",
    Done,
    "The contact as it is now.",
    {"contact": (_MODELS.shown, Field()), "created": (bool, Field(description="Whether it is new."))},
)


NewContacts = shape(
    "NewContacts",
    Sent,
    "Contacts to create, all or none.",
    {
        "teamId": (str | None, Field(None, description=TEAM)),
        "contacts": (GenericAlias(list, CONTACT_MODELS.new), Field(min_length=1, max_length=MOST_AT_ONCE)),
    },
    {"contacts": [{"firstName": "Ada", "phone": "+12025550123"}, {"phone": "+12025550124"}]},
)
NewContactOrContacts = create_model(
    "NewContactOrContacts",
    __base__=RootModel[NewContacts | CONTACT_MODELS.new],  # type: ignore[valid-type, name-defined]  # made, not written
    __doc__="One contact, or a list of them.",
)
ContactsAnswer = shape(
    "ContactsAnswer",
    Done,
    "The contacts that were created, in the order they were sent.",
    {"contacts": (GenericAlias(list, CONTACT_MODELS.shown), Field()), "count": (int, Field())},
)


class LineError(ErrorDetail):
    """What is said about a line of a file."""

    line: int
    outcome: Literal["refused", "unreadable", "no_consent", "do_not_call", "no_zone", "no_place"] = Field(
        description="Refused: it is not a contact. Unreadable: its do-not-call is neither yes nor no; it was taken for "
        "yes. No consent: a column that says who may be called says no, and was taken for do-not-call. Do not call: a "
        "column of something else says it in so many words, such as DNC among states, and it binds. No zone: the time "
        "zone of somebody who is not to be called cannot be read. No place: a country, a state, a postal code or a "
        "confirmation cannot be read, and was left out."
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
    placed: dict[str, int] = Field(
        description="Lines with a number that can be called, by what says where they are; `unknown` where nothing does."
    )
    custom_fields: list[str] = Field(description="The columns that were kept as custom fields, by the names they have.")
    encoding: str = Field(description="How the file was read.")
    encoding_source: Literal["declared", "byte_order_mark", "assumed"] = Field(
        description="By what: `charset` of the Content-Type, the file's byte order mark, or what its bytes look like."
    )
    contact_ids: list[str] = Field(description="The first 10 000 contacts, in the order of the file.")
    errors: list[LineError] = Field(description="What is wrong with the first 1000 lines with which something is.")
    notes: list[str] = Field(description="What you should know of the file as a whole.")

    model_config = answer_like({
        "success": True, "import_id": "imp_01j...", "lines": 4, "imported": 2, "created": 2, "updated": 0, "merged": 1,
        "refused": 1, "uncallable": 0, "do_not_call": 0, "unreadable": 0,
        "placed": {"timezone": 1, "area_code": 2}, "custom_fields": ["plan"], "encoding": "utf-8",
        "encoding_source": "assumed", "contact_ids": ["cont_01j...", "cont_02k..."],
        "errors": [{"path": "line 3", "line": 3, "outcome": "refused",
                    "message": "timezone: Unknown time zone 'Mars'; use an IANA name, such as …"}],
        "notes": ["Columns kept as custom fields: plan."],
    })  # fmt: skip


class UndoneAnswer(Done):
    """What became of the do-not-call an import set."""

    taken_back: int = Field(description="Contacts that may be called again.")
    kept: int = Field(
        description="Contacts it marked that stay as they are: somebody or another import has said so, too, or it was "
        "taken back before."
    )

    model_config = answer_like({"success": True, "taken_back": 2, "kept": 1})


# ---------------------------------------------------------------------------------------------- do not call


NumbersNotToCall = body_model(
    "NumbersNotToCall",
    "Numbers that nobody is to call.",
    (OWN_TEAM, *BAN),
    {each.name: each.example for each in BAN},
)


class AddedNumbers(Done):
    """What became of the numbers."""

    added: int = Field(description="How many were not on the list before.")


BannedNumberList = listing(
    "BannedNumberList",
    "Numbers, those added last first.",
    "numbers",
    answer("BannedNumber", "A number that no campaign calls, whoever has it.", BANNED,
           {each.shown: each.example for each in BANNED}),
)  # fmt: skip
