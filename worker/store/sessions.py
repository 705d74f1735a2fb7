"""A session of PostgreSQL that cannot keep anybody waiting for ever.

A connection may fall silent without an end: a route is gone, a firewall or a proxy has forgotten it, the server's host
is frozen. Where packets are lost, the kernel is set how long to try (:data:`KEPT_ALIVE`). Where something in between
acknowledges them, no kernel can know; so whoever waits here has an end of his own, a little later than the server's
``statement_timeout``, after which a server that works would have spoken. Such a session is closed, and reads as lost.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

import psycopg
from psycopg.abc import PQGen
from psycopg.pq import TransactionStatus

from worker.clock import monotonic

T = TypeVar("T")

KEPT_ALIVE: Mapping[str, int] = {
    "connect_timeout": 5,
    "keepalives": 1,
    "keepalives_idle": 5,
    "keepalives_interval": 3,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
"""libpq's options: seconds for a connection to come about, and within 14 s word that the other host is gone."""
MARGIN_SECONDS = 2.0
"""So much longer than its ``statement_timeout`` a server may take to say so."""
PROBE_SECONDS = 3.0
"""How long the answer may take to a question that costs nothing."""
REFUSED_SECONDS = 1.0
_AT_WORK = "SELECT state = 'active' FROM pg_stat_activity WHERE pid = %s"


class Silent(psycopg.OperationalError):
    """The server has not answered within the time in which it would have ended the statement itself."""


class Session(psycopg.Connection[Any]):
    """``answer_seconds`` is how long an answer, or the next part of it, may take; ``None``: without an end of ours.
    ``open_another`` opens one more to the same server."""

    answer_seconds: float | None = None
    open_another: Callable[[], Session]
    _works_as: int | None = None

    def wait(self, gen: PQGen[T], *args: Any, **more: Any) -> T:
        """Every wait of the driver but that for a connection to come about, which has its own end."""
        if self.answer_seconds is None or more.get("timeout") is not None:  # a wait with an end: for notifications
            return super().wait(gen, *args, **more)
        return super().wait(self._within(gen, self.answer_seconds), *args, **more)

    def _start_query(self) -> PQGen[None]:
        """The driver's, which begins a transaction; but in a pipeline it waits for the BEGIN to be answered, and what
        it is waited for costs a round trip. There the statement that follows is sent after it."""
        if self._pipeline is None or self._autocommit or self.pgconn.transaction_status != TransactionStatus.IDLE:
            yield from super()._start_query()
            return
        if not self._pipeline.command_queue:
            yield from self._exec_command(self._get_tx_start_command())

    def _within(self, gen: PQGen[T], seconds: float) -> PQGen[T]:
        """``gen``, which the driver resumes several times a second also when nothing has come."""
        is_last_chance = False
        try:
            wanted = next(gen)
            until = monotonic() + seconds
            while True:
                ready = yield wanted
                if ready:
                    until = monotonic() + seconds
                elif monotonic() >= until:
                    if is_last_chance or self._works_as is None:
                        self.pgconn.finish()
                        raise Silent("The server has fallen silent.")
                    is_last_chance = not self._is_at_work(self._works_as)  # or the answer is on its way
                    until = monotonic() + (MARGIN_SECONDS if is_last_chance else seconds)
                wanted = gen.send(ready)
        except StopIteration as done:
            result: T = done.value
            return result

    def _is_at_work(self, pid: int) -> bool:
        """Whether the server works on our statement, asked on another connection. Where that is refused (none may be
        left), somebody is there to refuse it."""
        try:
            with self.open_another() as other:
                other.answer_seconds = PROBE_SECONDS
                row = other.execute(_AT_WORK, (pid,)).fetchone()
        except (psycopg.errors.ConnectionTimeout, Silent):
            return False
        except psycopg.OperationalError:
            return True
        return bool(row and row[0])

    @contextmanager
    def answering_within(self, seconds: float) -> Iterator[None]:
        """Wait no longer than this in the block."""
        before, self.answer_seconds = self.answer_seconds, seconds
        try:
            yield
        finally:
            self.answer_seconds = before

    @contextmanager
    def working_as(self, pid: int) -> Iterator[None]:
        """In the block statements have no end of the server's: wait as long as the process ``pid`` there works."""
        before, self._works_as = self._works_as, pid
        try:
            yield
        finally:
            self._works_as = before


def opening(statement_ms: int) -> Callable[..., Session]:
    """What opens sessions whose server ends statements after ``statement_ms`` (0: never, and neither do we).

    Where one was waited for in vain, whoever asks within the next second is refused at once: behind ten threads that
    wait for ten connections stand more, which would begin their wait when those end.
    """
    silent_until = -math.inf

    def open_session(*args: Any, **options: Any) -> Session:
        nonlocal silent_until
        if monotonic() < silent_until:
            raise Silent("The server has not answered a moment ago.")
        try:
            session = Session.connect(*args, **options)
        except psycopg.errors.ConnectionTimeout:
            silent_until = monotonic() + REFUSED_SECONDS
            raise
        session.answer_seconds = statement_ms / 1000 + MARGIN_SECONDS if statement_ms else None
        session.open_another = lambda: open_session(*args, **options)
        return session

    return open_session
