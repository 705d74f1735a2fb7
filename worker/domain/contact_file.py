"""A CSV of contacts, read line by line: what a line says, or what is wrong with it.

The first line names the columns, in any order (:mod:`worker.domain.contact_columns`). ``phone`` is the only one that
must be there; columns this product does not know become custom fields. No record is held that is longer than
``LONGEST_RECORD``, whatever the file holds.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from worker.domain.column_names import ALSO_CUSTOM
from worker.domain.contact import LONGEST, TAGS
from worker.domain.contact_cells import FlagCells, PhoneCells
from worker.domain.contact_columns import NO_TEXT_MESSAGE, Columns, delimiter_of, read_columns
from worker.domain.contact_table import custom_fields_of, tags_of
from worker.domain.csv_text import LONGEST_RECORD, CsvLines, TooLong
from worker.domain.errors import Fault, Invalid
from worker.domain.fields import NO_TEXT
from worker.domain.letters import stripped
from worker.domain.person_name import is_foot, split_name
from worker.domain.registry_file import is_of_registry, numbers_of_registry
from worker.domain.screening import Phone, normalize
from worker.domain.spreadsheet import text_of_cell

SHORTEST_NUMBER = 7
"""Signs of a phone number, at least; a shorter text beside a name may be a sum."""
_NOBODY = "There is nothing of a person in this line: no phone number, no e-mail address and no name."
_FOOT = "This reads like the foot of a table, and not like a person; give a number or an e-mail address if it is one."


@dataclass(frozen=True, slots=True)
class ContactLine:
    """One contact as written; ``phone`` and what says where it lives are not yet checked. ``other_phones``, numbers
    beyond the second, are custom fields, too. ``contact_id`` is that of the contact it was exported from; ``notice`` is
    what is to be reported of its do-not-call."""

    line: int
    phone: str | None
    first_name: str = ""
    last_name: str = ""
    phone_secondary: str | None = None
    timezone: str | None = None
    timezone_confirmed: str | None = None
    country: str | None = None
    region: str | None = None
    postal_code: str | None = None
    do_not_call: bool = False
    email: str | None = None
    tags: tuple[str, ...] = ()
    custom_fields: Mapping[str, Any] = field(default_factory=dict)
    other_phones: tuple[str, ...] = ()
    contact_id: str | None = None
    external_id: str | None = None
    notice: LineFault | None = None


@dataclass(frozen=True, slots=True)
class LineFault(Fault):
    """What is to be said about the record that begins on ``line``; ``outcome`` is what became of it."""

    line: int
    outcome: str = "refused"


def line_fault(line: int, message: str) -> LineFault:
    """A fault whose path is ``line 7``."""
    return LineFault(f"line {line}", message, line)


class ContactFile:
    """The contacts of a file, in its order; iterate once. ``columns`` and ``delimiter`` are what its first line says
    (where ``header`` is given, it is a contact already); ``is_cut``, once it was read, whether its last line has no
    end, as of a file that broke off. ``region`` is where numbers without a country code belong. ``are_banned``: it
    lists whom nobody is to call, so that columns of bans say nothing more; ``is_registry``: and it is the registry of
    the United States that does.

    Raises :class:`Invalid` when the first line cannot be understood; and at the end of the file, when most of a column
    of do-not-call cannot be read.
    """

    def __init__(
        self,
        lines: Iterable[str],
        delimiter: str | None = None,
        *,
        region: str | None = None,
        header: Sequence[str] | None = None,
        are_banned: bool = False,
    ) -> None:
        self._lines = CsvLines(_without_mark(lines))
        self._are_banned = are_banned
        self.is_registry = False
        if header is None:
            self.delimiter, self._header, self._rows = self._begin(delimiter)
        else:
            self.delimiter, self._header = delimiter or ",", list(header)
            self._rows = csv.reader(self._lines, delimiter=self.delimiter, strict=True)
        self.columns = read_columns(self._header, are_banned=are_banned)
        self._phones = PhoneCells(self.columns, region)
        self._flags = FlagCells(self.columns, are_banned=are_banned)
        self._lengths = [(name, i, LONGEST[name]) for name, i in self.columns.fields.items()
                         if name in LONGEST and name not in ALSO_CUSTOM]  # fmt: skip

    @property
    def is_cut(self) -> bool:
        return self._lines.is_cut

    def __iter__(self) -> Iterator[ContactLine | LineFault]:
        """Every contact, and a fault for each record that cannot be one, at the line where it begins."""
        while True:
            line = self._lines.count + 1
            self._lines.begin_record()
            try:
                row = next(self._rows)
            except StopIteration:
                if not self._are_banned:
                    self._flags.refuse_another_column(self._header)
                return
            except TooLong:
                self._lines.pass_over()
                yield line_fault(line, self._too_long(line))
            except csv.Error as error:
                yield line_fault(line, self._no_csv(line, error))
            else:
                if any(row) and any(map(stripped, row)):
                    yield self._contact(line, row)

    def _begin(self, delimiter: str | None) -> tuple[str, list[str], Iterator[list[str]]]:
        try:
            first = next(self._lines, "")
            chosen = delimiter or delimiter_of(first)
            # Strict, or an open quote would swallow the rest of the file in silence.
            rows = csv.reader(chain([first] if first else [], self._lines), delimiter=chosen, strict=True)
            return chosen, next(rows, []), rows
        except TooLong:
            raise Invalid([Fault("line 1", self._too_long(1))]) from None
        except csv.Error as error:
            raise Invalid([Fault("line 1", self._no_csv(1, error))]) from error

    def _contact(self, line: int, row: list[str]) -> ContactLine | LineFault:
        columns = self.columns
        if len(row) > columns.width:
            return line_fault(line, f"It has {len(row)} fields, but the header names {columns.width}.")
        if len(row) < columns.width and self.is_cut:
            return line_fault(line, "The file breaks off in this line; give the rest of it, or end the line.")
        if NO_TEXT.search("\n".join(row)):
            return line_fault(line, NO_TEXT_MESSAGE)
        cells = list(map(text_of_cell, row)) if columns.is_export else list(map(stripped, row))
        cells += [""] * (columns.width - len(row))
        if columns.nameless and any(stripped(cells[i]) for i in columns.nameless):
            return line_fault(line, "It has a value in a column without a name.")
        try:
            return self._read(line, cells)
        except Invalid as error:
            return line_fault(line, f"{error.faults[0].path}: {error.faults[0].message}")

    def _read(self, line: int, cells: Sequence[str]) -> ContactLine | LineFault:
        columns = self.columns
        for name, i, most in self._lengths:
            if len(cells[i]) > most:
                raise _too_many(name, most)
        known = {name: cells[i] for name, i in columns.fields.items()}
        first, last = _names(known)
        numbers = self._phones.read(cells, known.get("phone_secondary", ""))
        if len(numbers.phone) > LONGEST["phone"]:
            raise _too_many("phone", LONGEST["phone"])
        email = known.get("email") or None
        if not columns.is_export and not self._are_banned:
            nobody = _nobody(numbers.phone, first, last, email)
            if nobody is not None:
                return line_fault(line, nobody)
        flag = self._flags.read(line, cells)
        custom = {name: cells[i] for name, i in columns.custom.items() if cells[i]}
        if columns.is_export:
            custom = {**custom_fields_of(known["custom_fields"]), **custom}
        return ContactLine(
            line=line,
            phone=numbers.phone or None,
            first_name=first,
            last_name=last,
            phone_secondary=numbers.secondary or None,
            timezone=known.get("timezone") or None,
            timezone_confirmed=known.get("timezone_confirmed") or None,
            country=known.get("country") or None,
            region=known.get("region") or None,
            postal_code=known.get("postal_code") or None,
            do_not_call=flag.do_not_call,
            email=email,
            tags=_tags(known.get("tags"), columns),
            custom_fields=custom | numbers.others if numbers.others else custom,
            other_phones=tuple(numbers.others.values()),
            contact_id=known.get("contact_id") or None,
            external_id=known.get("external_id") or None,
            notice=LineFault(f"line {line}", flag.message, line, flag.outcome) if flag.outcome else None,
        )

    def _too_long(self, line: int) -> str:
        to = f"; lines {line} to {self._lines.count} are passed over" if self._lines.count > line else ""
        return f"This record has more than {LONGEST_RECORD} characters; look for a quote that never closes{to}."

    def _no_csv(self, line: int, error: csv.Error) -> str:
        if str(error) == "unexpected end of data":
            to = f"; lines {line} to {self._lines.count} are passed over" if self._lines.count > line else ""
            return f"A quote opens in this record and never closes{to}."
        return f"This is not CSV: {error}."


def read_contacts(
    lines: Iterable[str], delimiter: str | None = None, *, region: str | None = None
) -> Iterator[ContactLine | LineFault]:
    """The records of a :class:`ContactFile`."""
    return iter(ContactFile(lines, delimiter, region=region))


def number_file(lines: Iterable[str], delimiter: str | None = None, region: str | None = None) -> ContactFile:
    """A file of numbers nobody is to call: like one of contacts, or a mere list, whose first line holds a number
    already; of that, the first column that does is the phone."""
    lines = _without_mark(lines)
    begins = next(lines, "")
    rest = numbers_of_registry(chain([begins], lines), region)
    first = next(rest, "")
    chosen = delimiter or delimiter_of(first)
    cells = first.strip("\r\n").replace('"', "").split(chosen)
    numbers = [i for i, cell in enumerate(cells) if isinstance(normalize(cell, region), Phone)]
    header = [f"column_{i + 1}" if i != numbers[0] else "phone" for i in range(len(cells))] if numbers else None
    file = ContactFile(chain([first] if first else [], rest), chosen, region=region, header=header, are_banned=True)
    file.is_registry = is_of_registry(begins, region)
    return file


def _without_mark(lines: Iterable[str]) -> Iterator[str]:
    """Spreadsheets begin a file with a byte order mark; it would hide the quotes of the first name."""
    for number, line in enumerate(lines):
        yield line if number else line.removeprefix("\ufeff")


def _names(known: Mapping[str, str]) -> tuple[str, str]:
    whole = known.get("full_name")
    if whole:
        first, last = split_name(whole)
        for name, text in (("first_name", first), ("last_name", last)):
            if len(text) > LONGEST[name]:
                raise _too_many(name, LONGEST[name])
        return first, last
    return known.get("first_name", ""), known.get("last_name", "")


def _nobody(phone: str, first: str, last: str, email: str | None) -> str | None:
    """Why a row is no person, if it is none: sums below a column, feet of pages, lines of signs."""
    if email is not None and "@" in email:
        return None
    if not (first or last):
        return None if any(map(str.isdigit, phone)) else _NOBODY
    return _FOOT if len(phone) < SHORTEST_NUMBER and is_foot(f"{first} {last}".strip()) else None


def _tags(text: str | None, columns: Columns) -> tuple[str, ...]:
    if not text:
        return ()
    if not columns.is_export:
        return tuple(TAGS([tag for tag in text.replace(" ::: ", ";").split(";") if tag.strip()], "tags"))
    tags = tags_of(text)
    TAGS([tag for tag in tags if tag.strip()], "tags")
    return tuple(dict.fromkeys(tags))


def _too_many(name: str, most: int) -> Invalid:
    return Invalid([Fault(name, f"Give a text of at most {most} characters.")])
