"""Whatever stands in the broker's lists, it is a message for one of our tasks or it is dropped."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kombu import Queue
from redis import Redis

from worker.celery import app
from worker.process.broker import Persistent
from worker.process.messages import fault_of
from worker.slots import connect

TASKS = {name: task for name, task in app.tasks.items() if name.startswith("worker.")}
GOOD: dict[str, Any] = {
    "worker.tick": [],
    "worker.settle": [],
    "worker.stop": [],
    "worker.dial": [["call_1", "call_2"]],
    "worker.look_up": [[]],
    "worker.wake": ["team_1"],
    "worker.run_campaign": ["camp_1", 5],
}


def message(task: str = "worker.tick", args: Any = (), kwargs: Any = None, embedded: Any = None) -> dict[str, Any]:
    """As kombu writes it."""
    body = json.dumps([list(args) if isinstance(args, tuple) else args, kwargs or {}, embedded or {}])
    return {
        "body": base64.b64encode(body.encode()).decode(),
        "content-type": "application/json",
        "content-encoding": "utf-8",
        "headers": {"task": task, "id": "an-id", "retries": 0, "timelimit": [None, None], "sent_at": 1.0},
        "properties": {
            "delivery_tag": "a-tag", "body_encoding": "base64", "priority": 0, "delivery_mode": 2,
            "delivery_info": {"exchange": "", "routing_key": "control"},
        },
    }  # fmt: skip


@pytest.mark.parametrize("task", GOOD)
def test_every_task_takes_the_messages_that_are_sent_to_it(task: str) -> None:
    assert fault_of(message(task, GOOD[task]), TASKS) is None


def test_every_task_of_ours_is_tried_here() -> None:
    assert GOOD.keys() == TASKS.keys()


WRONG: dict[str, list[list[Any]]] = {
    "worker.tick": [[1], ["x"]],
    "worker.settle": [[None]],
    "worker.stop": [[[]]],
    "worker.dial": [[5], ["call_1"], [None], [{}], [[5]], [[None]], [["a\0b"]], [["\ud800"]], [["a"], 1]],
    "worker.look_up": [[], [5], [[["nested"]]]],
    "worker.wake": [[], [5], [["team_1"]], ["a\0"]],
    "worker.run_campaign": [[], [5], [None], ["c", "5"], ["c", 2.5], ["c", True], ["c", 2**70], ["c", 1, 1], ["a\0"]],
}


@pytest.mark.parametrize(("task", "args"), [(task, args) for task, each in WRONG.items() for args in each])
def test_arguments_that_a_task_does_not_take_are_a_fault(task: str, args: list[Any]) -> None:
    assert "argument" in (fault_of(message(task, args), TASKS) or "")


def test_arguments_by_name_are_known_by_their_names() -> None:
    assert fault_of(message("worker.run_campaign", kwargs={"campaign_id": "c"}), TASKS) is None
    assert fault_of(message("worker.run_campaign", kwargs={"campaign": "c"}), TASKS)


@pytest.mark.parametrize("task", ["", "nobody.knows", "celery.chord_unlock", "celery.map", None, 5, [], {}])
def test_what_is_for_another_task_is_a_fault(task: Any) -> None:
    assert fault_of(message(task), TASKS)


@pytest.mark.parametrize("what", ["callbacks", "errbacks", "chain", "chord"])
def test_what_requests_further_tasks_is_a_fault(what: str) -> None:
    assert fault_of(message(embedded={what: [{"task": "worker.tick"}]}), TASKS)


PATHS = [
    (part, name) if name else (part,)
    for part, names in {
        "body": [""],
        "content-type": [""],
        "content-encoding": [""],
        "headers": ["", "task", "id", "timelimit", "eta", "expires", "retries", "root_id", "compression", "stamps"],
        "properties": ["", "delivery_tag", "delivery_info", "body_encoding", "priority", "correlation_id", "reply_to"],
    }.items()
    for name in names
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["\ud800", "\0", "base64"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(path=st.sampled_from(PATHS), value=JSON, parsed=JSON)
def test_nothing_that_is_put_in_raises(path: tuple[str, ...], value: Any, parsed: Any) -> None:
    fault_of(parsed, TASKS)
    changed = message()
    inner = changed if len(path) == 1 else changed[path[0]]
    inner[path[-1]] = value
    fault_of(changed, TASKS)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("value", [[{"a": [1]}], {"a": {}}, 2.5, "\ud800"], ids=["list", "object", "number", "half"])
def test_a_part_of_another_kind_is_a_fault(path: tuple[str, ...], value: Any) -> None:
    changed = message()
    inner = changed if len(path) == 1 else changed[path[0]]
    if path[-1] == "stamps" and isinstance(value, dict):
        return
    inner[path[-1]] = value
    assert fault_of(changed, TASKS)


KEYS = {
    "control": "list",
    "dial": "list",
    "_kombu.binding.control": "set",
    "_kombu.binding.dial": "set",
    "_kombu.binding_permanent.control": "set",
    "unacked": "hash",
    "unacked_index": "zset",
    "unacked_mutex": "string",
}
PUT = {
    "string": lambda client, key: client.set(key, "x"),
    "list": lambda client, key: client.rpush(key, "x"),
    "hash": lambda client, key: client.hset(key, "a", "b"),
    "set": lambda client, key: client.sadd(key, "x"),
    "zset": lambda client, key: client.zadd(key, {"x": 1}),
    "stream": lambda client, key: client.xadd(key, {"a": "b"}),
}


@pytest.fixture
def client(redis_url: str) -> Redis:
    return connect(redis_url)


@pytest.fixture
def broker(redis_url: str) -> Iterator[Persistent]:
    url = redis_url.replace("unix://", "redis+socket://").replace("?db=", "?virtual_host=")
    kind = type("OfTest", (Persistent,), {"app": app})
    with kind(url, transport_options={"global_keyprefix": "t:"}) as connection:
        yield connection


@pytest.mark.parametrize("kind", PUT)
@pytest.mark.parametrize("key", KEYS)
def test_a_connection_opens_with_every_key_of_its_type(client: Redis, broker: Persistent, key: str, kind: str) -> None:
    PUT[kind](client, f"t:{key}")
    PUT[kind](client, f"other:{key}")
    broker.ensure_connection(max_retries=1)
    is_kept = kind == KEYS[key] and KEYS[key] != "set"  # a member that is not a binding goes, and with it the set
    assert bool(client.exists(f"t:{key}")) is is_kept
    assert client.exists(f"other:{key}")
    Queue("control", routing_key="control")(broker.default_channel).declare()


@pytest.mark.parametrize("setting", ["maxmemory", "min-replicas-to-write"])
def test_a_connection_counts_as_open_when_the_server_takes_writes(
    client: Redis, broker: Persistent, setting: str
) -> None:
    client.config_set(setting, "1")
    try:
        with pytest.raises(broker.recoverable_connection_errors):
            broker.ensure_connection(max_retries=1, reraise_as_library_errors=False)
    finally:
        client.config_set(setting, "0")
    broker.ensure_connection(max_retries=1)
