"""A campaign's contacts as a table, written and read again: the columns of an export, and how its cells are texts.

What :func:`texts_of` writes, :mod:`worker.domain.contact_file` reads as it was. That a file is one of ours its first
line shows: it has all of ``OURS``, spelled as we do; columns may be moved, added, or left out besides these.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from worker.domain.errors import Fault, Invalid
from worker.domain.kinds import Freeform

OURS = (
    "contact_id", "status", "reason", "attempts", "last_disposition", "last_call_at", "next_call_at", "custom_fields",
)  # fmt: skip
"""Columns that say how it went, or are of our making; other programs' files have none or few of them."""
SINCE = ("callback_at",)
"""The same, in newer exports."""
CONTACT_FIELDS = (
    "contact_id", "external_id", "first_name", "last_name", "phone", "phone_secondary", "email", "timezone",
    "timezone_confirmed", "country", "region", "postal_code", "do_not_call", "status", "reason", "attempts",
    "last_disposition", "last_call_at", "next_call_at", "callback_at", "tags", "custom_fields",
)  # fmt: skip
"""The columns of an export of contacts, in order."""


def is_export(names: Iterable[str]) -> bool:
    """Whether a first line is that of an export of contacts."""
    return set(OURS) <= set(names)


def text_of(value: Any) -> str:
    """A value as the text of a cell; tags are separated by semicolons, and one within a tag has a backslash."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case list() | tuple():
            return ";".join(str(each).replace("\\", "\\\\").replace(";", "\\;") for each in value)
        case Mapping():
            return json.dumps(value, ensure_ascii=False) if value else ""
        case _:
            return str(value)


def tags_of(text: str) -> list[str]:
    """The tags in a cell of an export."""
    tags, tag, signs = [], "", iter(text)
    for sign in signs:
        if sign == ";":
            tags.append(tag)
            tag = ""
        elif sign == "\\":
            following = next(signs, "")
            tag += following if following in ("\\", ";") else "\\" + following
        else:
            tag += sign
    return [tag for tag in [*tags, tag] if tag]


def custom_fields_of(text: str) -> Mapping[str, Any]:
    """The custom fields in a cell of an export. Raises :class:`Invalid` for what is not a JSON object."""
    if not text:
        return {}
    try:
        return Freeform()(json.loads(text), "custom_fields")
    except (ValueError, RecursionError):
        raise Invalid(
            [Fault("custom_fields", 'It is not valid JSON; write an object, such as {"plan": "gold"}.')]
        ) from None


def texts_of(row: Mapping[str, Any], fields: Sequence[str] = CONTACT_FIELDS) -> list[str]:
    """A row of an export, as texts in the order of ``fields``."""
    return [text_of(row[name]) for name in fields]
