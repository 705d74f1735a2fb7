"""Several statements in one exchange with the server, where none of them needs what another answers.

Between a callback and the next request stands a row of round trips, each of which waits for a network and for a
scheduler. libpq's pipeline mode sends statements one after the other and waits once; the BEGIN goes with the first of
them, and with the last ones goes the COMMIT. They are run in their order, each by a snapshot of its own, and what one
fails with ends the transaction, as ever.

What is sent are the words and parameters that SQLAlchemy would have sent, so that both use one prepared statement.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from psycopg.rows import namedtuple_row
from sqlalchemy import Connection, TextClause
from sqlalchemy.dialects.postgresql import psycopg

from worker.store.database import OWNS_COMMIT, driver_of

Statement = tuple[TextClause, Mapping[str, Any]]
"""A statement, and its parameters."""
Rows = Sequence[Any]

_DIALECT = psycopg.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy's own has no types


def pipelined(
    conn: Connection, *statements: Statement, commits: bool = False, before: Callable[[], None] | None = None
) -> list[Rows]:
    """The rows of each statement, none where it returns none. With ``commits`` the transaction ends with them, in the
    same exchange; where it is the caller's or has a hook (:class:`worker.store.database.CommitHook`), as ever.
    ``before`` is done before anything is sent.

    All is sent at once: a server that waits for the rest of what a process has begun to say, and that stands still, has
    no timeout for it, and would hold the locks of what it was sent so far."""
    if not conn.in_transaction():
        conn.begin()  # as with its own first statement, or it would know of none to end
    if before is not None:
        before()
    with driver_of(conn) as session:
        cursors = []
        with session.pipeline() as pipeline:
            pipeline._communicate_gen = _hold_back  # type: ignore[assignment, method-assign]  # until all is there
            try:
                for statement, values in statements:
                    cursor = session.cursor(row_factory=namedtuple_row)
                    cursor.execute(_words(statement), values)
                    cursors.append(cursor)
                if commits and conn.get_execution_options().get(OWNS_COMMIT):
                    session.cursor().execute("COMMIT", prepare=False)
            finally:  # or nothing that is queued would ever be sent, and its answer be waited for
                del pipeline._communicate_gen
            while pipeline.command_queue:
                pipeline.command_queue.popleft()()
        return [cursor.fetchall() if cursor.description else () for cursor in cursors]


def _hold_back() -> Iterator[Any]:
    yield from ()


@lru_cache(maxsize=256)
def _words(statement: TextClause) -> str:
    return str(statement.compile(dialect=_DIALECT))
