"""Three ways to look at the store: in a transaction nobody sees, on a database of one's own, and several at once."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from sqlalchemy import Connection, Engine

from worker.dev.stack import Stack
from worker.store.database import open_database


@pytest.fixture(scope="session")
def shared_engine(stack: Stack, template: str) -> Iterator[Engine]:
    """One database with the schema, in which nothing is ever committed."""
    with psycopg.connect(stack.postgres.url, autocommit=True) as server:
        server.execute(f"CREATE DATABASE store_shared TEMPLATE {template}")
        opened = open_database(stack.postgres.url_of("store_shared"), pool_size=2)
        yield opened
        opened.dispose()
        server.execute("DROP DATABASE store_shared WITH (FORCE)")


@pytest.fixture
def conn(shared_engine: Engine) -> Iterator[Connection]:
    """A transaction that is rolled back."""
    with shared_engine.connect() as connection:
        yield connection


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """A database of the test's own, with the schema and nothing else."""
    opened = open_database(database_url, pool_size=5)
    yield opened
    opened.dispose()
