"""What a contact of the CRM may be made of, in the names of the API.

A number that cannot be called does not refuse the contact: it is kept as written, with the reason beside it,
and the campaigns it is added to say so. A time zone that nobody knows does refuse it, for it would decide when
somebody is rung, and so does a state or a postal code that its country does not have.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from worker.domain import ids
from worker.domain.address_words import LONGEST_COUNTRY, LONGEST_POSTAL_CODE, LONGEST_REGION, read_country
from worker.domain.errors import Invalid, every
from worker.domain.fields import Field, examine, wrong
from worker.domain.kinds import Country, Flag, Freeform, Id, Instant, OneOf, Text, Texts
from worker.domain.model import Reason
from worker.domain.paging import MOST_AT_ONCE
from worker.domain.resources import CREATED_AT, Resource, owned, shown, with_kinds
from worker.domain.screening import Phone, country_of, is_region, normalize
from worker.domain.whereabouts import PLACED_BY, located
from worker.domain.zone_words import read_zone

DECIDES_CALLS = frozenset({"do_not_call", *PLACED_BY})
"""The columns that decide whether and when somebody is rung; they change under the team's lock."""
LONGEST_EXTERNAL_ID = 200
TAGS = Texts(100, Text(100, least=1))
"""How many tags there may be, and of how many characters."""


@dataclass(frozen=True, slots=True)
class Zone(Text):
    """What a person calls a time zone, as its IANA name; ``countries`` are where he may live."""

    most: int = 64
    least: int = 1
    countries: Callable[[], Sequence[str]] = tuple

    def __call__(self, value: object, path: str) -> str:
        return read_zone(Text(self.most, self.least)(value, path), path, self.countries)


@dataclass(frozen=True, slots=True)
class CountryWord(Country):
    """What a person calls a country, as its ISO 3166 code."""

    most: int = LONGEST_COUNTRY
    least: int = 1

    def __call__(self, value: object, path: str) -> str:
        return read_country(Text(self.most, self.least)(value, path), path)


CONTACT = Resource(
    "contact", "contacts", "contacts", ids.CONTACT, "A person of the CRM.",
    (
        *owned(ids.CONTACT),
        Field("companyId", Id(), help="Whose contact it is.", example="comp_01j..."),
        Field("firstName", Text(200), default="", example="Ada"),
        Field("lastName", Text(200), default="", example="Lovelace"),
        Field("phone", Text(64), help="With its country code, or of the team's country: the one the team was given, "
              "else the one all its phone numbers belong to.", more="What cannot be called is kept, and not called.",
              answer="As it was sent.", example="+1 202 555 0123"),
        shown("phone_e164", Text(), help="What is dialed.", example="+12025550123"),
        shown("phone_fault", OneOf((Reason.NO_PHONE_NUMBER.value, Reason.INVALID_NUMBER.value)),
              help="Why nothing is dialed."),
        Field("phoneSecondary", Text(64), help="Dialed every other time where the campaign has `useSecondaryPhone`."),
        Field("timezone", Zone(), answer="An IANA name.", example="America/New_York",
              help="The zone the contact lives in, if it is known: an IANA name, such as `America/New_York`, or what "
              "people and Windows call it (`Eastern Time`, `Pacific Standard Time`, a city), read with the country of "
              "the number and of the team.",
              more="What may be several clocks, and names without summer time that stand for one with it (`EST`), are "
              "refused."),
        Field("timezoneConfirmed", Flag(), nullable=False, default=False, example=False,
              switch="--timezone-confirmed/--timezone-not-confirmed", help="Whether the person is known to live in "
              "`timezone`, whatever the number says.", more="Where places decide by whose clock somebody is called, "
              "the zone and the number count else. A zone that changes is confirmed anew, or not."),
        Field("country", CountryWord(), example="US", answer="An ISO 3166 code.", help="Where the person lives, by its "
              "ISO 3166 code or its name.", more="Another country leaves no state and no postal code of the former."),
        Field("region", Text(LONGEST_REGION, least=1), example="IN", help="The state or province, by its code or its "
              "name.", more="It is one of `country`; left out, that is the country of the number, or the team's.",
              answer="Of the United States, Canada, Australia and Brazil its code, else as it was sent."),
        Field("postalCode", Text(LONGEST_POSTAL_CODE, least=1), example="46307", help="The postal code, of `country` "
              "as the state is."),
        shown("place", Text(), nullable=False, example="US-IN:219", help="Where the person may be, by all of these and "
              "the number; `dialer policy explain` says what that means. Empty where nothing is known."),
        Field("doNotCall", Flag(), nullable=False, default=False, help="Whether they want no calls.",
              answer="Marked so, or its number is on the team's do-not-call list.", example=False,
              switch="--do-not-call/--may-be-called"),
        Field("email", Text(320), example="ada@example.com"),
        Field("customFields", Freeform(), default={}, help="Whatever you want to keep with the contact.",
              example={"plan": "gold"}),
        Field("tags", TAGS, default=[], help="Words to find the contact by.", example=["trade show"]),
        Field("externalId", Text(LONGEST_EXTERNAL_ID, least=1), example="crm-1815",
              help="What another system of yours calls them: one contact of the team has it."),
        CREATED_AT,
        shown("updated_at", Instant(), nullable=False, example="2024-01-10T09:00:00Z"),
        shown("erased_at", Instant(), help="Since when nothing of the person is left but this id."),
    ),
    on_edit="A contact that waits in a campaign is called by its new number and in its new zone from then on. Marked "
    "do-not-call, it is not called any more, whatever has been prepared.",
    edit_example={"timezone": "America/Chicago", "doNotCall": False},
)  # fmt: skip
LONGEST = {each.column: each.kind.most for each in CONTACT.settable(is_new=True)
           if isinstance(each.kind, Text) and not isinstance(each.kind, Id)}  # fmt: skip
"""Characters a text may have, by column."""


def parse_contact(
    body: object,
    *,
    path: str = "",
    is_new: bool = True,
    region: str | None = None,
    stored: Callable[[], Mapping[str, Any]] = dict,
) -> dict[str, Any]:
    """The fields given, by column; with a ``phone`` come ``phone_e164`` and ``phone_fault``, what is dialed or why
    nothing is, and with what says where somebody lives what follows from that (:mod:`worker.domain.whereabouts`).
    ``region`` is where a number without a country code belongs, unless the body names a country, and a time zone or a
    state, which may also belong where the number does: this one, or that of the contact as it is ``stored``, by column.
    Raises :class:`Invalid` with every fault."""
    region = _named_country(body) or region
    sent = body.get("phone") if isinstance(body, Mapping) else None
    dialed = screened(sent, region) if isinstance(sent, str) and len(sent) <= LONGEST["phone"] else None

    def countries() -> Sequence[str]:
        e164 = (dialed or stored()).get("phone_e164")
        return countries_of(e164, region)

    fields = with_kinds(CONTACT.settable(is_new=is_new), {"timezone": Zone(countries=countries)})
    contact, faults = examine(body, fields, path=path, is_new=is_new, also=("teamId",))
    contact, more = located(contact, stored, countries, path)
    if faults or more:
        raise Invalid([*faults, *more])
    if "phone" in contact:
        contact["phone"] = contact["phone"] or None
        contact |= dialed or screened(contact["phone"], region)
    return contact


def _named_country(body: object) -> str | None:
    """The country a body names, if it is one whose numbers are known."""
    named = body.get("country") if isinstance(body, Mapping) else None
    if not isinstance(named, str):
        return None
    try:
        code = read_country(named)
    except Invalid:
        return None
    return code if is_region(code) else None


def countries_of(e164: str | None, region: str | None) -> Sequence[str]:
    """Where a contact may live: where its number belongs, and where its list does."""
    return [country for country in (country_of(e164) if e164 else None, region) if country is not None]


def parse_contacts(body: object, *, path: str = "contacts", region: str | None = None) -> list[dict[str, Any]]:
    """Many contacts, each with its ``phone`` screened. Raises :class:`Invalid` with the faults of all of them."""
    if not isinstance(body, list) or not body:
        found = "; this one is empty" if isinstance(body, list) else ""
        raise wrong(path, f"Give a list of 1 to {MOST_AT_ONCE} contacts{found}.")
    if len(body) > MOST_AT_ONCE:
        raise wrong(path, f"Give at most {MOST_AT_ONCE} contacts at once; these are {len(body)}.")
    return every(partial(parse_contact, entry, path=f"{path}[{i}]", region=region) for i, entry in enumerate(body))


def screened(phone: str | None, region: str | None = None) -> dict[str, str | None]:
    """What is dialed for a phone number as written, or why nothing is, by column."""
    read = normalize(phone, region)
    if isinstance(read, Phone):
        return {"phone_e164": read.e164, "phone_fault": None}
    return {"phone_e164": None, "phone_fault": read.reason.value}
