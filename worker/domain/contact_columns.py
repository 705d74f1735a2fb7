"""The first line of a CSV of contacts: which column says what.

The API's names, in snake_case, camelCase or words, are always understood. Where a file has no column of a field's
own name, one that goes by a name people use for it is taken instead (``number``, ``mobile`` for ``phone``); all other
columns become custom fields under the name they have.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass

from worker.domain.errors import Fault, Invalid
from worker.domain.fields import NO_TEXT
from worker.domain.screening import Phone, normalize

ALIASES = {
    "phone": (
        "phone_number", "number", "telephone", "telephone_number", "tel", "phone_no", "mobile", "mobile_number",
        "mobile_phone", "cell", "cell_phone", "cell_number", "msisdn",
    ),
    "first_name": ("firstname", "given_name", "forename", "first"),
    "last_name": ("lastname", "surname", "family_name", "last"),
    "phone_secondary": ("secondary_phone", "phone_2", "phone2", "second_phone", "other_phone", "alternate_phone"),
    "timezone": ("time_zone", "tz", "zone", "iana_timezone"),
    "do_not_call": ("dnc", "donotcall", "do_not_contact", "opt_out", "opted_out", "no_calls"),
    "email": ("e_mail", "email_address", "mail"),
    "tags": ("tag", "labels"),
}  # fmt: skip
"""The fields of a contact a file may have columns for, each with the other names it goes by."""
KNOWN = tuple(ALIASES)
DELIMITERS = (",", ";", "\t", "|")
NO_TEXT_MESSAGE = "It contains a NUL character, or bytes that are no text in this encoding; save the file as UTF-8."


@dataclass(frozen=True, slots=True)
class Columns:
    """Where each field stands in a row: ``known`` by its name, ``custom`` by the name its value is kept under, and
    ``nameless`` ones, which must be empty."""

    width: int
    known: dict[str, int]
    custom: dict[str, int]
    nameless: tuple[int, ...]


def delimiter_of(first: str) -> str:
    """What separates the names of the first line: whatever makes a phone column of one of them, else whatever makes
    most of them."""

    def fit(delimiter: str) -> tuple[bool, int]:
        try:
            names = [_snake(name) for name in next(csv.reader([first], delimiter=delimiter), [])]
        except csv.Error:
            return False, 0
        return any(name in ("phone", *ALIASES["phone"]) for name in names), len(names)

    return max(DELIMITERS, key=fit)


def read_columns(header: Sequence[str]) -> Columns:
    """What the first line says. Raises :class:`Invalid` where it names no column of phone numbers, or two alike."""
    names = [_snake(name) for name in header]
    if any(NO_TEXT.search(name) for name in names):
        raise _refused(NO_TEXT_MESSAGE)
    named = _known_by_alias(names)
    if "phone" not in named:
        raise _refused(_no_phone(header))
    twice = sorted({name for name in named if name and named.count(name) > 1})
    if twice:
        raise _refused(f"Two columns have the name {twice[0]}; rename one.")
    at = {name: i for i, name in enumerate(named) if name}
    return Columns(
        width=len(named),
        known={name: i for name, i in at.items() if name in KNOWN},
        custom={name: i for name, i in at.items() if name not in KNOWN},
        nameless=tuple(i for i, name in enumerate(named) if not name),
    )


def _known_by_alias(names: list[str]) -> list[str]:
    """The names, with those that stand in for a field replaced by it."""
    named = list(names)
    for known, aliases in ALIASES.items():
        standing_in = [] if known in names else sorted({name for name in names if name in aliases})
        if len(standing_in) > 1:
            raise _refused(f"The columns {' and '.join(standing_in)} could both be {known}; rename one to {known}.")
        named = [known if name in standing_in else name for name in named]
    return named


def _no_phone(header: Sequence[str]) -> str:
    if any(isinstance(normalize(cell, "US"), Phone) for cell in header):
        return (
            "This is a contact already, but the first line must name the columns; add a line such as phone,first_name."
        )
    if not header:
        return "The file is empty, or its first line is; that line must name the columns, and one must be phone."
    named = ", ".join(name.strip()[:40] for name in header[:8] if name.strip())
    found = f"; these are {named}{', …' if len(header) > 8 else ''}" if named else ""
    return f"The first line must name the columns, and one must be phone{found}."


def _refused(message: str) -> Invalid:
    return Invalid([Fault("line 1", message)])


def _snake(name: str) -> str:
    text = re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name.strip())
    return re.sub(r"[ \t.-]+", "_", text.lower())
