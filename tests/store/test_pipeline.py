"""Several statements in one exchange: what a process leaves that is stopped, or fails, at any moment of it."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from sqlalchemy import Connection, Engine, text

from worker.domain.errors import Broken, Unavailable
from worker.store.database import once
from worker.store.pipeline import Statement, pipelined

PATIENCE_SECONDS = 60.0
POLL_SECONDS = 0.01
HOLD: Statement = text("SELECT pg_advisory_xact_lock(:key)"), {"key": 7}
PID: Statement = text("SELECT pg_backend_pid() AS pid"), {}
IMPATIENT = text("SET LOCAL idle_in_transaction_session_timeout = '50ms'")
LEFT: dict[str, Callable[[Connection, Callable[[], None]], object]] = {
    "after one exchange": lambda conn, stop: (pipelined(conn, HOLD), stop()),
    "after several": lambda conn, stop: (pipelined(conn, HOLD), pipelined(conn, PID, PID), stop()),
    "before the answers are read": lambda conn, stop: pipelined(conn, HOLD, PID, meanwhile=stop),
    "after they were": lambda conn, stop: (pipelined(conn, HOLD, PID, meanwhile=lambda: None), stop()),
    "where all is made anew": lambda conn, stop: pipelined(
        conn, *((text(f"{HOLD[0]} -- {n:{n}}"), HOLD[1]) for n in range(1, 200)), meanwhile=stop
    ),
}
"""The moments at which a process may be stopped in the middle of its transaction, with a lock that others want."""


def is_free(engine: Engine) -> bool:
    with engine.begin() as conn:
        return bool(conn.execute(text("SELECT pg_try_advisory_xact_lock(:key)"), HOLD[1]).scalar_one())


def await_free(engine: Engine) -> None:
    pause = threading.Event()
    for _ in range(int(PATIENCE_SECONDS / POLL_SECONDS)):
        if is_free(engine):
            return
        pause.wait(POLL_SECONDS)
    raise AssertionError("the lock of a transaction that nobody goes on with is held for ever")


@pytest.mark.parametrize("left", LEFT.values(), ids=LEFT.keys())
def test_the_server_ends_a_transaction_that_nobody_goes_on_with(
    engine: Engine, left: Callable[[Connection, Callable[[], None]], object]
) -> None:
    def work(conn: Connection) -> None:
        conn.execute(IMPATIENT)
        left(conn, lambda: await_free(engine))
        conn.execute(text("SELECT 1"))

    with pytest.raises(Unavailable):
        once(engine, work)
    assert once(engine, lambda conn: pipelined(conn, PID)[0][0].pid)


FAILS: Statement = text("SELECT 1 / CAST(:none AS int)"), {"none": 0}
ENDS: Statement = text("SELECT pg_terminate_backend(pg_backend_pid())"), {}
MANY = [(text(f"SELECT {n} AS n, '{'x' * 500}'"), {}) for n in range(100)]
PLACES: dict[str, Callable[[Statement], list[Statement]]] = {
    "alone": lambda one: [one],
    "first": lambda one: [one, PID, PID],
    "last": lambda one: [PID, PID, one],
    "first of many": lambda one: [one, *MANY],
    "among many": lambda one: [*MANY[:50], one, *MANY[50:]],
}


@pytest.mark.parametrize("meanwhile", [None, lambda: None], ids=["at once", "something meanwhile"])
@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES.keys())
def test_a_statement_that_fails_ends_the_transaction_and_nothing_else(
    engine: Engine, caplog: pytest.LogCaptureFixture, place: Callable[[Statement], list[Statement]], meanwhile: None
) -> None:
    before = once(engine, lambda conn: pipelined(conn, PID)[0][0].pid)
    with pytest.raises(Broken):
        once(engine, lambda conn: pipelined(conn, HOLD, *place(FAILS), commits=True, meanwhile=meanwhile))
    assert is_free(engine)
    assert once(engine, lambda conn: pipelined(conn, PID)[0][0].pid) == before
    assert not caplog.records


@pytest.mark.parametrize("meanwhile", [None, lambda: None], ids=["at once", "something meanwhile"])
@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES.keys())
def test_a_session_that_the_server_ends_is_given_up(
    engine: Engine, caplog: pytest.LogCaptureFixture, place: Callable[[Statement], list[Statement]], meanwhile: None
) -> None:
    with pytest.raises(Unavailable):
        once(engine, lambda conn: pipelined(conn, HOLD, *place(ENDS), commits=True, meanwhile=meanwhile))
    assert once(engine, lambda conn: pipelined(conn, PID)[0][0].pid)
    assert not [record for record in caplog.records if record.exc_info]


def test_what_fails_meanwhile_rolls_back_and_keeps_the_session(engine: Engine) -> None:
    pids = []

    def fails() -> None:
        raise Unavailable("Redis is away.")

    def work(conn: Connection) -> None:
        pids.append(pipelined(conn, PID)[0][0].pid)
        pipelined(conn, HOLD, PID, meanwhile=fails)

    with pytest.raises(Unavailable, match="Redis is away"):
        once(engine, work)
    assert is_free(engine)
    assert once(engine, lambda conn: pipelined(conn, PID)[0][0].pid) == pids[0]


def test_what_is_sent_is_answered_in_its_order_whatever_comes_between(engine: Engine) -> None:
    done: list[str] = []
    ones = [(text("SELECT CAST(:n AS int) AS n"), {"n": n}) for n in range(50)]
    rows = once(engine, lambda conn: pipelined(conn, *ones, meanwhile=lambda: done.append("between")))
    assert [each[0].n for each in rows] == list(range(50))
    assert done == ["between"]


@pytest.mark.parametrize("meanwhile", [None, lambda: None], ids=["at once", "something meanwhile"])
def test_more_than_a_socket_takes_at_once_is_sent_to_the_end(engine: Engine, meanwhile: None) -> None:
    """The server answers nothing before it has all, so it must not be waited for with a part of it unsent."""
    much: Statement = text("SELECT length(:words) AS n"), {"words": "x" * 4_000_000}
    rows = once(engine, lambda conn: pipelined(conn, PID, much, much, PID, commits=True, meanwhile=meanwhile))
    assert [row.n for each in rows[1:3] for row in each] == [4_000_000] * 2
