"""The first line of a CSV of contacts: which column says what.

Names are compared by letters and digits alone with those people use (:mod:`worker.domain.column_names`). A column
whose name may be a ban on calls and is none of those refuses the file (:mod:`worker.domain.ban_words`): taken for a
custom field it would call people who have asked not to be called. All other columns become custom fields under the name
they have.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass

from worker.domain.ban_words import forbids_calls
from worker.domain.column_names import ALSO_CUSTOM, KNOWN, field_of, is_only_phone, phone_rank
from worker.domain.consent_words import allows_calls
from worker.domain.contact_table import CONTACT_FIELDS, is_export
from worker.domain.errors import Fault, Invalid
from worker.domain.fields import NO_TEXT
from worker.domain.letters import key_of, plainly_spaced, seen
from worker.domain.screening import Phone, normalize

DELIMITERS = (",", ";", "\t", "|")
NO_TEXT_MESSAGE = "It contains a NUL character, or bytes that are not text in this encoding; save the file as UTF-8."
MOST_COLUMNS, LONGEST_NAME = 2000, 300
"""What a first line may have: whoever sends more has not sent one."""
_NAME_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Columns:
    """Where each field stands in a row of ``width`` cells.

    ``fields`` by their names, some of which are custom fields, too; ``phones``, the most wanted first; ``bans``, all of
    which count; ``consents``, custom fields whose *no* binds. ``custom`` by the name a value is kept under. ``named``
    is each column by the name it is known or kept under, and what has none must be empty. ``is_export``: the file is
    one of ours.
    """

    width: int
    fields: dict[str, int]
    phones: tuple[int, ...]
    bans: tuple[int, ...]
    consents: tuple[int, ...]
    custom: dict[str, int]
    nameless: tuple[int, ...]
    named: tuple[str, ...]
    is_export: bool = False

    @property
    def known(self) -> dict[str, int]:
        """The fields of a contact the file has columns for, in the order of the fields."""
        found = {"phone": self.phones[0], **self.fields}
        if self.bans:
            found["do_not_call"] = self.bans[0]
        return {name: found[name] for name in (*KNOWN, "full_name", "custom_fields", "contact_id") if name in found}


def delimiter_of(first: str) -> str:
    """What separates the names of the first line: whatever makes a phone column of one of them, else whatever makes
    most of them."""

    def fit(delimiter: str) -> tuple[bool, int]:
        try:
            names = next(csv.reader([first], delimiter=delimiter), [])
        except csv.Error:
            return False, 0
        return any(phone_rank(name) is not None or is_only_phone(name) for name in names), len(names)

    return max(DELIMITERS, key=fit)


def read_columns(header: Sequence[str], *, are_banned: bool = False) -> Columns:
    """What the first line says; ``are_banned``: whoever is in the file is not to be called, whatever its columns.
    Raises :class:`Invalid` where it names no column of phone numbers, two alike, or one that may be a ban."""
    if any(NO_TEXT.search(name) for name in header):
        raise _refused(NO_TEXT_MESSAGE)
    names = [plainly_spaced(name) for name in header]
    if len(names) > MOST_COLUMNS or max(map(len, names), default=0) > LONGEST_NAME:
        raise _refused(
            f"The first line must name the columns: at most {MOST_COLUMNS}, each in at most {LONGEST_NAME} characters."
        )
    if is_export(names):
        return _of_export(names)
    phones = _phones(names)
    taken = dict.fromkeys(phones, "phone")
    bans, also = [], {}
    for i, field in _fields(names, phones).items():
        if field in ALSO_CUSTOM:
            also[field] = i
            continue
        taken[i] = field
        if field == "do_not_call":
            bans.append(i)
    rest = [i for i, name in enumerate(names) if i not in taken and name]
    if not are_banned:
        _refuse_bans(names, rest)
    named = tuple(_snake(name) if i in rest or i in phones else taken.get(i, "") for i, name in enumerate(names))
    _refuse_two_alike(names, named, phones, bans)
    return Columns(
        width=len(names),
        fields={field: i for i, field in taken.items() if field not in ("phone", "do_not_call")} | also,
        phones=tuple(phones),
        bans=tuple(bans),
        consents=tuple(i for i in rest if not are_banned and allows_calls(names[i])),
        custom={named[i]: i for i in rest},
        nameless=tuple(i for i, name in enumerate(names) if not name),
        named=named,
    )


def _of_export(names: Sequence[str]) -> Columns:
    """The columns of a file of ours: those that say how a campaign went are known, and say nothing of the person."""
    at = {name: i for i, name in enumerate(names)}
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise _refused(f"Two columns have the name {twice[0]}; rename one.")
    if "phone" not in at:
        raise _refused(_no_phone(names))
    fields = (*KNOWN, "contact_id", "custom_fields")
    custom = {_snake(name): i for i, name in enumerate(names) if name and name not in CONTACT_FIELDS}
    return Columns(
        width=len(names),
        fields={name: at[name] for name in fields if name in at and name not in ("phone", "do_not_call")},
        phones=(at["phone"],),
        bans=(at["do_not_call"],) if "do_not_call" in at else (),
        consents=(),
        custom=custom,
        nameless=tuple(i for i, name in enumerate(names) if not name),
        named=tuple(names),
        is_export=True,
    )


def _phones(names: Sequence[str]) -> list[int]:
    """The columns of phone numbers, the most wanted first."""
    ranked = sorted((rank, i) for i, name in enumerate(names) if (rank := phone_rank(name)) is not None)
    found = [i for _, i in ranked] or [i for i, name in enumerate(names) if is_only_phone(name)]
    if not found:
        raise _refused(_no_phone(names))
    return found


def _fields(names: Sequence[str], phones: Sequence[int]) -> dict[int, str]:
    """Which other field a column holds. Of several for one field the one whose name is first in the table, but two of
    a time zone refuse the file, and all that may be bans count."""
    found: dict[str, list[tuple[int, int]]] = {}
    for i, name in enumerate(names):
        field = None if i in phones else field_of(name)
        if field is not None:
            found.setdefault(field[0], []).append((field[1], i))
    chosen = {i: "do_not_call" for _, i in found.pop("do_not_call", [])}
    zones = found.get("timezone", [])
    if len(zones) > 1 and min(zones)[0] > 1:
        said = " and ".join(names[i] for _, i in sorted(zones))
        raise _refused(f"The columns {said} could both be timezone; rename one to timezone.")
    _name_apart(names, found)
    return chosen | {min(those)[1]: field for field, those in found.items()}


def _name_apart(names: Sequence[str], found: dict[str, list[tuple[int, int]]]) -> None:
    """A whole name is split where no other column has a part of it; beside a German or Dutch first name, ``Name`` is
    the last one."""
    whole = found.get("full_name")
    if not whole or not (found.keys() & {"first_name", "last_name"}):
        return
    del found["full_name"]
    first = {key_of(names[i]) for _, i in found.get("first_name", [])}
    i = whole[0][1]
    if "last_name" not in found and (first, key_of(names[i])) in (({"vorname"}, "name"), ({"voornaam"}, "naam")):
        found["last_name"] = [(0, i)]


def _refuse_bans(names: Sequence[str], rest: Sequence[int]) -> None:
    faults = [
        Fault(
            "line 1",
            f"The column {names[i][:_NAME_SHOWN]!r} looks as if it said who must not be called; rename it to "
            "do_not_call if it does, and if it says something else, give it a name that does not look so.",
        )
        for i in rest
        if forbids_calls(names[i])
    ]
    if faults:
        raise Invalid(faults)


def _refuse_two_alike(names: Sequence[str], named: Sequence[str], phones: Sequence[int], bans: Sequence[int]) -> None:
    said: dict[str, int] = {}
    for i, name in enumerate(named):
        alike = key_of(names[i]) if i in phones else name if i not in bans else ""
        if alike and alike in said:
            raise _refused(f"Two columns have the name {name}; rename one.")
        said[alike] = i


def _no_phone(header: Sequence[str]) -> str:
    if any(isinstance(normalize(cell, "US"), Phone) for cell in header):
        return (
            "This is a contact already, but the first line must name the columns; add a line such as phone,first_name."
        )
    if not any(header):
        return "The file is empty, or its first line is; that line must name the columns, and one must be phone."
    named = ", ".join(name[:40] for name in header[:8] if name)
    found = f"; these are {named}{', …' if len(header) > 8 else ''}" if named else ""
    return f"The first line must name the columns, and one must be phone{found}."


def _refused(message: str) -> Invalid:
    return Invalid([Fault("line 1", message)])


def _snake(name: str) -> str:
    """The name a custom field has: ``favouriteColour`` and ``Favourite colour`` are ``favourite_colour``."""
    text = re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", seen(name))
    return re.sub(r"[\s.-]+", "_", text.lower())
