"""Several statements in one exchange with the server, where none of them needs what another answers.

Between a callback and the next request stands a row of round trips, each of which waits for a network and for a
scheduler. libpq's pipeline mode sends statements one after the other and waits once; the BEGIN goes with the first of
them, and with the last ones goes the COMMIT. They are run in their order, each by a snapshot of its own, and what one
fails with ends the transaction, as ever.

What is sent are the words and parameters that SQLAlchemy would have sent, so that both use one prepared statement.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import psycopg
from psycopg import Pipeline
from psycopg.abc import PQGen
from psycopg.generators import send
from psycopg.pq import PipelineStatus
from psycopg.rows import namedtuple_row
from sqlalchemy import Connection, TextClause
from sqlalchemy.dialects.postgresql.psycopg import dialect

from worker.store.database import OWNS_COMMIT, driver_of

Statement = tuple[TextClause, Mapping[str, Any]]
"""A statement, and its parameters."""
Rows = Sequence[Any]

_DIALECT = dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy's own has no types


class Exchange(Pipeline):
    """A pipeline of one exchange: nothing is sent until :meth:`send`, and then all of it, ended by a Sync.

    Both matter for a process that is stopped in the middle. A server that waits for the rest of what was begun has no
    timeout for it. And the driver's own sends a Flush after the Sync, upon which the server stops the timer that
    would end an idle transaction (``PostgresMain`` starts it once, with its ReadyForQuery) and sets none again. Either
    way the locks of the transaction would be held for as long as the process stands still.

    All of it, that is, also where the socket takes a part only: the driver's own is content with that, and whoever then
    waits for the answers waits for a server that waits for the rest.
    """

    def _communicate_gen(self) -> PQGen[None]:
        yield from ()  # until all is there

    def _exit_gen(self) -> PQGen[None]:
        try:
            if self.command_queue:
                yield from self._send_gen()
        finally:  # whatever failed, or the rest of the answers would be taken for those of what comes next
            yield from self._fetch_gen(flush=False)

    def _send_gen(self) -> PQGen[None]:
        self._enqueue_sync()
        while self.command_queue:
            self.command_queue.popleft()()
        yield from send(self.pgconn)

    def send(self) -> None:
        """Send what was executed in it; the answers are read where the block ends."""
        self._conn.wait(self._send_gen())


def pipelined(
    conn: Connection, *statements: Statement, commits: bool = False, meanwhile: Callable[[], None] | None = None
) -> list[Rows]:
    """The rows of each statement, none where it returns none. With ``commits`` the transaction ends with them, in the
    same exchange; where it is the caller's or has a hook (:class:`worker.store.database.CommitHook`), as ever.
    ``meanwhile`` is done after all was sent and before an answer is waited for."""
    if not conn.in_transaction():
        conn.begin()  # as with its own first statement, or it would know of none to end
    with driver_of(conn) as session:
        cursors = []
        with _exchange(session) as exchange:
            for statement, values in statements:
                cursor = session.cursor(row_factory=namedtuple_row)
                cursor.execute(_words(statement), values)
                cursors.append(cursor)
            if commits and conn.get_execution_options().get(OWNS_COMMIT):
                session.cursor().execute("COMMIT", prepare=False)
            if meanwhile is not None:
                exchange.send()
                meanwhile()
        return [cursor.fetchall() if cursor.description else () for cursor in cursors]


@contextmanager
def _exchange(session: psycopg.Connection[Any]) -> Iterator[Exchange]:
    """The driver's block, which takes a pipeline that is there already. A session that cannot leave it is of no use."""
    exchange = session._pipeline = Exchange(session)
    try:
        with session.pipeline():
            yield exchange
    except psycopg.Error:
        if session.pgconn.pipeline_status != PipelineStatus.OFF:
            session.close()
        raise


@lru_cache(maxsize=256)
def _words(statement: TextClause) -> str:
    return str(statement.compile(dialect=_DIALECT))
