"""Connections that fall silent keep nobody, and all that were opened before are given up with the first."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest
from sqlalchemy import Connection, Engine, text

from tests.tcp_relay import TcpRelay
from worker.domain.errors import Unavailable
from worker.store import database, sessions, starts
from worker.store.database import driver_of, once, open_database, pinned, transact, without_timeouts

POOL = 4


@pytest.fixture
def relay(database_url: str) -> Iterator[TcpRelay]:
    query = parse_qs(urlsplit(database_url).query)
    with TcpRelay(f"{query['host'][0]}/.s.PGSQL.{query['port'][0]}") as relay:
        yield relay


@pytest.fixture
def engine(database_url: str, relay: TcpRelay, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """As a deployment's, but a hundred times less patient."""
    monkeypatch.setattr(sessions, "MARGIN_SECONDS", 0.2)
    monkeypatch.setattr(sessions, "REFUSED_SECONDS", 0.0)
    monkeypatch.setattr(database, "PROBE_SECONDS", 0.2)
    parts = urlsplit(database_url)
    user = parse_qs(parts.query)["user"][0]
    opened = open_database(
        f"postgresql://{user}@127.0.0.1:{relay.port}{parts.path}?connect_timeout=2", pool_size=POOL, statement_ms=200
    )
    yield opened
    opened.dispose()


def pid(conn: Connection) -> int:
    return int(conn.execute(text("SELECT pg_backend_pid()")).scalar_one())


def leisurely(conn: Connection) -> None:
    with without_timeouts(conn):
        conn.execute(text("SELECT pg_sleep(1)"))


def fill_pool(engine: Engine) -> set[int]:
    """Open as many sessions as there may be; the servers' processes."""
    held = [engine.connect() for _ in range(POOL)]
    pids = {pid(conn) for conn in held}
    for conn in held:
        conn.close()
    return pids


@pytest.mark.parametrize("is_rested", [True, False], ids=["after a rest", "in use a moment ago"])
def test_the_first_silent_connection_is_the_last_that_is_waited_for(
    engine: Engine, relay: TcpRelay, monkeypatch: pytest.MonkeyPatch, is_rested: bool
) -> None:
    monkeypatch.setattr(database, "RESTED_SECONDS", 0.0 if is_rested else 3600.0)
    before = fill_pool(engine)
    relay.fall_silent(swallow=True)
    with ThreadPoolExecutor(1) as thread:
        with pytest.raises(Unavailable, match="cannot be reached"):
            once(engine, pid)
        relay.go_on()
        after = {thread.submit(once, engine, pid).result() for _ in range(POOL)} | fill_pool(engine)
    assert not before & after


def test_a_transaction_is_run_again_where_only_the_connections_there_were_are_silent(
    engine: Engine, relay: TcpRelay
) -> None:
    before = fill_pool(engine)
    runs: list[int] = []

    def work(conn: Connection) -> int:
        runs.append(pid(conn))
        if len(runs) == 1:
            relay.fall_silent(swallow=True)
            try:
                conn.execute(text("SELECT 1"))
            finally:
                relay.go_on()
        return runs[-1]

    assert transact(engine, work) not in before
    assert len(runs) == 2


def test_nobody_waits_behind_those_who_wait(engine: Engine, relay: TcpRelay) -> None:
    fill_pool(engine)
    relay.fall_silent()
    with ThreadPoolExecutor(3 * POOL) as threads:
        asking = [threads.submit(once, engine, pid) for _ in range(3 * POOL)]
        assert {type(each.exception()) for each in asking} == {Unavailable}
    relay.go_on()
    assert once(engine, pid)


def copy(conn: Connection) -> None:
    with driver_of(conn) as driver, driver.cursor() as cursor, cursor.copy("COPY ticks (name) FROM STDIN") as writer:
        for n in range(100):
            writer.write(f"{n}\n".encode())


def select(conn: Connection) -> None:
    conn.execute(text("SELECT 1"))


@pytest.mark.parametrize("work", [select, copy, leisurely], ids=["a statement", "COPY", "a statement without an end"])
def test_whatever_a_transaction_does_it_learns_of_the_silence(
    engine: Engine, relay: TcpRelay, work: Callable[[Connection], None]
) -> None:
    def silenced(conn: Connection) -> None:
        pid(conn)
        relay.fall_silent()
        work(conn)

    with pytest.raises(Unavailable, match="cannot be reached"):
        once(engine, silenced)
    relay.go_on()
    assert once(engine, pid)


def test_a_commit_that_is_not_answered_is_reported(engine: Engine, relay: TcpRelay) -> None:
    with pytest.raises(Unavailable, match="cannot be reached"):
        once(engine, lambda conn: (pid(conn), relay.fall_silent()))


def test_a_pinned_session_that_fell_silent_is_not_taken_for_another(engine: Engine, relay: TcpRelay) -> None:
    runs: list[int] = []

    def work(conn: Connection) -> None:
        runs.append(1)
        conn.execute(text("SELECT 1"))

    def loads() -> None:
        with pinned(engine) as db:
            transact(db, pid)
            relay.fall_silent()
            transact(db, work)

    with pytest.raises(Unavailable):
        loads()
    assert len(runs) == 1


def test_a_statement_without_an_end_may_take_longer_than_any_other(engine: Engine) -> None:
    """It sleeps for a second, where other statements are given up after 0.4 s."""
    once(engine, leisurely)


def test_an_answer_that_keeps_coming_may_take_as_long_as_it_likes(engine: Engine, relay: TcpRelay) -> None:
    def work(conn: Connection) -> int:
        session = conn.connection.driver_connection
        assert isinstance(session, sessions.Session)
        conn.exec_driver_sql("SET LOCAL statement_timeout = 0")
        with session.answering_within(0.3), session.cursor() as cursor:
            cursor.execute("DO $$ BEGIN FOR n IN 1..8 LOOP RAISE NOTICE 'on'; PERFORM pg_sleep(0.1); END LOOP; END $$")
        return 1

    assert once(engine, work) == 1


def test_a_session_that_listens_finds_the_silence_out(engine: Engine, relay: TcpRelay) -> None:
    def listens() -> None:
        with starts.listening(engine) as listener:
            now = listener.now()
            relay.fall_silent()
            listener.wait(now, at_most=60.0)

    with pytest.raises(Unavailable):
        listens()


def test_a_session_that_listens_leaves_a_server_that_takes_no_writes(engine: Engine) -> None:
    def listens() -> None:
        with starts.listening(engine) as listener:
            listener.now()
            listener.connection.exec_driver_sql("SET default_transaction_read_only = on")
            listener.now()

    with pytest.raises(Unavailable, match="takes no writes"):
        listens()


def test_a_new_connection_that_is_not_answered_keeps_the_next_ones_from_trying(
    engine: Engine, relay: TcpRelay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "REFUSED_SECONDS", 3600.0)
    relay.fall_silent()
    with pytest.raises(Unavailable):
        once(engine, pid)
    attempts = relay.connections
    with pytest.raises(Unavailable):
        once(engine, pid)
    assert relay.connections == attempts


def test_what_is_set_for_the_network_yields_to_the_address(database_url: str) -> None:
    engine = open_database(f"{database_url}&tcp_user_timeout=1234&connect_timeout=3", pool_size=1)
    with engine.connect() as conn:
        driver = conn.connection.driver_connection
        assert isinstance(driver, psycopg.Connection)
        options = driver.info.get_parameters()
    engine.dispose()
    assert (options["tcp_user_timeout"], options["connect_timeout"], options["keepalives_idle"]) == ("1234", "3", "5")
