"""The contacts of the CRM, found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Connection,
    Row,
    Select,
    Text,
    cast,
    exists,
    func,
    literal,
    not_,
    or_,
    select,
    text,
    tuple_,
)

from worker.domain.paging import MOST_COUNTED, Key, Part
from worker.store.tables import contacts, do_not_call, do_not_call_everywhere

IS_BANNED = or_(
    contacts.c.do_not_call,
    exists().where(do_not_call.c.team_id == contacts.c.team_id, do_not_call.c.number == contacts.c.phone_e164),
    exists().where(do_not_call_everywhere.c.number == contacts.c.phone_e164),
)
"""Whether nobody calls a contact: by its own word, or because its number is on the team's list or on the one above
teams, for whatever purpose. Wherever one is shown this is one answer."""
SHOWN: Select[Any] = select(*(c for c in contacts.c if c.name != "do_not_call"), IS_BANNED.label("do_not_call"))
SHOWN_AS = text("""
SELECT DISTINCT phone, phone_e164 FROM contacts
WHERE team_id = :team AND phone = ANY(CAST(:phones AS text[])) AND phone_e164 IS NOT NULL ORDER BY phone, phone_e164
""")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which contacts are meant; ``None`` matches all. ``phone_e164`` is what is dialed, ``phone`` what was written;
    ``email`` matches without regard to case, ``search`` in names, address, number and external id."""

    phone_e164: str | None = None
    phone: str | None = None
    email: str | None = None
    company_id: str | None = None
    tag: str | None = None
    do_not_call: bool | None = None
    external_id: str | None = None
    search: str | None = None


def find(conn: Connection, team_id: str, wanted: Wanted, part: Part) -> tuple[int | None, Sequence[Row[Any]]]:
    """How many contacts of the team match, ``MOST_COUNTED`` at most, and a page of them, newest first; of what has
    changed since an instant, in the order in which it did. A page behind another is not counted."""
    where = [contacts.c.team_id == team_id, contacts.c.id != "", *conditions(wanted)]
    order: list[ColumnElement[Any]] = [contacts.c.created_at.desc(), contacts.c.id.desc()]
    if part.updated_since is not None:
        where.append(contacts.c.updated_at >= part.updated_since)
        order = [contacts.c.updated_at, contacts.c.id]
    else:  # who reads what has changed learns of who was erased
        where.append(contacts.c.erased_at.is_(None))
    some = select(contacts.c.id).where(*where).order_by(*order).limit(MOST_COUNTED).subquery()
    count = None if part.after else conn.execute(select(func.count()).select_from(some)).scalar_one()
    if part.after is not None:
        key = tuple_(literal(part.after.at), literal(part.after.id))
        place = tuple_(contacts.c.created_at if part.updated_since is None else contacts.c.updated_at, contacts.c.id)
        where.append(place < key if part.updated_since is None else place > key)
    page = SHOWN.where(*where).order_by(*order).limit(part.limit).offset(part.offset)
    return count, conn.execute(page).all()


def key_of(row: Row[Any], part: Part) -> Key:
    """Where the contact stands in such a list."""
    return Key(row.created_at if part.updated_since is None else row.updated_at, row.id)


def conditions(wanted: Wanted) -> list[ColumnElement[bool]]:
    """What a contact meets that is meant."""
    where: list[ColumnElement[bool]] = []
    for column in ("phone_e164", "phone", "company_id", "external_id"):
        if getattr(wanted, column) is not None:
            where.append(contacts.c[column] == getattr(wanted, column))
    if wanted.email is not None:
        where.append(func.lower(contacts.c.email) == wanted.email.lower())
    if wanted.tag is not None:
        where.append(contacts.c.tags.contains([wanted.tag]))
    if wanted.do_not_call is not None:
        where.append(IS_BANNED if wanted.do_not_call else not_(IS_BANNED))
    if wanted.search is not None:
        name = func.concat_ws(" ", contacts.c.first_name, contacts.c.last_name)
        said = (name, contacts.c.email, contacts.c.phone, contacts.c.phone_e164, contacts.c.external_id)
        where.append(or_(*(column.icontains(wanted.search, autoescape=True) for column in said)))
    return where


def one(conn: Connection, team_id: str, contact_id: str) -> Row[Any] | None:
    """The team's contact with this id, as it is shown."""
    return conn.execute(SHOWN.where(contacts.c.team_id == team_id, contacts.c.id == contact_id)).first()


def some(conn: Connection, team_id: str, contact_ids: Sequence[str]) -> Sequence[Row[Any]]:
    """These contacts of the team, in the order they were made."""
    wanted = contacts.c.id == func.any(cast(contact_ids, ARRAY(Text)))
    return conn.execute(SHOWN.where(contacts.c.team_id == team_id, wanted).order_by(contacts.c.id)).all()


def shown_as(conn: Connection, team_id: str, phones: Sequence[str]) -> dict[str, list[str]]:
    """The numbers that are dialed for these texts, wherever a contact of the team has one of them. Walks the team's
    contacts."""
    found: dict[str, list[str]] = {}
    for row in conn.execute(SHOWN_AS, {"team": team_id, "phones": list(phones)}):
        found.setdefault(row.phone, []).append(row.phone_e164)
    return found
