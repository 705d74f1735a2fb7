"""Which contacts a request is about that names none: all that match a filter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from worker.domain.campaign import CONTACT_IDS
from worker.domain.contact import LONGEST, TAGS
from worker.domain.errors import Fault, Invalid
from worker.domain.fields import Field, examine, unknown_fields
from worker.domain.kinds import Flag, Id, OneOf, Text
from worker.domain.model import ContactStatus

STATUS = Field("status", OneOf(tuple(each.value for each in ContactStatus)), nullable=False, example="failed",
               help="Only contacts in this status in the campaign.")  # fmt: skip
FILTER = (
    Field("tag", TAGS.each, nullable=False, example="vip", help="Only contacts with this tag."),
    Field("search", Text(200, least=1), nullable=False,
          help="Only who has this in a name, the address, the number or the external id."),
    Field("phone", Text(LONGEST["phone"], least=1), nullable=False,
          help="Only who has this number, however it is written."),
    Field("email", Text(LONGEST["email"], least=1), nullable=False, help="Only who has this address."),
    Field("companyId", Id(), nullable=False, help="Only contacts of this company."),
    Field("externalId", Text(LONGEST["external_id"], least=1), nullable=False, help="Only who has this external id."),
    Field("doNotCall", Flag(), nullable=False, switch="--do-not-call/--may-be-called",
          help="Only who is, or is not, marked so or on the list."),
)  # fmt: skip
"""What contacts are chosen by; those of a campaign also by their status in it."""


def filter_fields(*, in_campaign: bool) -> tuple[Field, ...]:
    """The fields of a filter, of contacts of a campaign or of all there are."""
    return (STATUS, *FILTER) if in_campaign else FILTER


def parse_filter(body: Mapping[str, Any], *, in_campaign: bool) -> dict[str, Any]:
    """The ``filter`` of a request that has nothing else, by column, of one field at least. Raises :class:`Invalid` with
    every fault."""
    (ids,) = CONTACT_IDS
    faults = unknown_fields(body, (ids.name, "filter"))
    if ids.name in body:
        faults.append(Fault(ids.name, f"Give {ids.name} or filter, not both."))
    fields = filter_fields(in_campaign=in_campaign)
    values, more = examine(body["filter"], fields, path="filter")
    if not values and not more:
        named = ", ".join(each.name for each in fields)
        more.append(Fault("filter", f"It would mean everybody; give at least one of: {named}."))
    if faults or more:
        raise Invalid([*faults, *more])
    return values
