"""The second number of a contact, where its campaign uses it: every other attempt goes there.

Which attempt it is the contact's row says, so nothing else need be remembered: one that counts for nothing goes to the
same number again. The number is read as the contact's is, and screened as the first one; where it cannot be called, is
on the do-not-call list or is that of somebody else in the campaign, the attempt goes to the first number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from worker.domain.screening import Phone, country_of_all, normalize
from worker.flow.plan import Plan
from worker.store import claims
from worker.store.call_history import CallHistory
from worker.store.candidates import Candidate
from worker.store.claims import DueContact, SecondaryNumber


@dataclass(frozen=True, slots=True)
class Secondary:
    """A second number that is called now: in E.164, as it is ``written``, whether it ``is_busy``, what is ``known`` of
    the calls to it, and which ``consent`` was given for it."""

    number: str
    written: str
    is_busy: bool
    known: CallHistory
    consent: int


Secondaries = Mapping[tuple[str, str], Secondary]
"""By campaign and contact."""


def secondaries(conn: Connection, team_id: str, plan: Plan, picked: Sequence[DueContact]) -> Secondaries:
    """Who of those picked is called by the second number. Reads nothing where no campaign uses any."""
    found: dict[tuple[str, str], tuple[str, str]] = {}
    for contact in picked:
        row = plan.rows[contact.campaign_id]
        if row.use_secondary_phone and contact.attempts % 2 and contact.phone_secondary is not None:
            number = _read(row, contact.phone_secondary)
            if number is not None and number != contact.phone_e164:
                found[contact.campaign_id, contact.contact_id] = number, contact.phone_secondary
    if not found:
        return {}
    numbers = [SecondaryNumber(*which, number) for which, (number, _) in found.items()]
    screened = {(row.campaign_id, row.contact_id): row for row in claims.screen_secondary(conn, team_id, numbers)}
    return {
        which: Secondary(number, written, screened[which].is_busy, screened[which], screened[which].consent)
        for which, (number, written) in found.items()
        if not screened[which].is_out
    }


def _read(row: Candidate, written: str) -> str | None:
    country = row.country or country_of_all([number["number"] for number in row.numbers])
    read = normalize(written, country)
    return read.e164 if isinstance(read, Phone) else None
