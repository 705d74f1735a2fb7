"""What a contact of the CRM may be made of, in the names of the API.

A number that cannot be called does not refuse the contact: it is kept as written, with the reason beside it,
and the campaigns it is added to say so. A time zone that nobody knows does refuse it, for it would decide when
somebody is rung.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from worker.domain.errors import Fault, Invalid
from worker.domain.fields import Check, Rule, an_id, flag, freeform, read_fields, text, texts, wrong
from worker.domain.screening import Phone, country_of, normalize
from worker.domain.zone_words import read_zone

MOST_AT_ONCE = 10_000
DECIDES_CALLS = frozenset({"phone_e164", "timezone", "do_not_call"})
"""The columns that decide whether and when somebody is rung; they change under the team's lock."""

LONGEST = {"first_name": 200, "last_name": 200, "phone": 64, "phone_secondary": 64, "timezone": 64, "email": 320}
"""Characters a text may have, by column."""
TAGS = texts(100, 100)
"""How many tags there may be, and of how many characters."""


def _zone(countries: Callable[[], Sequence[str]] = tuple) -> Check:
    """What a person calls a time zone, as its IANA name."""
    plain = text(LONGEST["timezone"], least=1)
    return lambda value, path: read_zone(plain(value, path), path, countries)


RULES: Mapping[str, Rule] = {
    "companyId": Rule("company_id", an_id),
    "firstName": Rule("first_name", text(LONGEST["first_name"]), null=""),
    "lastName": Rule("last_name", text(LONGEST["last_name"]), null=""),
    "phone": Rule("phone", text(LONGEST["phone"])),
    "phoneSecondary": Rule("phone_secondary", text(LONGEST["phone_secondary"])),
    "timezone": Rule("timezone", _zone()),
    "doNotCall": Rule("do_not_call", flag, may_be_null=False),
    "email": Rule("email", text(LONGEST["email"])),
    "customFields": Rule("custom_fields", freeform, null={}),
    "tags": Rule("tags", TAGS, null=[]),
}


def parse_contact(
    body: object,
    *,
    path: str = "",
    is_new: bool = True,
    region: str | None = None,
    number: Callable[[], str | None] = lambda: None,
) -> dict[str, Any]:
    """The fields given, by column; with a ``phone`` come ``phone_e164`` and ``phone_fault``, what is dialed or
    why nothing is. ``region`` is where a number without a country code belongs, and a time zone, which may also belong
    where the number does: this one, or the ``number`` the contact has. Raises :class:`Invalid` with every fault."""
    sent = body.get("phone") if isinstance(body, Mapping) else None
    dialed = judged(sent, region) if isinstance(sent, str) and len(sent) <= LONGEST["phone"] else None

    def countries() -> Sequence[str]:
        e164 = dialed["phone_e164"] if dialed else number()
        return countries_of(e164, region)

    rules = {**RULES, "timezone": Rule("timezone", _zone(countries))}
    contact = read_fields(body, rules, path=path, is_new=is_new, also=("teamId",))
    if "phone" in contact:
        contact["phone"] = contact["phone"] or None
        contact |= dialed or judged(contact["phone"], region)
    return contact


def countries_of(e164: str | None, region: str | None) -> Sequence[str]:
    """Where a contact may live: where its number belongs, and where its list does."""
    return [country for country in (country_of(e164) if e164 else None, region) if country is not None]


def parse_contacts(body: object, *, path: str = "contacts", region: str | None = None) -> list[dict[str, Any]]:
    """Many contacts, each with its ``phone`` judged. Raises :class:`Invalid` with the faults of all of them."""
    if not isinstance(body, list) or not body:
        found = "; this one is empty" if isinstance(body, list) else ""
        raise wrong(path, f"Give a list of 1 to {MOST_AT_ONCE} contacts{found}.")
    if len(body) > MOST_AT_ONCE:
        raise wrong(path, f"Give at most {MOST_AT_ONCE} contacts at once; these are {len(body)}.")
    contacts: list[dict[str, Any]] = []
    faults: list[Fault] = []
    for i, entry in enumerate(body):
        try:
            contacts.append(parse_contact(entry, path=f"{path}[{i}]", region=region))
        except Invalid as error:
            faults.extend(error.faults)
    if faults:
        raise Invalid(faults)
    return contacts


def judged(phone: str | None, region: str | None = None) -> dict[str, str | None]:
    """What is dialed for a phone number as written, or why nothing is, by column."""
    read = normalize(phone, region)
    if isinstance(read, Phone):
        return {"phone_e164": read.e164, "phone_fault": None}
    return {"phone_e164": None, "phone_fault": read.reason.value}
