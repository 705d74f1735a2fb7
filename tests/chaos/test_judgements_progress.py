"""The judgements of progress, on what is written by hand: each condemns what it is about, and nothing beside it."""

from __future__ import annotations

import pytest

from tests.chaos.judgements_progress import (
    LEAST_BEFORE,
    Bulkhead,
    EndRequest,
    Progress,
    calls_resume,
    ends_on_sigterm,
    hang_ups_back_off,
    hanging_account_is_isolated,
)


@pytest.mark.parametrize(
    ("before", "meanwhile", "occasions", "found"),
    [(12, 18, 1, 0), (12, 7, 1, 0), (12, 6, 1, 1), (12, 0, 1, 1), (LEAST_BEFORE - 1, 0, 0, 0)],
)
def test_a_healthy_account_keeps_a_share_of_its_pace(before: int, meanwhile: int, occasions: int, found: int) -> None:
    progress = Progress(bulkheads=[Bulkhead("acc_two", "acc_one", before, 4.0, meanwhile, 6.0)])
    seen = list(hanging_account_is_isolated(progress))
    assert (len(seen), sum(said is not None for said in seen)) == (occasions, found)


@pytest.mark.parametrize(
    ("times", "found"),
    [
        ([0.0, 1.0, 3.0, 7.0, 7.9], 0),
        ([0.1 * n for n in range(40)], 1),
        ([1.0 * n for n in range(40)], 1),
        ([2.0 * n for n in range(20)], 0),
        ([], 0),
    ],
)
def test_a_hang_up_that_fails_is_not_tried_every_moment(times: list[float], found: int) -> None:
    requests = [EndRequest("call", at, took_effect=False) for at in times]
    seen = list(hang_ups_back_off(Progress(end_requests=requests)))
    assert len(seen) == bool(times)
    assert sum(said is not None for said in seen) == found


def test_hang_ups_that_take_effect_and_those_of_other_calls_count_for_themselves() -> None:
    requests = [EndRequest(f"call {n}", 0.0, took_effect=False) for n in range(20)]
    requests += [EndRequest("call", 0.01 * n, took_effect=True) for n in range(20)]
    assert list(hang_ups_back_off(Progress(end_requests=requests))) == [None] * 20


def test_a_process_ends_within_half_a_minute_of_sigterm() -> None:
    assert [bool(said) for said in ends_on_sigterm(Progress(ended=[("one", 29.9), ("two", 31.0)]))] == [False, True]


def test_who_has_something_to_do_places_a_call_after_the_healing() -> None:
    progress = Progress(resumed=[("acc_one", 3.0), ("acc_two", None)], unhealed=["the web process did not answer"])
    assert [said for said in calls_resume(progress) if said] == [
        "the web process did not answer",
        "acc_two placed nothing for 25 s after the healing",
    ]
