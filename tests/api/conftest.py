"""The API served for real: over HTTP, with the world's database and Valkey behind it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from httpx2 import Client

from tests.api.serving import serving
from tests.patience import PATIENCE_SECONDS
from tests.world import World
from worker.api.app import app
from worker.dev.stack import Stack
from worker.domain.roles import Role
from worker.flow.base import Step
from worker.operations.keys import create_key
from worker.process import celery_app, dispatch, wiring
from worker.process.settings import settings
from worker.slots import Throttle, connect

OTHER_TEAM = "team_b"


@pytest.fixture(scope="session")
def url() -> Iterator[str]:
    """Where the API is served."""
    with serving(app) as address:
        yield address


@pytest.fixture
def configure(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Set settings of the web process, by their names."""

    def change(**values: object) -> None:
        for name, value in values.items():
            monkeypatch.setenv(name.upper(), str(value))
        settings.cache_clear()

    change(**{name.lower(): value for name, value in stack.environment.items()})
    change(api_requests_per_second=10_000, api_burst=10_000, failed_logins_per_minute=10_000)
    yield change
    settings.cache_clear()


@pytest.fixture
def web(world: World, redis_url: str, configure: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> World:
    """The world the web process lives in; its messages go to the real broker, where nobody takes them."""
    redis = connect(redis_url)
    throttle = Throttle(redis, "test")
    monkeypatch.setattr(wiring, "dialer", lambda: world.dialer)
    monkeypatch.setattr(wiring, "throttle", lambda: throttle)
    celery_app.configure(celery_app.app, settings())
    return world


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[Step]:
    """What the web process hands to the workers, kept for the test instead of sent."""
    steps: list[Step] = []
    monkeypatch.setattr(dispatch, "send", lambda more: steps.extend(more))
    return steps


@pytest.fixture
def client(web: World, url: str) -> Iterator[Client]:
    """A client with a key of the world's own team."""
    with new_client(web, url, web.team) as made:
        yield made


@pytest.fixture
def other(web: World, url: str) -> Iterator[Client]:
    """A client with a key of another team, which has everything a campaign needs too."""
    web.another_team(OTHER_TEAM)
    web.number("+12025550901", team=OTHER_TEAM)
    with new_client(web, url, OTHER_TEAM) as made:
        yield made


def new_client(world: World, url: str, team: str, role: Role | None = None) -> Client:
    _, text = create_key(world.dialer, team, "a key of the tests", actor="test", role=role)
    return Client(verify=False, base_url=url, headers={"Authorization": f"Bearer {text}"}, timeout=PATIENCE_SECONDS)
