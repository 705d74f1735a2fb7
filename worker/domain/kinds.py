"""What the value of a field may be. A kind is called with a value and its path, and returns what is stored or raises
:class:`~worker.domain.errors.Invalid`. Its bounds are its attributes, for whoever has to say them elsewhere: the
OpenAPI document, the command line, the test that holds them against the CHECKs of the schema.

The list of commands is made of the declarations, so what takes long to import is imported where a value is read.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from itertools import chain
from typing import Any
from urllib.parse import urlsplit

from worker.domain.errors import Invalid, every
from worker.domain.fields import LONGEST_ID, storable, text_fault, wrong
from worker.domain.paging import MOST_AT_ONCE

UNBOUNDED = sys.maxsize
_SLUG = re.compile("[a-z0-9][a-z0-9-]{0,62}")


@dataclass(frozen=True, slots=True)
class Text:
    """A text of ``least`` to ``most`` characters, kept without the blanks around it, or ``verbatim``."""

    most: int = UNBOUNDED
    least: int = 0
    verbatim: bool = False

    @property
    def pattern(self) -> str | None:
        """The regular expression that a text matches which is not refused, as far as one can say it."""
        return r"\S" if self.least else None

    def __call__(self, value: object, path: str) -> str:
        if isinstance(value, str) and not self.verbatim:
            value = value.strip()
        fault = text_fault(value, self.most, self.least)
        if fault is not None or not isinstance(value, str):
            raise wrong(path, fault or "Give a text.")
        return value


@dataclass(frozen=True, slots=True)
class Id(Text):
    """The id of something else."""

    most: int = LONGEST_ID
    least: int = 1


@dataclass(frozen=True, slots=True)
class Url(Text):
    """An address with one of the ``schemes`` and a host."""

    most: int = 2000
    least: int = 1
    schemes: tuple[str, ...] = ("https", "http")

    @property
    def pattern(self) -> str:
        return f"^({'|'.join(self.schemes)})://"

    def __call__(self, value: object, path: str) -> str:
        wanted = f"Give an address that begins with {' or '.join(f'{scheme}://' for scheme in self.schemes)}"
        if not isinstance(value, str):
            raise wrong(path, f"{wanted}.")
        address = Text(self.most, self.least)(value, path)
        try:
            parts = urlsplit(address)
            is_good = parts.scheme in self.schemes and bool(parts.hostname) and not any(map(str.isspace, address))
        except ValueError:
            is_good = False
        if not is_good:
            raise wrong(path, f"{wanted} and names a host.")
        return address


@dataclass(frozen=True, slots=True)
class Flag:
    """True or false."""

    def __call__(self, value: object, path: str) -> bool:
        if isinstance(value, bool):
            return value
        raise wrong(path, "Give true or false.")


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number in a range, both ends included."""

    least: int
    most: int

    def __call__(self, value: object, path: str) -> int:
        # JSON's true is Python's 1, and would pass for one attempt.
        if isinstance(value, int) and not isinstance(value, bool) and self.least <= value <= self.most:
            return value
        raise wrong(path, f"Give a whole number from {self.least} to {self.most}.")


@dataclass(frozen=True, slots=True)
class Number:
    """A number in a range, both ends included."""

    least: float
    most: float

    def __call__(self, value: object, path: str) -> float:
        if isinstance(value, int | float) and not isinstance(value, bool) and self.least <= value <= self.most:
            return float(value)
        raise wrong(path, f"Give a number from {self.least:g} to {self.most:g}.")


@dataclass(frozen=True, slots=True)
class OneOf:
    """One of a few words."""

    choices: tuple[str, ...]

    def __call__(self, value: object, path: str) -> str:
        if isinstance(value, str) and value in self.choices:
            return value
        raise wrong(path, f"Give one of: {', '.join(self.choices)}.")


@dataclass(frozen=True, slots=True)
class State:
    """One of the states of an enum, which nobody sets by a field: it is only shown."""

    states: type[StrEnum]

    def __call__(self, value: object, path: str) -> str:
        return OneOf(tuple(self.states))(value, path)


@dataclass(frozen=True, slots=True)
class Reach:
    """Contacts by how far the campaign has come with them (:mod:`worker.domain.reach`); nobody sets it."""

    def __call__(self, value: object, path: str) -> object:
        raise wrong(path, "It is only shown.")


@dataclass(frozen=True, slots=True)
class Texts:
    """A list of at most ``most`` different texts; repetitions are dropped."""

    most: int
    each: Text

    def __call__(self, value: object, path: str) -> list[str]:
        if not isinstance(value, list) or len(value) > self.most:
            raise wrong(path, f"Give a list of at most {self.most} texts{size_of(value)}.")
        found = every(partial(self.each, entry, f"{path}[{i}]") for i, entry in enumerate(value))
        return list(dict.fromkeys(found))


@dataclass(frozen=True, slots=True)
class Ids:
    """A list of one to ``most`` ids of things called ``what``; repetitions are dropped."""

    most: int
    what: str

    def __call__(self, value: object, path: str) -> list[str]:
        if not isinstance(value, list) or not 1 <= len(value) <= self.most:
            raise wrong(path, f"Give a list of 1 to {self.most} {self.what} ids{size_of(value)}.")
        return list(dict.fromkeys(every(partial(self._id, entry, f"{path}[{i}]") for i, entry in enumerate(value))))

    def _id(self, value: object, path: str) -> Any:
        if why := text_fault(value, LONGEST_ID):
            raise wrong(path, f"Give the id of a {self.what}: {why[0].lower()}{why[1:]}")
        return value


@dataclass(frozen=True, slots=True)
class Freeform:
    """An object of whatever JSON may hold, kept as it is."""

    def __call__(self, value: object, path: str) -> Mapping[str, Any]:
        if not isinstance(value, Mapping):
            raise wrong(path, "Give an object.")
        storable(value, path)
        return value


@dataclass(frozen=True, slots=True)
class Instant:
    """A moment. Only shown; one that may be sent is a kind of its own, for it is compared with the present."""

    def __call__(self, value: object, path: str) -> Any:
        raise wrong(path, "Nobody sets this.")


@dataclass(frozen=True, slots=True)
class Number164(Text):
    """A number that may be called, as E.164; without a country code it is one of the ``region``."""

    most: int = 64
    least: int = 1
    region: str | None = None

    def __call__(self, value: object, path: str) -> str:
        if not isinstance(value, str) or not value.strip():
            empty = "It is empty; give" if isinstance(value, str) else "Give"
            raise wrong(path, f"{empty} a phone number in international form, such as +12025550123.")
        from worker.domain.screening import Phone, normalize

        read = normalize(Text(self.most)(value, path), self.region)
        if isinstance(read, Phone):
            return read.e164
        raise wrong(path, read.message)


@dataclass(frozen=True, slots=True)
class Country(Text):
    """An ISO 3166 country, such as US."""

    most: int = 64

    def __call__(self, value: object, path: str) -> str:
        from worker.domain.screening import check_region

        try:
            return check_region(Text(self.most)(value, path))
        except Invalid as error:
            raise wrong(path, error.faults[0].message) from None


@dataclass(frozen=True, slots=True)
class Slug(Text):
    """What stands in a client's requests for its team."""

    most: int = 63
    least: int = 1

    @property
    def pattern(self) -> str:
        return f"^{_SLUG.pattern}$"

    def __call__(self, value: object, path: str) -> str:
        if isinstance(value, str) and _SLUG.fullmatch(value):
            return value
        raise wrong(path, "Give 1 to 63 small letters, digits and hyphens, such as my-team.")


@dataclass(frozen=True, slots=True)
class Numbers:
    """Numbers in E.164, each once. ``region`` is where those without a country code belong; ``known`` are the numbers
    that contacts have who are shown with such a text: they are meant, too."""

    most: int = MOST_AT_ONCE
    region: str | None = None
    known: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def __call__(self, value: object, path: str) -> list[str]:
        if not isinstance(value, list) or not value or len(value) > self.most:
            raise wrong(path, f"Give a list of 1 to {self.most} phone numbers{size_of(value)}.")
        found = every(partial(self._meant, entry, f"{path}[{i}]") for i, entry in enumerate(value))
        return list(dict.fromkeys(chain.from_iterable(found)))

    def _meant(self, value: object, path: str) -> Sequence[str]:
        known = self.known.get(value, ()) if isinstance(value, str) else ()
        try:
            return [*known, Number164(region=self.region)(value, path)]
        except Invalid:
            if not known:
                raise
            return known


def size_of(value: object) -> str:
    """How many a list has that may not have so many."""
    return f"; this one has {len(value)}" if isinstance(value, list) else ""
