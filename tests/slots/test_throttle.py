from __future__ import annotations

import pytest
from redis import Redis

from worker.domain.errors import Unavailable
from worker.slots import Allowance, Throttle, connect

SLOW = Allowance(per_second=0.01, burst=3)
KEY = "{test:throttle}:key:a"


@pytest.fixture
def throttle(client: Redis) -> Throttle:
    return Throttle(client, "test:")


def test_a_burst_passes_and_then_one_waits_for_its_turn(throttle: Throttle) -> None:
    waits = [throttle.take("key", "a", SLOW) for _ in range(5)]
    assert waits[:3] == [0.0, 0.0, 0.0]
    assert 99 < waits[4] <= waits[3] <= 100


def test_who_is_turned_away_takes_no_place(throttle: Throttle, client: Redis) -> None:
    for _ in range(3):
        throttle.take("key", "a", SLOW)
    full = client.get(KEY)
    for _ in range(10):
        assert throttle.take("key", "a", SLOW) > 0
    assert client.get(KEY) == full


def test_a_place_drains_after_its_interval(throttle: Throttle, client: Redis) -> None:
    for _ in range(3):
        throttle.take("key", "a", SLOW)
    client.set(KEY, int(client.get(KEY)) - 100_000_000)  # a hundred seconds later
    assert throttle.take("key", "a", SLOW) == 0.0
    assert throttle.take("key", "a", SLOW) > 0


def test_everybody_has_a_bucket_of_their_own(throttle: Throttle) -> None:
    once = Allowance(per_second=0.01, burst=1)
    assert [throttle.take(kind, who, once) for kind, who in (("key", "a"), ("key", "b"), ("login", "a"))] == [0.0] * 3
    assert throttle.take("key", "a", once) > 0


def test_a_bucket_is_forgotten_when_it_is_empty(throttle: Throttle, client: Redis) -> None:
    throttle.take("key", "a", SLOW)
    assert 99_000 < client.pttl(KEY) <= 100_000
    throttle.take("key", "a", SLOW)
    assert 199_000 < client.pttl(KEY) <= 200_000


def test_a_clock_that_was_set_back_holds_nobody_up_for_longer_than_a_full_bucket(
    throttle: Throttle, client: Redis
) -> None:
    seconds, _ = client.time()
    client.set(KEY, (seconds + 1_000_000) * 1_000_000)
    assert 99 < throttle.take("key", "a", SLOW) <= 100


def test_a_lowered_allowance_counts_from_the_next_request_on(throttle: Throttle) -> None:
    for _ in range(50):
        assert throttle.take("key", "a", Allowance(per_second=0.1, burst=100)) == 0.0
    assert throttle.take("key", "a", Allowance(per_second=0.1, burst=10)) > 0


def test_a_server_that_is_away_does_not_look_like_a_full_bucket() -> None:
    away = Throttle(connect("redis://127.0.0.1:1", answer_seconds=0.1, retries=0), "test:")
    with pytest.raises(Unavailable):
        away.take("key", "a", SLOW)
