"""Open PostgreSQL, and run whole transactions against it.

Every session is bounded: a statement, a lock and an idle transaction each have an end, so that a worker that
hangs cannot hold the others up. A transaction that fails for a reason of the moment (serialization, deadlock,
a lost connection) is run again from its start; its verbs are guarded UPDATEs, so that doing them again after
an unseen commit changes nothing. The one place that must not be run again, between the ``dialing`` commit and
the request, uses :func:`once`.

Verbs open their transactions themselves, on whatever :data:`Database` they are given: usually an engine; a
:class:`Joined` connection makes several verbs one transaction of the caller's; :class:`CommitHook` adds a
statement of the caller's to every transaction; :func:`pinned` keeps them all in one session, for what is temporary.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar, assert_never, cast

import psycopg
from psycopg import _queries
from sqlalchemy import Connection, Engine, ExceptionContext, create_engine, event
from sqlalchemy.exc import DBAPIError, InvalidatePoolError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import ConnectionPoolEntry
from tenacity import Retrying, retry_if_exception, stop_after_attempt, stop_after_delay, wait_random_exponential

from worker.clock import monotonic
from worker.domain.errors import Broken, Unavailable
from worker.store.arrays import use_arrays
from worker.store.dsn import connect_options, readable
from worker.store.sessions import KEPT_ALIVE, PROBE_SECONDS, Session, opening
from worker.store.sqlstates import ends_session, is_rolled_back, is_transient, what_to_wait_for

T = TypeVar("T")

# Plans do not depend on how large a table was when it was last analyzed: every statement here touches rows by the
# batch, through an index, whose plan made once is the plan for ever. Planned anew by their size, a claim reads whole
# tables that were small a minute ago, and planning the commit of 25 calls takes longer than running it. Nor is
# anything merged or hashed, and tables are joined in the order in which they are written: a merge with contacts that
# lie beyond all that the statistics know is taken to end at once, and reads a million; a hash of a batch is held
# against the whole of a table that was empty when the plan was made.
_SESSION = (
    "-c timezone=UTC -c statement_timeout={statement_ms} -c lock_timeout=2000 "
    "-c idle_in_transaction_session_timeout=10000 -c jit=off -c enable_seqscan=off -c enable_mergejoin=off "
    "-c enable_hashjoin=off -c join_collapse_limit=1 -c plan_cache_mode=force_generic_plan "
    # What a client that fell silent leaves behind ends as well, and gives back its locks and its place.
    "-c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3 -c tcp_user_timeout=15000 "
    "-c idle_session_timeout=3600000"
)
_BY_SIZE = {
    "enable_seqscan": "on",
    "enable_hashjoin": "on",
    "enable_mergejoin": "on",
    "join_collapse_limit": "8",
    "work_mem": "'64MB'",
}
_BY_HASH = {"enable_hashjoin": "on", "enable_nestloop": "off"}
_WITHOUT_TIMEOUTS = {"statement_timeout": "0", "lock_timeout": "'60s'"}
_ABOUT = ("table_name", "column_name", "constraint_name", "datatype_name")
RESTED_SECONDS = 1.0
RETRY_WITHIN_SECONDS = 8.0
"""A transaction is not begun again after that: one silent session is made up for, and nobody waits for three."""
_RESTS_SINCE = "rests_since"
_queries.MAX_CACHED_STATEMENT_LENGTH = 16 * 1024  # longer ones the driver reads anew each time, for 40 µs; ours are few
OWNS_COMMIT = "owns_commit"
"""The option of a connection that says whether whoever works with it may end its transaction with its last statement
(:mod:`worker.store.pipeline`): not where it is one part of a caller's, and not where a hook comes before the commit."""


@dataclass(frozen=True, slots=True)
class Joined:
    """A transaction under way. Verbs work inside it and commit nothing: who opened it commits all or nothing,
    and runs it again when the moment was bad."""

    connection: Connection


@dataclass(frozen=True, slots=True)
class CommitHook:
    """An engine whose every transaction does ``before_commit`` last, before its commit; if that raises, nothing is
    committed."""

    engine: Engine
    before_commit: Callable[[Connection], None]


@dataclass(frozen=True, slots=True)
class Pinned:
    """One session for several transactions. A transaction is not run again when the session is lost: what was
    temporary in it is gone."""

    connection: Connection


Database = Engine | Joined | CommitHook | Pinned
"""What verbs open their transactions on."""


def open_database(url: str, *, pool_size: int = 10, statement_ms: int = 5000) -> Engine:
    """An engine for a ``postgres://``, ``postgresql://`` or ``postgresql+psycopg://`` URL.

    ``pool_size`` is the number of connections kept and also the most that are opened; ``statement_ms`` bounds
    one statement (0: unbounded, for migrations and imports). Nothing is connected yet.
    """
    engine = create_engine(
        readable(url),
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=10,
        pool_use_lifo=True,
        pool_recycle=1800,
        connect_args={
            **connect_options(url, KEPT_ALIVE, session=_SESSION.format(statement_ms=statement_ms)),
            "prepare_threshold": 1,
        },
        hide_parameters=True,  # they are people's names and numbers, and errors end in logs
    )
    open_session = opening(statement_ms)
    event.listen(engine, "do_connect", lambda dialect, record, args, options: open_session(*args, **options))
    event.listen(engine, "connect", lambda connection, record: use_arrays(connection))
    event.listen(engine, "handle_error", _leave_useless_session)
    _ping_when_rested(engine)
    return engine


def _leave_useless_session(context: ExceptionContext) -> None:
    """Make SQLAlchemy drop this session, and those that were opened before now, as if the server had closed them."""
    if context.original_exception is not None and ends_session(context.original_exception):
        context.is_disconnect = True


def _ping_when_rested(engine: Engine) -> None:
    """Try a connection before it is given out, unless it was used a moment ago: under load that is a quarter of all
    round trips. One that was lost since fails in its transaction, which is run again."""

    def rest(connection: Any, record: ConnectionPoolEntry) -> None:
        record.info[_RESTS_SINCE] = monotonic()

    def ping(connection: Any, record: ConnectionPoolEntry, proxy: Any) -> None:
        if monotonic() - record.info.get(_RESTS_SINCE, math.inf) < RESTED_SECONDS:
            return
        try:
            with connection.answering_within(PROBE_SECONDS):
                engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error as error:
            raise InvalidatePoolError("The connection was lost while it rested.") from error

    event.listen(engine, "checkin", rest)
    event.listen(engine, "checkout", ping)


@contextmanager
def planned_by_size(conn: Connection) -> Iterator[None]:
    """For statements about thousands of rows, or about all there are."""
    with _set(conn, _BY_SIZE):
        yield


@contextmanager
def joined_by_hash(conn: Connection) -> Iterator[None]:
    """For statements that join one batch with another, each found by an index: whatever sizes they are taken for, that
    costs their sum, and never their product."""
    with _set(conn, _BY_HASH):
        yield


@contextmanager
def without_timeouts(conn: Connection) -> Iterator[None]:
    """The same for those that take longer than a call may wait."""
    with _set(conn, _BY_SIZE | _WITHOUT_TIMEOUTS):
        pid = conn.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
        with cast(Session, conn.connection.driver_connection).working_as(pid):
            yield


@contextmanager
def _set(conn: Connection, settings: Mapping[str, str]) -> Iterator[None]:
    """Set these, which are none of a user's words, until the block or the transaction ends."""
    conn.exec_driver_sql("".join(f"SET LOCAL {name} = {value};" for name, value in settings.items()))
    yield
    conn.exec_driver_sql("".join(f"SET LOCAL {name} TO DEFAULT;" for name in settings))


@contextmanager
def driver_of(conn: Connection) -> Iterator[psycopg.Connection[Any]]:
    """The driver's own connection, for what SQLAlchemy cannot do (COPY). Its errors leave as SQLAlchemy's, so that they
    are retried and translated as those of any statement; without what the server said, for with COPY it repeats the
    row it was at, names and numbers and all."""
    try:
        yield cast("psycopg.Connection[Any]", conn.connection.driver_connection)
    except psycopg.Error as error:
        is_lost = cast(Session, conn.connection.driver_connection).closed or ends_session(error)
        if is_lost:
            conn.engine.pool._invalidate(conn.connection)  # as SQLAlchemy does with what its own statements find out
        bare = type(error)(type(error).__name__)
        raise DBAPIError.instance(
            "COPY", None, bare, psycopg.Error, hide_parameters=True, connection_invalidated=is_lost,
            dialect=conn.dialect,
        ) from None  # fmt: skip


@contextmanager
def as_unavailable() -> Iterator[None]:
    """Raise :class:`Unavailable`, with what to do, where PostgreSQL is away, too busy, or without our schema; and
    :class:`Broken` for whatever else it says."""
    try:
        yield
    except (DBAPIError, PoolTimeout) as error:
        if sentence := what_to_wait_for(error):
            raise Unavailable(sentence) from error
        raise Broken(_without_data(error)).with_traceback(error.__traceback__) from None


def _has_lost(error: BaseException) -> bool:
    return isinstance(error, DBAPIError) and error.connection_invalidated


def _without_data(error: DBAPIError | PoolTimeout) -> str:
    """What kind of error it is and which name of the schema it is about; what a server says of an error may repeat the
    row, and ends in logs."""
    orig = getattr(error, "orig", None)
    about = [getattr(getattr(orig, "diag", None), name, None) for name in _ABOUT]
    words = [getattr(orig, "sqlstate", None), type(orig).__name__, *about]
    return f"PostgreSQL refused a statement: {', '.join(str(word) for word in words if word)}."


def once(database: Database, work: Callable[[Connection], T]) -> T:
    """Run ``work`` in one transaction, once. Raises :class:`Unavailable` if PostgreSQL is away."""
    with as_unavailable():
        return _in_transaction(database, work)


def decide(database: Database, work: Callable[[Connection], T]) -> T:
    """Run ``work`` in one transaction, again only where the server has said that nothing of it was kept: what is done
    because of its commit must not be done by one of which nobody knows. Raises :class:`Unavailable` if PostgreSQL is
    away."""
    return _again_if(is_rolled_back, database, work, _in_transaction)


def transact(database: Database, work: Callable[[Connection], T]) -> T:
    """Run ``work`` in one transaction, up to three times when the moment was bad.

    ``work`` must touch nothing but the database, for it may run again. Raises :class:`Unavailable` if
    PostgreSQL is away.
    """
    return _again_if(_is_worth_it(database), database, work, _in_transaction)


def single(database: Database, work: Callable[[Connection], T]) -> T:
    """The same for ``work`` that sends one statement and no more: that is a transaction of its own, and is neither
    begun nor committed by statements before and after it."""
    return _again_if(_is_worth_it(database), database, work, _by_itself)


def _is_worth_it(database: Database) -> Callable[[BaseException], bool]:
    is_pinned = isinstance(database, Pinned)
    return lambda error: is_transient(error) and not (is_pinned and _has_lost(error))


def _again_if(
    is_worth_it: Callable[[BaseException], bool],
    database: Database,
    work: Callable[[Connection], T],
    run: Callable[[Database, Callable[[Connection], T]], T],
) -> T:
    if isinstance(database, Joined):
        return _in_transaction(database, work)  # a failed transaction can only be run again as a whole
    attempts = Retrying(
        retry=retry_if_exception(is_worth_it),
        stop=stop_after_attempt(3) | stop_after_delay(RETRY_WITHIN_SECONDS),
        wait=wait_random_exponential(multiplier=0.02, max=0.5),
        reraise=True,
    )
    with as_unavailable():
        for attempt in attempts:
            with attempt:
                return run(database, work)
    raise AssertionError("unreachable: tenacity returns or raises")


@contextmanager
def pinned(database: Database) -> Iterator[Pinned | Joined]:
    """A database whose transactions share one session, so that temporary tables outlive each of them; where the
    transaction is the caller's, that one. The session ends with this, and all that is temporary with it.

    A pooler between us and PostgreSQL must not share sessions by the transaction.
    """
    with as_unavailable():
        match database:
            case Joined() | Pinned():
                yield database
            case CommitHook(engine, before_commit):
                with engine.begin() as connection:
                    yield Joined(connection)
                    before_commit(connection)
            case Engine():
                with database.connect() as connection:
                    try:
                        yield Pinned(connection)
                    finally:
                        connection.invalidate()
            case never:
                assert_never(never)


def _by_itself(database: Database, work: Callable[[Connection], T]) -> T:
    if not isinstance(database, Engine):  # it is a part of somebody's transaction, or something comes before its commit
        return _in_transaction(database, work)
    with database.connect() as connection:
        return work(connection.execution_options(isolation_level="AUTOCOMMIT"))


def _in_transaction(database: Database, work: Callable[[Connection], T]) -> T:
    match database:
        case Joined(connection):
            connection.execution_options(**{OWNS_COMMIT: False})
            return work(connection)
        case CommitHook(engine, before_commit):
            with engine.begin() as connection:
                result = work(connection)
                if connection.in_transaction():  # a dry run has rolled back
                    before_commit(connection)
                return result
        case Pinned(connection):
            with connection.begin():
                return work(connection)
        case Engine():
            with database.begin() as connection:
                connection.execution_options(**{OWNS_COMMIT: True})
                return work(connection)
        case never:
            assert_never(never)
