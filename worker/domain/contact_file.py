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

from worker.domain.contact import LONGEST, TAGS
from worker.domain.contact_columns import NO_TEXT_MESSAGE, Columns, delimiter_of, read_columns
from worker.domain.csv_text import LONGEST_RECORD, Lines, TooLong
from worker.domain.errors import Fault, Invalid
from worker.domain.fields import NO_TEXT
from worker.domain.registry_file import numbers_of_registry
from worker.domain.screening import Phone, normalize

_TRUE, _FALSE = ("true", "yes", "y", "1", "x", "t", "on"), ("false", "no", "n", "0", "f", "off", "")


@dataclass(frozen=True, slots=True)
class ContactLine:
    """One contact as written; ``phone`` and ``timezone`` are not yet judged."""

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


@dataclass(frozen=True, slots=True)
class LineFault(Fault):
    """What is to be said about the record that begins on ``line``."""

    line: int


def line_fault(line: int, message: str) -> LineFault:
    """A fault whose path is ``line 7``."""
    return LineFault(f"line {line}", message, line)


class ContactFile:
    """The contacts of a file, in its order; iterate once. ``columns`` and ``delimiter`` are what its first line says
    (where ``header`` is given, it is a contact already); ``is_cut``, once it was read, whether its last line has no
    end, as of a file that broke off.

    Raises :class:`Invalid` when the first line cannot be understood.
    """

    def __init__(
        self, lines: Iterable[str], delimiter: str | None = None, *, header: Sequence[str] | None = None
    ) -> None:
        self._lines = Lines(_without_mark(lines))
        if header is None:
            self.delimiter, self.columns, self._rows = self._begin(delimiter)
        else:
            self.delimiter, self.columns = delimiter or ",", read_columns(header)
            self._rows = csv.reader(self._lines, delimiter=self.delimiter, strict=True)

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
                return
            except TooLong:
                self._lines.pass_over()
                yield line_fault(line, self._too_long(line))
            except csv.Error as error:
                yield line_fault(line, self._no_csv(line, error))
            else:
                if any(cell and not cell.isspace() for cell in row):
                    yield self._contact(line, row)

    def _begin(self, delimiter: str | None) -> tuple[str, Columns, Iterator[list[str]]]:
        try:
            first = next(self._lines, "")
            chosen = delimiter or delimiter_of(first)
            # Strict, or an open quote would swallow the rest of the file in silence.
            rows = csv.reader(chain([first] if first else [], self._lines), delimiter=chosen, strict=True)
            return chosen, read_columns(next(rows, [])), rows
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
        cells = [cell.strip() for cell in row]
        cells += [""] * (columns.width - len(row))
        if any(cells[i] for i in columns.nameless):
            return line_fault(line, "It has a value in a column without a name.")
        try:
            return _read(line, {name: cells[i] for name, i in columns.known.items()}, columns.custom, cells)
        except Invalid as error:
            return line_fault(line, f"{error.faults[0].path}: {error.faults[0].message}")

    def _too_long(self, line: int) -> str:
        to = f"; lines {line} to {self._lines.count} are passed over" if self._lines.count > line else ""
        return f"This record has more than {LONGEST_RECORD} characters; look for a quote that never closes{to}."

    def _no_csv(self, line: int, error: csv.Error) -> str:
        if str(error) == "unexpected end of data":
            to = f"; lines {line} to {self._lines.count} are passed over" if self._lines.count > line else ""
            return f"A quote opens in this record and never closes{to}."
        return f"This is no CSV: {error}."


def read_contacts(lines: Iterable[str], delimiter: str | None = None) -> Iterator[ContactLine | LineFault]:
    """The records of a :class:`ContactFile`."""
    return iter(ContactFile(lines, delimiter))


def number_file(lines: Iterable[str], delimiter: str | None = None, region: str | None = None) -> ContactFile:
    """A file of numbers: like one of contacts, or a mere list, whose first line holds a number already; of that, the
    first column that does is the phone."""
    rest = numbers_of_registry(_without_mark(lines), region)
    first = next(rest, "")
    chosen = delimiter or delimiter_of(first)
    cells = first.strip("\r\n").replace('"', "").split(chosen)
    numbers = [i for i, cell in enumerate(cells) if isinstance(normalize(cell, region), Phone)]
    header = [f"column_{i + 1}" if i != numbers[0] else "phone" for i in range(len(cells))] if numbers else None
    return ContactFile(chain([first] if first else [], rest), chosen, header=header)


def _without_mark(lines: Iterable[str]) -> Iterator[str]:
    """Spreadsheets begin a file with a byte order mark; it would hide the quotes of the first name."""
    for number, line in enumerate(lines):
        yield line if number else line.removeprefix("\ufeff")


def _read(line: int, known: Mapping[str, str], custom: Mapping[str, int], cells: Sequence[str]) -> ContactLine:
    for name, most in LONGEST.items():
        if len(known.get(name, "")) > most:
            raise Invalid([Fault(name, f"Give a text of at most {most} characters.")])
    flag = known.get("do_not_call", "").lower()
    if flag not in _TRUE and flag not in _FALSE:
        raise Invalid([Fault("do_not_call", f"It is {flag[:40]!r}; write true or false.")])
    zone, tags = known.get("timezone") or None, known.get("tags")
    return ContactLine(
        line=line,
        phone=known["phone"] or None,
        first_name=known.get("first_name", ""),
        last_name=known.get("last_name", ""),
        phone_secondary=known.get("phone_secondary") or None,
        timezone=zone,
        do_not_call=flag in _TRUE,
        email=known.get("email") or None,
        tags=tuple(TAGS([tag for tag in tags.split(";") if tag.strip()], "tags")) if tags else (),
        custom_fields={name: cells[i] for name, i in custom.items() if cells[i]},
    )
