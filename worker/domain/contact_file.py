"""A CSV of contacts, read line by line: what a line says, or what is wrong with it.

The first line names the columns: the API's names in snake_case or camelCase, in any order. ``phone`` is the
only one that must be there; columns this product does not know become custom fields.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from worker.domain.errors import Fault, Invalid
from worker.domain.fields import NO_TEXT
from worker.domain.window import check_zone

KNOWN = (
    "phone", "first_name", "last_name", "phone_secondary", "timezone", "do_not_call", "email", "tags",
)  # fmt: skip
_NO_TEXT_MESSAGE = "It contains a NUL character, or bytes that are no UTF-8; save the file as UTF-8."
_TRUE, _FALSE = ("true", "yes", "y", "1", "x"), ("false", "no", "n", "0", "")


@dataclass(frozen=True, slots=True)
class ContactLine:
    """One contact as written; ``phone`` is not yet judged."""

    line: int
    phone: str | None
    first_name: str = ""
    last_name: str = ""
    phone_secondary: str | None = None
    timezone: str | None = None
    do_not_call: bool = False
    email: str | None = None
    tags: tuple[str, ...] = ()
    custom_fields: Mapping[str, str] = field(default_factory=dict)


def read_contacts(lines: Iterable[str]) -> Iterator[ContactLine | Fault]:
    """Every contact of the file, and a :class:`Fault` (path ``line 7``, where its record begins) for each that
    cannot be one. Decode the file with ``errors="surrogateescape"``: bytes that are no UTF-8 then cost their own
    line alone.

    Raises :class:`Invalid` when the header cannot be understood.
    """
    rows = csv.reader(_without_mark(lines), strict=True)  # or an open quote would swallow the rest in silence
    header = _header(rows)
    while True:
        line = rows.line_num + 1
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            yield Fault(f"line {line}", f"This is no CSV: {error}.")
            continue
        if any(cell.strip() for cell in row):
            yield _contact(line, header, row)


def _without_mark(lines: Iterable[str]) -> Iterator[str]:
    """Spreadsheets begin a file with a byte order mark; it would hide the quotes of the first name."""
    for number, line in enumerate(lines):
        yield line if number else line.removeprefix("\ufeff")


def _header(rows: Iterator[list[str]]) -> list[str]:
    try:
        header = [_snake(name) for name in next(rows, [])]
    except csv.Error as error:
        raise Invalid([Fault("line 1", f"This is no CSV: {error}.")]) from error
    if any(NO_TEXT.search(name) for name in header):
        raise Invalid([Fault("line 1", _NO_TEXT_MESSAGE)])
    if "phone" not in header:
        raise Invalid([Fault("line 1", "The first line must name the columns, and one must be phone.")])
    twice = sorted({name for name in header if name and header.count(name) > 1})
    if twice:
        raise Invalid([Fault("line 1", f"Two columns have the name {twice[0]}; rename one.")])
    return header


def _contact(line: int, header: list[str], row: list[str]) -> ContactLine | Fault:
    if len(row) > len(header):
        return Fault(f"line {line}", f"It has {len(row)} fields, but the header names {len(header)}.")
    if any(NO_TEXT.search(cell) for cell in row):
        return Fault(f"line {line}", _NO_TEXT_MESSAGE)
    if any(cell.strip() and not name for name, cell in zip(header, row, strict=False)):
        return Fault(f"line {line}", "It has a value in a column without a name.")
    cells = dict.fromkeys(header, "") | {name: cell.strip() for name, cell in zip(header, row, strict=False)}
    flag = cells.get("do_not_call", "").lower()
    if flag not in _TRUE + _FALSE:
        return Fault(f"line {line}", f"do_not_call is {flag!r}; write true or false.")
    zone = cells.get("timezone") or None
    try:
        if zone is not None:
            check_zone(zone)
    except Invalid as error:
        return Fault(f"line {line}", f"timezone: {error.faults[0].message}")
    return ContactLine(
        line=line,
        phone=cells["phone"] or None,
        first_name=cells.get("first_name", ""),
        last_name=cells.get("last_name", ""),
        phone_secondary=cells.get("phone_secondary") or None,
        timezone=zone,
        do_not_call=flag in _TRUE,
        email=cells.get("email") or None,
        tags=tuple(tag.strip() for tag in cells.get("tags", "").split(";") if tag.strip()),
        custom_fields={name: value for name, value in cells.items() if name not in KNOWN and value},
    )


def _snake(name: str) -> str:
    text = re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name.strip())
    return text.lower().replace(" ", "_").replace("-", "_")
