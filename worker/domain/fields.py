"""Read the fields of a request's JSON object by rules; every fault is found, and each is named by its path.

A rule says which column a field becomes, what it may be, and what ``null`` means for it. Only fields that are
given come out, so that one reading serves a new thing (with what is required) and a change to an old one.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from worker.domain.errors import Fault, Invalid

Check = Callable[[object, str], Any]
"""Returns the value to store, or raises :class:`Invalid` with faults at the path given."""

NO_TEXT = re.compile("[\x00\ud800-\udfff]")
"""What a Python string can hold and PostgreSQL's text cannot: NUL, and halves of surrogate pairs."""
LONGEST_ID = 200
DEEPEST = 20


@dataclass(frozen=True, slots=True)
class Rule:
    """How one field is read. ``null`` is stored for a ``null`` where ``may_be_null``; a required field must be
    given when the thing is made, and is never null."""

    column: str
    check: Check
    required: bool = False
    may_be_null: bool = True
    null: Any = None


def read_fields(
    body: object, rules: Mapping[str, Rule], *, path: str = "", is_new: bool = True, also: Sequence[str] = ()
) -> dict[str, Any]:
    """The fields given, by column. ``also`` are texts that somebody else reads. Raises :class:`Invalid` with
    every fault: fields nobody knows, fields that are missing, values that are wrong."""
    if not isinstance(body, Mapping):
        raise Invalid([Fault(path or "body", "Give an object.")])
    inside = f"{path}." if path else ""
    faults = [
        Fault(f"{inside}{name}", f"Unknown field; the known ones are {', '.join([*also, *rules])}.")
        for name in body
        if name not in rules and name not in also
    ]
    faults += [
        Fault(f"{inside}{name}", "Give a text.")
        for name in also
        if body.get(name) is not None and not isinstance(body[name], str)
    ]
    values: dict[str, Any] = {}
    for name, rule in rules.items():
        if name not in body:
            if rule.required and is_new:
                faults.append(Fault(f"{inside}{name}", "Required."))
            continue
        try:
            values[rule.column] = _read(body[name], rule, f"{inside}{name}")
        except Invalid as error:
            faults.extend(error.faults)
    if faults:
        raise Invalid(faults)
    return values


def _read(value: object, rule: Rule, path: str) -> Any:
    if value is not None:
        return rule.check(value, path)
    if rule.required or not rule.may_be_null:
        raise wrong(path, "It cannot be null.")
    return rule.null


def wrong(path: str, message: str) -> Invalid:
    """One fault, as the error to raise."""
    return Invalid([Fault(path, message)])


def text(most: int, *, least: int = 0) -> Check:
    """A text of ``least`` to ``most`` characters, without blanks around it."""

    def check(value: object, path: str) -> str:
        sizes = f"1 to {most}" if least else f"at most {most}"
        if not isinstance(value, str):
            raise wrong(path, f"Give a text of {sizes} characters.")
        storable(value, path)
        stripped = value.strip()
        if not least <= len(stripped) <= most:
            raise wrong(path, f"Give a text of {sizes} characters.")
        return stripped

    return check


an_id = text(LONGEST_ID, least=1)


def flag(value: object, path: str) -> bool:
    """True or false."""
    if isinstance(value, bool):
        return value
    raise wrong(path, "Give true or false.")


def whole(least: int, most: int) -> Check:
    """A whole number in a range, both ends included."""

    def check(value: object, path: str) -> int:
        if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
            return value
        raise wrong(path, f"Give a whole number from {least} to {most}.")

    return check


def number(least: float, most: float) -> Check:
    """A number in a range, both ends included."""

    def check(value: object, path: str) -> float:
        if isinstance(value, int | float) and not isinstance(value, bool) and least <= value <= most:
            return float(value)
        raise wrong(path, f"Give a number from {least:g} to {most:g}.")

    return check


def one_of(*choices: str) -> Check:
    """One of a few words."""

    def check(value: object, path: str) -> str:
        if isinstance(value, str) and value in choices:
            return value
        raise wrong(path, f"Give one of: {', '.join(choices)}.")

    return check


def texts(most: int, longest: int) -> Check:
    """A list of at most ``most`` different texts; repetitions are dropped."""
    each = text(longest, least=1)

    def check(value: object, path: str) -> list[str]:
        if not isinstance(value, list) or len(value) > most:
            raise wrong(path, f"Give a list of at most {most} texts.")
        found: list[str] = []
        faults: list[Fault] = []
        for i, entry in enumerate(value):
            try:
                found.append(each(entry, f"{path}[{i}]"))
            except Invalid as error:
                faults.extend(error.faults)
        if faults:
            raise Invalid(faults)
        return list(dict.fromkeys(found))

    return check


def freeform(value: object, path: str) -> Mapping[str, Any]:
    """An object of whatever JSON may hold, kept as it is."""
    if not isinstance(value, Mapping):
        raise wrong(path, "Give an object.")
    storable(value, path)
    return value


def url(*schemes: str) -> Check:
    """An address with one of the schemes and a host."""
    plain = text(2000, least=1)

    def check(value: object, path: str) -> str:
        address: str = plain(value, path)
        try:
            parts = urlsplit(address)
            is_good = parts.scheme in schemes and bool(parts.hostname) and not any(map(str.isspace, address))
        except ValueError:
            is_good = False
        if not is_good:
            raise wrong(path, f"Give an address that begins with {' or '.join(f'{scheme}://' for scheme in schemes)}.")
        return address

    return check


def storable(value: object, path: str, depth: int = 0) -> None:
    """Refuse what JSON can say and PostgreSQL cannot keep: NUL characters, halves of surrogate pairs, numbers
    that are none; and nesting without end."""
    if depth > DEEPEST:
        raise wrong(path, f"It is nested more than {DEEPEST} levels deep.")
    if isinstance(value, str):
        if NO_TEXT.search(value):
            raise wrong(path, "It contains a character that is no text (NUL or a lone surrogate); remove it.")
    elif isinstance(value, float) and not math.isfinite(value):
        raise wrong(path, "It is not a number JSON knows.")
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            storable(name, path)
            storable(inner, f"{path}.{name}", depth + 1)
    elif isinstance(value, list):
        for i, inner in enumerate(value):
            storable(inner, f"{path}[{i}]", depth + 1)
