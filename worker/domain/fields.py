"""Read the fields of a request's JSON object by rules; every fault is found, and each is named by its path.

A rule says which column a field becomes, what it may be, and what ``null`` means for it. Only fields that are
given come out, so that one reading serves a new thing (with what is required) and a change to an old one.

Every sentence says what to give; one about a field that is missing or ``null`` has that from what the field's check
says of a value of no kind at all.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from worker.domain.errors import Fault, Invalid
from worker.domain.spelling import did_you_mean

Check = Callable[[object, str], Any]
"""Returns the value to store, or raises :class:`Invalid` with faults at the path given."""

NO_TEXT = re.compile("[\x00\ud800-\udfff]")
"""What a Python string can hold and PostgreSQL's text cannot: NUL, and halves of surrogate pairs."""
LONGEST_ID = 200
DEEPEST = 20
MISSING = object()
"""Stands for a field that is not there, which is another thing than one that is ``null``."""
NOT_NULL = "It cannot be null"
_NO_TEXT_FAULT = "It contains a character that is not text (NUL or half of a surrogate pair); remove it."


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
    faults = unknown_fields(body, [*also, *rules], inside)
    faults += [
        Fault(f"{inside}{name}", "Give a text.")
        for name in also
        if body.get(name) is not None and not isinstance(body[name], str)
    ]
    values: dict[str, Any] = {}
    for name, rule in rules.items():
        if name not in body:
            if rule.required and is_new:
                faults.append(Fault(f"{inside}{name}", required(rule.check)))
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
        raise wrong(path, not_null(rule.check))
    return rule.null


def unknown_fields(body: Mapping[str, Any], known: Sequence[str], inside: str = "") -> list[Fault]:
    """A fault for every field that is not known; ``inside`` stands before the names in their paths."""
    return [Fault(f"{inside}{name[:LONGEST_ID]}", unknown("field", name, known)) for name in body if name not in known]


def unknown(what: str, name: str, known: Sequence[str]) -> str:
    """The sentence for a name that is not known, and what is; with the one it resembles, if it does."""
    knows = f"known here are {', '.join(known)}." if known else "none is known here."
    meant = did_you_mean(name, known)
    return f"Unknown {what};{meant} {knows.capitalize()[0]}{knows[1:]}" if meant else f"Unknown {what}; {knows}"


def required(check: Check) -> str:
    """The sentence for a field that is missing."""
    return f"Required: {_wanted(check)}"


def not_null(check: Check) -> str:
    """The sentence for a field that is ``null`` and may not be."""
    return f"{NOT_NULL}; {_wanted(check)}"


def _wanted(check: Check) -> str:
    try:
        check(MISSING, "")
    except Invalid as error:
        sentence = error.faults[0].message
        return sentence[0].lower() + sentence[1:]
    return "give a value."


def wrong(path: str, message: str) -> Invalid:
    """One fault, as the error to raise."""
    return Invalid([Fault(path, message)])


def text(most: int, *, least: int = 0) -> Check:
    """A text of ``least`` to ``most`` characters, without blanks around it."""

    def check(value: object, path: str) -> str:
        if isinstance(value, str):
            storable(value, path)
            value = value.strip()
        fault = text_fault(value, most, least)
        if fault is not None or not isinstance(value, str):
            raise wrong(path, fault or "Give a text.")
        return value

    return check


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


_BOUNDS = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}


def range_in_words(bounds: Iterable[object]) -> str:
    """The bounds of a number, as pydantic keeps them: ``from 1 to 64``, ``above 0 and at most 60``."""
    found = ((name, getattr(each, name)) for each in bounds for name in _BOUNDS if hasattr(each, name))
    given = {name: f"{bound:,}".replace(",", " ") for name, bound in found}
    if given.keys() == {"ge", "le"}:
        return f"from {given['ge']} to {given['le']}"
    return " and ".join(f"{word} {given[name]}" for name, word in _BOUNDS.items() if name in given)


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
            size = f"; this one has {len(value)}" if isinstance(value, list) else ""
            raise wrong(path, f"Give a list of at most {most} texts{size}.")
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
    wanted = f"Give an address that begins with {' or '.join(f'{scheme}://' for scheme in schemes)}"

    def check(value: object, path: str) -> str:
        if not isinstance(value, str):
            raise wrong(path, f"{wanted}.")
        address: str = plain(value, path)
        try:
            parts = urlsplit(address)
            is_good = parts.scheme in schemes and bool(parts.hostname) and not any(map(str.isspace, address))
        except ValueError:
            is_good = False
        if not is_good:
            raise wrong(path, f"{wanted} and names a host.")
        return address

    return check


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
