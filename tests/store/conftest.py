"""Two ways to look at the store: alone on a database, and several at once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, Engine

from tests.store.racing import Race
from worker.store.database import open_database


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """An engine on a database of the test's own, with the schema and nothing else."""
    opened = open_database(database_url, pool_size=5)
    yield opened
    opened.dispose()


@pytest.fixture
def conn(engine: Engine) -> Iterator[Connection]:
    """A connection whose transaction nobody else ever sees."""
    with engine.connect() as connection:
        yield connection


@pytest.fixture
def race(database_url: str) -> Iterator[Race]:
    """Several transactions at once, on the database of ``engine`` and ``world``."""
    racing = Race(database_url)
    yield racing
    racing.close()
