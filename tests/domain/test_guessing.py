"""Secrets that people type are distinguished from those that programs make."""

from __future__ import annotations

import string
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.domain.guessing import FEWEST_DIFFERENT, SHORTEST, why_guessable

TYPED = [
    "", "a", "secret", "simulator", "Simulator", "hunter2", "correct-horse",
    "simulatorsimulator", "simulator-simulator", "simulator simulator!", "Simulator_Secret_1", "SIMULATOR-SECRET-2027",
    "changemechangeme", "change-me-please-1", "please-change-me!", "my-very-long-secret", "this-is-not-the-secret",
    "passwordpassword", "Password12345678", "the-secret-token-of-the-dialer", "example-secret-example",
    "0000000000000000", "1111111111111111", "aaaaaaaaaaaaaaab", "abababababababab", "abcabcabcabcabcabc",
    "0123456789abcdef", "abcdefghijklmnop", "fedcba9876543210", "aaaabbbbccccddddeeee", "12345678901234567890",
    "qwertyqwertyqwerty", "localhost-dev-secret", "test-test-test-test", "                ", "simulator" * 20,
]  # fmt: skip


@pytest.mark.parametrize("secret", TYPED)
def test_what_people_type_for_the_moment_can_be_guessed(secret: str) -> None:
    assert why_guessable(secret) is not None


@pytest.mark.parametrize("alphabet", ["0123456789abcdef", string.ascii_letters + string.digits + "-_"])
@pytest.mark.parametrize("length", [22, 32, 64])
def test_what_is_drawn_at_random_cannot(alphabet: str, length: int) -> None:
    """As ``openssl rand``, ``uuidgen`` and password managers draw."""
    dice = Random(f"{alphabet} {length}")
    drawn = ["".join(dice.choices(alphabet, k=length)) for _ in range(2000)]
    assert [secret for secret in drawn if why_guessable(secret)] == []


@given(secret=st.text(max_size=SHORTEST - 1))
def test_a_short_one_always_can(secret: str) -> None:
    assert why_guessable(secret) is not None


@given(secret=st.text(alphabet="abcde"[: FEWEST_DIFFERENT - 1], min_size=SHORTEST))
def test_one_of_a_few_letters_always_can(secret: str) -> None:
    assert why_guessable(secret) is not None


@given(unit=st.text(min_size=1, max_size=40), times=st.integers(2, 5))
def test_one_that_repeats_itself_always_can(unit: str, times: int) -> None:
    assert why_guessable(unit * times) is not None
