"""Real PostgreSQL and Valkey for every test that wants them: started once, cloned or flushed per test."""

from __future__ import annotations

import itertools
import signal
from collections.abc import Iterator

import pytest
from hypothesis import settings as hypothesis_settings
from sqlalchemy import Engine, create_engine, text

from tests.at_work import somebody_ticks
from tests.carriers.peer import Peer
from tests.store.racing import Race
from tests.world import World, make_world
from worker.dev.stack import Stack
from worker.store.database import open_database, transact
from worker.store.migrate import migrate

hypothesis_settings.register_profile("any machine", deadline=None)  # how long an example takes is no matter of right
hypothesis_settings.load_profile("any machine")

_names = (f"t{n}" for n in itertools.count())

EMPTY = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend';
DO $$
DECLARE
    grown text;
    each  regclass;
BEGIN
    SET LOCAL session_replication_role = replica;   -- no trigger counts what goes, no foreign key orders it
    SELECT string_agg(CAST(CAST(quote_ident(tablename) AS regclass) AS text), ', ') INTO grown FROM pg_tables
    WHERE schemaname = 'public' AND pg_total_relation_size(CAST(quote_ident(tablename) AS regclass)) > 1000000;
    IF grown IS NOT NULL THEN
        EXECUTE 'TRUNCATE ' || grown || ' CASCADE';
    END IF;
    FOR each IN SELECT CAST(quote_ident(tablename) AS regclass) FROM pg_tables
                WHERE schemaname = 'public' AND tablename <> 'schema_migrations' LOOP
        EXECUTE 'DELETE FROM ' || each;
    END LOOP;
    PERFORM setval(CAST(quote_ident(sequencename) AS regclass), 1, false) FROM pg_sequences
    WHERE schemaname = 'public' AND last_value IS NOT NULL;
    INSERT INTO slot_generation (generation) VALUES (1);
    INSERT INTO call_secret (secret) VALUES (sha256('of the tests'));
END $$
"""


def pytest_configure() -> None:
    """Take signals as a fresh process does. A script that starts the suite in the background has it ignore SIGINT and
    SIGQUIT; whoever we start would inherit that, and could not be asked to end."""
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """Both servers, for the whole session."""
    with Stack() as running:
        yield running


@pytest.fixture(scope="session")
def template(stack: Stack) -> str:
    """A database with the schema in it, to clone."""
    _run(stack, "CREATE DATABASE dialer_template")
    engine = open_database(stack.postgres.url_of("dialer_template"))
    migrate(engine)
    engine.dispose()
    return "dialer_template"


@pytest.fixture(scope="session")
def shared_database(stack: Stack, template: str) -> Iterator[Engine]:
    """One database that test after test empties: ten times as fast as a new one each, and deleting what a test has
    written ten times as fast as truncating every table."""
    _run(stack, f"CREATE DATABASE dialer_shared TEMPLATE {template}")
    engine = open_database(stack.postgres.url_of("dialer_shared"), pool_size=1)
    yield engine
    engine.dispose()


@pytest.fixture
def database_url(stack: Stack, shared_database: Engine) -> str:
    """A database with the schema and nothing else; whoever was left in it by another test is thrown out."""
    transact(shared_database, lambda connection: connection.exec_driver_sql(EMPTY))  # again, if thrown out itself
    return stack.postgres.url_of("dialer_shared")


@pytest.fixture
def own_database_url(stack: Stack, template: str) -> Iterator[str]:
    """A database of the test's own, with the schema and nothing else, for tests that change the schema."""
    name = next(_names)
    _run(stack, f"CREATE DATABASE {name} TEMPLATE {template}")
    yield stack.postgres.url_of(name)
    _run(stack, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def empty_database_url(stack: Stack) -> Iterator[str]:
    """A database of the test's own, with nothing in it."""
    name = next(_names)
    _run(stack, f"CREATE DATABASE {name}")
    yield stack.postgres.url_of(name)
    _run(stack, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def redis_url(stack: Stack) -> str:
    """A Valkey that was just emptied."""
    from worker.slots import connect

    connect(stack.valkey.url).flushall()
    return stack.valkey.url


@pytest.fixture(scope="module")
def peer() -> Iterator[Peer]:
    """A carrier's server that does as it is scripted."""
    peer = Peer()
    yield peer
    peer.close()


@pytest.fixture
def world(database_url: str, redis_url: str) -> Iterator[World]:
    """A team with everything a campaign needs, a stepped clock, a scripted carrier, and a check of every
    invariant at the end."""
    yield from make_world(database_url, redis_url)


@pytest.fixture
def at_work(world: World, database_url: str) -> Iterator[None]:
    """Somebody goes on ticking in the world, however long the test takes."""
    with somebody_ticks(database_url):
        yield


def _run(stack: Stack, statement: str) -> None:
    url = stack.postgres.url.replace("postgresql://", "postgresql+psycopg://", 1)
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()


@pytest.fixture
def race(database_url: str) -> Iterator[Race]:
    """Several transactions at once, on the database of ``engine`` and ``world``."""
    racing = Race(database_url)
    yield racing
    racing.close()
