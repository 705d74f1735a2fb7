"""What the rows of a statement look like: a class for each shape, declared beside the statement that returns it.

::

    @shaped(REACH)
    class Reach(Protocol):
        stream_url: str | None
        carriers: list[str]

Nothing is made of the class at run time: rows stay SQLAlchemy's, and the class says to people and to mypy which columns
they have. A column stands on one line, though nobody may assign to it: a row refuses that. Shapes that share columns
inherit them. What is declared is held against what PostgreSQL itself says of each statement's columns, their names,
types and whether they may be NULL (``tests/store/test_row_shapes.py``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy import ClauseElement

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Shape:
    """A statement and the class of its rows. ``never_null`` are columns that may be NULL in their table and are not in
    this statement's rows, because it asks for that."""

    row: type
    statement: ClauseElement
    never_null: frozenset[str]


SHAPES: list[Shape] = []
"""Every shape of the modules imported so far."""


def shaped(*statements: ClauseElement, never_null: tuple[str, ...] = ()) -> Callable[[type[T]], type[T]]:
    """Declare that the rows of these statements have at least the columns of the class that follows."""

    def declare(row: type[T]) -> type[T]:
        SHAPES.extend(Shape(row, statement, frozenset(never_null)) for statement in statements)
        return row

    return declare
