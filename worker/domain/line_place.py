"""Where the person of a line of a file lives: the country, the state and the postal code, read together.

A file is not refused for one that cannot be read, nor is its line: it is left out, and that is said. What is left then,
the number and the zone, decides; a state says nothing without its country, which is that of the line, else the one of
its number or of the file that has such a state.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from worker.domain.address_words import read_country
from worker.domain.ban_cells import BanAnswer, read_ban
from worker.domain.contact import countries_of
from worker.domain.contact_file import ContactLine, LineFault
from worker.domain.errors import Invalid
from worker.domain.places import Place
from worker.domain.screening import Phone, PhoneFault
from worker.domain.whereabouts import located, placed

NO_PLACE = "no_place"
"""The outcome of a line of which something was left out."""
_CALLING_CODE = re.compile(r"(?:\+|00)?[0-9]{1,4}")
"""What stands in a column called Country Code that is none of ISO 3166, and says nothing that the number does not."""
_SHOWN = 40
_YES = frozenset((BanAnswer.YES, BanAnswer.MAY_BE_CALLED))
_UNCLEAR = frozenset((BanAnswer.UNREADABLE, BanAnswer.BAN))


@dataclass(frozen=True, slots=True)
class LocatedLine:
    """What a line says of where its person lives, by the columns of a contact, the ``place`` that follows, and what was
    left out of it and why."""

    columns: Mapping[str, Any]
    place: Place
    faults: tuple[LineFault, ...] = field(default=())


def locate_line(line: ContactLine, phone: Phone | PhoneFault, region: str | None) -> LocatedLine:
    """Read where the person of the line lives. Its ``timezone`` is an IANA name by now; ``region`` is the country of
    the file."""
    e164 = phone.e164 if isinstance(phone, Phone) else None
    said = {"timezone": line.timezone, "timezone_confirmed": False}
    wrong: list[tuple[str, str]] = []
    if line.timezone_confirmed is not None:
        answer = read_ban(line.timezone_confirmed)
        said["timezone_confirmed"] = answer in _YES
        if answer in _UNCLEAR:
            wrong.append(("timezone_confirmed", f"{line.timezone_confirmed[:_SHOWN]!r} is neither yes nor no."))
        if said["timezone_confirmed"] and line.timezone is None:
            said["timezone_confirmed"] = False
            wrong.append(("timezone_confirmed", "The line has no timezone that could be confirmed."))
    country = line.country
    if country is not None and not _CALLING_CODE.fullmatch(country):
        try:
            said["country"] = read_country(country)
        except Invalid as error:
            wrong.append(("country", error.faults[0].message))
    for column in ("region", "postal_code"):
        written = getattr(line, column)
        if written is not None:
            read, faults = located({**_country(said), column: written}, dict, lambda: countries_of(e164, region), "")
            if faults:
                wrong.append((column, faults[0].message))
            else:
                said |= read
    columns = {"timezone_confirmed": False, "country": None, "region": None, "postal_code": None, **said}
    place = placed({"phone_e164": e164, **columns})
    del columns["timezone"]
    return LocatedLine(columns, place, tuple(_left_out(line.line, wrong)))


def _country(said: Mapping[str, Any]) -> dict[str, Any]:
    return {"country": said["country"]} if said.get("country") else {}


def _left_out(line: int, wrong: list[tuple[str, str]]) -> Iterator[LineFault]:
    for column, message in wrong:
        yield LineFault(f"line {line}", f"{column}: {message} It is left out.", line, NO_PLACE)
