"""Handing steps to the workers as messages, over connections that break."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from kombu import Producer

from tests.world import World
from worker.flow.base import Stop
from worker.process import celery_app, dispatch, wiring
from worker.process.settings import settings
from worker.slots import connect


@pytest.fixture
def messages(world: World, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], int]]:
    """Says how many messages wait."""
    monkeypatch.setattr(wiring, "dialer", lambda: world.dialer)
    monkeypatch.setenv("REDIS_URL", redis_url)
    settings.cache_clear()
    celery_app.configure(celery_app.app, settings())
    with connect(redis_url) as redis:
        yield lambda: redis.llen(f"{settings().redis_prefix}:{celery_app.CONTROL}")
    settings.cache_clear()


def test_a_channel_that_is_closed_in_mid_publish_costs_a_message_and_nothing_else(
    messages: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kombu closes it under its own publish when the connection breaks while it declares the queue anew."""
    dispatch.send([Stop()])
    with monkeypatch.context() as broken:
        broken.setattr(Producer, "maybe_declare", lambda producer, *_, **more: producer.channel.close())
        dispatch.send([Stop()])
    dispatch.send([Stop()])
    assert messages() == 2
