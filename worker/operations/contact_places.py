"""Place all contacts anew: the tables that say where numbers are have changed, or were not there when contacts were
written.

Contacts are read a slice at a time, without a lock. Only where somebody moves the slice is written, under the team's
lock, since that decides when they are called; who waits in a campaign is moved with it. What ends it half way leaves
whole slices: done again it does the rest. When all are done it is noted by which version of the tables.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import structlog
from sqlalchemy import Connection

from worker.domain.whereabouts import PLACED_BY, place_code, tables_version
from worker.flow.base import Dialer, Fill, Step
from worker.operations import batches
from worker.store import audit, gate
from worker.store.crm import contact_places, contacts
from worker.store.crm.contact_places import PlacedContact
from worker.store.database import once, transact

log = structlog.get_logger()

READ_AT_ONCE = 2000


@dataclass(slots=True)
class Placed:
    """How many ``contacts`` were looked at, and who of them moved: how many by the place they had ('': none) and the
    one they have; and what follows."""

    contacts: int = 0
    moved: Counter[tuple[str, str]] = field(default_factory=Counter)
    steps: list[Step] = field(default_factory=list)

    @property
    def first_placed(self) -> int:
        """Those among them who had no place before."""
        return sum(count for (before, _), count in self.moved.items() if not before)


def place_contacts(dialer: Dialer, *, actor: str, observer: Callable[[Placed], None] = lambda placed: None) -> Placed:
    """Place the contacts of all teams by the tables of this version; ``observer`` is called after each slice."""
    done = Placed()
    for team_id in once(dialer.db, contact_places.teams):
        _place_team(dialer, team_id, done, actor, observer)
    transact(dialer.db, partial(contact_places.note_version, version=tables_version()))
    log.info("contacts_placed", contacts=done.contacts, moved=done.moved.total(), version=tables_version())
    return done


def _place_team(dialer: Dialer, team_id: str, done: Placed, actor: str, observer: Callable[[Placed], None]) -> None:
    after: str | None = ""
    while after is not None:
        rows = once(dialer.db, partial(contact_places.of_team, team_id=team_id, after=after, most=READ_AT_ONCE))
        moving = [row for row in rows if _place_of(row) != row.place]
        for some in batches.in_batches(moving) if moving else ():
            done.moved += Counter((row.place, _place_of(row)) for row in some)
            waits_in = transact(dialer.db, partial(_move, team_id, [row.id for row in some], actor))
            done.steps += [Fill(team_id, tuple(waits_in))] if waits_in else []
        done.contacts += len(rows)
        observer(done)
        after = rows[-1].id if len(rows) == READ_AT_ONCE else None


def _place_of(row: PlacedContact) -> str:
    return place_code({column: getattr(row, column) for column in PLACED_BY})


def _move(team_id: str, contact_ids: list[str], actor: str, conn: Connection) -> list[str]:
    """Of these contacts those that another place follows for, as they are now, are there from now on; the running
    campaigns in which they wait."""
    gate.close_gate(conn, team_id)
    moved = contacts.place_anew(conn, contacts.whereabouts(conn, team_id, contact_ids))
    if moved:
        audit.note(
            conn, team_id, actor, "place_contacts", "contacts", {"moved": len(moved), "tables": tables_version()}
        )
    return contacts.waits_in(conn, moved)
