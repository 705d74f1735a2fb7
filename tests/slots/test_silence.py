"""A Redis whose connections fall silent keeps nobody for long, and is asked again as soon as it can answer."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from redis import Redis

from tests.dev.observing import wait_until
from tests.slots.conftest import Server
from tests.tcp_relay import TcpRelay
from worker.domain.errors import Unavailable
from worker.slots import Nudge, connect, silence

CONNECTIONS = 5


@pytest.fixture
def relay(server: Server) -> Iterator[TcpRelay]:
    with TcpRelay(server.url.removeprefix("unix://").partition("?")[0]) as relay:
        yield relay


@pytest.fixture
def client(relay: TcpRelay) -> Redis:
    return connect(f"redis://127.0.0.1:{relay.port}?socket_timeout=0.3")


def together(client: Redis) -> None:
    """Use so many connections at once, and leave them in the pool."""
    barrier = Barrier(CONNECTIONS)

    def use() -> None:
        connection = client.connection_pool.get_connection()
        barrier.wait()
        client.connection_pool.release(connection)

    with ThreadPoolExecutor(CONNECTIONS) as threads:
        for each in [threads.submit(use) for _ in range(CONNECTIONS)]:
            each.result()


def test_the_connections_beside_a_silent_one_are_not_waited_for(client: Redis, relay: TcpRelay) -> None:
    together(client)
    assert relay.connections == CONNECTIONS
    relay.fall_silent(swallow=True)
    with pytest.raises(Unavailable, match="does not answer"):
        Nudge(client, "t:").take("settle")
    relay.go_on()
    before = client.connection_pool.get_connection_count()
    for _ in range(CONNECTIONS):
        connect_again(client)
    assert client.connection_pool.get_connection_count() == before


def connect_again(client: Redis) -> None:
    """As soon as it is no longer refused."""
    client.connection_pool.connection_class.silence._refused_until = 0.0
    assert client.ping()


def test_a_command_tries_one_new_connection_and_not_nine(
    client: Redis, relay: TcpRelay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(silence._Silence, "of_server", lambda self, waited: setattr(self, "_refused_until", 1e18))
    relay.fall_silent()
    with pytest.raises(Unavailable):
        Nudge(client, "t:").take("settle")
    assert relay.connections == 1


def test_the_second_try_finds_the_server_where_only_the_connection_was_silent(client: Redis, relay: TcpRelay) -> None:
    client.ping()
    relay.fall_silent(swallow=True)
    with ThreadPoolExecutor(1) as thread:
        asking = thread.submit(client.ping)
        wait_until(lambda: relay.has_swallowed, "the command is sent")
        relay.go_on()
        assert asking.result()
