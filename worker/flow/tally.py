"""Add up what strangers can cause any number of times, and write it down at most once a second.

A row that is updated, or a line that is logged, for every request that anybody may send is a lever: it lets a stranger
hold the database's locks and fill the disk. So a process counts in memory and writes the sum. One that is killed takes
at most the last second's counts along.
"""

from __future__ import annotations

from collections import Counter
from threading import Lock, Timer

import structlog

from worker.clock import monotonic
from worker.domain.errors import Unavailable
from worker.store import events
from worker.store.database import Database, transact

log = structlog.get_logger()

EVERY_SECONDS = 1.0
REFUSED, FOREIGN = "callbacks_refused", "foreign_news"
"""What is counted, by the names of its lines in the log."""


class CallbackTally:
    """The counts of one process, by what and by carrier. The first is written at once, by whoever caused it; those of
    the second that follows together, by a thread of their own."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._counts: Counter[tuple[str, str]] = Counter()
        self._refused: Counter[str] = Counter()
        self._written_at = float("-inf")
        self._later: Timer | None = None

    def add(self, db: Database, what: str, carrier: str, count: int = 1) -> None:
        """Count; a database that is away keeps nobody from going on."""
        with self._lock:
            self._counts[what, carrier] += count
            wait = self._written_at + EVERY_SECONDS - monotonic()
            if wait > 0:
                if self._later is None:
                    self._later = Timer(wait, self.write, [db])
                    self._later.daemon = True
                    self._later.start()
                return
            self._written_at = monotonic()
        self.write(db)

    def write(self, db: Database) -> None:
        """Log what was counted, and write down how many signatures were refused."""
        with self._lock:
            counts, self._counts = self._counts, Counter()
            self._refused.update({carrier: n for (what, carrier), n in counts.items() if what == REFUSED})
            refused, self._refused = self._refused, Counter()
            self._written_at, self._later = monotonic(), None
        for (what, carrier), count in sorted(counts.items()):
            log.warning(what, carrier=carrier, count=count)
        if not refused:
            return
        try:
            transact(db, lambda conn: events.count_refused(conn, refused))
        except Unavailable as error:
            log.warning("refusals_not_written_yet", message=str(error))
            with self._lock:
                self._refused.update(refused)
