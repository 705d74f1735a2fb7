"""How commands answer: one JSON document for programs, words and tables for people.

Colours, and whether there are any (``NO_COLOR``, no terminal), are rich's to decide. A table for a terminal fits
into it, however narrow; one that goes into a pipe or a file is as wide as what is in it, so that nothing is cut.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import click
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

_UNCUT = 100_000

json_option = click.option("--json", "as_json", is_flag=True, help="Answer with one line of JSON, as the API does.")


def show_json(**fields: Any) -> None:
    """The answer the API would give, on one line."""
    click.echo(json.dumps({"success": True, **fields}, allow_nan=False))


def console() -> Console:
    """Where tables go."""
    return Console(width=None if sys.stdout.isatty() else _UNCUT, highlight=False)


def show_rows(rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str], count: int | None = None) -> None:
    """A table of what a listing found, a row each: ``columns`` says which field stands under which heading. With
    ``count``, say how many more there are."""
    table = Table(box=box.SIMPLE_HEAD if sys.stdout.isatty() else None, pad_edge=False)
    for heading in columns.values():
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*(Text(as_words(row[name])) for name in columns))
    _print(table)
    if count is not None and count > len(rows):
        click.echo(f"{len(rows)} of {count}; --limit and --offset show others.", err=True)


def show_fields(fields: Mapping[str, Any]) -> None:
    """One thing, a line for each of its fields."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold", overflow="fold")
    table.add_column(overflow="fold")
    for name, value in fields.items():
        table.add_row(name, Text(as_words(value)))
    _print(table)


def _print(table: Table) -> None:
    screen = console()
    with screen.capture() as capture:
        screen.print(table)
    for line in capture.get().splitlines():
        click.echo(line.rstrip())


def as_words(value: Any) -> str:
    """A value of the API's for a person to read."""
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case list() if all(isinstance(entry, str) for entry in value):
            return ", ".join(value) or "-"
        case dict() | list():
            return json.dumps(value, ensure_ascii=False)
    return str(value)


def some(count: int, noun: str) -> str:
    """``1 call``, ``2 calls``."""
    return f"{count} {noun}{'' if count == 1 else 's'}"
