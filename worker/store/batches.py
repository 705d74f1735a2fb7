"""What a statement takes of many things at once, bound by the fields of a dataclass.

::

    @dataclass(frozen=True, slots=True)
    class Alarm:
        campaign_id: str
        at: datetime

    ALARMS = Batch(Alarm)
    SET = text(f"UPDATE campaigns c SET next_wake_at = x.at FROM {ALARMS} WHERE c.id = x.campaign_id")
    conn.execute(SET, ALARMS.bind(alarms))

The fields name the parameters, each an array with a value a thing, and the columns of ``x``; their types say what the
arrays are of. So there is no list of columns, and no list of values, that must stand in the order of another.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields
from datetime import datetime
from operator import attrgetter
from types import NoneType
from typing import TYPE_CHECKING, Annotated, Any, Generic, TypeVar, get_args, get_origin, get_type_hints

from worker.domain.model import CallState, ContactStatus, Disposition

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T", bound="DataclassInstance")

BigInt = Annotated[int, "bigint"]
"""An identity of a table that grows without end."""

Law = Annotated[str | None, "jsonb"]
"""By which rules a call is placed, as JSON."""

_TYPES: Mapping[type, str] = {
    str: "text",
    int: "integer",
    float: "double precision",
    bool: "boolean",
    datetime: "timestamptz",
    CallState: "call_state",
    ContactStatus: "contact_status",
    Disposition: "disposition",
}


class Batch(Generic[T]):
    """Things of one dataclass of two fields or more, as a statement takes them: ``str()`` is what stands after FROM."""

    def __init__(self, of: type[T]) -> None:
        hints = get_type_hints(of, include_extras=True)
        self._types = {field.name: _type_of(hints[field.name]) for field in fields(of)}
        self._values = attrgetter(*self._types)

    def __str__(self) -> str:
        return f"{self._arrays()} AS x ({', '.join(self._types)})"

    @property
    def numbered(self) -> str:
        """The same, with the place of each in the batch as the column ``ord``, from 1."""
        return f"{self._arrays()} WITH ORDINALITY AS x ({', '.join(self._types)}, ord)"

    def bind(self, things: Iterable[T]) -> dict[str, list[Any]]:
        """The statement's parameters for these things."""
        columns = [list(column) for column in zip(*map(self._values, things), strict=True)]
        return dict(zip(self._types, columns, strict=True)) if columns else {name: [] for name in self._types}

    def _arrays(self) -> str:
        return f"unnest({', '.join(f'CAST(:{name} AS {kind}[])' for name, kind in self._types.items())})"


def _type_of(hint: Any) -> str:
    """PostgreSQL's type for values of this hint, with or without ``None``."""
    if get_origin(hint) is Annotated:
        return str(hint.__metadata__[0])
    kinds = [kind for kind in get_args(hint) if kind is not NoneType] or [hint]
    return _type_of(kinds[0]) if get_args(hint) else _TYPES[kinds[0]]
