"""What a contact says of where it lives, taken together: a state belongs to its country, a confirmation to its zone.

``place`` is what follows from all of it and the number (:mod:`worker.domain.places`). It is computed wherever one of
``PLACED_BY`` is written, by :func:`place_code` alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Any

import phonenumbers

from worker.domain.address_words import read_postal_code, read_region
from worker.domain.errors import Fault, Invalid
from worker.domain.places import Basis, Place, place_of
from worker.domain.window import TZDB_VERSION

PLACED_BY = ("phone_e164", "timezone", "timezone_confirmed", "country", "region", "postal_code")
"""The columns of a contact that its place is made of."""
_OF_COUNTRY: Mapping[str, tuple[str, Callable[[str, str, str], str]]] = {
    "region": ("region", read_region),
    "postal_code": ("postalCode", read_postal_code),
}
"""Columns that say nothing without a country: what the API calls them, and what reads them."""

BASIS_IN_WORDS = {
    Basis.CONFIRMED_TIMEZONE: "a confirmed time zone",
    Basis.POSTAL_CODE: "their postal code",
    Basis.REGION: "their state",
    Basis.TIMEZONE: "their time zone",
    Basis.AREA_CODE: "the area code of their number",
    Basis.COUNTRY: "their country alone",
    Basis.UNKNOWN: "nothing that is known",
}
"""By what somebody was placed, behind *by*."""


@cache
def tables_version() -> str:
    """What places depend on beside what is known of a person: of another version some may be elsewhere."""
    tables = b"".join((files("worker.law") / name).read_bytes() for name in ("nanp.toml", "regions.toml"))
    digest = sha256(tables).hexdigest()[:8]
    return f"{digest}, phonenumbers {phonenumbers.__version__}, tzdb {TZDB_VERSION}"


def placed(columns: Mapping[str, Any]) -> Place:
    """Where a person of these columns may be; columns that are missing say nothing."""
    return place_of(
        columns.get("phone_e164"),
        timezone=columns.get("timezone"),
        timezone_confirmed=bool(columns.get("timezone_confirmed")),
        country=columns.get("country"),
        region=columns.get("region"),
        postal_code=columns.get("postal_code"),
    )


def place_code(columns: Mapping[str, Any]) -> str:
    """The same by its code, as the column ``place`` has it."""
    return placed(columns).code


def located(
    given: Mapping[str, Any], stored: Callable[[], Mapping[str, Any]], countries: Callable[[], Sequence[str]], path: str
) -> tuple[dict[str, Any], list[Fault]]:
    """The columns ``given`` of a contact, as they are kept beside those it has ``stored``, and what is wrong with them.

    A state and a postal code are read as those of its country; where none is known, of the first of ``countries`` (of
    the number, of the team) that has them, which is kept with them. Another country leaves none of the former. A zone
    that changes is confirmed no more, unless that is said with it.
    """
    kept, inside = dict(given), f"{path}." if path else ""
    faults = _confirm(kept, stored, inside)
    of_country = {column: kept[column] for column in _OF_COUNTRY if kept.get(column) is not None}
    if "country" in kept:
        if kept["country"] != stored().get("country"):
            kept |= {column: None for column in _OF_COUNTRY if column not in kept and stored().get(column) is not None}
        known = [kept["country"]] if kept["country"] else []
    elif of_country:
        own = stored().get("country")
        known = [own] if own else list(countries())
    if not of_country:
        return kept, faults
    if not known:
        remedy = "Give the country, too, such as US: without it nobody knows which is meant."
        return kept, [*faults, *(Fault(f"{inside}{_OF_COUNTRY[column][0]}", remedy) for column in of_country)]
    tried = [_read(of_country, country, inside) for country in dict.fromkeys(known)]
    read, wrong = next((each for each in tried if not each[1]), tried[0])
    return kept | read, [*faults, *wrong]


def _confirm(kept: dict[str, Any], stored: Callable[[], Mapping[str, Any]], inside: str) -> list[Fault]:
    if kept.get("timezone_confirmed"):
        if (kept["timezone"] if "timezone" in kept else stored().get("timezone")) is None:
            return [Fault(f"{inside}timezoneConfirmed", "Give the timezone that is confirmed, too; none is known.")]
    elif "timezone" in kept and "timezone_confirmed" not in kept:
        was = stored()
        if was.get("timezone_confirmed") and was.get("timezone") != kept["timezone"]:
            kept["timezone_confirmed"] = False
    return []


def _read(of_country: Mapping[str, str], country: str, inside: str) -> tuple[dict[str, Any], list[Fault]]:
    found: dict[str, Any] = {"country": country}
    faults: list[Fault] = []
    for column, written in of_country.items():
        name, read = _OF_COUNTRY[column]
        try:
            found[column] = read(written, country, f"{inside}{name}")
        except Invalid as error:
            faults.extend(error.faults)
    return found, faults
