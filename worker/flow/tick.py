"""The periodic work, once a second however many beats there are."""

from __future__ import annotations

from sqlalchemy import Connection

from worker.flow.base import Dialer, Settle, Step
from worker.flow.promote import promote
from worker.flow.reap import reap, ring_again
from worker.flow.reconcile import reconcile
from worker.flow.stop import stop_calls
from worker.flow.wake import wake
from worker.store import counters, events, ticks
from worker.store.database import once, transact

EVERY_SECONDS = 0.8
"""A little less than beat's second, so that a beat that comes early by its own jitter is not lost."""


def tick(dialer: Dialer) -> list[Step]:
    """Whatever is due: start, wake, ring again, drain, stop, reap, reconcile, roll up. Nothing, if another
    worker has just done it."""

    def take(conn: Connection) -> tuple[bool, bool]:
        mine = ticks.claim(conn, "tick", every_seconds=EVERY_SECONDS)
        return mine, mine and ticks.claim(conn, "reconcile", every_seconds=dialer.bounds.reconcile_every_seconds)

    mine, reconciles = transact(dialer.db, take)
    if not mine:
        return []
    if reconciles:
        reconcile(dialer)
    steps = [*promote(dialer), *wake(dialer), *ring_again(dialer), *stop_calls(dialer), *reap(dialer)]
    overdue = dialer.bounds.event_overdue_seconds
    if once(dialer.db, lambda conn: events.are_overdue(conn, after_seconds=overdue)):
        steps.append(Settle())
    transact(dialer.db, lambda conn: counters.roll_up(conn))
    return steps
