"""Whatever stands under a key of ours, in whatever type, is made ours again, and logged once."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from redis import Redis

from tests.slots.calls import ALL, calls
from worker.slots import Allowance, Kind, Nudge, Rate, Rates, Scope, Slots, Throttle

TYPES: dict[str, Callable[[Redis, str], object]] = {
    "string": lambda client, key: client.set(key, "not ours"),
    "list": lambda client, key: client.rpush(key, "not ours"),
    "hash": lambda client, key: client.hset(key, "not", "ours"),
    "set": lambda client, key: client.sadd(key, "not ours"),
    "zset": lambda client, key: client.zadd(key, {"not ours": float("inf")}),
    "stream": lambda client, key: client.xadd(key, {"not": "ours"}),
}
SCOPES = {f"{{t:slots}}:{scope.kind}:{scope.id}" for scope in ALL}
BESIDE = {"{t:slots}:bogus:x", "{t:slots}:team"}
OF_SLOTS = sorted(SCOPES | BESIDE | {"{t:slots}:generation", "{t:slots}:run_id"})
RATE = Rate(Scope(Kind.ACCOUNT, "a"), 1000.0)
LIMITS = dict.fromkeys(ALL, 1)
VERBS: dict[str, Callable[[Slots], object]] = {
    "acquire": lambda slots: slots.acquire(calls("c1"), LIMITS, 1),
    "release": lambda slots: slots.release(calls("c1")),
    "room": lambda slots: slots.room(LIMITS),
    "needs_rebuild": lambda slots: slots.needs_rebuild(1),
    "rebuild": lambda slots: slots.rebuild(calls("c1"), 1),
    "reconcile": lambda slots: slots.reconcile(lambda: calls("c1"), 1, grace_seconds=0.0),
    "members": lambda slots: slots.members(),
}


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("kind", TYPES)
def test_no_verb_of_the_slots_stands_at_a_key_of_another_type(client: Redis, kind: str, verb: str) -> None:
    slots = Slots(client, "t:")
    for key in OF_SLOTS:
        client.flushall()
        slots.rebuild(calls("c1"), 1)
        client.delete(key)
        TYPES[kind](client, key)
        VERBS[verb](slots)
        if slots.needs_rebuild(1):  # members were lost
            assert slots.rebuild(calls("c1"), 1), key
        slots.reconcile(lambda: calls("c1"), 1, grace_seconds=0.0)
        if slots.needs_rebuild(1):  # it was the first to meet the key
            assert slots.rebuild(calls("c1"), 1), key
        assert slots.acquire(calls("c1"), LIMITS, 1).granted, key
        assert slots.release(calls("c1")) == 1, key


@pytest.mark.parametrize("kind", TYPES)
def test_a_rate_goes_on_over_a_key_of_another_type(client: Redis, kind: str) -> None:
    TYPES[kind](client, "{t:rates}:account:a")
    assert Rates(client, "t:").take([[RATE]]) == [0.0]


@pytest.mark.parametrize("kind", TYPES)
def test_a_throttle_goes_on_over_a_key_of_another_type(client: Redis, kind: str) -> None:
    TYPES[kind](client, "{t:throttle}:key:k")
    assert Throttle(client, "t:").take("key", "k", Allowance(1.0, 5)) == 0.0


@pytest.mark.parametrize("kind", TYPES)
def test_a_nudge_is_not_kept_back_by_a_key_without_an_end(client: Redis, kind: str) -> None:
    TYPES[kind](client, "{t:nudge}:settle")
    nudge = Nudge(client, "t:")
    assert (nudge.take("settle"), nudge.take("settle")) == (True, False)


def test_what_others_keep_beside_is_left_alone(client: Redis) -> None:
    client.set("{other:slots}:team:x", "theirs")
    client.set("{t:rates}:account:b", "ours")
    client.set("{t:slots}:team:team_a", "not ours")
    Slots(client, "t:").room({Scope(Kind.TEAM, "team_a"): 1})
    assert client.get("{other:slots}:team:x") == "theirs"
    assert client.get("{t:rates}:account:b") == "ours"
    assert not client.exists("{t:slots}:team:team_a")
