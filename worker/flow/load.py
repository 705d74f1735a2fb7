"""Bring a file of contacts into the CRM, however long it is: in batches, in one transaction, all or nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice

import structlog
from sqlalchemy import Connection

from worker.domain import ids
from worker.domain.contact_file import ContactLine
from worker.domain.errors import Fault, NotFound
from worker.domain.screening import Phone, normalize
from worker.flow.base import Dialer
from worker.store import contacts, records, tables
from worker.store.contacts import NewContact
from worker.store.database import once

log = structlog.get_logger()

BATCH = 10_000
MOST_FAULTS = 1000


@dataclass(slots=True)
class Loaded:
    """What became of a file: ``count`` contacts were written, ``refused`` lines were not. ``ids``, in the order of
    the file, and ``faults`` may be cut short, the counts never are."""

    count: int = 0
    refused: int = 0
    ids: list[str] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)


def load_contacts(
    dialer: Dialer,
    team_id: str,
    company_id: str | None,
    lines: Iterable[ContactLine | Fault],
    *,
    tags: tuple[str, ...] = (),
    region: str | None = None,
    most_ids: int | None = None,
) -> Loaded:
    """Write contacts with COPY, ``BATCH`` at a time; a line that cannot be read is reported and passed over. A
    number that cannot be called is kept with its reason: the contact exists all the same.

    ``tags`` are put on every contact; at most ``most_ids`` ids and ``MOST_FAULTS`` faults are remembered, so that
    memory does not grow with the file. Raises :class:`NotFound` for a company the team does not have, and
    whatever reading ``lines`` raises; nothing is written then.
    """

    def work(conn: Connection) -> Loaded:
        if company_id is not None and records.missing(conn, tables.companies, team_id, [company_id]):
            raise NotFound("company", company_id)
        loaded = Loaded()
        for batch in _batches(lines):
            faults = [line for line in batch if isinstance(line, Fault)]
            new = [_contact(line, company_id, tags, region) for line in batch if isinstance(line, ContactLine)]
            loaded.count += contacts.load(conn, team_id, new)
            loaded.refused += len(faults)
            loaded.faults += faults[: MOST_FAULTS - len(loaded.faults)]
            room = len(new) if most_ids is None else most_ids - len(loaded.ids)
            loaded.ids += [contact.id for contact in new[:room]]
        return loaded

    loaded = once(dialer.db, work)
    log.info("contacts_loaded", contacts=loaded.count, refused=loaded.refused)
    return loaded


def _contact(line: ContactLine, company_id: str | None, tags: tuple[str, ...], region: str | None) -> NewContact:
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
        tags=tuple(dict.fromkeys((*line.tags, *tags))),
    )


def _batches(lines: Iterable[ContactLine | Fault]) -> Iterator[list[ContactLine | Fault]]:
    rest = iter(lines)
    while batch := list(islice(rest, BATCH)):
        yield batch
