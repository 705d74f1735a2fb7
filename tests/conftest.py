"""Real PostgreSQL and Valkey for every test that wants them: started once, cloned or flushed per test."""

from __future__ import annotations

import itertools
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings as hypothesis_settings
from redis import Redis
from sqlalchemy import Engine, create_engine, text

from tests.at_work import somebody_ticks
from tests.carriers.peer import Peer
from tests.emptied import SESSIONS, EmptiedDatabase
from tests.store.racing import Race
from tests.world import World, make_world
from worker.dev.stack import Stack
from worker.slots import connect
from worker.store.database import open_database
from worker.store.migrate import migrate

hypothesis_settings.register_profile("any machine", deadline=None)  # how long an example takes is no matter of right
hypothesis_settings.load_profile("any machine")

SLOW_AS_A_WHOLE = "\npytestmark = pytest.mark.slow"

_names = (f"t{n}" for n in itertools.count())


def pytest_configure(config: pytest.Config) -> None:
    _take_signals()
    _keep_bytecode(config)


def _take_signals() -> None:
    """Take signals as a fresh process does. A script that starts the suite in the background has it ignore SIGINT and
    SIGQUIT; whoever we start would inherit that, and could not be asked to end."""
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)


def _keep_bytecode(config: pytest.Config) -> None:
    """Where none may be written beside the sources, keep it with what pytest keeps: else every process of the suite,
    and every one that it starts, compiles the product and its libraries anew."""
    cache: pytest.Cache | None = getattr(config, "cache", None)  # which can be switched off
    if sys.dont_write_bytecode and cache is not None:
        sys.dont_write_bytecode, sys.pycache_prefix = False, str(cache.mkdir("bytecode"))
        os.environ["PYTHONPYCACHEPREFIX"] = sys.pycache_prefix
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


def pytest_sessionfinish() -> None:
    if running := sys.modules.get("tests.cli.running"):  # whoever has not imported it has no forge to end
        running.end_forge()


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Do not read what is slow as a whole where nothing slow is to run: to collect it takes every worker seconds."""
    if config.option.markexpr != "not slow" or collection_path.suffix != ".py":
        return None
    return True if SLOW_AS_A_WHOLE in collection_path.read_text() else None


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
def shared_database(stack: Stack, template: str) -> Iterator[EmptiedDatabase]:
    """One database for all tests that do not change the schema."""
    _run(stack, f"CREATE DATABASE dialer_shared TEMPLATE {template}")
    database = EmptiedDatabase(stack.postgres.url_of("dialer_shared"))
    yield database
    database.close()


@pytest.fixture
def database_url(shared_database: EmptiedDatabase) -> str:
    """A database with the schema and nothing else; whoever was left in it by another test is thrown out."""
    shared_database.empty()
    return shared_database.url


@pytest.fixture
def engine(database_url: str, shared_database: EmptiedDatabase) -> Iterator[Engine]:
    """The test's database, through sessions that are kept where the database is."""
    if database_url == shared_database.url:
        yield shared_database.engine()
        return
    opened = open_database(database_url, pool_size=SESSIONS)
    yield opened
    opened.dispose()


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


@pytest.fixture(scope="session")
def valkey(stack: Stack) -> Iterator[Redis]:
    """Who empties Valkey."""
    with connect(stack.valkey.url) as client:
        yield client


@pytest.fixture
def redis_url(stack: Stack, valkey: Redis) -> str:
    """A Valkey that was just emptied."""
    valkey.flushall()
    return stack.valkey.url


@pytest.fixture(scope="module")
def peer() -> Iterator[Peer]:
    """A carrier's server that does as it is scripted."""
    peer = Peer()
    yield peer
    peer.close()


@pytest.fixture
def world(database_url: str, redis_url: str, engine: Engine) -> Iterator[World]:
    """A team with everything a campaign needs, a stepped clock, a scripted carrier, and a check of every
    invariant at the end."""
    yield from make_world(database_url, redis_url, engine=engine)


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
def race(engine: Engine) -> Iterator[Race]:
    """Several transactions at once, on the database of ``engine`` and ``world``."""
    racing = Race(engine)
    yield racing
    racing.close()
