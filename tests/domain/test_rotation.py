from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.domain.rotation import CallerId, assign, pick

ACCOUNTS = ["east", "west"]


@st.composite
def fleets(draw: st.DrawFn) -> tuple[list[CallerId], dict[str, int]]:
    """A campaign's numbers, and the room of the carrier accounts they belong to."""
    ids = draw(st.lists(st.integers(0, 99), unique=True, max_size=8))
    numbers = [
        CallerId(
            id=f"pn_{number:02}",
            account_id=draw(st.sampled_from(ACCOUNTS)),
            room=draw(st.integers(-2, 6)),
            last_used=draw(st.integers(0, 5)),
        )
        for number in ids
    ]
    return numbers, {account: draw(st.integers(-1, 20)) for account in ACCOUNTS}


@given(fleets(), st.integers(0, 30))
def test_no_number_and_no_account_is_asked_for_more_than_its_room(
    fleet: tuple[list[CallerId], dict[str, int]], count: int
) -> None:
    numbers, account_room = fleet
    picked = Counter(pick(numbers, account_room, count))
    assert picked.total() <= count
    for number in numbers:
        assert picked[number.id] <= max(number.room, 0)
    for account, room in account_room.items():
        taken = sum(picked[number.id] for number in numbers if number.account_id == account)
        assert taken <= max(room, 0)


@given(fleets(), st.integers(0, 30))
def test_a_batch_is_cut_short_only_when_no_number_has_room_left(
    fleet: tuple[list[CallerId], dict[str, int]], count: int
) -> None:
    numbers, account_room = fleet
    picked = pick(numbers, account_room, count)
    possible = 0
    for account, room in account_room.items():
        rooms = (max(number.room, 0) for number in numbers if number.account_id == account)
        possible += min(sum(rooms), max(room, 0))
    assert len(picked) == min(count, possible)


@given(fleets(), st.integers(0, 30))
def test_no_number_is_two_calls_ahead_of_one_that_still_has_room(
    fleet: tuple[list[CallerId], dict[str, int]], count: int
) -> None:
    numbers, account_room = fleet
    sequence = pick(numbers, account_room, count)
    picked = Counter(sequence)
    taken = Counter(number.account_id for number in numbers for _ in range(picked[number.id]))
    most = max(picked.values(), default=0)
    for number in numbers:
        if picked[number.id] < number.room and taken[number.account_id] < account_room[number.account_id]:
            assert picked[number.id] >= most - 1


@given(fleets(), st.integers(0, 30))
def test_the_number_that_rested_longest_goes_first(fleet: tuple[list[CallerId], dict[str, int]], count: int) -> None:
    numbers, account_room = fleet
    sequence = pick(numbers, account_room, count)
    rested = {number.id: (number.last_used, number.id) for number in numbers}
    first_round = list(dict.fromkeys(sequence))
    assert first_round == sorted(first_round, key=rested.__getitem__)
    assert sequence[: len(first_round)] == first_round


def test_numbers_take_turns() -> None:
    numbers = [CallerId("pn_b", "east", 3, 1), CallerId("pn_a", "east", 9, 1), CallerId("pn_c", "west", 1, 0)]
    assert pick(numbers, {"east": 9, "west": 9}, 7) == [
        "pn_c",
        "pn_a",
        "pn_b",
        "pn_a",
        "pn_b",
        "pn_a",
        "pn_b",
    ]


def test_a_full_account_leaves_the_calls_to_the_other() -> None:
    numbers = [CallerId("pn_a", "east", 9, 0), CallerId("pn_b", "east", 9, 1), CallerId("pn_c", "west", 9, 2)]
    assert pick(numbers, {"east": 1, "west": 9}, 4) == ["pn_a", "pn_c", "pn_c", "pn_c"]


names = st.sampled_from(["pn_a", "pn_b", "pn_c", "pn_d"])


@st.composite
def pairings(draw: st.DrawFn) -> tuple[list[str], list[str | None]]:
    picked = draw(st.lists(names, max_size=12))
    return picked, draw(st.lists(st.none() | names, max_size=len(picked)))


@given(pairings())
def test_each_contact_gets_one_of_the_picked_numbers(pairing: tuple[list[str], list[str | None]]) -> None:
    picked, former = pairing
    given_out = assign(picked, former)
    assert len(given_out) == len(former)
    assert Counter(given_out) <= Counter(picked)


@given(pairings())
def test_as_many_retries_as_possible_meet_their_former_number(
    pairing: tuple[list[str], list[str | None]],
) -> None:
    picked, former = pairing
    met = Counter(number for number, before in zip(assign(picked, former), former, strict=True) if number == before)
    wished = Counter(number for number in former if number is not None)
    assert met == wished & Counter(picked)


def test_the_others_get_what_is_left_in_order() -> None:
    assert assign(["pn_a", "pn_b", "pn_c", "pn_a"], [None, "pn_c", "pn_x", "pn_a"]) == [
        "pn_b",
        "pn_c",
        "pn_a",
        "pn_a",
    ]
    assert assign(["pn_a", "pn_b"], [None]) == ["pn_a"]
    assert assign(["pn_a", "pn_b"], []) == []


def test_more_contacts_than_numbers_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="2 contacts"):
        assign(["pn_a"], [None, None])
