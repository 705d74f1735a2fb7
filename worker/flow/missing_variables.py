"""Warn whoever runs a campaign of contacts that lack what its assistant is to be sent."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from sqlalchemy import Connection

from worker.domain.variables import missing
from worker.store.campaigns import CampaignRow
from worker.store.crm import callees

MOST_LOOKED_AT = 1000
"""Contacts a run looks at, however many wait: those due first."""


@dataclass(frozen=True, slots=True)
class MissingVariables:
    """What contacts that wait lack: a sentence with the counts, if any does, and one for each of them."""

    warnings: tuple[str, ...] = ()
    contacts: tuple[str, ...] = ()


def missing_variables(conn: Connection, campaign: CampaignRow) -> MissingVariables:
    """What those who wait lack of the campaign's variables; they are sent as empty text. Nothing is read of a campaign
    without any."""
    if not campaign.variables:
        return MissingVariables()
    people = callees.waiting_people(conn, campaign.id, most=MOST_LOOKED_AT)
    found = {row.contact_id: missing(campaign.variables, row.person) for row in people}
    lacking = {contact_id: fields for contact_id, fields in found.items() if fields}
    if not lacking:
        return MissingVariables()
    counts = Counter(field for fields in lacking.values() for field in fields)
    which = ", ".join(f"{count} no {field}" for field, count in counts.most_common())
    first = "the first " if len(people) == MOST_LOOKED_AT else ""
    verb = "lacks" if len(lacking) == 1 else "lack"
    sentence = (
        f"{len(lacking)} of {first}{len(people)} contacts that wait {verb} a variable: {which} (sent as empty text)."
    )
    return MissingVariables(
        (sentence,),
        tuple(f"Contact {contact_id} has no {', '.join(fields)}" for contact_id, fields in lacking.items()),
    )
