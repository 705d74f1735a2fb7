from __future__ import annotations

import traceback
from collections.abc import Callable

import pytest
from redis import Redis
from redis.connection import SSLConnection

from tests.slots.calls import ALL, calls
from tests.slots.conftest import Server
from worker.domain.errors import Refused, Unavailable
from worker.slots import Kind, Rate, Rates, Scope, Slots, connect

SECRET = "hunter2secret"
RATE = Rate(Scope(Kind.ACCOUNT, "a"), 1.0)


@pytest.mark.parametrize("scheme", ["redis", "valkey"])
def test_plain_addresses_are_read_in_redis_and_valkey_words(scheme: str) -> None:
    options = connect(f"{scheme}://user:{SECRET}@example.invalid:7000/3").connection_pool.connection_kwargs

    assert (options["host"], options["port"], options["db"]) == ("example.invalid", 7000, 3)
    assert (options["username"], options["password"]) == ("user", SECRET)


@pytest.mark.parametrize("scheme", ["rediss", "valkeys"])
def test_encrypted_addresses_are_read_in_redis_and_valkey_words(scheme: str) -> None:
    assert issubclass(connect(f"{scheme}://example.invalid").connection_pool.connection_class, SSLConnection)


def test_a_socket_is_an_address_and_answers_are_text(server: Server) -> None:
    client = connect(server.url)
    client.set("a", "ü")

    assert client.get("a") == "ü"


def test_no_command_may_wait_for_ever_and_the_url_may_say_how_long() -> None:
    chosen = connect("redis://localhost").connection_pool.connection_kwargs
    options = connect("redis://localhost?socket_timeout=0.5").connection_pool.connection_kwargs

    assert (chosen["socket_timeout"], chosen["socket_connect_timeout"]) == (5.0, 5.0)
    assert (chosen["socket_keepalive"], chosen["health_check_interval"]) == (True, 15)
    assert options["socket_timeout"] == 0.5


@pytest.mark.parametrize(
    "url",
    [
        f"http://:{SECRET}@localhost",
        f"redis:{SECRET}@localhost",
        f"redis://:{SECRET}/{SECRET}@localhost:6379",
        f"redis://:{SECRET}@localhost:{SECRET}/0",
        f"redis://:{SECRET}@localhost?no_such_option={SECRET}",
        f"redis://:{SECRET}@localhost?socket_timeout={SECRET}",
        SECRET,
        "",
    ],
)
def test_an_address_that_cannot_be_read_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(Refused) as refused:
        connect(url)

    assert SECRET not in "".join(traceback.format_exception_only(refused.value))
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__ or refused.value.__context__ is None


def _everything_that_asks(client: Redis) -> dict[str, Callable[[], object]]:
    slots, rates = Slots(client, "t:"), Rates(client, "t:")
    return {
        "acquire": lambda: slots.acquire(calls("c1"), dict.fromkeys(ALL, 1), 1),
        "release": lambda: slots.release(calls("c1")),
        "room": lambda: slots.room({ALL[0]: 1}),
        "needs_rebuild": lambda: slots.needs_rebuild(1),
        "rebuild": lambda: slots.rebuild(calls("c1"), 1),
        "reconcile": lambda: slots.reconcile(list, 1),
        "members": lambda: slots.members(),
        "take": lambda: rates.take([[RATE]]),
    }


VERBS = sorted(_everything_that_asks(connect("redis://localhost")))


@pytest.mark.parametrize("verb", VERBS)
def test_a_dead_server_is_unavailable_and_never_looks_like_a_full_limit(verb: str) -> None:
    client = connect(f"redis://:{SECRET}@127.0.0.1:1/0")

    with pytest.raises(Unavailable) as away:
        _everything_that_asks(client)[verb]()

    assert SECRET not in "".join(traceback.format_exception(away.value))


def test_a_server_that_dies_is_unavailable_and_serves_again_when_it_is_back(own_server: Server) -> None:
    slots = Slots(connect(own_server.url), "t:")
    slots.rebuild([], 1)
    assert slots.acquire(calls("c1"), dict.fromkeys(ALL, 1), 1).granted == ("c1",)

    own_server.stop()
    with pytest.raises(Unavailable):
        slots.acquire(calls("c2"), dict.fromkeys(ALL, 2), 1)

    own_server.start()
    assert not slots.acquire(calls("c2"), dict.fromkeys(ALL, 2), 1).generation_ok


def test_a_server_that_hangs_is_unavailable_after_the_timeout(own_server: Server) -> None:
    slots = Slots(connect(f"{own_server.url}?socket_timeout=0.05"), "t:")
    slots.rebuild([], 1)

    with own_server.hanging(), pytest.raises(Unavailable):
        slots.acquire(calls("c1"), dict.fromkeys(ALL, 1), 1)


def test_a_wrong_password_is_unavailable_and_not_repeated(own_server: Server) -> None:
    connect(own_server.url).config_set("requirepass", "right")

    with pytest.raises(Unavailable) as away:
        Slots(connect(f"{own_server.url}?password={SECRET}"), "t:").needs_rebuild(1)

    assert SECRET not in "".join(traceback.format_exception(away.value))


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"maxmemory": 1}, id="full"),
        pytest.param({"min-replicas-to-write": 1}, id="missing its replicas"),
    ],
)
def test_a_server_that_takes_no_writes_is_unavailable(own_server: Server, change: dict[str, int]) -> None:
    client = connect(own_server.url)
    slots = Slots(client, "t:")
    slots.rebuild([], 1)
    for option, value in change.items():
        client.config_set(option, value)

    with pytest.raises(Unavailable):
        slots.acquire(calls("c1"), dict.fromkeys(ALL, 1), 1)


def test_a_replica_that_was_never_promoted_is_unavailable(own_server: Server) -> None:
    client = connect(own_server.url)
    slots = Slots(client, "t:")
    slots.rebuild([], 1)
    client.replicaof("127.0.0.1", 1)

    with pytest.raises(Unavailable):
        slots.acquire(calls("c1"), dict.fromkeys(ALL, 1), 1)
