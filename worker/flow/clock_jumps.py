"""Notice that the clock of PostgreSQL's server has jumped, before anything is decided by it.

Most of what goes by the clock takes no harm (:mod:`worker.store.instants`). A call's provable end does: were it taken
for over because the clock was set an hour forward, its contact would be called while talking. So every worker compares
the server's clock with its own machine's, which counts up whatever anybody sets: what the one has gained on the other
between two readings is a jump, noted once (:mod:`worker.store.clock_jumps`), and what must not end early adds it.

A reading is the server's clock between two of ours, so it is known to within the time that asking took. Only what is
certain counts: a process that is stopped in the middle of a reading learns little from it, and nothing wrong. A jump
forward is noted at its longest, one back at its shortest, for to wait too long is the harmless side. Clocks that are
slewed drift by at most 1 s in 2000 (``adjtime``, ``chrony``, ``ntpd``), so a longer pause between readings allows more.

Not guaranteed: a jump while no worker runs is seen by nobody. One that falls between a worker's start and its first
reading neither, unless another one noticed it. And a worker's machine that was frozen with all its clocks, as when it
is moved, sees the server's jump forward: then calls are held for longer than they need be.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import TypeVar

import structlog
from sqlalchemy import Connection

from worker.clock import boot
from worker.store import clock_jumps
from worker.store.database import Database, transact

log = structlog.get_logger()

T = TypeVar("T")

TOLERANCE_SECONDS = 5.0
DRIFT = 0.001
"""Seconds in a second that two clocks may go apart, twice what those who slew clocks may do."""
SHARP_SECONDS = 1.0
"""A reading that took longer is no measure for later ones."""
KEPT_SECONDS = 60.0
"""How long a reading stays the measure: many small steps, each within the tolerance, add up to a jump."""
TIMES = 5


@dataclass(frozen=True, slots=True)
class Reading:
    """How far the server's clock was ahead of ours: between ``low`` and ``high`` seconds, ``at`` a moment of ours;
    and the newest jump that was ``known`` then."""

    low: float
    high: float
    at: float
    known: int


class ClockWatch:
    """What a process knows of the server's clock. Safe to share between threads."""

    def __init__(self, now: Callable[[], float] = boot) -> None:
        self._now = now
        self._lock = Lock()
        self._measure: Reading | None = None

    def read(self, conn: Connection) -> Reading:
        """Read the server's clock between two readings of ours."""
        before = self._now()
        at, known = clock_jumps.read(conn)
        after = self._now()
        return Reading(at - after, at - before, after, known)

    def jump(self, reading: Reading) -> tuple[float, int, float] | None:
        """What the server's clock has certainly jumped since the measure, in seconds, the newest jump known at that
        measure, and what is no jump; ``None`` when there was none. Then the reading may become the measure."""
        with self._lock:
            measure = self._measure
            if measure is None:
                self._renew(reading)
                return None
            tolerance = TOLERANCE_SECONDS + DRIFT * max(0.0, reading.at - measure.at)
            if reading.low - measure.high > tolerance or reading.high - measure.low < -tolerance:
                return reading.high - measure.low, measure.known, tolerance
            if reading.at - measure.at >= KEPT_SECONDS or reading.known != measure.known:
                self._renew(reading)
            return None

    def accept(self, reading: Reading, known: int) -> None:
        """What this reading shows is noted, in the jumps up to ``known``."""
        with self._lock:
            self._measure = Reading(reading.low, reading.high, reading.at, max(known, reading.known))

    def _renew(self, reading: Reading) -> None:
        if reading.high - reading.low <= SHARP_SECONDS:
            self._measure = reading


class _JumpedMeanwhile(Exception):
    """The clock has jumped since it was last looked at, and the transaction that found out decided by it."""

    def __init__(self, reading: Reading, seconds: float, known: int, tolerance: float) -> None:
        super().__init__(f"the clock has jumped by {seconds:.1f} s")
        self.reading, self.seconds, self.known, self.tolerance = reading, seconds, known, tolerance


def watch_clock(
    database: Database, watch: ClockWatch, before: Callable[[Connection], T | None] = lambda conn: None
) -> T | None:
    """Look whether the clock has jumped, and note it; bring alarms back that a clock set back has left far ahead. What
    is done ``before``, in the same transaction, is undone and done anew if it has."""

    def work(conn: Connection) -> T | None:
        result = before(conn)
        clock_jumps.bring_alarms_back(conn)
        return result

    return steadily(database, watch, work)


def steadily(database: Database, watch: ClockWatch, work: Callable[[Connection], T]) -> T:
    """Run ``work`` in one transaction that commits only if the clock had not jumped before it ended; otherwise the jump
    is noted, and the work done anew by what is known then. Raises as :func:`~worker.store.database.transact` does."""
    for _ in range(TIMES - 1):
        try:
            return transact(database, lambda conn: _by_a_steady_clock(conn, watch, work))
        except _JumpedMeanwhile as found:
            _note(database, watch, found)
    return transact(database, work)


def _by_a_steady_clock(conn: Connection, watch: ClockWatch, work: Callable[[Connection], T]) -> T:
    result = work(conn)
    reading = watch.read(conn)  # after all that was read: a jump that comes later has decided nothing
    jump = watch.jump(reading)
    if jump is not None:
        raise _JumpedMeanwhile(reading, *jump)
    return result


def _note(database: Database, watch: ClockWatch, found: _JumpedMeanwhile) -> None:
    def note(conn: Connection) -> tuple[float, int]:
        row = clock_jumps.note(conn, found.seconds, known=found.known, tolerance=found.tolerance)
        return (0.0, clock_jumps.read(conn)[1]) if row is None else (row.seconds, row.number)

    seconds, known = transact(database, note)
    watch.accept(found.reading, known)
    if seconds:
        log.error("clock_jumped", seconds=round(seconds, 1), number=known)
