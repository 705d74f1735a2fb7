"""How commands answer: one JSON document for programs, words and tables for people.

Colours, and whether there are any (``NO_COLOR``, no terminal), are rich's to decide. A table for a terminal fits
into it, however narrow; one that goes into a pipe or a file is as wide as what is in it, so that nothing is cut.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from worker.cli.clocks import on_clocks

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

_UNCUT = 100_000
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
NARROW = 60
"""Terminals with fewer columns get no tables."""

json_option = click.option("--json", "as_json", is_flag=True, help="Answer with one line of JSON, as the API does.")


all_option = click.option("--all", "with_all", is_flag=True, help="Name all of them, not the first few of each cause.")
MOST_NAMED = 3
"""How many are named, where many could be."""


def first_of(names: Sequence[str], count: int, *, with_all: bool) -> str:
    """The first few of ``count``, or all that are known."""
    shown = names if with_all else names[:MOST_NAMED]
    return ", ".join(shown) + (", …" if len(shown) < count else "")


def show_json(**fields: Any) -> None:
    """The answer the API would give, on one line."""
    click.echo(json.dumps({"success": True, **fields}, allow_nan=False))


def console() -> Console:
    """Where tables go."""
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else _UNCUT, highlight=False)


Cell = str | tuple[str, ...] | Callable[[Mapping[str, Any]], Any]
"""What stands in a column: a field by its name, the first of several that says something, or something made of the
row."""


def show_page(
    name: str,
    rows: Sequence[Mapping[str, Any]],
    columns: Mapping[str, Cell],
    *,
    count: int,
    limit: int,
    offset: int,
    as_json: bool,
    most_counted: int | None = None,
) -> None:
    """A page of a list: the API's answer, or a table with these columns, by heading. ``most_counted``: the count ends
    there, and there may be more."""
    if as_json:
        show_json(**{name: rows}, count=count, limit=limit, offset=offset)
        return
    show_rows(rows, columns)
    if count > len(rows):
        which = f"{offset + 1}-{offset + len(rows)}" if rows else "None"
        more = " or more" if count == most_counted else ""
        click.echo(f"{which} of {count}{more}; --limit and --offset show others.", err=True)


def show_one(name: str, fields: Mapping[str, Any], *, as_json: bool) -> None:
    """One thing: the API's answer, or a line a field."""
    if as_json:
        show_json(**{name: fields})
    else:
        show_fields({field.replace("_", " "): value for field, value in on_clocks(fields).items()})


UNSAID = ("updated_at",)


def show_changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    """What an edit has changed, a line a field: what it was, and what it is."""
    before, after = on_clocks(before), on_clocks(after)
    changed = {
        name.replace("_", " "): f"{as_words(before.get(name))} -> {as_words(value)}"
        for name, value in after.items()
        if value != before.get(name) and name not in UNSAID
    }
    if changed:
        show_fields(changed)
    else:
        click.echo("Nothing has changed.")


def show_edited(name: str, before: Mapping[str, Any], after: Mapping[str, Any], *, as_json: bool) -> None:
    """A thing that was edited: the API's answer, or what has changed."""
    if as_json:
        show_json(**{name: after})
    else:
        show_changes(before, after)


def show_made(name: str, fields: Mapping[str, Any], *, as_json: bool) -> None:
    """A new thing: the API's answer, or its id alone, for a script to keep."""
    if as_json:
        show_json(**{name: fields})
    else:
        click.echo(fields["id"])


def show_warnings(warnings: Sequence[str]) -> None:
    """What is done, and may not be what was meant; beside the answer, for what a script keeps is the answer alone."""
    for warning in warnings:
        click.echo(plain(f"Warning: {warning}"), err=True)


def show_rows(rows: Sequence[Mapping[str, Any]], columns: Mapping[str, Cell]) -> None:
    """A table, a line a row; where the terminal is too narrow for one, a few lines a row. Instants are on the clocks of
    :func:`on_clocks`, where the rows have not said them otherwise."""
    screen = console()
    lines = [[as_words(_in_cell(row, cell)) for cell in columns.values()] for row in map(on_clocks, rows)]
    if screen.width < NARROW:
        for line in lines:
            show_fields(dict(zip(columns, line, strict=True)))
            click.echo()
        return
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in columns:
        table.add_column(heading, overflow="fold", no_wrap=heading.endswith("id"))  # an id is there to be copied
    for line in lines:
        table.add_row(*map(Text, line))
    show_table(table)


def show_table(table: Table) -> None:
    """A table, no line of it longer than what is in it."""
    screen = console()
    with screen.capture() as capture:
        screen.print(table)
    for line in capture.get().splitlines():
        click.echo(line.rstrip())


def _in_cell(row: Mapping[str, Any], cell: Cell) -> Any:
    match cell:
        case str():
            return row[cell]
        case tuple():
            return next((row[name] for name in cell if row[name]), None)
        case _:
            return cell(row)


def show_fields(fields: Mapping[str, Any]) -> None:
    """One thing, a line for each of its fields; one that is longer than the terminal is wide is the terminal's to
    break, so that it can be copied."""
    width = max(map(len, fields), default=0) if console().width >= NARROW else 0
    for name, value in fields.items():
        click.echo(f"{name:<{width}}  {as_words(value)}".rstrip())


def plain(text: str) -> str:
    """The text with nothing in it that a terminal would obey: a name may come from anywhere."""
    return _CONTROL.sub(lambda sign: sign[0].encode("unicode_escape").decode(), text)


def as_words(value: Any) -> str:
    """A value of the API's for a person to read."""
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case list() if all(isinstance(entry, str) for entry in value):
            return plain(", ".join(value)) or "-"
        case dict() | list():
            return plain(json.dumps(value, ensure_ascii=False))
        case _:
            return plain(str(value))


def some(count: int, noun: str) -> str:
    """``1 call``, ``2 calls``."""
    return f"{count} {noun}{'' if count == 1 else 's'}"
