"""Who is ended by its watchdog, and who is not: one line for each case."""

from __future__ import annotations

import pytest

from worker.domain.standstill import Kind
from worker.domain.stuck import (
    SETTLE_TASK,
    STUCK_SECONDS,
    TICK_TASK,
    WebSight,
    WorkerSight,
    why_beat_is_stuck,
    why_web_is_stuck,
    why_worker_is_stuck,
)

LONG, SHORT = STUCK_SECONDS, STUCK_SECONDS - 1
ALL_STILL = dict.fromkeys(Kind, LONG)
HANGING = WorkerSight(True, ALL_STILL, dict.fromkeys((TICK_TASK, SETTLE_TASK, "worker.stop"), LONG), LONG, LONG, True)


@pytest.mark.parametrize(
    ("seen", "is_stuck"),
    [
        pytest.param(HANGING, True, id="everything hangs"),
        pytest.param(WorkerSight(True), False, id="idle"),
        pytest.param(WorkerSight(True, given_for=LONG), True, id="given tasks, done none, though others do the work"),
        pytest.param(WorkerSight(True, given_for=SHORT), False, id="given tasks a moment ago"),
        pytest.param(WorkerSight(True, messages_for=LONG), True, id="deaf to its messages"),
        pytest.param(WorkerSight(True, messages_for=SHORT), False, id="a message has just come"),
        pytest.param(WorkerSight(True, calls_wait=True), True, id="its threads do not place what waits"),
        pytest.param(WorkerSight(True, {Kind.TICK: LONG}), False, id="beat is dead"),
        pytest.param(WorkerSight(True, {Kind.TICK: LONG}, {TICK_TASK: LONG}), True, id="it holds the tick"),
        pytest.param(WorkerSight(True, {Kind.TICK: LONG}, {TICK_TASK: SHORT}), False, id="the tick is slow"),
        pytest.param(WorkerSight(True, {Kind.TICK: LONG}, {SETTLE_TASK: LONG}), False, id="beat dead, settle slow"),
        pytest.param(WorkerSight(True, {}, {TICK_TASK: LONG}), False, id="it holds a tick, and others tick"),
        pytest.param(WorkerSight(True, {Kind.NEWS: LONG}), False, id="news that cannot be settled by anybody"),
        pytest.param(WorkerSight(True, {Kind.NEWS: LONG}, {SETTLE_TASK: LONG}), True, id="it holds the settling"),
        pytest.param(WorkerSight(True, {Kind.NEWS: SHORT}, {SETTLE_TASK: LONG}), False, id="a long settling"),
        pytest.param(WorkerSight(True, {Kind.DUE: LONG}), False, id="due contacts that nobody looks at"),
        pytest.param(WorkerSight(True, {Kind.DUE: LONG}, {"worker.dial": LONG}), True, id="it holds a team's fill"),
        pytest.param(WorkerSight(True, {Kind.DUE: LONG}, {"worker.dial": SHORT}), False, id="it fills"),
        pytest.param(
            WorkerSight(True, dict.fromkeys((Kind.PLACING, Kind.REQUESTS, Kind.LOOK_UPS, Kind.HANG_UPS), LONG),
                        {"worker.look_up": LONG, "worker.stop": LONG}),
            False,
            id="one carrier hangs",
        ),
    ],
)  # fmt: skip
def test_a_worker_ends_where_it_is_at_fault_and_not_otherwise(seen: WorkerSight, is_stuck: bool) -> None:
    assert (why_worker_is_stuck(seen) is not None) is is_stuck


def test_no_worker_ends_while_a_service_is_away() -> None:
    sight = WorkerSight(False, HANGING.still, HANGING.held, HANGING.given_for, HANGING.messages_for, HANGING.calls_wait)
    assert why_worker_is_stuck(sight) is None


@pytest.mark.parametrize(
    ("services_answer", "busy", "same_for", "loop_silent_for", "is_stuck"),
    [
        (True, 0, LONG, 0.0, False),
        (True, 39, LONG, 0.0, False),
        (True, 40, LONG, 0.0, True),
        (True, 40, SHORT, 0.0, False),
        (False, 40, LONG, 0.0, False),
        (False, 0, 0.0, LONG, True),
        (True, 0, 0.0, SHORT, False),
    ],
)
def test_a_web_process_ends_where_it_answers_nobody(
    services_answer: bool, busy: int, same_for: float, loop_silent_for: float, is_stuck: bool
) -> None:
    seen = WebSight(services_answer, busy, 40, same_for, loop_silent_for)
    assert (why_web_is_stuck(seen) is not None) is is_stuck


@pytest.mark.parametrize(
    ("broker_answers", "silent_for", "is_stuck"), [(True, LONG, True), (True, SHORT, False), (False, LONG, False)]
)
def test_beat_ends_where_it_could_send_and_does_not(broker_answers: bool, silent_for: float, is_stuck: bool) -> None:
    assert (why_beat_is_stuck(broker_answers=broker_answers, silent_for=silent_for) is not None) is is_stuck
