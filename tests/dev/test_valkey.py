from __future__ import annotations

import stat
from pathlib import Path

import pytest
import redis

from tests.patience import PATIENCE_SECONDS
from worker.dev.stack import Stack
from worker.dev.valkey import EmbeddedValkey


def client_of(server: EmbeddedValkey) -> redis.Redis:
    return redis.Redis.from_url(server.url, decode_responses=True, socket_timeout=PATIENCE_SECONDS)


@pytest.mark.parametrize(("durable", "found"), [(True, "kept"), (False, None)])
def test_a_killed_server_comes_back_at_its_address_with_what_it_is_to_keep(
    durable: bool, found: str | None, tmp_path: Path
) -> None:
    with EmbeddedValkey(tmp_path / "valkey", durable=durable) as server:
        url = server.url
        with client_of(server) as client:
            client.set("key", "kept")
        server.kill()
        assert not server.is_running
        server.restart()
        assert server.url == url
        with client_of(server) as client:
            assert client.get("key") == found


def test_it_listens_nowhere_but_on_a_socket_of_its_owner(stack: Stack) -> None:
    with client_of(stack.valkey) as client:
        assert client.config_get("port") == {"port": "0"}
    assert stat.S_IMODE(stack.valkey.socket_path.stat().st_mode) == 0o700
