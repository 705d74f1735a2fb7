"""What PostgreSQL's error codes mean for whoever asked: wait, or report a bug; and whether the session is of any use.

The codes: https://www.postgresql.org/docs/current/errcodes-appendix.html. What stands in no row here is our own
mistake, and loud. So are damaged data (XX001, XX002), an internal error (XX000), and what a row's content can bring
about as well as the server's state (54000, and 55000, which a standby says only where it has said 25006 before).
"""

from __future__ import annotations

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

AWAY = "PostgreSQL cannot be reached, or does not answer; start it or check DATABASE_URL, then try again."
_BUSY = "PostgreSQL did not answer in time; look for what keeps it busy, then try again."
_NO_SCHEMA = "The database has no schema, or an older one; run: dialer db migrate"
_READ_ONLY = (
    "PostgreSQL takes no writes: it is a standby, or was set read-only; "
    "promote it, or lead DATABASE_URL to the server that takes them."
)
_EXHAUSTED = "PostgreSQL is at a limit of its machine or its configuration; look at its log."

_SENTENCES = {
    "08": AWAY,  # connection_exception, the whole class
    "25006": _READ_ONLY,  # read_only_sql_transaction: a standby, default_transaction_read_only, a server demoted
    "25P03": AWAY,  # idle_in_transaction_session_timeout: this process was stopped in mid-transaction
    "25P04": _BUSY,  # transaction_timeout, a server's own setting
    "26000": AWAY,  # invalid_sql_statement_name: behind this connection is another session than before
    "42P05": AWAY,  # duplicate_prepared_statement: the same
    "42P01": _NO_SCHEMA,  # undefined_table: our statements fit our schema
    "42703": _NO_SCHEMA,  # undefined_column
    "42883": _NO_SCHEMA,  # undefined_function
    "40001": _BUSY,  # serialization_failure, again and again; also what a standby cancels for its recovery
    "40P01": _BUSY,  # deadlock_detected, again and again
    "53": _EXHAUSTED,  # insufficient_resources, the whole class
    "53100": "PostgreSQL's disk is full; make room on it, then try again.",  # disk_full
    "53200": "PostgreSQL is out of memory; look for what uses it up, then try again.",  # out_of_memory
    "53300": "PostgreSQL has no connection left; end what holds them, or raise max_connections.",
    "55P03": _BUSY,  # lock_not_available: our lock_timeout
    "57": AWAY,  # operator_intervention: shutting down, starting, dropped, ended because idle
    "57014": _BUSY,  # query_canceled: our statement_timeout
    "58": "PostgreSQL cannot read or write its files; look at its log.",  # system_error, io_error, undefined_file
}
_OF_NO_USE = ("08", "57P", "25006", "25P03", "25P04", "26000", "42P05")
_TRANSIENT = ("40001", "40P01", "55P03")


def state_of(error: BaseException) -> str | None:
    """The five signs of the server; ``None`` where it has said nothing."""
    return getattr(getattr(error, "orig", error), "sqlstate", None)


def ends_session(error: BaseException) -> bool:
    """Whether its session is of no further use, though the connection may stand: the server has ended it, or is not
    the one to talk to. A new session may lead to another server."""
    return (state_of(error) or "").startswith(_OF_NO_USE)


def is_transient(error: BaseException) -> bool:
    """Whether the same transaction may well succeed in a moment, or in another session."""
    return is_rolled_back(error) or (isinstance(error, DBAPIError) and error.connection_invalidated)


def is_rolled_back(error: BaseException) -> bool:
    """Whether the server has said that nothing of the transaction was kept, for a reason of the moment."""
    return isinstance(error, DBAPIError) and state_of(error) in _TRANSIENT


def what_to_wait_for(error: BaseException) -> str | None:
    """A sentence with what is to be done, where time or an operator helps; ``None`` where the mistake is ours."""
    if isinstance(error, PoolTimeout | InterfaceError):
        return AWAY
    state = state_of(error)
    if state is None:
        is_lost = isinstance(error, OperationalError) or (
            isinstance(error, DBAPIError) and error.connection_invalidated
        )
        return AWAY if is_lost else None
    return _SENTENCES.get(state) or _SENTENCES.get(state[:2])
