"""Take back what an import marked do-not-call: the wrong column was named, or most of it meant something else.

Only its own marks go: who was do-not-call before, who was marked again by somebody since, or by another import, stays
so. Like any word about who may be called it is written under the team's lock, ``BATCH`` contacts at a time, so that
dialing waits for a batch and never for all.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import structlog
from sqlalchemy import Connection

from worker.domain.errors import NotFound
from worker.flow.base import Dialer
from worker.operations import batches
from worker.operations.batches import ANEW, Bookmark
from worker.store import audit, gate
from worker.store.crm import import_marks
from worker.store.crm.import_marks import MarksTakenBack
from worker.store.database import once, transact

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Undone:
    """``taken_back`` contacts may be called again, ``kept`` of those the import marked stay as they are."""

    taken_back: int
    kept: int


def undo_do_not_call(dialer: Dialer, team_id: str, import_id: str, *, actor: str, bookmark: Bookmark = ANEW) -> Undone:
    """Take the import's do-not-call marks back. Contacts that were left out of a campaign for it come back with its
    next run. Doing it again changes nothing. Raises :class:`NotFound` for an import that marked nobody."""
    marked = once(dialer.db, lambda conn: import_marks.count(conn, team_id, import_id))
    if not marked:
        raise NotFound("import that marked anybody do-not-call", import_id)

    def work(conn: Connection, after: str, before: int) -> MarksTakenBack:
        gate.close_gate(conn, team_id)
        done = import_marks.take_back(conn, team_id, import_id, after=after, most=batches.BATCH)
        if done.ended:
            detail = {"taken_back": done.taken_back, "kept": done.ended - done.taken_back}
            audit.note(conn, team_id, actor, "undo_do_not_call", import_id, detail)
        bookmark.keep(conn, {"taken_back": before + done.taken_back})
        return done

    taken_back, after = bookmark.count("taken_back"), ""
    for _ in range(-(-marked // batches.BATCH)):
        done = transact(dialer.db, partial(work, after=after, before=taken_back))
        taken_back += done.taken_back
        if done.ended < batches.BATCH or done.last is None:
            break
        after = done.last
    log.info("do_not_call_undone", import_id=import_id, taken_back=taken_back)
    return Undone(taken_back, marked - taken_back)
