"""The assistant as a resource: what the domain declares of it, and the fields that single carriers read."""

from __future__ import annotations

from dataclasses import replace

from worker.carriers import registry
from worker.carriers.spec import AssistantField
from worker.domain import resources
from worker.domain.assistant import api_name
from worker.domain.fields import Field
from worker.domain.kinds import Id
from worker.domain.resources import Resource


def _at_carrier(field: AssistantField) -> Field:
    return Field(field.name, Id(), column="carrier_ids", key=field.key, shown=field.key, help=field.help)


def assistant() -> Resource:
    """It as the carriers that are found now have it."""
    base = resources.ASSISTANT
    at = next(n for n, field in enumerate(base.fields) if field.name == "settings")
    own = [_at_carrier(field) for field in registry.assistant_fields()]
    return replace(base, fields=(*base.fields[:at], *own, *base.fields[at:]), on_create=_on_create())


def _on_create() -> str:
    """What is said of an assistant's fields: which carrier connects by which."""
    ways = [
        f"{spec.title} connects by {' or '.join(f'`{api_name(key)}`' for key in spec.connects_by)}"
        if spec.connects_by
        else f"{spec.title} needs none of them"
        for spec in registry.specs().values()
    ]
    return (
        "`streamUrl` is where the carrier streams the call's audio to, `answerUrl` where it asks for instructions; an "
        f"id is of an assistant that lives at its carrier. {'; '.join(ways)}."
    )


ASSISTANT = assistant()
RESOURCES = tuple(ASSISTANT if each is resources.ASSISTANT else each for each in resources.PLAIN)
"""The plain resources, with the assistant as it is here."""
