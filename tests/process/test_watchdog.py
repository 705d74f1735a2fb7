"""What a watchdog makes of what it sees happen: times, and whom it asks."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tests.standing import BROUGHT_ABOUT
from tests.world import World
from worker.api.watchdog import Pulse
from worker.domain.errors import Unavailable
from worker.domain.standstill import Kind
from worker.domain.stuck import STUCK_SECONDS, TICK_TASK
from worker.process import celery_app, queues, watchdog, wiring
from worker.process.watchdog import Services, Watchdog

MINE = frozenset({"dial"})


class Clock:
    def __init__(self) -> None:
        self.at = 0.0

    def __call__(self) -> float:
        return self.at


class There:
    """What the services say, and how often they were asked."""

    def __init__(self, messages: Mapping[str, int] | None = None, still: Mapping[Kind, float] | None = None) -> None:
        self.messages, self.still = messages or {}, still or {}
        self.is_away = self.do_calls_wait = False
        self.asked = 0

    def __call__(self) -> Services | None:
        self.asked += 1
        return None if self.is_away else Services(self.still, self.messages)


def a_dog(there: There) -> tuple[Watchdog, Clock]:
    clock = Clock()
    return Watchdog(MINE, there, lambda _: there.do_calls_wait, clock), clock


def test_a_worker_that_gets_on_asks_nobody() -> None:
    there = There({"dial": 3})
    dog, clock = a_dog(there)
    for n in range(20):
        clock.at = 20.0 * n
        dog.begun("t", TICK_TASK)
        dog.ended("t", was_done=True)
        assert dog.why_stuck() is None
    assert there.asked == 0


def test_a_worker_with_messages_waiting_that_takes_none_is_stuck_after_as_long_as_they_wait() -> None:
    dog, clock = a_dog(There({"dial": 3}))
    clock.at = 10 * STUCK_SECONDS
    assert dog.why_stuck() is None, "it was idle, and they may have come this moment"
    clock.at += STUCK_SECONDS - 1
    assert dog.why_stuck() is None
    clock.at += 1
    assert dog.why_stuck() == "messages wait, and it takes none"


def test_an_idle_worker_is_not_stuck_whatever_waits_for_others() -> None:
    dog, clock = a_dog(There({"dial": 0, "control": 9}))
    for n in range(20):
        clock.at = n * STUCK_SECONDS
        assert dog.why_stuck() is None


@pytest.mark.parametrize("do_they_end", [True, False])
def test_a_worker_whose_tasks_hang_or_all_fail_is_stuck(do_they_end: bool) -> None:
    dog, clock = a_dog(There())
    for n in range(9):
        clock.at = 10.0 * n
        dog.begun(f"t{n}", TICK_TASK)
        if do_they_end:
            dog.ended(f"t{n}", was_done=False)
        assert dog.why_stuck() is None
    clock.at = STUCK_SECONDS
    assert dog.why_stuck() == "it was given tasks and has done none"


def test_one_task_that_is_done_now_and_then_is_progress_though_another_hangs() -> None:
    dog, clock = a_dog(There())
    dog.begun("hangs", "worker.stop")
    for n in range(20):
        clock.at = 60.0 * n
        dog.begun("t", TICK_TASK)
        dog.ended("t", was_done=True)
        assert dog.why_stuck() is None


def test_a_task_that_hangs_is_known_by_what_stands_still() -> None:
    there = There(still={Kind.TICK: 500.0})
    dog, clock = a_dog(there)
    dog.begun("hangs", TICK_TASK)
    clock.at = STUCK_SECONDS
    dog.begun("t", "worker.dial")
    dog.ended("t", was_done=True)
    assert dog.why_stuck() == "tick stands still, and a task of this process that should move it does not end"
    there.still = {}
    assert dog.why_stuck() is None


def test_while_a_service_is_away_nobody_is_stuck_and_the_count_begins_anew() -> None:
    there = There({"dial": 3}, dict.fromkeys(Kind, 500.0))
    there.is_away = there.do_calls_wait = True
    dog, clock = a_dog(there)
    dog.begun("hangs", TICK_TASK)
    clock.at = STUCK_SECONDS
    assert dog.why_stuck() is None
    there.is_away = False
    clock.at += STUCK_SECONDS - 1
    assert dog.why_stuck() is None
    clock.at += 1
    assert dog.why_stuck() is not None


def test_the_services_are_asked_what_stands_still_and_what_waits(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    BROUGHT_ABOUT[Kind.PLACING](world)
    monkeypatch.setattr(wiring, "dialer", lambda: world.dialer)
    monkeypatch.setattr(wiring, "ask_redis", lambda: None)
    monkeypatch.setattr(queues, "queue_lengths", lambda: {celery_app.DIAL: queues.QueueLength(3, 1.0)})
    said = watchdog.ask_services()
    assert (said.still.keys(), said.messages) == ({Kind.PLACING}, {celery_app.DIAL: 3})
    world.tick()


def test_who_does_not_answer_is_away_and_no_error() -> None:
    def away() -> None:
        raise Unavailable("PostgreSQL cannot be reached.")

    assert watchdog.answered(away) is None


def a_pulse() -> tuple[Pulse, Clock]:
    clock = Clock()
    return Pulse(clock), clock


def test_a_web_process_is_stuck_when_the_same_requests_hold_every_thread() -> None:
    pulse, clock = a_pulse()
    first, second, third = (object() for _ in range(3))
    pulse.note(frozenset({first, second}), 2)
    clock.at = STUCK_SECONDS - 1
    pulse.note(frozenset({first, second}), 2)
    assert pulse.why_stuck(lambda: True) is None
    clock.at = STUCK_SECONDS
    assert pulse.why_stuck(lambda: True) is not None
    pulse.note(frozenset({first, third}), 2)
    assert pulse.why_stuck(lambda: True) is None, "one was answered, and another has come"


def test_a_web_process_with_a_thread_free_is_not_stuck_however_long_an_import_takes() -> None:
    pulse, clock = a_pulse()
    for n in range(100):
        clock.at = 5.0 * n
        pulse.note(frozenset({pulse}), 2)
        assert pulse.why_stuck(lambda: True) is None


def test_a_web_process_waits_with_its_services_and_begins_anew_when_they_are_back() -> None:
    pulse, clock = a_pulse()
    pulse.note(frozenset({pulse}), 1)
    clock.at = STUCK_SECONDS
    pulse.note(frozenset({pulse}), 1)
    assert pulse.why_stuck(lambda: False) is None
    clock.at += STUCK_SECONDS - 1
    pulse.note(frozenset({pulse}), 1)
    assert pulse.why_stuck(lambda: True) is None
    clock.at += 1
    assert pulse.why_stuck(lambda: True) is not None


def test_a_web_process_whose_event_loop_does_not_turn_is_stuck() -> None:
    pulse, clock = a_pulse()
    pulse.note(frozenset(), 40)
    clock.at = STUCK_SECONDS
    assert pulse.why_stuck(lambda: False) == "its event loop does not turn"
