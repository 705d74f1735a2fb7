"""Servers that only these tests break."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

pytest.register_assert_rewrite("tests.chaos.judge", "tests.chaos.harness")

from worker.dev.stack import Stack
from worker.store.database import open_database
from worker.store.migrate import migrate


@pytest.fixture(scope="session")
def servers() -> Iterator[Stack]:
    """PostgreSQL and Valkey of these tests' own."""
    with Stack() as running:
        yield running


@pytest.fixture(scope="session")
def schema(servers: Stack) -> str:
    """The name of a database to clone."""
    engine = open_database(servers.postgres.url_of("template1"), pool_size=1)
    migrate(engine)
    engine.dispose()
    return "template1"
