"""The periodic work, once a second however many beats there are."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

import structlog
from sqlalchemy import Connection

from worker.crashpoint import crashpoint
from worker.domain.errors import Unavailable
from worker.domain.model import Bounds
from worker.flow.base import Dialer, Settle, Step
from worker.flow.clock_jumps import watch_clock
from worker.flow.erasure import erase_open
from worker.flow.failover import log_server, note_server
from worker.flow.outcomes import decide_overdue
from worker.flow.promote import promote
from worker.flow.reap import reap, redispatch
from worker.flow.reconcile import reconcile
from worker.flow.retain import retain
from worker.flow.stop import stop_calls
from worker.flow.wake import wake
from worker.store import counters, events, hangups, idempotency, ticks
from worker.store.database import single, transact
from worker.store.failovers import NoticedServer

log = structlog.get_logger()

FORGET_EVERY_SECONDS = 60.0

EVERY_SECONDS = 0.8
"""A little less than beat's second, so that a beat that comes early by its own jitter is not lost."""


def tick(dialer: Dialer) -> list[Step]:
    """Whatever is due: start, wake, redispatch, drain, stop, reap, end waits, reconcile, roll up. Nothing, if another
    worker has just done it."""
    steps: list[Step] = []
    tick_into(dialer, steps)
    return steps


def tick_into(dialer: Dialer, steps: list[Step]) -> None:
    """The same, adding to ``steps``. Every part is done whatever became of those before it; what failed is
    raised, the last of it, when all are done, and by then ``steps`` holds what the others want."""

    taken = watch_clock(dialer.db, dialer.clock, partial(_take, dialer.bounds))
    if taken is None:
        return
    log_server(taken.server)
    first = [_reconcile] if "reconcile" in taken.now_and_then else []
    last = [_forget] if "forget" in taken.now_and_then else []
    with ExitStack() as parts:
        for work in reversed((*first, *WORK, *last)):
            parts.callback(_do, work, dialer, steps)


@dataclass(frozen=True, slots=True)
class _Taken:
    """A tick that is this worker's: what of that which is done now and then is due with it, and the server, where it is
    another one than before."""

    now_and_then: frozenset[str]
    server: NoticedServer | None


def _take(bounds: Bounds, conn: Connection) -> _Taken | None:
    """Take the tick, if it is due, and note on which server; one transaction, for it is done every second."""
    if not ticks.claim(conn, "tick", every_seconds=EVERY_SECONDS):
        return None
    every = {"reconcile": bounds.reconcile_every_seconds, "forget": FORGET_EVERY_SECONDS}
    return _Taken(ticks.claim_each(conn, every), note_server(conn, bounds))


def _do(work: Callable[[Dialer], list[Step]], dialer: Dialer, steps: list[Step]) -> None:
    try:
        steps += work(dialer)
    except Unavailable as error:  # Redis away must not keep PostgreSQL's part of the work from being done
        log.warning("tick_incomplete", work=work.__name__.strip("_"), message=str(error))
    except Exception:  # raised again; but of several that fail only the last would be seen
        log.error("tick_part_failed", work=work.__name__.strip("_"), exc_info=True)
        raise


def _reconcile(dialer: Dialer) -> list[Step]:
    reconcile(dialer)
    return []


def _drain(dialer: Dialer) -> list[Step]:
    overdue = dialer.bounds.event_overdue_seconds
    waits = single(dialer.db, lambda conn: events.are_overdue(conn, after_seconds=overdue))
    return [Settle()] if waits else []


def _roll_up(dialer: Dialer) -> list[Step]:
    transact(dialer.db, _add_up)
    return []


def _forget(dialer: Dialer) -> list[Step]:
    """Drop the answers kept for repeated requests that are older than a day."""

    def work(conn: Connection) -> None:
        idempotency.purge(conn)
        hangups.forget_unmatched(conn)

    transact(dialer.db, work)
    return []


def _add_up(conn: Connection) -> None:
    if counters.roll_up(conn):
        crashpoint("roll_up.before_commit")


WORK = (promote, wake, redispatch, stop_calls, reap, _drain, decide_overdue, _roll_up, retain, erase_open)
