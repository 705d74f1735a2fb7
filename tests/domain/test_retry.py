from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.domain.errors import Invalid
from worker.domain.model import ContactStatus, Disposition, Reason
from worker.domain.retry import (
    RETRYABLE,
    Ended,
    Next,
    RetryPolicy,
    check_delays,
    counts_attempt,
    decide,
    is_network_block,
)

POLICY = RetryPolicy(max_attempts=5, delay_minutes=60)
HOUR = timedelta(hours=1)
AGAIN = Next(ContactStatus.QUEUED, HOUR)


def failed(reason: Reason, do_not_call: bool = False) -> Next:
    return Next(ContactStatus.FAILED, reason=reason, do_not_call=do_not_call)


@pytest.mark.parametrize(
    ("ended", "expected"),
    [
        (Ended(Disposition.ANSWERED, 1), Next(ContactStatus.COMPLETED)),
        (Ended(Disposition.ANSWERED, 5), Next(ContactStatus.COMPLETED)),
        (Ended(Disposition.MACHINE, 1), AGAIN),
        (Ended(Disposition.MACHINE, 1, is_fax=True), failed(Reason.FAX)),
        (Ended(Disposition.BUSY, 4, sip_code=486), AGAIN),
        (Ended(Disposition.NO_ANSWER, 1, sip_code=480), AGAIN),
        (Ended(Disposition.LOST, 1), AGAIN),
        (Ended(Disposition.REJECTED, 1, rejections=1, sip_code=603), AGAIN),
        (Ended(Disposition.REJECTED, 2, rejections=2, sip_code=603), failed(Reason.REJECTED)),
        (Ended(Disposition.REJECTED, 2, rejections=2), failed(Reason.REJECTED)),
        (Ended(Disposition.REJECTED, 1, rejections=1, sip_code=607), failed(Reason.REJECTED, True)),
        (Ended(Disposition.REJECTED, 4, rejections=4, sip_code=608), AGAIN),
        (Ended(Disposition.INVALID_NUMBER, 1, invalid_results=1, sip_code=404), AGAIN),
        (Ended(Disposition.INVALID_NUMBER, 2, invalid_results=2), failed(Reason.INVALID_NUMBER)),
        (
            Ended(Disposition.INVALID_NUMBER, 1, invalid_results=1, definite=True),
            failed(Reason.INVALID_NUMBER),
        ),
        (Ended(Disposition.FAILED, 2, technical_failures=2, sip_code=503), AGAIN),
        (Ended(Disposition.FAILED, 3, technical_failures=3), failed(Reason.TECHNICAL)),
        (Ended(Disposition.CANCELED, 1, rang=True), AGAIN),
        (
            Ended(Disposition.CANCELED, 1, rang=False),
            Next(ContactStatus.QUEUED, timedelta(0), counts_attempt=False),
        ),
        (
            Ended(Disposition.NOT_SENT, 1),
            Next(ContactStatus.QUEUED, timedelta(seconds=5), counts_attempt=False),
        ),
    ],
    ids=str,
)
def test_a_contact_goes_on_as_its_call_ended(ended: Ended, expected: Next) -> None:
    assert decide(POLICY, ended) == expected


@pytest.mark.parametrize("disposition", RETRYABLE)
def test_a_contact_whose_attempts_are_used_is_exhausted(disposition: Disposition) -> None:
    last = Ended(disposition, attempts_used=5, technical_failures=1, rejections=1, invalid_results=1)
    assert decide(POLICY, last) == Next(ContactStatus.EXHAUSTED)
    assert decide(POLICY, replace(last, attempts_used=4)) == AGAIN
    assert decide(RetryPolicy(max_attempts=1), replace(last, attempts_used=1)).status is ContactStatus.EXHAUSTED


def test_a_contact_ruled_out_by_its_last_attempt_says_why() -> None:
    last = Ended(Disposition.REJECTED, attempts_used=5, rejections=2)
    assert decide(POLICY, last) == failed(Reason.REJECTED)


def test_what_happened_in_earlier_calls_does_not_rule_a_contact_out_after_another_disposition() -> None:
    scarred = Ended(Disposition.BUSY, 4, technical_failures=3, rejections=2, invalid_results=2, sip_code=607)
    assert decide(POLICY, scarred) == AGAIN


@pytest.mark.parametrize("disposition", RETRYABLE)
def test_each_disposition_may_have_its_own_delay(disposition: Disposition) -> None:
    policy = RetryPolicy(max_attempts=3, delay_minutes=60, delays={disposition: 7})
    assert decide(policy, Ended(disposition, 1)).due_in == timedelta(minutes=7)
    others = [other for other in RETRYABLE if other != disposition]
    assert {decide(policy, Ended(other, 1)).due_in for other in others} == {HOUR}


def test_a_delay_of_zero_is_no_delay() -> None:
    policy = RetryPolicy(max_attempts=3, delay_minutes=60, delays={"busy": 0})
    assert decide(policy, Ended(Disposition.BUSY, 1)).due_in == timedelta(0)


@given(st.floats(0, 1, exclude_max=True), st.floats(0, 1, exclude_max=True))
def test_calls_that_were_not_sent_come_back_soon_and_spread_out(one: float, other: float) -> None:
    first, second = (decide(POLICY, Ended(Disposition.NOT_SENT, 9), jitter).due_in for jitter in (one, other))
    assert first is not None
    assert second is not None
    assert timedelta(seconds=5) <= first <= timedelta(seconds=10)
    if one - other > 0.001:
        assert first > second


@given(
    st.builds(
        Ended,
        disposition=st.sampled_from(Disposition),
        attempts_used=st.integers(1, 25),
        technical_failures=st.integers(0, 5),
        rejections=st.integers(0, 5),
        invalid_results=st.integers(0, 5),
        sip_code=st.sampled_from([None, 404, 486, 503, 603, 607, 608]),
        is_fax=st.booleans(),
        definite=st.booleans(),
        rang=st.booleans(),
    ),
    st.builds(RetryPolicy, max_attempts=st.integers(1, 20), delay_minutes=st.integers(0, 43200)),
)
def test_every_ended_call_leaves_its_contact_in_a_state_that_makes_sense(ended: Ended, policy: RetryPolicy) -> None:
    after = decide(policy, ended)
    assert after.counts_attempt is counts_attempt(ended.disposition, ended.rang)
    assert (after.due_in is not None) is (after.status is ContactStatus.QUEUED)
    assert (after.reason is not None) is (after.status is ContactStatus.FAILED)
    assert (after.status is ContactStatus.COMPLETED) is (ended.disposition is Disposition.ANSWERED)
    if after.status is ContactStatus.QUEUED and after.counts_attempt:
        assert ended.attempts_used < policy.max_attempts
        assert after.due_in == timedelta(minutes=policy.delay_minutes)
    if after.do_not_call:
        assert ended.sip_code == 607


def test_the_defaults_are_three_attempts_an_hour_apart() -> None:
    assert RetryPolicy() == RetryPolicy(max_attempts=3, delay_minutes=60, delays={})


def test_a_disposition_may_have_a_delay_of_its_own() -> None:
    policy = RetryPolicy(20, 0, {"busy": 10, "machine": 0, "lost": 43200})
    assert policy.delay_after(Disposition.BUSY) == timedelta(minutes=10)
    assert policy.delay_after(Disposition.LOST) == timedelta(days=30)
    assert {policy.delay_after(d) for d in (Disposition.MACHINE, Disposition.FAILED)} == {timedelta(0)}


@pytest.mark.parametrize("given", [None, {}, {"busy": 10, "machine": 0, "lost": 43200, "failed": None}])
def test_delays_are_minutes_by_disposition(given: Any) -> None:
    check_delays(given, "settings.retryDelays")


@pytest.mark.parametrize(
    ("given", "paths"),
    [
        (10, {"settings.retryDelays"}),
        ([], {"settings.retryDelays"}),
        (
            {"busy": -1, "lost": "5", "rejected": 43201, "failed": True, "answered": 5, "no_answer": 5},
            {f"settings.retryDelays.{name}" for name in ("busy", "lost", "rejected", "failed", "answered")},
        ),
    ],
)
def test_every_fault_of_the_delays_is_named_at_once(given: Any, paths: set[str]) -> None:
    with pytest.raises(Invalid) as refusal:
        check_delays(given, "settings.retryDelays")
    assert {fault.path for fault in refusal.value.faults} == paths


@pytest.mark.parametrize(
    ("sip_code", "seconds", "rang", "is_block"),
    [
        (608, 40, True, True),
        (603, -1, False, True),
        (603, 0, False, True),
        (603, 2, False, True),
        (603, 2.1, False, False),
        (603, 0, True, False),
        *[(code, 0, False, False) for code in (None, 404, 480, 486, 487, 503, 600, 604, 607)],
    ],
)
def test_a_network_blocks_with_608_or_with_603_before_anybody_can_have_declined(
    sip_code: int | None, seconds: float, rang: bool, is_block: bool
) -> None:
    assert is_network_block(sip_code, seconds, rang=rang) is is_block
    assert is_network_block(sip_code, seconds, rang=rang, says_so=True)
