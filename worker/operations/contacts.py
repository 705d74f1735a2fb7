"""The contacts of the CRM and the do-not-call list: made, found, edited.

What decides whether and when somebody is rung — a number, a zone, do-not-call — is edited under the team's lock,
exclusive: no call is committed beside it, so after the answer nobody is called by the old word. A call that is
reserved already is held back when it is to be dialed, for it no longer matches its contact.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache, partial
from typing import Any

import structlog
from sqlalchemy import Connection

from worker.domain import ids
from worker.domain.contact import CONTACT, DECIDES_CALLS, parse_contact, parse_contacts
from worker.domain.erasure import ERASED_NUMBER
from worker.domain.errors import Conflict, Fault, Invalid, NotFound
from worker.domain.kinds import OneOf
from worker.domain.paging import MOST_AT_ONCE, Part
from worker.domain.resources import parse_ban
from worker.domain.screening import Phone, normalize
from worker.flow.base import Dialer, Fill, Step
from worker.law.words import PURPOSES
from worker.operations.batches import ANEW, Bookmark, in_batches
from worker.operations.country import country_of_team, meant, shown_as
from worker.operations.lists import Listed
from worker.operations.views import View, view
from worker.store import audit, erasures, gate, tables
from worker.store.crm import contact_list, contacts, external_ids, import_marks, records
from worker.store.crm import do_not_call as bans
from worker.store.crm.contact_list import Wanted
from worker.store.crm.contacts import NewContact
from worker.store.crm.do_not_call import BannedRow, Entry
from worker.store.database import once, transact

log = structlog.get_logger()


def create_contact(
    dialer: Dialer, team_id: str, body: Mapping[str, Any], *, actor: str, region: str | None = None
) -> View:
    """Create one contact from the fields of the API. ``region`` is where a number without a country code
    belongs, here and below; left out, it is the team's country. Raises :class:`Invalid` with every fault,
    :class:`NotFound` for a company the team does not have, :class:`Conflict` for an external id that a contact of the
    team has already."""

    def work(conn: Connection) -> View:
        given = parse_contact(body, region=region or country_of_team(conn, team_id))
        return make(conn, team_id, given, actor=actor)

    made = transact(dialer.db, work)
    log.info("contact_created", contact_id=made["id"])
    return made


def make(conn: Connection, team_id: str, given: Mapping[str, Any], *, actor: str) -> View:
    """Create a contact of these columns in the caller's transaction."""
    (contact_id,) = _write(conn, team_id, [given])
    audit.note(conn, team_id, actor, "create_contact", contact_id)
    return get_found(conn, team_id, contact_id)


def create_contacts(
    dialer: Dialer, team_id: str, bodies: object, *, actor: str, region: str | None = None
) -> list[View]:
    """Create up to 10 000 contacts at once, all or none, in the order given; one line of the audit log for all. Raises
    as :func:`create_contact` does."""

    def work(conn: Connection) -> list[View]:
        given = parse_contacts(bodies, region=region or country_of_team(conn, team_id))
        made = _write(conn, team_id, given, of_many=True)
        audit.note(conn, team_id, actor, "create_contacts", "contacts", {"created": len(made)})
        return [view(CONTACT.fields, row) for row in contact_list.some(conn, team_id, made)]

    made = transact(dialer.db, work)
    log.info("contacts_created", contacts=len(made))
    return made


def refuse_erased(conn: Connection, team_id: str, given: Sequence[Mapping[str, Any]], *, of_many: bool = False) -> None:
    """Keep erasures off, and refuse columns of contacts with a number of somebody who was erased. Raises
    :class:`Invalid` naming each."""
    if not any(each.get("phone_e164") or each.get("phone_secondary") for each in given):
        return
    gate.hold_off_erasure(conn, team_id)
    region = country_of_team(conn, team_id)
    numbers: dict[str, str] = {}
    for i, each in enumerate(given):
        inside = f"contacts[{i}]." if of_many else ""
        second = normalize(each.get("phone_secondary"), region)
        found = {"phone": each.get("phone_e164"), "phoneSecondary": second.e164 if isinstance(second, Phone) else None}
        numbers |= {f"{inside}{name}": number for name, number in found.items() if number}
    erased = erasures.erased_among(conn, team_id, list(dict.fromkeys(numbers.values())))
    faults = [Fault(path, ERASED_NUMBER) for path, number in numbers.items() if number in erased]
    if faults:
        raise Invalid(faults)


def _write(conn: Connection, team_id: str, given: Sequence[Mapping[str, Any]], *, of_many: bool = False) -> list[str]:
    companies = list(dict.fromkeys(c["company_id"] for c in given if c.get("company_id") is not None))
    missing = records.missing(conn, tables.companies, team_id, companies)
    if missing:
        raise NotFound("company", *missing)
    refuse_erased(conn, team_id, given, of_many=of_many)
    external_ids.claim(conn, team_id, [c["external_id"] for c in given if c.get("external_id") is not None])
    new = [NewContact(**{"id": ids.new(ids.CONTACT), "phone": None, **_unphoned(c), **c}) for c in given]
    contacts.load(conn, team_id, new)
    return [contact.id for contact in new]


def get_contact(dialer: Dialer, team_id: str, contact_id: str) -> View:
    """The team's contact. Raises :class:`NotFound`."""
    return once(dialer.db, lambda conn: get_found(conn, team_id, contact_id))


def find_contacts(
    dialer: Dialer, team_id: str, *, limit: int, offset: int, region: str | None = None, **filters: Any
) -> tuple[int, list[View]]:
    """How many contacts match, and a page of them, newest first."""
    found = list_contacts(dialer, team_id, Part(limit, offset), region=region, **filters)
    return found.count or 0, list(found.shown)


def list_contacts(dialer: Dialer, team_id: str, part: Part, *, region: str | None = None, **filters: Any) -> Listed:
    """The contacts that match, newest first, or those that have changed. ``filters`` are those of
    :func:`wanted_contacts`."""

    def read(conn: Connection) -> Listed:
        wanted = wanted_contacts(conn, team_id, region=region, **filters)
        at = records.read_at(conn)
        count, rows = contact_list.find(conn, team_id, wanted, part)
        behind = contact_list.key_of(rows[-1], part) if len(rows) == part.limit else None
        return Listed([view(CONTACT.fields, row) for row in rows], count, None if behind is None else str(behind), at)

    return once(dialer.db, read)


def wanted_contacts(
    conn: Connection, team_id: str, *, region: str | None = None, phone: str | None = None, **others: Any
) -> Wanted:
    """Whom filters mean (:class:`Wanted`). A ``phone`` that can be dialed means everybody who would be called by it,
    however theirs was written; any other those who have it literally."""
    number = None if phone is None else normalize(phone, region or country_of_team(conn, team_id))
    e164 = number.e164 if isinstance(number, Phone) else None
    return Wanted(phone_e164=e164, phone=None if e164 else phone, **others)


def edit_contact(
    dialer: Dialer, team_id: str, contact_id: str, body: Mapping[str, Any], *, actor: str, region: str | None = None
) -> tuple[View, list[Step]]:
    """Change the fields given. Where the contact waits, it is called by its new number and in its new zone from
    now on. Raises :class:`Invalid` with every fault, :class:`NotFound` for the contact or its new company."""
    changes = once(dialer.db, lambda conn: read_changes(conn, team_id, contact_id, body, region))
    edited, waits_in = transact(dialer.db, partial(apply_changes, team_id, contact_id, changes, actor))
    log.info("contact_edited", contact_id=contact_id, fields=sorted(changes))
    return edited, [Fill(team_id, tuple(waits_in))] if waits_in else []


def apply_changes(
    team_id: str, contact_id: str, changes: Mapping[str, Any], actor: str, conn: Connection
) -> tuple[View, list[str]]:
    """Change these columns of the team's contact in the caller's transaction; the contact as it is then, and the
    running campaigns in which it waits, where the change decides calls."""
    if changes.get("external_id") is not None:
        external_ids.claim(conn, team_id, [changes["external_id"]], but=contact_id)
    decides = bool(DECIDES_CALLS & changes.keys())
    refuse_erased(conn, team_id, [changes])
    if decides:
        gate.close_gate(conn, team_id)
    company = changes.get("company_id")
    if company is not None and records.missing(conn, tables.companies, team_id, [company]):
        raise NotFound("company", company)
    edited_row = contacts.edit(conn, team_id, contact_id, changes)
    if edited_row is None:
        raise NotFound("contact", contact_id)
    if edited_row.erased_at is not None:
        raise Conflict(f"Contact {contact_id} was erased; it stays as it is.")
    if "do_not_call" in changes:
        import_marks.end(conn, contact_id)
    edited = get_found(conn, team_id, contact_id)
    if decides:
        audit.note(conn, team_id, actor, "edit_contact", contact_id, {"fields": sorted(changes)})
    return edited, contacts.waits_in(conn, [contact_id]) if decides else []


def read_changes(
    conn: Connection, team_id: str, contact_id: str, body: Mapping[str, Any], region: str | None
) -> dict[str, Any]:
    """The columns an edit of the contact changes. Raises :class:`Invalid` with every fault."""

    @cache
    def stored() -> Mapping[str, Any]:
        row = contact_list.one(conn, team_id, contact_id)
        return {} if row is None else dict(row._mapping)

    region = region or country_of_team(conn, team_id)
    return parse_contact(body, is_new=False, region=region, stored=stored)


def ban_numbers(
    dialer: Dialer,
    team_id: str | None,
    body: Mapping[str, Any],
    *,
    actor: str,
    region: str | None = None,
    bookmark: Bookmark = ANEW,
) -> int:
    """Put ``numbers`` on the team's do-not-call list, or with ``None`` on the one above teams, for a ``purpose`` or for
    all, with the ``reason``; how many were new to it. After this returns none of them is committed to be called for
    that, by whatever campaign. Raises :class:`Invalid` with every one that is no number."""
    e164s, said = once(dialer.db, lambda conn: _to_ban(conn, team_id, body, region))
    entry = Entry(**said, added_by=actor)

    def work(conn: Connection, some: Sequence[str], before: int) -> int:
        close_for(conn, team_id)
        added = bans.add(conn, team_id, some, entry)
        audit.note(conn, team_id, actor, "ban_numbers", "do_not_call", {"numbers": len(some), "added": added})
        bookmark.keep(conn, {"added": before + added})
        return added

    added = bookmark.count("added")
    for some in in_batches(e164s):
        added += transact(dialer.db, partial(work, some=some, before=added))
    log.info("numbers_banned", numbers=len(e164s), added=added)
    return added


def close_for(conn: Connection, team_id: str | None) -> None:
    """Close the gate of whose commits of dialing a list stops: the team's, or with ``None`` all teams'."""
    if team_id is None:
        gate.close_all_gates(conn)
    else:
        gate.close_gate(conn, team_id)


def _country(conn: Connection, team_id: str | None, region: str | None) -> str | None:
    return region or (None if team_id is None else country_of_team(conn, team_id))


def _to_ban(
    conn: Connection, team_id: str | None, body: Mapping[str, Any], region: str | None
) -> tuple[list[str], dict[str, Any]]:
    """One that is written as a contact's is shown means that contact's, whatever else it may mean: a number too many
    on the list rings nobody."""
    sent = body.get("numbers")
    known: Mapping[str, Sequence[str]] = {}
    if team_id is not None and isinstance(sent, list) and len(sent) <= MOST_AT_ONCE:
        known = shown_as(conn, team_id, sent)
    return parse_ban(body, region=_country(conn, team_id, region), known=known)


def unban_number(
    dialer: Dialer,
    team_id: str | None,
    number: str,
    *,
    actor: str,
    region: str | None = None,
    purpose: str | None = None,
) -> None:
    """Take a number off the team's list, or with ``None`` off the one above teams; with a ``purpose`` its entry for
    that alone. Who was left out of a campaign for it comes back with its next run. Raises :class:`NotFound` if it is
    not on the list, :class:`Invalid` for a purpose that is none."""
    if purpose is not None:
        purpose = OneOf(PURPOSES)(purpose, "purpose")

    def work(conn: Connection) -> None:
        e164 = _meant(conn, team_id, number, region)
        if not bans.remove(conn, team_id, e164, purpose):
            raise NotFound("number on the do-not-call list", number)
        audit.note(conn, team_id, actor, "unban_number", e164, {} if purpose is None else {"purpose": purpose})

    transact(dialer.db, work)
    log.info("number_unbanned")


def _meant(conn: Connection, team_id: str | None, number: str, region: str | None) -> str:
    country = _country(conn, team_id, region)
    if team_id is not None:
        return meant(conn, team_id, number, country)
    read = normalize(number, country)
    return read.e164 if isinstance(read, Phone) else number


def banned_numbers(
    dialer: Dialer,
    team_id: str | None,
    *,
    limit: int,
    offset: int,
    number: str | None = None,
    purpose: str | None = None,
    region: str | None = None,
) -> tuple[int, Sequence[BannedRow]]:
    """How many entries are on the team's list, or with ``None`` on the one above teams, and a page of them, newest
    first. Raises :class:`Invalid` for a purpose that is none."""
    if purpose is not None:
        purpose = OneOf(PURPOSES)(purpose, "purpose")

    def read(conn: Connection) -> tuple[int, Sequence[BannedRow]]:
        wanted = None if number is None else _meant(conn, team_id, number, region)
        return bans.page(conn, team_id, number=wanted, purpose=purpose, limit=limit, offset=offset)

    return once(dialer.db, read)


def get_found(conn: Connection, team_id: str, contact_id: str) -> View:
    """The team's contact, in the caller's transaction. Raises :class:`NotFound`."""
    row = contact_list.one(conn, team_id, contact_id)
    if row is None:
        raise NotFound("contact", contact_id)
    return view(CONTACT.fields, row)


def _unphoned(contact: Mapping[str, Any]) -> dict[str, Any]:
    return {} if "phone_fault" in contact else {"phone_e164": None, "phone_fault": "no_phone_number"}
