"""Every error code of PostgreSQL that time mends reads so, and a session that is of no use is not used again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from psycopg import errors
from sqlalchemy import Connection, Engine, text

from tests.tcp_relay import TcpRelay
from worker.dev.postgres import EmbeddedPostgres
from worker.domain.errors import Broken, Unavailable
from worker.process.addresses import database_fault
from worker.store.database import driver_of, once, open_database, transact
from worker.store.dsn import connect_options, readable
from worker.store.sessions import Session

KEPT, DROPPED = False, True
WAITED_FOR = {
    "08000": ("cannot be reached", DROPPED),
    "08003": ("cannot be reached", DROPPED),
    "08006": ("cannot be reached", DROPPED),
    "08P01": ("cannot be reached", DROPPED),
    "25006": ("takes no writes", DROPPED),
    "25P03": ("cannot be reached", DROPPED),
    "25P04": ("did not answer in time", DROPPED),
    "26000": ("cannot be reached", DROPPED),
    "40001": ("did not answer in time", KEPT),
    "40P01": ("did not answer in time", KEPT),
    "42P05": ("cannot be reached", DROPPED),
    "42P01": ("dialer db migrate", KEPT),
    "42703": ("dialer db migrate", KEPT),
    "42883": ("dialer db migrate", KEPT),
    "53000": ("at a limit", KEPT),
    "53100": ("disk is full", KEPT),
    "53200": ("out of memory", KEPT),
    "53300": ("no connection left", KEPT),
    "53400": ("at a limit", KEPT),
    "55P03": ("did not answer in time", KEPT),
    "57014": ("did not answer in time", KEPT),
    "57P01": ("cannot be reached", DROPPED),
    "57P02": ("cannot be reached", DROPPED),
    "57P03": ("cannot be reached", DROPPED),
    "57P04": ("cannot be reached", DROPPED),
    "57P05": ("cannot be reached", DROPPED),
    "58000": ("cannot read or write its files", KEPT),
    "58030": ("cannot read or write its files", KEPT),
    "58P01": ("cannot read or write its files", KEPT),
}
RAISE = "DO $$ BEGIN RAISE EXCEPTION 'Ann +12125550101' USING ERRCODE = '{}'; END $$"


def pid(conn: Connection) -> int:
    return int(conn.execute(text("SELECT pg_backend_pid()")).scalar_one())


def raising(state: str, pids: list[int] | None = None) -> object:
    def work(conn: Connection) -> None:
        if pids is not None:
            pids.append(pid(conn))
        conn.exec_driver_sql(RAISE.format(state))

    return work


@pytest.fixture
def lone(database_url: str) -> Iterator[Engine]:
    engine = open_database(database_url, pool_size=1)
    yield engine
    engine.dispose()


@pytest.mark.parametrize("state", WAITED_FOR)
def test_what_time_mends_is_waited_for_and_a_session_of_no_use_is_replaced(lone: Engine, state: str) -> None:
    sentence, is_dropped = WAITED_FOR[state]
    before = once(lone, pid)
    with pytest.raises(Unavailable, match=sentence):
        once(lone, raising(state))
    assert (once(lone, pid) != before) is is_dropped


def test_every_other_code_is_our_own_mistake(lone: Engine) -> None:
    every = {error.sqlstate for error in vars(errors).values() if isinstance(getattr(error, "sqlstate", None), str)}
    waited_for = {state for state in every if state[:2] in ("08", "53", "57", "58")} | WAITED_FOR.keys()
    assert len(every) > 200
    before = once(lone, pid)
    for state in sorted(every - waited_for - {"00000", "P0004"}):
        with pytest.raises(Broken, match=state) as caught:
            once(lone, raising(state))
        assert "Ann" not in str(caught.value)
    assert once(lone, pid) == before


@pytest.mark.parametrize("state", [state for state, (_, is_dropped) in WAITED_FOR.items() if is_dropped])
def test_a_transaction_whose_session_is_of_no_use_is_run_again_in_another(lone: Engine, state: str) -> None:
    pids: list[int] = []
    with pytest.raises(Unavailable):
        transact(lone, raising(state, pids))
    assert len(set(pids)) == len(pids) == 3


def test_sessions_that_were_opened_before_go_too(database_url: str) -> None:
    """A server that became a standby is left by the whole pool, not by one connection a mistake."""
    engine = open_database(database_url, pool_size=3)
    held = [engine.connect() for _ in range(3)]
    before = {pid(conn) for conn in held}
    for conn in held:
        conn.close()
    with pytest.raises(Unavailable):
        once(engine, raising("25006"))
    held = [engine.connect() for _ in range(3)]
    assert not before & {pid(conn) for conn in held}
    for conn in held:
        conn.close()
    engine.dispose()


@pytest.mark.parametrize("way", ["statement", "COPY"])
def test_a_server_that_stops_taking_writes_is_left_and_taken_again_when_it_does(
    own_database_url: str, way: str
) -> None:
    engine = open_database(own_database_url, pool_size=2)

    def write(conn: Connection) -> None:
        if way == "statement":
            conn.execute(text("INSERT INTO ticks VALUES ('a', 'epoch') ON CONFLICT DO NOTHING"))
        else:
            with driver_of(conn) as driver, driver.cursor() as cursor, cursor.copy("COPY ticks FROM STDIN") as copy:
                copy.write("a\t1970-01-01\n")
            conn.exec_driver_sql("DELETE FROM ticks")

    def set_read_only(word: str) -> None:
        """For sessions that are opened from now on; those there are keep what they were opened with."""
        name = urlsplit(own_database_url).path.strip("/")
        other = open_database(own_database_url, pool_size=1)
        statement = f"SET transaction_read_only = off; ALTER DATABASE {name} SET default_transaction_read_only = {word}"
        once(other, lambda conn: conn.exec_driver_sql(statement))
        other.dispose()

    once(engine, lambda conn: conn.exec_driver_sql("DELETE FROM ticks"))
    transact(engine, write)
    set_read_only("on")
    engine.dispose()  # as every session of a server that is demoted
    with pytest.raises(Unavailable, match="takes no writes"):
        transact(engine, write)
    set_read_only("off")
    transact(engine, write)
    engine.dispose()


def test_of_several_servers_the_one_that_takes_writes_is_found(database_url: str, tmp_path: Path) -> None:
    """One that took writes a moment ago, and does no longer, is left for the other in the middle of a transaction; new
    sessions pass it by, though it stands first in the address and answers."""
    query = parse_qs(urlsplit(database_url).query)
    runs: list[int] = []
    with (
        EmbeddedPostgres(tmp_path / "data", durable=False) as demoted,
        TcpRelay(f"{demoted.socket_directory}/.s.PGSQL.5432") as first,
        TcpRelay(f"{query['host'][0]}/.s.PGSQL.{query['port'][0]}") as second,
    ):
        engine = open_database(f"postgresql://dialer@127.0.0.1:{first.port},127.0.0.1:{second.port}/postgres")

        def write(conn: Connection) -> None:
            driver = conn.connection.driver_connection
            assert isinstance(driver, Session)
            runs.append(driver.info.port)
            if runs == [first.port]:
                demote(demoted)
                conn.exec_driver_sql("SET TRANSACTION READ ONLY")
            conn.exec_driver_sql("CREATE TABLE written (word text); DROP TABLE written")

        transact(engine, write)
        transact(engine, write)
        engine.dispose()
        assert runs == [first.port, second.port, second.port]


def demote(server: EmbeddedPostgres) -> None:
    engine = open_database(server.url, pool_size=1)
    once(engine, lambda conn: conn.exec_driver_sql("ALTER ROLE dialer SET default_transaction_read_only = on"))
    engine.dispose()


@pytest.mark.parametrize(
    ("url", "hosts", "ports", "wanted"),
    [
        ("postgresql://u:p@a:1,b:2/db", "a,b", "1,2", "read-write"),
        ("postgres://u:p@a,b/db", "a,b", ",", "read-write"),
        ("postgresql+psycopg://u@a:1,b/db?target_session_attrs=primary", "a,b", "1,", "primary"),
        ("postgresql://u@[::1]:5,b:7/db", "::1,b", "5,7", "read-write"),
        ("postgresql://u@/db?host=a:1&host=b:2", "a,b", "1,2", "read-write"),
        ("postgresql://u@/db?host=a,b&port=1,2&target_session_attrs=any", "a,b", "1,2", "any"),
        ("postgresql://u:p,q@a:1/db", "a", 1, None),
        ("postgresql://u:p,q@a/db?application_name=x,y", "a", None, None),
    ],
)
def test_every_way_to_name_several_servers_is_read(
    url: str, hosts: str, ports: str | int | None, wanted: str | None
) -> None:
    assert database_fault(url) is None
    engine = open_database(url)
    options = {**engine.dialect.create_connect_args(readable(url))[1], **connect_options(url, {}, "-c jit=off")}
    assert (options["host"], options.get("port")) == (hosts, ports)
    assert options.get("target_session_attrs") == wanted


@pytest.mark.parametrize("url", ["postgresql://a:x,b:2/db", "postgresql://[::1,b/db", "mysql://a,b/db"])
def test_servers_that_cannot_be_read_are_refused(url: str) -> None:
    assert database_fault(url)


def test_what_the_address_sets_for_the_session_stands_beside_ours() -> None:
    options = connect_options("postgresql://a/db?options=-c%20search_path%3Dx", {"keepalives": 1}, "-c jit=off")
    assert options == {"keepalives": 1, "options": "-c jit=off -c search_path=x"}
