"""Erase a person: nothing that says who they were is left, and their number goes on being refused.

It is begun under the gate: from that commit on nobody calls them, and no call to them is committed. Calls that are live
are ended first. Then what has their key is cleared in one transaction, and what only mentions them is looked through a
page at a time. A process may die anywhere; the row says how far it has come, and the tick, or the same request again,
goes on from there.
"""

from __future__ import annotations

from functools import partial

import structlog
from sqlalchemy import Connection

from worker.crashpoint import crashpoint
from worker.domain.erasure import Signs
from worker.flow.base import Dialer, Step
from worker.store import erasures, hangups
from worker.store.database import single, transact

log = structlog.get_logger()

PAGES_A_TICK = 5
OPEN_AT_ONCE = 10


def erase_open(dialer: Dialer) -> list[Step]:
    """Go on with the erasures that are not done."""
    for erasure_id in single(dialer.db, partial(erasures.open_ones, most=OPEN_AT_ONCE)):
        proceed(dialer, erasure_id, most_pages=PAGES_A_TICK)
    return []


def proceed(dialer: Dialer, erasure_id: str, *, most_pages: int) -> bool:
    """Go on with an erasure, as far as calls to the person and ``most_pages`` of what is looked through allow; whether
    it is done."""
    if not transact(dialer.db, partial(_clear, erasure_id=erasure_id)):
        return False
    crashpoint("erasure.after_clear")
    for _ in range(most_pages):
        if not transact(dialer.db, partial(_sweep, erasure_id=erasure_id)):
            return True
        crashpoint("erasure.after_page")
    return False


def _clear(conn: Connection, erasure_id: str) -> bool:
    """Clear what has the person's key, unless that was done; false while a call to them is live, or somebody else is at
    it."""
    found = erasures.get(conn, erasure_id)
    if found is None or found.done_at is not None:
        return found is not None
    row = erasures.lock(conn, erasure_id)
    if row is None or row.signs is None:
        return False
    if row.cleared_at is not None:
        return True
    signs = Signs.of_json(row.signs)
    live = erasures.live_calls(conn, row.team_id, signs)
    if live:
        return False
    erasures.clear(conn, row.id, row.team_id, signs)
    log.info("person_cleared", erasure_id=row.id, contacts=len(signs.contacts))
    return True


def _sweep(conn: Connection, erasure_id: str) -> bool:
    """Look through one page more; false when all is looked through, and the erasure done."""
    row = erasures.lock(conn, erasure_id)
    if row is None or row.signs is None:
        return False
    if erasures.sweep(conn, row, Signs.of_json(row.signs)):
        return True
    erasures.done(conn, row.id)
    log.info("person_erased", erasure_id=row.id)
    return False


def end_calls(conn: Connection, team_id: str, signs: Signs) -> list[str]:
    """Have the carriers end the calls to the person that are live; which these are, reserved ones among them."""
    live = erasures.live_calls(conn, team_id, signs)
    for call_id in live:
        hangups.hang_up_one(conn, call_id)
    return live
