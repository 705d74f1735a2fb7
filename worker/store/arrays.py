"""Lists as array literals of PostgreSQL, written in one go.

A statement for many calls takes its values as arrays, a score of them with a value a call. The driver looks for the
type of each element and has it quoted by a call of its own, which took a fifth of what the worker computed; most lists
are of ids, and those are joined. The type is left to the statement (``CAST(:ids AS text[])``, ``id = ANY(:ids)``),
which is prepared once, then, and not for each combination of lists that happen to be of nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from psycopg import Connection, DataError
from psycopg.adapt import Dumper


class ArrayDumper(Dumper):
    """Dumps a flat list of text, numbers, truth values, instants, bytes and ``None``."""

    oid = 0

    def dump(self, obj: Sequence[Any]) -> bytes:
        written = (_joined(obj) or "{" + ",".join(_elements(obj)) + "}").encode()
        if b"\0" in written:
            raise DataError("PostgreSQL text fields cannot contain NUL (0x00) bytes")
        return written


def use_arrays(connection: Connection[Any]) -> None:
    """Let this connection write lists so."""
    connection.adapters.register_dumper(list, ArrayDumper)


def _joined(values: Sequence[Any]) -> str | None:
    """The literal, if all values are text in which nothing is to be escaped."""
    try:
        inner = '","'.join(values)
    except TypeError:
        return None
    if not values or "\\" in inner or inner.count('"') != 2 * (len(values) - 1):
        return None
    return f'{{"{inner}"}}'


def _elements(values: Sequence[Any]) -> Iterable[str]:
    if values and values.count(values[0]) == len(values):  # most lists that are not of ids say one thing of all calls
        return [_element(values[0])] * len(values)
    return map(_element, values)


def _element(value: Any) -> str:
    match value:
        case None:
            return "NULL"
        case bool() | int() | float():
            return str(value)
        case str():
            return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
        case datetime():
            return f'"{value.isoformat()}"'
        case bytes():
            return f'"\\\\x{value.hex()}"'
        case _:
            raise TypeError(f"no array is written of {type(value).__name__}")
