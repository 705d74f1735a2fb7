"""The shapes of requests about contacts that are named or match a filter, for the OpenAPI document."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, Field, RootModel, create_model

from worker.api.models import Done, Sent
from worker.api.models_campaigns import ContactIds, ContactsToAdd
from worker.api.models_progress import Removed
from worker.api.models_resources import body_model, shape, without_default
from worker.domain.additions import DEFAULT_PRIORITY, PRIORITY
from worker.domain.selection import filter_fields


def _or_filter(
    title: str,
    about: str,
    ids: type[BaseModel],
    *,
    in_campaign: bool,
    example: Mapping[str, Any],
    more: Mapping[str, Any] | None = None,
) -> type[BaseModel]:
    """A body of ids, or of a filter with ``more`` beside it."""
    fields = filter_fields(in_campaign=in_campaign)
    chosen = body_model(f"{title}Filter", f"{about} One field at least.", fields, example, is_new=False)
    fields_of_body = {"filter": (chosen, Field()), **(more or {})}
    by_filter = shape(f"{title}ByFilter", Sent, about, fields_of_body, {"filter": dict(example)})
    return create_model(
        f"ContactIdsOr{title}",
        __base__=RootModel[ids | by_filter],  # type: ignore[valid-type]  # made, not written
        __doc__="Contacts by their ids, or all that match.",
    )


ContactIdsOrFilter = _or_filter(
    "Contacts",
    "All contacts of the team that match.",
    ContactsToAdd,
    in_campaign=False,
    example={"tag": "vip"},
    more={
        "priority": (
            int,
            Field(
                DEFAULT_PRIORITY,
                ge=PRIORITY.least,
                le=PRIORITY.most,
                description="Of those who are due, 1 is called first and 9 last.",
                json_schema_extra=without_default,
            ),
        )
    },
)
ContactIdsOrFilterOfCampaign = _or_filter(
    "CampaignContacts",
    "All contacts of the campaign that match.",
    ContactIds,
    in_campaign=True,
    example={"status": "failed", "tag": "vip"},
)
MATCHED = "Contacts that match the filter."


class AddedByFilter(Done):
    """How many contacts match, and how many of them are new in the campaign."""

    matched: int = Field(description=MATCHED)
    added: int


class RemovedByFilter(Removed):
    """How many contacts were removed, and how many have calls and stay."""

    matched: int = Field(description=MATCHED)
    kept: int


class RequeueAnswer(Done):
    """Who waits again."""

    requeued: int = Field(description="How many contacts wait again.")
    errors: list[str] = Field(description="Why the others do not, a sentence each; who waited already is in neither.")


class RequeuedByFilter(RequeueAnswer):
    """The same of contacts that match a filter; of 1000 at most it is said why they do not wait again."""

    matched: int = Field(description=MATCHED)
    refused: int = Field(description="Contacts that may not wait again.")
