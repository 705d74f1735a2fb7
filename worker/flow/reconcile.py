"""Make the slots in Redis and the live calls in PostgreSQL agree.

Two cases. The slots cannot be trusted at all (Redis was emptied, restarted from an old copy, or a rebuild
died): raise the generation and write them anew. Or they drift by what a crash left behind: compare, drop,
add. Both are safe at any time, because the claim counts live rows itself.
"""

from __future__ import annotations

from collections.abc import Iterable

import structlog
from sqlalchemy import Connection

from worker.crashpoint import crashpoint
from worker.flow.base import Dialer, slot_of
from worker.slots import SlotRequest
from worker.store import calls, generation
from worker.store.database import once

log = structlog.get_logger()


def reconcile(dialer: Dialer) -> None:
    """Rebuild the slots if they cannot be trusted, else mend what drifted."""
    current = once(dialer.db, generation.read)
    if dialer.slots.needs_rebuild(current):
        once(dialer.db, lambda conn: _rebuild(conn, dialer))
        return

    def read_live() -> Iterable[SlotRequest]:
        return [slot_of(row) for row in once(dialer.db, calls.all_live)]

    diff = dialer.slots.reconcile(read_live, current, dialer.bounds.slot_grace_seconds)
    if diff.dropped or diff.added:
        log.warning("slots_reconciled", dropped=len(diff.dropped), added=len(diff.added))


def _rebuild(conn: Connection, dialer: Dialer) -> None:
    """One worker at a time; the others find it done. Until the commit nobody knows the new generation, so
    nothing can be acquired in between."""
    if not generation.lock(conn):
        return
    if not dialer.slots.needs_rebuild(generation.read(conn)):
        return
    raised = generation.raise_by_one(conn)
    crashpoint("rebuild.after_raise")
    live = [slot_of(row) for row in calls.all_live(conn)]
    dialer.slots.rebuild(live, raised)
    crashpoint("rebuild.after_write")
    log.warning("slots_rebuilt", generation=raised, live=len(live))
