from __future__ import annotations

from collections.abc import Callable
from math import ceil
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis

from worker.slots import Kind, Rate, Rates, Scope

ACCOUNT = Scope(Kind.ACCOUNT, "acct_a")
NUMBER = Scope(Kind.NUMBER, "pn_a")
OTHER_NUMBER = Scope(Kind.NUMBER, "pn_b")


@pytest.fixture
def rates(client: Redis) -> Rates:
    return Rates(client, "test:")


def test_requests_of_one_rate_are_spaced_exactly_until_the_horizon(rates: Rates) -> None:
    waits = rates.take([[Rate(ACCOUNT, 10)]] * 13, horizon_seconds=1.0)

    assert waits == [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, None, None]


def test_the_next_batch_goes_on_where_the_last_one_ended(rates: Rates, client: Redis) -> None:
    started_at = _server_time(client)
    first = rates.take([[Rate(ACCOUNT, 4)]] * 4)
    taken_by = _server_time(client)
    second = rates.take([[Rate(ACCOUNT, 4)]], horizon_seconds=5)
    ended_at = _server_time(client)

    assert first == [0.0, 0.25, 0.5, 0.75]
    assert second[0] is not None
    assert started_at + 1.0 <= ended_at + second[0]
    assert taken_by + second[0] <= taken_by + 1.0


def test_the_instants_of_all_batches_together_are_spaced_exactly(rates: Rates, client: Redis) -> None:
    rates.take([[Rate(ACCOUNT, 3)]] * 2, horizon_seconds=30)
    after_two = int(client.get("{test:rates}:account:acct_a"))
    rates.take([[Rate(ACCOUNT, 3)]] * 3, horizon_seconds=30)
    after_five = int(client.get("{test:rates}:account:acct_a"))

    assert after_five - after_two == 3 * 333_334


def test_a_rate_that_does_not_divide_a_second_is_never_exceeded(rates: Rates) -> None:
    waits = rates.take([[Rate(ACCOUNT, 3)]] * 4, horizon_seconds=2.0)

    assert waits == [0.0, 0.333334, 0.666668, 1.000002]


def test_rates_slower_than_one_a_second_are_rates(rates: Rates) -> None:
    assert rates.take([[Rate(ACCOUNT, 0.2)]] * 3, horizon_seconds=6) == [0.0, 5.0, None]


def test_a_request_under_two_rates_waits_for_the_slower(rates: Rates) -> None:
    request = [Rate(ACCOUNT, 10), Rate(NUMBER, 2)]

    assert rates.take([request] * 4) == [0.0, 0.5, 1.0, None]


def test_a_request_that_waits_for_its_number_keeps_the_account_in_order(rates: Rates) -> None:
    mine, other = [Rate(ACCOUNT, 10), Rate(NUMBER, 2)], [Rate(ACCOUNT, 10), Rate(OTHER_NUMBER, 2)]

    assert rates.take([mine, other, mine, other]) == [0.0, 0.1, 0.5, 0.6]


def test_a_request_beyond_the_horizon_takes_its_place_in_no_rate(rates: Rates, client: Redis) -> None:
    slow, free = [Rate(ACCOUNT, 10), Rate(NUMBER, 0.1)], [Rate(ACCOUNT, 10)]

    assert rates.take([slow, slow, slow, free]) == [0.0, None, None, 0.1]
    assert rates.take([slow]) == [None]
    assert client.pttl("{test:rates}:account:acct_a") <= 200


def test_a_request_under_no_rate_leaves_at_once(rates: Rates) -> None:
    assert rates.take([[], []]) == [0.0, 0.0]
    assert rates.take([[Rate(ACCOUNT, 1)], [], [Rate(ACCOUNT, 1)]]) == [0.0, 0.0, 1.0]
    assert rates.take([]) == []


def test_a_rate_is_forgotten_when_it_holds_nobody_up_any_more(rates: Rates, client: Redis) -> None:
    rates.take([[Rate(ACCOUNT, 2), Rate(NUMBER, 1)]])

    assert 0 < client.pttl("{test:rates}:account:acct_a") <= 500
    assert 500 < client.pttl("{test:rates}:number:pn_a") <= 1000


def test_a_servers_clock_that_was_set_back_does_not_silence_the_account(rates: Rates, client: Redis) -> None:
    in_an_hour = round((_server_time(client) + 3600) * 1_000_000)
    client.set("{test:rates}:account:acct_a", in_an_hour)

    assert rates.take([[Rate(ACCOUNT, 1)]] * 2) == [0.0, 1.0]


def test_an_edited_rate_counts_from_the_next_request_on(rates: Rates) -> None:
    slow, fast = [Rate(ACCOUNT, 0.5)], [Rate(ACCOUNT, 10)]

    assert rates.take([slow, slow, fast, fast, slow], horizon_seconds=9) == [0.0, 2.0, 2.1, 2.2, 4.2]


@pytest.mark.parametrize("per_second", [1e-300, 1e-9, 1e9, float("inf")])
def test_any_rate_above_nothing_can_be_reckoned_with(rates: Rates, per_second: float) -> None:
    first, second = rates.take([[Rate(ACCOUNT, per_second)]] * 2)

    assert first == 0.0
    assert second == (0.000001 if per_second > 1 else None)


def test_a_place_another_callers_longer_horizon_took_is_respected(rates: Rates) -> None:
    rates.take([[Rate(ACCOUNT, 1)]] * 60, horizon_seconds=60)

    assert rates.take([[Rate(ACCOUNT, 1)]]) == [None]


@pytest.mark.parametrize("per_second", [0, -1, float("nan")])
def test_a_rate_of_nothing_is_refused(per_second: float) -> None:
    with pytest.raises(ValueError, match="more than 0"):
        Rate(ACCOUNT, per_second)


@pytest.mark.parametrize("horizon", [-0.1, 60.1])
def test_a_horizon_nobody_can_keep_is_refused(rates: Rates, horizon: float) -> None:
    with pytest.raises(ValueError, match="horizon"):
        rates.take([[Rate(ACCOUNT, 1)]], horizon_seconds=horizon)


_ALL_SCOPES = (ACCOUNT, NUMBER, OTHER_NUMBER)
_REQUESTS = st.lists(
    st.dictionaries(st.sampled_from(_ALL_SCOPES), st.floats(0.01, 1.0), max_size=3).map(
        lambda chosen: [Rate(scope, per_second) for scope, per_second in chosen.items()]
    ),
    max_size=25,
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(requests=_REQUESTS, horizon_seconds=st.sampled_from([0.0, 1.0, 10.0, 60.0]))
def test_every_batch_is_paced_as_the_model_says(
    client: Redis, fresh_prefix: Callable[[], str], requests: list[list[Rate]], horizon_seconds: float
) -> None:
    prefix = fresh_prefix()
    waits = Rates(client, prefix).take(requests, horizon_seconds)

    last: dict[Scope, int] = {}
    expected: list[Any] = []
    for request in requests:
        wait = max([0, *(last[r.scope] + _interval(r) for r in request if r.scope in last)])
        if wait > horizon_seconds * 1_000_000:
            expected.append(None)
            continue
        expected.append(wait / 1_000_000)
        last.update({rate.scope: wait for rate in request})
    assert waits == expected
    stored = {scope: client.get(f"{{{prefix}rates}}:{scope.kind}:{scope.id}") for scope in _ALL_SCOPES}
    starts = {int(at) - last[scope] for scope, at in stored.items() if at is not None}
    assert {scope for scope, at in stored.items() if at is not None} == last.keys()
    assert len(starts) <= 1, "every rate was counted from the same instant"


def _interval(rate: Rate) -> int:
    return ceil(1_000_000 / rate.per_second)


def _server_time(client: Redis) -> float:
    seconds, microseconds = client.time()
    return seconds + microseconds / 1_000_000
