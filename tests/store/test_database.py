"""Transactions are bounded, run again when only the moment was bad, and say so when PostgreSQL is away."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from contextlib import ExitStack

import pytest
from sqlalchemy import Connection, Engine, text

from tests.store.racing import Race, result
from worker.domain.errors import Broken, Unavailable
from worker.store import database
from worker.store.database import CommitHook, Joined, once, open_database, single, transact
from worker.store.sqlstates import AWAY as NO_POSTGRESQL

KILL = text("SELECT pg_terminate_backend(pg_backend_pid())")
COUNT = text("UPDATE slot_generation SET generation = generation + 1 RETURNING generation")


def generation(conn: Connection) -> int:
    return int(conn.execute(text("SELECT generation FROM slot_generation")).scalar_one())


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_every_usual_spelling_of_the_address_is_understood(database_url: str, scheme: str) -> None:
    engine = open_database(database_url.replace("postgresql", scheme, 1), pool_size=1)
    assert once(engine, generation) == 1
    engine.dispose()


def test_every_session_is_bounded_and_keeps_its_clock_in_utc(engine: Engine) -> None:
    names = ("timezone", "statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
    with engine.connect() as conn:
        found = {name: conn.exec_driver_sql(f"SHOW {name}").scalar_one() for name in names}
    assert list(found.values()) == ["UTC", "5s", "2s", "10s"]


def test_a_transaction_whose_connection_was_lost_is_run_again_from_its_start(engine: Engine) -> None:
    runs: list[int] = []

    def work(conn: Connection) -> int:
        runs.append(int(conn.execute(COUNT).scalar_one()))
        if len(runs) == 1:
            conn.execute(KILL)
        return runs[-1]

    assert transact(engine, work) == 2
    assert runs == [2, 2]
    assert once(engine, generation) == 2


def test_a_transaction_is_not_run_for_ever(engine: Engine) -> None:
    runs: list[int] = []

    def work(conn: Connection) -> None:
        runs.append(1)
        conn.execute(KILL)

    with pytest.raises(Unavailable):
        transact(engine, work)
    assert len(runs) == 3


def test_one_statement_needs_no_transaction_around_it(engine: Engine) -> None:
    def count(conn: Connection) -> int:
        driver = conn.connection.driver_connection
        assert driver is not None
        assert driver.autocommit
        return int(conn.execute(COUNT).scalar_one())

    assert single(engine, count) == 2
    with engine.connect() as after:  # the same session, and what is not committed there is undone again
        assert after.execute(COUNT).scalar_one() == 3
    assert once(engine, generation) == 2


def test_one_statement_of_a_transaction_that_is_somebody_elses_is_committed_by_them(engine: Engine) -> None:
    with engine.connect() as conn:
        assert single(Joined(conn), lambda within: within.execute(COUNT).scalar_one()) == 2
        conn.rollback()

    def refuse(conn: Connection) -> None:
        raise KeyError("not that")

    with pytest.raises(KeyError, match="not that"):
        single(CommitHook(engine, refuse), lambda within: within.execute(COUNT).scalar_one())
    assert once(engine, generation) == 1


def test_one_statement_whose_connection_was_lost_is_sent_again(engine: Engine) -> None:
    sent = []

    def work(conn: Connection) -> int:
        sent.append(1)
        if len(sent) == 1:
            conn.execute(KILL)
        return int(conn.execute(COUNT).scalar_one())

    assert single(engine, work) == 2
    assert len(sent) == 2


def test_what_must_be_run_once_is_run_once(engine: Engine) -> None:
    runs: list[int] = []

    def work(conn: Connection) -> None:
        runs.append(1)
        conn.execute(KILL)

    with pytest.raises(Unavailable):
        once(engine, work)
    assert len(runs) == 1


def test_connections_that_were_lost_while_they_rested_are_replaced_before_they_are_used(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here every connection has rested long enough to be tried; the pool holds two that are dead."""
    monkeypatch.setattr(database, "RESTED_SECONDS", 0.0)
    lose(engine, 2)
    runs: list[int] = []
    once(engine, lambda conn: runs.append(generation(conn)))
    assert len(runs) == 1


def test_a_connection_that_was_lost_a_moment_after_its_use_is_found_out_by_its_transaction(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "RESTED_SECONDS", 3600.0)
    lose(engine, 1)
    with pytest.raises(Unavailable):
        once(engine, generation)
    assert once(engine, generation) == 1
    lose(engine, 2)
    assert transact(engine, generation) == 1


def lose(engine: Engine, count: int) -> None:
    """Let so many connections rest in the pool, and have PostgreSQL end them."""
    with ExitStack() as used:
        taken = [used.enter_context(engine.connect()) for _ in range(count)]
        pids = [conn.execute(text("SELECT pg_backend_pid()")).scalar_one() for conn in taken]
    killer = open_database(engine.url.render_as_string(hide_password=False), pool_size=1)
    for pid in pids:
        once(killer, lambda conn, pid=pid: conn.execute(text("SELECT pg_terminate_backend(:pid, 10000)"), {"pid": pid}))
    killer.dispose()


def test_a_session_that_was_ended_because_it_stood_still_is_reported_as_unavailable(engine: Engine) -> None:
    """A process that was stopped in mid-transaction and goes on finds PostgreSQL's word of it (25P03) in its socket."""

    def work(conn: Connection) -> None:
        pid = conn.execute(text("SELECT pg_backend_pid()")).scalar_one()
        conn.execute(text("SET LOCAL idle_in_transaction_session_timeout = 1"))
        with engine.connect() as other:
            while other.execute(text("SELECT FROM pg_stat_activity WHERE pid = :pid"), {"pid": pid}).first():
                other.rollback()
        generation(conn)

    with pytest.raises(Unavailable):
        once(engine, work)


def test_our_own_mistakes_are_neither_repeated_nor_shown_as_unavailable(engine: Engine) -> None:
    runs: list[int] = []

    def work(conn: Connection) -> None:
        runs.append(1)
        conn.execute(text("SELECT 1 / 0"))

    with pytest.raises(Broken, match="22012, DivisionByZero"):
        transact(engine, work)
    assert len(runs) == 1


def test_the_loser_of_a_deadlock_is_run_again(engine: Engine, race: Race) -> None:
    """Two transactions take two rows in opposite order; both get their work done."""
    once(engine, lambda conn: conn.execute(text("INSERT INTO ticks VALUES ('a', 'epoch'), ('b', 'epoch')")))
    other = race.session()
    other.do(lambda conn: conn.execute(text("SET LOCAL deadlock_timeout = '1min'")))
    other.do(take("b"))
    opposite: list[Future[object]] = []
    runs: list[int] = []

    def work(conn: Connection) -> None:
        runs.append(1)
        conn.execute(text("SET LOCAL deadlock_timeout = '1ms'"))  # so that this one looks first, and gives way
        if len(runs) == 2:
            result(opposite[0])
            other.commit()
        take("a")(conn)
        if len(runs) == 1:
            opposite.append(other.start(take("a")))
            race.until_waiting(opposite[0])
        take("b")(conn)

    transact(engine, work)
    assert len(runs) == 2
    rows = once(engine, lambda conn: conn.execute(text("SELECT last_at > 'epoch' FROM ticks")).scalars().all())
    assert rows == [True, True]


def take(name: str) -> Callable[[Connection], object]:
    statement = text("UPDATE ticks SET last_at = clock_timestamp() WHERE name = :name")
    return lambda conn: conn.execute(statement, {"name": name})


def test_a_server_that_is_not_there_is_reported_in_one_sentence_without_the_password() -> None:
    engine = open_database("postgresql://dialer:sesame@127.0.0.1:1/dialer")
    with pytest.raises(Unavailable) as caught:
        once(engine, generation)
    assert str(caught.value) == NO_POSTGRESQL
    assert "sesame" not in repr(engine)
