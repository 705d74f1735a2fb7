"""The store looked at in a transaction that nobody sees."""

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
