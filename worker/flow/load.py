"""Bring contacts into the CRM, and from there into a campaign, in batches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice

import structlog

from worker.domain import ids
from worker.domain.contact_file import ContactLine
from worker.domain.errors import Fault
from worker.domain.screening import Phone, normalize
from worker.flow.base import Dialer
from worker.store import contacts
from worker.store.contacts import NewContact
from worker.store.database import once

log = structlog.get_logger()

BATCH = 10_000


@dataclass(slots=True)
class Loaded:
    """The ids of the contacts written, in the order of the file, and the lines that were not."""

    ids: list[str] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)


def load_contacts(
    dialer: Dialer,
    team_id: str,
    company_id: str | None,
    lines: Iterable[ContactLine | Fault],
    *,
    region: str | None = None,
) -> Loaded:
    """Write contacts with COPY, ``BATCH`` at a time; a line that cannot be read is reported and passed over. A
    number that cannot be called is kept with its reason: the contact exists all the same."""
    loaded = Loaded()
    for batch in _batches(lines):
        loaded.faults += [line for line in batch if isinstance(line, Fault)]
        new = [_contact(line, company_id, region) for line in batch if isinstance(line, ContactLine)]
        _write(dialer, team_id, new)
        loaded.ids += [contact.id for contact in new]
    log.info("contacts_loaded", contacts=len(loaded.ids), refused=len(loaded.faults))
    return loaded


def _contact(line: ContactLine, company_id: str | None, region: str | None) -> NewContact:
    phone = normalize(line.phone, region)
    return NewContact(
        id=ids.new(ids.CONTACT),
        phone=line.phone,
        phone_e164=phone.e164 if isinstance(phone, Phone) else None,
        phone_fault=None if isinstance(phone, Phone) else phone.reason,
        company_id=company_id,
        first_name=line.first_name,
        last_name=line.last_name,
        phone_secondary=line.phone_secondary,
        email=line.email,
        timezone=line.timezone,
        do_not_call=line.do_not_call,
        custom_fields=line.custom_fields,
        tags=line.tags,
    )


def _write(dialer: Dialer, team_id: str, new: list[NewContact]) -> None:
    once(dialer.db, lambda conn: contacts.load(conn, team_id, new))


def _batches(lines: Iterable[ContactLine | Fault]) -> Iterator[list[ContactLine | Fault]]:
    rest = iter(lines)
    while batch := list(islice(rest, BATCH)):
        yield batch
