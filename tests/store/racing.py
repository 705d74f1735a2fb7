"""Two at once, without a clock: transactions that are held open, and proof that another one waits for them.

Nothing here waits for time to pass. Whether somebody waits for a lock is asked of PostgreSQL, again and again,
until it says so, or the work ends without having waited, or a bound that only a broken test reaches.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from time import monotonic
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, text

from tests.patience import PATIENCE_SECONDS

T = TypeVar("T")


WAITING = text("""
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND cardinality(pg_blocking_pids(pid)) > 0
""")


class Session:
    """One transaction, carried out by a thread of its own, so that it can be made to wait."""

    def __init__(self, engine: Engine) -> None:
        self._thread = ThreadPoolExecutor(1)
        self._connection: Connection = self._thread.submit(engine.connect).result(PATIENCE_SECONDS)

    def start(self, work: Callable[[Connection], T]) -> Future[T]:
        """Begin with ``work``, which may have to wait."""
        return self._thread.submit(work, self._connection)

    def do(self, work: Callable[[Connection], T]) -> T:
        """Do ``work``, which need not wait for anybody."""
        return self.start(work).result(PATIENCE_SECONDS)

    def commit(self) -> None:
        self.do(lambda conn: conn.commit())

    def rollback(self) -> None:
        self.do(lambda conn: conn.rollback())

    def close(self) -> None:
        self._thread.submit(self._connection.close).result(PATIENCE_SECONDS)
        self._thread.shutdown()


class Race:
    """Whoever works on one database at the same time."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._threads = ThreadPoolExecutor(8)
        self._sessions: list[Session] = []

    def session(self) -> Session:
        """A transaction of its own; it stays open until it is asked to commit."""
        session = Session(self._engine)
        self._sessions.append(session)
        return session

    def start(self, work: Callable[[], T]) -> Future[T]:
        """Begin something that sees to its transactions itself."""
        return self._threads.submit(work)

    def until_waiting(self, *works: Future[Any]) -> None:
        """Return when as many backends wait for a lock as works are given; one that ends instead is an error."""
        deadline = monotonic() + PATIENCE_SECONDS
        with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
            while conn.execute(WAITING).scalar_one() < len(works):
                for work in works:
                    assert not work.done(), f"it did not wait, but came to {work.result()!r}"
                assert monotonic() < deadline, "nobody waits, and nobody has ended"

    def until_waiting_or_done(self, work: Future[Any]) -> None:
        """Return when ``work`` waits for a lock or has ended: it can do no more before somebody else does."""
        deadline = monotonic() + PATIENCE_SECONDS
        with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
            while not work.done() and not conn.execute(WAITING).scalar_one():
                assert monotonic() < deadline, "it neither waits nor ends"

    def close(self) -> None:
        for session in self._sessions:
            session.close()
        self._threads.shutdown()


def result(work: Future[T]) -> T:
    """What came of a work that nobody holds up any longer."""
    return work.result(PATIENCE_SECONDS)
