"""Somebody wants no more calls, and says so to whoever is there: the assistant in the call, the mailbox, a form.

It puts the number on the do-not-call list, for a purpose or for all, and takes back what was consented to for that, in
one transaction and under the gate: no call to it is committed after that is answered.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import structlog
from sqlalchemy import Connection

from worker.domain.consents import parse_opt_out
from worker.domain.errors import Conflict, NotFound
from worker.domain.fields import wrong
from worker.flow.base import Dialer, Step, Stop
from worker.operations.contacts import close_for
from worker.operations.country import country_of_team
from worker.operations.views import View
from worker.store import audit, consents, gate, hangups, opt_outs
from worker.store.crm import contacts, do_not_call, import_marks
from worker.store.crm.do_not_call import ALL_PURPOSES, Entry
from worker.store.database import transact

log = structlog.get_logger()

REASON = "opted out"


@dataclass(frozen=True, slots=True)
class OptOut:
    """What an opt-out has brought about: the number is on the list now for the ``purpose`` (none: for all), whether it
    ``added`` an entry, which calls to it are live, and whether they are to end."""

    number: str
    purpose: str | None
    added: bool
    live_calls: list[str]
    hang_up: bool

    def answer(self) -> View:
        """The fields of the API's answer."""
        return {
            "number": self.number,
            "purpose": self.purpose,
            "added": self.added,
            "live_calls": self.live_calls,
            "hang_up": self.hang_up,
        }


def opt_out(
    dialer: Dialer,
    team_id: str,
    body: Mapping[str, Any],
    *,
    actor: str,
    region: str | None = None,
    only_call: str | None = None,
    all_teams: bool = False,
) -> tuple[OptOut, list[Step]]:
    """Let the number, or the callee of a call, opt out; with ``hangUp`` the calls that are live to it are ended. Said
    again it changes nothing. ``only_call`` is the one call that its bearer may speak for. With ``all_teams`` no team
    calls the number any more. Raises :class:`Invalid` with every fault, :class:`NotFound` for a call the team does not
    have, :class:`Conflict` for one whose callee was erased since."""

    def work(conn: Connection) -> OptOut:
        given = parse_opt_out(body, region=region or country_of_team(conn, team_id))
        if only_call is not None and given.get("call_id") != only_call:
            raise wrong("callId", "The token is that of another call; give that call.")
        gate.hold_off_erasure(conn, team_id)
        if all_teams:
            close_for(conn, None)
        gate.close_gate(conn, team_id)
        number, contact_id = _who(conn, team_id, given)
        purpose, source, evidence = given["purpose"], given.get("source"), given.get("evidence")
        if contact_id is not None:
            source, evidence = source or "call", evidence or given["call_id"]
        entry = Entry(REASON, purpose, source, evidence, actor)
        added = do_not_call.add(conn, team_id, [number], entry)
        if all_teams:
            added += do_not_call.add(conn, None, [number], entry)
        if added or consents.are_any(conn, team_id, number, purpose):
            consents.revoke(conn, team_id, [number], purpose=purpose, source=source, evidence=evidence, actor=actor)
        if contact_id is not None and purpose == ALL_PURPOSES:  # whatever their number is by now
            contacts.edit(conn, team_id, contact_id, {"do_not_call": True})
            import_marks.end(conn, contact_id)
        live = opt_outs.live_calls(conn, team_id, number)
        if given["hang_up"]:
            for call_id in live:
                hangups.hang_up_one(conn, call_id)
        subject = contact_id or number
        detail = {"purpose": purpose or None, "source": source, "call": given.get("call_id"), "allTeams": all_teams}
        audit.note(conn, team_id, actor, "opt_out", subject, detail)
        return OptOut(number, purpose or None, added > 0, live, bool(live) and given["hang_up"])

    done = transact(dialer.db, work)
    log.info("opted_out", purpose=done.purpose, live_calls=len(done.live_calls))
    return done, [Stop()] if done.hang_up else []


def _who(conn: Connection, team_id: str, given: Mapping[str, Any]) -> tuple[str, str | None]:
    """The number, and the contact that was called, where a call is named."""
    call_id = given.get("call_id")
    if call_id is None:
        return str(given["number"]), None
    call = opt_outs.call(conn, team_id, call_id)
    if call is None:
        raise NotFound("call", call_id)
    if not call.to_number:
        raise Conflict("The callee of this call was erased; nobody calls them any more.")
    return call.to_number, call.contact_id
