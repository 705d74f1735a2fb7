"""Erasure, as it is asked for: of a number, a contact, or whom another system knows by an id; listed; and repeated
after a restore, by the HMACs that were kept elsewhere.

Everybody in the team who has the number is that person. What is answered and noted names nobody.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import structlog
from sqlalchemy import Connection

from worker.crashpoint import crashpoint
from worker.domain import ids
from worker.domain.erasure import Signs, signs_of
from worker.domain.errors import NotFound
from worker.domain.fields import Field, read_fields, wrong
from worker.domain.kinds import Id, Number164, Text
from worker.domain.resources import with_kinds
from worker.domain.screening import Phone, normalize
from worker.flow.base import Dialer, Step, Stop
from worker.flow.erasure import end_calls, proceed
from worker.operations.country import country_of_team
from worker.operations.instants import instant
from worker.operations.views import View
from worker.store import audit, erasures, gate
from worker.store.crm import contact_list, external_ids
from worker.store.database import once, transact
from worker.store.erasures import ErasureRow

log = structlog.get_logger()

PAGES_A_REQUEST = 40
ERASURE = (
    Field("number", Number164(), help="A phone number: everybody of the team who has it.", example="+12025550123"),
    Field("contactId", Id(), column="contact_id", help="A contact; whoever else has their number is the same person."),
    Field("externalId", Text(200, least=1), column="external_id", help="What another system calls them."),
)
"""Who is to be erased, in one of three ways."""


@dataclass(frozen=True, slots=True)
class Erasure:
    """An erasure as it stands: how many contacts the person was, and the calls to them that are live, which are ended
    first."""

    id: str
    contacts: int
    requested_at: str | None
    done_at: str | None
    live_calls: Sequence[str] = ()

    @property
    def is_done(self) -> bool:
        """Whether nothing is left."""
        return self.done_at is not None

    def answer(self) -> View:
        """The fields of the API's answer."""
        return {
            "id": self.id,
            "status": "done" if self.is_done else "ending_calls" if self.live_calls else "running",
            "contacts": self.contacts,
            "live_calls": list(self.live_calls),
            "requested_at": self.requested_at,
            "done_at": self.done_at,
        }


def _shown(row: ErasureRow, live_calls: Sequence[str] = ()) -> Erasure:
    return Erasure(row.id, len(row.contact_ids), instant(row.requested_at), instant(row.done_at), live_calls)


def erase_person(
    dialer: Dialer, team_id: str, body: Mapping[str, Any], *, actor: str, region: str | None = None
) -> tuple[Erasure, list[Step]]:
    """Erase whoever is meant. From the first commit on nobody calls them; calls that are live are ended, and what is
    left to do then is done by the tick, or by the same request again. Raises :class:`Invalid` with every fault,
    :class:`NotFound` for a contact the team does not have."""

    def begin(conn: Connection) -> tuple[str, list[str]]:
        country = region or country_of_team(conn, team_id)
        given = _parse(body, country)
        gate.begin_erasure(conn, team_id)
        gate.close_gate(conn, team_id)
        signs, named = _who(conn, team_id, given, country)
        return _begin(conn, team_id, signs, actor, named)

    erasure_id, live = transact(dialer.db, begin)
    crashpoint("erasure.after_commit")
    if not live:
        proceed(dialer, erasure_id, most_pages=PAGES_A_REQUEST)
    row = once(dialer.db, partial(erasures.get, erasure_id=erasure_id))
    assert row is not None
    log.info("erasure_requested", erasure_id=erasure_id, is_done=row.done_at is not None)
    return _shown(row, live), [Stop()] if live else []


def meant_by(dialer: Dialer, team_id: str, sign: str, region: str | None) -> dict[str, str]:
    """The body of a request for whom a contact's id, an external id or a number names, the first of these that does.
    Raises :class:`NotFound`."""

    def read(conn: Connection) -> dict[str, str]:
        if contact_list.one(conn, team_id, sign) is not None:
            return {"contactId": sign}
        if external_ids.find(conn, team_id, sign) is not None:
            return {"externalId": sign}
        if isinstance(normalize(sign, region or country_of_team(conn, team_id)), Phone):
            return {"number": sign}
        raise NotFound("contact", sign, remedy="give an id, an external id or a phone number of this team")

    return once(dialer.db, read)


def _parse(body: object, region: str | None) -> dict[str, Any]:
    read = read_fields(body, with_kinds(ERASURE, {"number": Number164(region=region)}), also=("teamId",))
    given = {name: value for name, value in read.items() if value is not None}
    if len(given) != 1:
        raise wrong("number", "Give number, contactId or externalId, one of the three.")
    return given


def _who(conn: Connection, team_id: str, given: Mapping[str, Any], region: str | None) -> tuple[Signs, list[str]]:
    """The signs of the person, of the contact that is named and of all who have their number; and that contact."""
    found, numbers = list[str](), list[str]()
    if "number" in given:
        numbers = [given["number"]]
    elif "external_id" in given:
        stored = external_ids.find(conn, team_id, given["external_id"])
        if stored is None:
            raise NotFound("contact", given["external_id"], remedy="check the external id and the team")
        found = [str(stored["id"])]
    else:
        if contact_list.one(conn, team_id, given["contact_id"]) is None:
            raise NotFound("contact", given["contact_id"])
        found = [given["contact_id"]]
    first = signs_of(erasures.contacts_of(conn, team_id, found, numbers), numbers, region)
    return signs_of(erasures.contacts_of(conn, team_id, found, first.numbers), first.numbers, region), found


def _begin(conn: Connection, team_id: str, signs: Signs, actor: str, also: Sequence[str] = ()) -> tuple[str, list[str]]:
    """Begin it, or take up the one there is; and have its calls ended. Where there is one and the person has come back
    since, for an older worker wrote them down, it is begun anew."""
    digests = erasures.digests_of(conn, signs.numbers)
    before = erasures.known(conn, team_id, digests, [*signs.contacts, *also])
    live = end_calls(conn, team_id, signs)
    if before is not None and (before.done_at is None or not signs.contacts):
        return before.id, live
    erasure_id = ids.new(ids.ERASURE)
    erasures.begin(conn, erasure_id, team_id, signs, digests, actor)
    audit.note(conn, team_id, actor, "erase_person", erasure_id, {"contacts": len(signs.contacts)})
    return erasure_id, live


def list_erasures(dialer: Dialer, team_id: str, *, limit: int, offset: int) -> tuple[int, list[View]]:
    """How many erasures of the team there are, and a page of them, the latest first."""

    def read(conn: Connection) -> tuple[int, list[View]]:
        count, rows = erasures.page(conn, team_id, limit=limit, offset=offset)
        return count, [_shown(row).answer() for row in rows]

    return once(dialer.db, read)
