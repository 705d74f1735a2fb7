"""A worker that gets nowhere ends itself; one that is idle, or cannot know, does not."""

from __future__ import annotations

from worker.domain.errors import Unavailable
from worker.watchdog import STUCK_SECONDS, Watchdog

MINE = frozenset({"dial"})


class Clock:
    def __init__(self) -> None:
        self.at = 0.0

    def __call__(self) -> float:
        return self.at


def a_dog(lengths: dict[str, int]) -> tuple[Watchdog, Clock]:
    clock = Clock()
    return Watchdog(lambda: lengths, clock), clock


def test_a_worker_with_messages_waiting_that_finishes_nothing_is_stuck() -> None:
    dog, clock = a_dog({"dial": 3})
    clock.at = STUCK_SECONDS - 1
    assert not dog.is_stuck(MINE)
    clock.at = STUCK_SECONDS
    assert dog.is_stuck(MINE)


def test_an_idle_worker_is_not_stuck() -> None:
    dog, clock = a_dog({"dial": 0, "control": 9})
    clock.at = 10 * STUCK_SECONDS
    assert not dog.is_stuck(MINE), "another's queue is none of its business"


def test_a_worker_that_finishes_something_now_and_then_is_not_stuck() -> None:
    dog, clock = a_dog({"dial": 3})
    clock.at = STUCK_SECONDS - 1
    dog.finished()
    clock.at = STUCK_SECONDS + 1
    assert not dog.is_stuck(MINE)


def test_while_the_broker_is_away_nobody_is_stuck_and_the_count_begins_anew() -> None:
    clock, is_away = Clock(), True

    def lengths() -> dict[str, int]:
        if is_away:
            raise Unavailable("away")
        return {"dial": 3}

    dog = Watchdog(lengths, clock)
    clock.at = STUCK_SECONDS
    assert not dog.is_stuck(MINE)
    is_away = False
    clock.at = STUCK_SECONDS + 1
    assert not dog.is_stuck(MINE)
    clock.at = 2 * STUCK_SECONDS
    assert dog.is_stuck(MINE)
