"""Servers that only these tests break."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.deployment import deployed
from tests.chaos.harness import Chaos
from tests.chaos.teams import script
from worker.dev.stack import Stack
from worker.store.database import open_database
from worker.store.migrate import migrate


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Killing processes takes minutes, so all that has any to kill runs after the suite."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents and "servers" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.slow)


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


@pytest.fixture(scope="session")
def deployment(servers: Stack, schema: str) -> Iterator[Chaos]:
    """One for all tests: starting the processes is what takes longest."""
    with deployed(servers, schema, "chaos", script()) as made:
        yield made


@pytest.fixture
def chaos(deployment: Chaos) -> Chaos:
    """The deployment with one process of each role at work, and nothing to do."""
    deployment.scale()
    deployment.abandon()
    return deployment
