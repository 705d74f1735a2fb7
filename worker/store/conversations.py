"""What an assistant is sent of a call, in the columns of statements that place or answer one.

A campaign without ``variables`` and ``outcomes`` pays nothing for them: what they need is read only where they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from worker.domain.variables import CONTACT_FIELDS

SECRET = """CASE WHEN c.variables IS NOT NULL OR c.outcomes IS NOT NULL
            THEN (SELECT secret FROM call_secret) END AS call_secret"""
"""What the tokens of calls of a campaign ``c`` are derived from, where its assistant gets one."""


def person(contact: str) -> str:
    """SQL for what the templates may name of a contact with this alias, as an object."""
    fields = (*CONTACT_FIELDS, "custom_fields")
    return f"jsonb_build_object({', '.join(f'{name!r}, {contact}.{name}' for name in fields)})"


def person_of(contact_id: str) -> str:
    """The same of the contact with this id, where the campaign ``c`` has variables."""
    return f"""CASE WHEN c.variables IS NOT NULL
            THEN (SELECT {person("p")} FROM contacts p WHERE p.id = {contact_id}) END AS person"""


class ConversationColumns(Protocol):
    """What an assistant is sent beside the ids: ``variables`` are templates for the ``person``, the token of the call
    is derived from ``call_secret``."""

    variables: Mapping[str, Any] | None
    person: Mapping[str, Any] | None
    call_secret: bytes | None
