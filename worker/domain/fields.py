"""A field of a request's JSON object, declared once, and how a body is read by such declarations; every fault is
found, and each is named by its path.

A :class:`Field` says which column it becomes, what it may be (:mod:`worker.domain.kinds`), what ``null`` means for it,
who may set it and when, and what to say about it. Only fields that are given come out, so that one reading serves a new
thing (with what is required) and a change to an old one.

Every sentence says what to give; one about a field that is missing or ``null`` has that from what the field's kind
says of a value of no kind at all.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from worker.domain.errors import Fault, Invalid
from worker.domain.spelling import did_you_mean

Kind = Callable[[object, str], Any]
"""What a value may be: returns the value to store, or raises :class:`Invalid` with faults at the path given."""

NO_TEXT = re.compile("[\x00\ud800-\udfff]")
"""What a Python string can hold and PostgreSQL's text cannot: NUL, and halves of surrogate pairs."""
LONGEST_ID = 200
DEEPEST = 20
MISSING = object()
"""Stands for a field that is not there, which is another thing than one that is ``null``."""
NOT_NULL = "It cannot be null"
_NO_TEXT_FAULT = "It contains a character that is not text (NUL or half of a surrogate pair); remove it."


class Setting(Enum):
    """When a client may set a field."""

    ALWAYS = "when the thing is made, and later"
    UNTIL_ENDED = "also later, unless it has ended"
    WHILE_STOPPED = "also later, while it does not run and has not ended"
    ONCE = "when the thing is made; it is for life"
    NEVER = "it is only shown"


@dataclass(frozen=True, slots=True)
class Field:
    """One field. ``name`` is what requests call it; its column, its name in answers (``shown``) and its option follow
    from that where they are not given. A field that is ``required`` must be given when the thing is made, and is never
    null. ``default`` is stored where it is left out, and where it is null and may be (``nullable``).

    ``help`` is for people, in the API's names, on both the API's page and the command line; ``more`` stands on the page
    alone, ``answer`` there about what is shown, where that is another thing than what is sent. ``switch`` are the two
    words of a yes or no on the command line. ``present`` makes of the column's value what is shown. Several fields may
    share a ``column`` that is a JSON object, each under a ``key`` of its own.
    """

    name: str
    kind: Kind
    column: str = ""
    key: str = ""
    shown: str = ""
    required: bool = False
    nullable: bool = True
    default: Any = None
    when: Setting = Setting.ALWAYS
    help: str = ""
    more: str = ""
    answer: str = ""
    example: Any = None
    switch: str = ""
    present: Callable[[Any], Any] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "shown", self.shown or snake(self.name))
        object.__setattr__(self, "column", self.column or self.shown)

    @property
    def may_be_null(self) -> bool:
        """Whether a request may say ``null``."""
        return self.nullable and not self.required

    @property
    def is_ever_null(self) -> bool:
        """Whether an answer may say ``null``."""
        return self.may_be_null and self.default is None


def snake(name: str) -> str:
    """``maxConcurrentCalls`` as answers and columns have it: ``max_concurrent_calls``."""
    return re.sub("([A-Z])", r"_\1", name).lower()


def read_fields(
    body: object, fields: Sequence[Field], *, path: str = "", is_new: bool = True, also: Sequence[str] = ()
) -> dict[str, Any]:
    """The fields given, by column. ``also`` are texts that somebody else reads. Raises :class:`Invalid` with
    every fault: fields nobody knows, fields that are missing, values that are wrong."""
    values, faults = examine(body, fields, path=path, is_new=is_new, also=also)
    if faults:
        raise Invalid(faults)
    return values


def examine(
    body: object, fields: Sequence[Field], *, path: str = "", is_new: bool = True, also: Sequence[str] = ()
) -> tuple[dict[str, Any], list[Fault]]:
    """The same for who has more to check: the values that are right, and the faults of the others."""
    if not isinstance(body, Mapping):
        return {}, [Fault(path or "body", "Give an object.")]
    inside = f"{path}." if path else ""
    faults = unknown_fields(body, [*also, *(field.name for field in fields)], inside)
    faults += [
        Fault(f"{inside}{name}", "Give a text.")
        for name in also
        if body.get(name) is not None and not isinstance(body[name], str)
    ]
    values: dict[str, Any] = {}
    for field in fields:
        sent = body.get(field.name, MISSING)
        if sent is MISSING and field.name not in body and not (field.required and is_new):
            continue
        try:
            value = read_field(sent, field, f"{inside}{field.name}")
            if field.key:
                values.setdefault(field.column, {})[field.key] = value
            else:
                values[field.column] = value
        except Invalid as error:
            faults.extend(error.faults)
    return values, faults


def read_field(value: object, field: Field, path: str) -> Any:
    """What is stored for a value, which may be ``MISSING``. Raises :class:`Invalid`."""
    if value is MISSING:
        raise wrong(path, required(field.kind))
    if value is not None:
        return field.kind(value, path)
    if not field.may_be_null:
        raise wrong(path, not_null(field.kind))
    return field.default


def unknown_fields(body: Mapping[str, Any], known: Sequence[str], inside: str = "") -> list[Fault]:
    """A fault for every field that is not known; ``inside`` stands before the names in their paths."""
    return [Fault(f"{inside}{name[:LONGEST_ID]}", unknown("field", name, known)) for name in body if name not in known]


def unknown(what: str, name: str, known: Sequence[str]) -> str:
    """The sentence for a name that is not known, and what is; with the one it resembles, if it does."""
    knows = f"known here are {', '.join(known)}." if known else "none is known here."
    meant = did_you_mean(name, known)
    return f"Unknown {what};{meant} {knows.capitalize()[0]}{knows[1:]}" if meant else f"Unknown {what}; {knows}"


def required(kind: Kind) -> str:
    """The sentence for a field that is missing."""
    return f"Required: {_wanted(kind)}"


def not_null(kind: Kind) -> str:
    """The sentence for a field that is ``null`` and may not be."""
    return f"{NOT_NULL}; {_wanted(kind)}"


def _wanted(kind: Kind) -> str:
    try:
        kind(MISSING, "")
    except Invalid as error:
        sentence = error.faults[0].message
        return sentence[0].lower() + sentence[1:]
    return "give a value."


def wrong(path: str, message: str) -> Invalid:
    """One fault, as the error to raise."""
    return Invalid([Fault(path, message)])


def text_fault(value: object, most: int, least: int = 1) -> str | None:
    """What is wrong with a text of ``least`` to ``most`` characters, in a sentence; ``None`` if nothing."""
    sizes = f"{least} to {most}" if least else f"at most {most}"
    if not isinstance(value, str):
        return f"Give a text of {sizes} characters."
    if NO_TEXT.search(value):
        return _NO_TEXT_FAULT
    if len(value) <= most and (not least or value.strip()):
        return None
    found = f"has {len(value)}" if len(value) > most else "is empty"
    return f"Give a text of {sizes} characters; this one {found}."


_BOUNDS = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}


def range_in_words(bounds: Iterable[object]) -> str:
    """The bounds of a number, as pydantic keeps them: ``from 1 to 64``, ``above 0 and at most 60``."""
    found = ((name, getattr(each, name)) for each in bounds for name in _BOUNDS if hasattr(each, name))
    given = {name: f"{bound:,}".replace(",", " ") for name, bound in found}
    if given.keys() == {"ge", "le"}:
        return f"from {given['ge']} to {given['le']}"
    return " and ".join(f"{word} {given[name]}" for name, word in _BOUNDS.items() if name in given)


def storable(value: object, path: str, depth: int = 0) -> None:
    """Refuse what JSON can say and PostgreSQL cannot keep: NUL characters, halves of surrogate pairs, numbers
    that are none; and nesting without end."""
    if depth > DEEPEST:
        raise wrong(path, f"It is nested too deeply; at most {DEEPEST} levels are kept.")
    if isinstance(value, str):
        if NO_TEXT.search(value):
            raise wrong(path, _NO_TEXT_FAULT)
    elif isinstance(value, float) and not math.isfinite(value):
        raise wrong(path, "It is not a number that JSON knows; give a finite one.")
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            storable(name, path)
            storable(inner, f"{path}.{name}", depth + 1)
    elif isinstance(value, list):
        for i, inner in enumerate(value):
            storable(inner, f"{path}[{i}]", depth + 1)
