"""What a request that puts contacts into a campaign may say: whom, and with which priority."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from worker.domain.campaign import CONTACT_IDS
from worker.domain.errors import Fault, Invalid, every
from worker.domain.fields import Field, examine, read_fields, wrong
from worker.domain.kinds import Id, Whole, size_of
from worker.domain.paging import MOST_AT_ONCE
from worker.domain.selection import parse_filter

PRIORITY = Whole(1, 9)
DEFAULT_PRIORITY = 5
_ENTRY = (Field("contactId", Id(verbatim=True), required=True), Field("priority", PRIORITY, nullable=False))


@dataclass(frozen=True, slots=True)
class PriorityContacts:
    """A list of contacts, each with a priority where it is not that of all."""

    most: int = MOST_AT_ONCE

    def __call__(self, value: object, path: str) -> list[dict[str, Any]]:
        if not isinstance(value, list) or not 1 <= len(value) <= self.most:
            raise wrong(path, f'Give a list of 1 to {self.most} such as {{"contactId": "cont_…", "priority": 1}}'
                        f"{size_of(value)}.")  # fmt: skip
        return every(partial(read_fields, each, _ENTRY, path=f"{path}[{n}]") for n, each in enumerate(value))


ADDITIONS = (
    Field("contactIds", CONTACT_IDS[0].kind, nullable=False, help="Contacts that exist."),
    Field("contacts", PriorityContacts(), nullable=False, help="The same, each with a priority of its own."),
    Field("priority", PRIORITY, nullable=False, default=DEFAULT_PRIORITY,
          help="Of those who are due, 1 is called first and 9 last.", example=DEFAULT_PRIORITY),
)  # fmt: skip
PRIORITIES = (CONTACT_IDS[0], Field("priority", PRIORITY, required=True, help="1 is called first, 9 last.", example=1))


@dataclass(frozen=True, slots=True)
class Additions:
    """Contacts to be put into a campaign, each once; ``priorities`` are those that are not the default."""

    contact_ids: Sequence[str]
    priorities: Mapping[str, int] = field(default_factory=dict)


def parse_additions(body: Mapping[str, Any]) -> Additions:
    """Whom a request adds. A contact that is named twice has the priority said last. Raises :class:`Invalid` with every
    fault."""
    read, faults = examine(body, ADDITIONS)
    if not faults and not ("contact_ids" in read or "contacts" in read):
        faults.append(Fault("contactIds", f"Required: give a list of 1 to {MOST_AT_ONCE} contact ids, or contacts."))
    if faults:
        raise Invalid(faults)
    priority = read.get("priority", DEFAULT_PRIORITY)
    named = dict.fromkeys(read.get("contact_ids", ()), priority)
    named |= {each["contact_id"]: each.get("priority", priority) for each in read.get("contacts", ())}
    if len(named) > MOST_AT_ONCE:
        raise wrong("contacts", f"Name at most {MOST_AT_ONCE} contacts in all; these are {len(named)}.")
    return Additions(list(named), {id: each for id, each in named.items() if each != DEFAULT_PRIORITY})


def parse_matching(body: Mapping[str, Any]) -> tuple[dict[str, Any], int]:
    """The filter of a request that adds all contacts that match, by column, and the priority they get. Raises
    :class:`Invalid` with every fault."""
    others = {name: value for name, value in body.items() if name != "priority"}
    given = {"priority": body["priority"]} if "priority" in body else {}
    chosen, read = every(
        [partial(parse_filter, others, in_campaign=False), partial(read_fields, given, [ADDITIONS[-1]])]
    )
    return chosen, read.get("priority", DEFAULT_PRIORITY)


def parse_priorities(body: Mapping[str, Any]) -> tuple[list[str], int]:
    """The contacts whose priority is to be another, and that. Raises :class:`Invalid` with every fault."""
    read = read_fields(body, PRIORITIES)
    return read["contact_ids"], read["priority"]
