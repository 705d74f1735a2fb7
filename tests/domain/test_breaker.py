"""A carrier account that fails is left alone, tried with one call, and taken back."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from worker.domain.breaker import Breaker, BreakerRules, Evidence, apply

RULES = BreakerRules()


def results(text: str, rules: BreakerRules = RULES) -> list[Breaker]:
    """What each of these results, one after the other, makes of the breaker."""
    states, breaker = [], Breaker()
    for n, result in enumerate(text):
        breaker = apply(breaker, [Evidence("acct", f"call_{n}", result == ".")], rules).breaker
        states.append(breaker)
    return states


def test_more_than_half_of_the_last_fifty_requests_open_it_and_half_do_not() -> None:
    assert not results("." * 25 + "x" * 25)[-1].is_open
    assert results("." * 24 + "x" * 26)[-1].is_open
    assert [state.is_open for state in results("x" * 26)] == [False] * 25 + [True]


def test_failures_that_fifty_good_requests_have_followed_are_forgotten() -> None:
    assert results("x" * 25 + "." * 50)[-1] == Breaker()


def test_an_account_that_is_well_has_nothing_to_remember() -> None:
    assert results("." * 200) == [Breaker()] * 200


@given(st.text("x.", max_size=200), st.integers(2, 50))
def test_it_opens_as_soon_as_the_window_says_so_and_not_before(text: str, window: int) -> None:
    states = results(text, BreakerRules(window=window))
    for n, state in enumerate(states):
        failures = text[max(0, n + 1 - window) : n + 1].count("x")
        assert state.is_open == (failures > window / 2)
        if state.is_open:
            return
        assert len(state.recent) <= window
        assert state.recent.count("x") == failures


def test_each_probe_that_fails_doubles_the_pause_up_to_the_longest() -> None:
    breaker, pauses = results("x" * 26)[-1], []
    for n in range(8):
        probing = Breaker(breaker.recent, breaker.trips, breaker.is_open, probe=f"call_{n}")
        step = apply(probing, [Evidence("acct", f"call_{n}", went_well=False)], RULES)
        breaker = step.breaker
        assert step.pause_seconds is not None
        pauses.append(step.pause_seconds / 60)
    assert pauses == [2, 4, 8, 16, 32, 60, 60, 60]


def test_one_probe_that_works_closes_it_and_the_next_pause_is_the_first_again() -> None:
    probing = Breaker(trips=5, is_open=True, probe="call_1")
    assert apply(probing, [Evidence("acct", "call_1", went_well=True, counts=False)], RULES).breaker == Breaker()
    again = apply(Breaker(), [Evidence("acct", f"call_{n}", went_well=False) for n in range(26)], RULES)
    assert again.pause_seconds == 60


def test_while_it_is_open_only_the_probe_is_listened_to() -> None:
    probing = Breaker(trips=1, is_open=True, probe="call_1")
    late = [Evidence("acct", "call_0", went_well=True), Evidence("acct", "call_2", went_well=False)]
    assert apply(probing, late, RULES).breaker == probing


def test_a_call_that_is_answered_is_no_result_of_a_request() -> None:
    step = apply(Breaker("x"), [Evidence("acct", "call_1", went_well=True, counts=False)], RULES)
    assert step.breaker == Breaker("x")
