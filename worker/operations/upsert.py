"""Make a contact, or change the one there is: found by another system's id for it, or by its number.

Sent twice it does the same once, and two who send it at once make one contact: they take turns
(:mod:`worker.store.crm.external_ids`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import structlog
from sqlalchemy import Connection

from worker.domain.contact import LONGEST_EXTERNAL_ID, parse_contact
from worker.domain.errors import Fault, Invalid
from worker.domain.fields import text_fault, wrong
from worker.domain.screening import Phone, normalize
from worker.flow.base import Dialer, Fill, Step
from worker.operations.contacts import apply_changes, get_found, make, read_changes
from worker.operations.country import country_of_team
from worker.operations.views import View
from worker.store.crm import external_ids, import_marks, merging
from worker.store.crm.external_ids import Stored
from worker.store.database import transact

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Upserted:
    """The contact as it is now, whether it is new, and what follows."""

    contact: View
    created: bool
    steps: list[Step]


def upsert_by_external_id(
    dialer: Dialer, team_id: str, external_id: str, body: Mapping[str, Any], *, actor: str, region: str | None = None
) -> Upserted:
    """The team's contact with this external id, made of these fields or changed by them. Raises :class:`Invalid` with
    every fault, one of an ``externalId`` that is another among them, and :class:`NotFound` for a company the team does
    not have."""
    fault = text_fault(external_id, LONGEST_EXTERNAL_ID)
    if fault is not None:
        raise wrong("externalId", fault)
    if body.get("externalId", external_id) != external_id:
        raise wrong("externalId", "It is another one than the path names; leave it out.")
    found = _find_by(external_ids.find, external_id)
    return _upsert(dialer, team_id, found, {**body, "externalId": external_id}, actor=actor, region=region)


def upsert_by_number(
    dialer: Dialer, team_id: str, number: str, body: Mapping[str, Any], *, actor: str, region: str | None = None
) -> Upserted:
    """The same for the team's contact with this number, the oldest of several, however it is written. Raises
    :class:`Invalid` for a number that cannot be called."""

    def find(conn: Connection, team: str) -> tuple[Stored | None, Mapping[str, Any]]:
        country = region or country_of_team(conn, team)
        read = normalize(number, country)
        if not isinstance(read, Phone):
            raise wrong("number", read.message)
        sent = body.get("phone", number)
        if isinstance(sent, str) and normalize(sent, country) != read:
            raise Invalid([Fault("phone", "It is another number than the path names; leave it out.")])
        row = external_ids.find_number(conn, team, read.e164)
        return row, ({"phone": number} if row is None else {}) | dict(body)

    return _upsert(dialer, team_id, find, body, actor=actor, region=region)


Find = Callable[[Connection, str], tuple[Stored | None, Mapping[str, Any] | None]]
"""Finds the team's contact, if it has it, and with it what is to be said of it, where that depends on it."""


def _find_by(find: Callable[[Connection, str, str], Stored | None], sign: str) -> Find:
    return lambda conn, team_id: (find(conn, team_id, sign), None)


def _upsert(
    dialer: Dialer, team_id: str, find: Find, body: Mapping[str, Any], *, actor: str, region: str | None
) -> Upserted:
    def work(conn: Connection) -> tuple[View, bool, list[str]]:
        merging.take_turns(conn, team_id)
        row, said = find(conn, team_id)
        sent = body if said is None else said
        if row is None:
            given = parse_contact(sent, region=region or country_of_team(conn, team_id))
            return make(conn, team_id, given, actor=actor), True, []
        read = read_changes(conn, team_id, row["id"], sent, region)
        changes = {column: value for column, value in read.items() if _differs(row[column], value)}
        if read.get("do_not_call") and row["do_not_call"]:
            import_marks.end(conn, row["id"])  # it is said by somebody now, and no import's alone any more
        if not changes:
            return get_found(conn, team_id, row["id"]), False, []
        edited, waits_in = apply_changes(team_id, row["id"], changes, actor, conn)
        return edited, False, waits_in

    contact, created, waits_in = transact(dialer.db, work)
    log.info("contact_upserted", contact_id=contact["id"], created=created)
    return Upserted(contact, created, [Fill(team_id, tuple(waits_in))] if waits_in else [])


def _differs(stored: Any, value: Any) -> bool:
    return bool(stored != (list(value) if isinstance(value, tuple) else value))
