"""Contacts by what other systems call them, and by their number: one for each, whoever is at it at the same time.

Whoever makes a contact by such a sign, or gives one an external id, takes turns with all others of the team who do, and
with imports, which find contacts by the same signs: who comes second finds what the first has made.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from sqlalchemy import Connection, Select, select, text

from worker.domain.errors import Conflict
from worker.store.crm import merging
from worker.store.shapes import shaped
from worker.store.tables import contacts

Stored = Mapping[str, Any]
"""A contact by column, as it is stored."""

TAKEN = text("""
SELECT external_id, id FROM contacts
WHERE team_id = :team AND external_id = ANY(CAST(:ids AS text[])) AND id <> :but ORDER BY external_id LIMIT 1
""")


@shaped(TAKEN, never_null=("external_id",))
class TakenId(Protocol):
    """An external id, and the contact that has it."""

    external_id: str
    id: str


def claim(conn: Connection, team_id: str, wanted: Sequence[str], *, but: str = "") -> None:
    """Take turns, and see that no contact of the team (``but`` this one) has one of these ids. Raises
    :class:`Conflict`."""
    if not wanted:
        return
    merging.take_turns(conn, team_id)
    external_id, count = Counter(wanted).most_common(1)[0]
    if count > 1:
        raise Conflict(f"{count} of the contacts have the external id {external_id}; one contact has it.")
    row: TakenId | None = conn.execute(TAKEN, {"team": team_id, "ids": list(wanted), "but": but}).first()
    if row is not None:
        raise Conflict(f"The contact {row.id} of the team has the external id {row.external_id}; edit that one.")


def find(conn: Connection, team_id: str, external_id: str) -> Stored | None:
    """The team's contact with this external id."""
    mine = contacts.c.team_id == team_id
    return _first(conn, select(contacts).where(mine, contacts.c.external_id == external_id))


def find_number(conn: Connection, team_id: str, e164: str) -> Stored | None:
    """The team's contact with this number, the oldest of several."""
    mine = contacts.c.team_id == team_id
    found = select(contacts).where(mine, contacts.c.phone_e164 == e164)
    return _first(conn, found.order_by(contacts.c.created_at, contacts.c.id).limit(1))


def _first(conn: Connection, statement: Select[Any]) -> Stored | None:
    row = conn.execute(statement).first()
    return None if row is None else row._asdict()
