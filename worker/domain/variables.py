"""What an assistant is sent of the person it is connected to: names that a campaign chooses, each with a template.

``{"name": "{first_name}", "plan": "{custom.plan}", "offer": "spring"}``: a field of the contact in braces, a custom
field as ``{custom.KEY}``, anything else as it stands; ``{{`` and ``}}`` are braces. They are rendered where a call is
placed or answered, from the contact's row as it is then, and kept nowhere.

Bounds are those of the narrowest carrier, which takes 500 characters for the name and the value together (the manual
says which, in its page on assistants).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

from worker.domain.errors import every
from worker.domain.fields import text_fault, unknown, wrong
from worker.domain.kinds import Freeform

MOST_VARIABLES = 50
LONGEST_NAME = 50
LONGEST_TEMPLATE = 500
LONGEST_VALUE = 400
"""Characters of a value that are sent; what is longer is cut."""
OWN_NAMES = ("callId", "campaignId", "contactId", "callToken")
"""What an assistant is sent besides, under names that are therefore taken."""
CONTACT_FIELDS = ("first_name", "last_name", "email", "phone", "phone_secondary", "timezone")
"""The fields of a contact that a template may name."""
CUSTOM = "custom."
_NAME = re.compile(rf"[A-Za-z][A-Za-z0-9_]{{0,{LONGEST_NAME - 1}}}")
_PART = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|([^{}]+)|([{}])")
_UNSPEAKABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]+")
"""What has no place in a parameter: control characters, which XML cannot say, and what ends a line."""


@dataclass(frozen=True, slots=True)
class FieldOf:
    """A field of a contact, as a template names it: ``first_name``, ``custom.plan``."""

    name: str

    def value(self, person: Mapping[str, Any]) -> str:
        """What the contact has there, as text; empty where it has nothing."""
        if self.name.startswith(CUSTOM):
            found = person["custom_fields"].get(self.name.removeprefix(CUSTOM))
        else:
            found = person[self.name]
        return _as_text(found)


@dataclass(frozen=True, slots=True)
class Variables(Freeform):
    """The ``variables`` of a campaign: an object of templates by name."""

    def __call__(self, value: object, path: str) -> Mapping[str, str]:
        if not isinstance(value, Mapping) or len(value) > MOST_VARIABLES:
            raise wrong(
                path, f'Give an object of at most {MOST_VARIABLES} texts, such as {{"name": "{{first_name}}"}}.'
            )
        every(partial(_check, name, template, f"{path}.{name[:LONGEST_NAME]}") for name, template in value.items())
        return value


def _check(name: str, template: object, path: str) -> None:
    if not _NAME.fullmatch(name):
        raise wrong(path, f"Give a name of 1 to {LONGEST_NAME} letters, digits and _, a letter first.")
    if name in OWN_NAMES:
        raise wrong(path, f"{', '.join(OWN_NAMES)} are sent by themselves; give it another name.")
    if fault := text_fault(template, LONGEST_TEMPLATE, 0):
        raise wrong(path, fault)
    for part in _parts(str(template)):
        if isinstance(part, FieldOf):
            _check_field(part.name, path)


def _check_field(name: str, path: str) -> None:
    if name.startswith(CUSTOM) and name != CUSTOM:
        return
    if not name:
        raise wrong(path, "A brace belongs to no field; write {{ or }} for one that is sent.")
    if name not in CONTACT_FIELDS:
        raise wrong(path, f"{{{name[:LONGEST_NAME]}}}: {unknown('field', name, (*CONTACT_FIELDS, f'{CUSTOM}KEY'))}")


@lru_cache(maxsize=4096)
def _parts(template: str) -> tuple[str | FieldOf, ...]:
    return tuple(_read(template))


def _read(template: str) -> Iterator[str | FieldOf]:
    """The template in texts and fields. A brace that belongs to no field is one that names none: it is refused when
    the campaign is made, as the empty name."""
    for match in _PART.finditer(template):
        if match[0] in ("{{", "}}"):
            yield match[0][0]
        elif match[1] is not None or match[3]:
            yield FieldOf(match[1] or "")
        else:
            yield match[0]


def render(variables: Mapping[str, str] | None, person: Mapping[str, Any] | None) -> dict[str, str]:
    """The values for this contact, by name: each of at most ``LONGEST_VALUE`` characters, on one line, without control
    characters. A field that it does not have is empty text."""
    if not variables or person is None:
        return {}
    return {name: _rendered(template, person) for name, template in variables.items()}


def missing(variables: Mapping[str, str], person: Mapping[str, Any]) -> list[str]:
    """The fields that the templates name and the contact does not have, each once, in the order they are named."""
    fields = [part for template in variables.values() for part in _parts(template) if isinstance(part, FieldOf)]
    return [field.name for field in dict.fromkeys(fields) if not field.value(person)]


def _rendered(template: str, person: Mapping[str, Any]) -> str:
    text = "".join(part if isinstance(part, str) else part.value(person) for part in _parts(template))
    return _UNSPEAKABLE.sub(" ", text).strip()[:LONGEST_VALUE]


def _as_text(value: object) -> str:
    match value:
        case None:
            return ""
        case str():
            return value.strip()
        case bool():
            return "true" if value else "false"
        case list():
            return ", ".join(filter(None, map(_as_text, value)))
        case dict():
            return ", ".join(f"{key}: {_as_text(each)}" for key, each in value.items())
        case _:
            return str(value)
