from __future__ import annotations

import pytest

from worker.dev.stack import Stack


@pytest.fixture
def here(stack: Stack, database_url: str, redis_url: str) -> dict[str, str]:
    """The settings of a deployment on the services of ``world``, whose slots it shares."""
    return {**stack.environment, "DATABASE_URL": database_url, "REDIS_URL": redis_url, "REDIS_PREFIX": "test"}
