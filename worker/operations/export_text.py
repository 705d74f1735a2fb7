"""An export as text, a piece at a time: a table that is safe to open in a spreadsheet, or lines for programs."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from worker.domain.contact_table import CONTACT_FIELDS, texts_of
from worker.domain.spreadsheet import cells
from worker.flow.base import Dialer
from worker.operations.export import CALL_FIELDS, export_calls, export_contacts
from worker.operations.instants import instant

Rows = Iterable[Mapping[str, Any]]
WHAT: Mapping[str, tuple[Sequence[str], Callable[[Dialer, str, str], Iterator[Mapping[str, Any]]]]] = {
    "contacts": (CONTACT_FIELDS, export_contacts),
    "calls": (CALL_FIELDS, export_calls),
}
"""What can be exported: its fields, and what reads it."""
FORMATS = ("csv", "json-lines")


def lines_of(fields: Sequence[str], rows: Rows, form: str) -> Iterator[str]:
    """The rows as lines of one of :data:`FORMATS`, the first of a table with the names of the fields."""
    return _table(fields, rows) if form == "csv" else _objects(rows)


def _table(fields: Sequence[str], rows: Rows) -> Iterator[str]:
    buffer = io.StringIO()
    writer = csv.writer(buffer)

    def line(cells_of_row: Sequence[str]) -> str:
        buffer.seek(0)
        buffer.truncate()
        writer.writerow(cells_of_row)
        return buffer.getvalue()

    yield line(fields)
    for row in rows:
        yield line(cells(texts_of(dict(_as_json(row)), fields)))


def _objects(rows: Rows) -> Iterator[str]:
    for row in rows:
        yield json.dumps(dict(_as_json(row)), ensure_ascii=False) + "\n"


def _as_json(row: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in row.items():
        yield name, instant(value) if isinstance(value, datetime) else value
