"""What happens to a call, drawn or scripted: pure, so every rule can be tried without a clock."""

from __future__ import annotations

import json
import math
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.carriers.simulated.protocol import LIVE, AnsweredBy, Happening, Status
from worker.domain.errors import Invalid
from worker.simulator.lives import DEMO_ODDS, Book, Callbacks, Fate, Life, Refusal, Reply, timeline
from worker.simulator.script import ENDINGS, parse_life, parse_odds, parse_script

BLOCKED = Life(0.0, ending=Status.DECLINED, sip_code=603, sip_reason="Network Blocked")
NUMBERS = [f"+1202{n:07}" for n in range(4000)]
seconds = st.floats(0, 10_000)
lives = st.builds(
    Life,
    ring_seconds=seconds | st.just(math.inf),
    talk_seconds=seconds,
    ending=st.sampled_from([Status.COMPLETED, *ENDINGS]),
    answered_by=st.sampled_from(AnsweredBy),
    verdict_is_late=st.booleans(),
    queue_seconds=seconds,
)


@given(life=lives, ring_limit=st.floats(1, 120), talk_limit=st.floats(1, 14_400), speed=st.floats(0.1, 1000))
def test_every_life_ends_exactly_once_within_the_limits_of_its_order(
    life: Life, ring_limit: float, talk_limit: float, speed: float
) -> None:
    steps = timeline(life, ring_limit, talk_limit, speed)

    (end,) = [step for step in steps if step.happening is Happening.ENDED]
    assert end.after_seconds <= life.queue_seconds + (ring_limit + talk_limit) / speed + 1e-6
    assert end.status not in LIVE
    assert all(before.after_seconds <= after.after_seconds for before, after in pairwise(steps))
    assert all(step.status in LIVE for step in steps[: steps.index(end)])
    answered = any(step.happening is Happening.ANSWERED for step in steps)
    assert answered == (end.status is Status.COMPLETED)


@given(ring=st.floats(30, 1000), ending=st.sampled_from([Status.COMPLETED, *ENDINGS]))
def test_nobody_answers_after_the_ring_limit(ring: float, ending: Status) -> None:
    steps = timeline(Life(ring_seconds=ring, ending=ending), 30.0, 600.0, 1.0)

    assert [(step.after_seconds, step.status) for step in steps] == [
        (0.0, Status.RINGING),
        (30.0, Status.NO_ANSWER),
    ]


def test_speed_divides_ringing_and_talking_and_not_queueing() -> None:
    steps = timeline(Life(ring_seconds=10, talk_seconds=40, queue_seconds=3), 30, 600, 10)

    assert [(step.happening, step.after_seconds) for step in steps] == [
        (Happening.RINGING, 3.0),
        (Happening.ANSWERED, 4.0),
        (Happening.ENDED, 8.0),
    ]


def test_a_life_is_the_same_in_every_process_and_release() -> None:
    assert Book(seed=7).life("+12025550123", 1) == Life(1.7130081941518938, ending=Status.BUSY)
    assert Book(seed=7).life("+12025550124", 1) == Life(19.942263479384398, 24.92645993761461)


@given(st.permutations(range(20)))
def test_lives_do_not_depend_on_the_order_they_are_asked_for(order: list[int]) -> None:
    book = Book(seed=3)

    asked = {n: book.life(NUMBERS[n % 10], n // 10 + 1) for n in order}

    assert asked == {n: Book(seed=3).life(NUMBERS[n % 10], n // 10 + 1) for n in range(20)}


def test_drawn_lives_follow_the_odds() -> None:
    drawn: Counter[Any] = Counter(fate_of(Book(seed=1).life(number, 1)) for number in NUMBERS)

    for fate, weight in DEMO_ODDS.items():
        assert drawn[fate] / len(NUMBERS) == pytest.approx(weight / 100, abs=0.03)
    assert sum(drawn.values()) == sum(drawn[fate] for fate in DEMO_ODDS)


def test_mishaps_come_as_often_as_asked_and_change_no_fate() -> None:
    calm, nasty = Book(seed=1), Book(seed=1, nasty=0.1)

    pairs = [(calm.life(number, 1), nasty.life(number, 1)) for number in NUMBERS]

    harmed = [after for before, after in pairs if before != after]
    assert len(harmed) / len(NUMBERS) == pytest.approx(0.1, abs=0.02)
    assert {life.callbacks for life in harmed} == {
        Callbacks.ONCE,
        Callbacks.TWICE,
        Callbacks.NONE,
        Callbacks.REVERSED,
    }
    assert {life.reply for life in harmed} == {Reply.NORMAL, Reply.ERROR}
    assert all(replace(after, callbacks=before.callbacks, reply=before.reply) == before for before, after in pairs)


def fate_of(life: Life) -> Fate:
    if life.ending is Status.COMPLETED:
        return Fate.ANSWERED if life.answered_by is AnsweredBy.HUMAN else Fate(life.answered_by)
    if life.sip_code == 404:
        return Fate.INVALID_NUMBER
    return {Status.DECLINED: Fate.REJECTED, Status.NO_ANSWER: Fate.NO_ANSWER}.get(life.ending) or Fate(life.ending)


@pytest.mark.parametrize("fate", Fate)
def test_odds_can_leave_a_single_fate(fate: Fate) -> None:
    book = Book(seed=1, odds=parse_odds(f"{fate}=1"))

    assert {fate_of(book.life(number, 1)) for number in NUMBERS[:50]} == {fate}


@pytest.mark.parametrize("text", ["", "answered", "eaten=1", "busy=x", "busy=0", "busy=-1,answered=2", "busy=inf"])
def test_odds_that_make_no_sense_are_refused(text: str) -> None:
    with pytest.raises(Invalid):
        parse_odds(text)


def test_a_script_gives_each_attempt_its_life_and_repeats_the_last() -> None:
    script = parse_script('{"+1202": [{"end": "busy"}, {"talk": 7}], "*": {"end": "failed"}}')
    book = Book(seed=1, script=script)

    assert [book.life("+1202", attempt).ending for attempt in (1, 2, 3)] == [
        Status.BUSY,
        Status.COMPLETED,
        Status.COMPLETED,
    ]
    assert book.life("+1203", 9).ending is Status.FAILED


@pytest.mark.parametrize(
    ("written", "life"),
    [
        ({}, Life()),
        ({"ring": 5, "end": "busy"}, Life(5, ending=Status.BUSY)),
        ({"ring": 3, "answer": True, "talk": 20}, Life(3, 20)),
        ({"answer": False}, Life(math.inf, ending=Status.NO_ANSWER)),
        ({"end": "no_answer"}, Life(math.inf, ending=Status.NO_ANSWER)),
        ({"ring": 9, "end": "no-answer"}, Life(9, ending=Status.NO_ANSWER)),
        ({"end": "failed", "sip": 410}, Life(ending=Status.FAILED, sip_code=410)),
        ({"sip": "603+"}, BLOCKED),
        ({"sip": "603+", "end": "declined", "answer": False}, BLOCKED),
        ({"sip": "603+", "ring": 7}, replace(BLOCKED, ring_seconds=7.0)),
        ({"machine": True}, Life(answered_by=AnsweredBy.MACHINE)),
        ({"machine": "late"}, Life(answered_by=AnsweredBy.MACHINE, verdict_is_late=True)),
        ({"fax": True}, Life(answered_by=AnsweredBy.FAX)),
        ({"callbacks": "twice"}, Life(callbacks=Callbacks.TWICE)),
        ({"callbacks": "late:3600"}, Life(callbacks=Callbacks.LATE, callbacks_late_seconds=3600)),
        ({"callbacks": "before_answer"}, Life(callbacks=Callbacks.BEFORE_ANSWER)),
        ({"accept": True, "then": "silence"}, Life(callbacks=Callbacks.NONE)),
        ({"place": "then_500"}, Life(reply=Reply.ERROR)),
        ({"place": "then_503"}, Life(reply=Reply.ERROR, reply_status=503)),
        ({"place": "then_timeout"}, Life(reply=Reply.TIMEOUT)),
        ({"place": "then_reset"}, Life(reply=Reply.RESET)),
        ({"place": "then_no_id"}, Life(reply=Reply.NO_ID)),
        ({"place": "late:1.5"}, Life(reply=Reply.LATE, reply_late_seconds=1.5)),
        ({"reject": 429, "retry_after": 2}, Life(refusal=Refusal(429, "", 2.0))),
        ({"reject": "invalid_number"}, Life(refusal=Refusal(422, "invalid_number"))),
        ({"refuse": "500"}, Life(refusal=Refusal(500))),
        ({"queue": 9, "extra_calls": 2}, Life(queue_seconds=9, extra_calls=2)),
    ],
)
def test_a_life_reads_as_it_is_written(written: dict[str, Any], life: Life) -> None:
    assert parse_life(written) == life


@pytest.mark.parametrize(
    ("written", "key"),
    [
        ("busy", "life"),
        ({"rng": 5}, "rng"),
        ({"ring": "5"}, "ring"),
        ({"ring": True}, "ring"),
        ({"talk": -1}, "talk"),
        ({"talk": math.inf}, "talk"),
        ({"end": "badly"}, "end"),
        ({"end": "completed"}, "end"),
        ({"answer": True, "end": "busy"}, "end"),
        ({"answer": "yes"}, "answer"),
        ({"sip": 99}, "sip"),
        ({"sip": "603-"}, "sip"),
        ({"sip": "603+", "end": "busy"}, "sip"),
        ({"sip": "603+", "answer": True}, "sip"),
        ({"machine": "soon"}, "machine"),
        ({"fax": 1}, "fax"),
        ({"callbacks": "late"}, "callbacks"),
        ({"callbacks": ["twice"]}, "callbacks"),
        ({"then": "noise"}, "then"),
        ({"place": "then_404"}, "place"),
        ({"place": "500"}, "place"),
        ({"reject": 500}, "reject"),
        ({"reject": "bad_luck"}, "reject"),
        ({"reject": [429]}, "reject"),
        ({"refuse": 404}, "refuse"),
        ({"extra_calls": 11}, "extra_calls"),
    ],
)
def test_a_life_that_makes_no_sense_is_refused_by_its_key(written: Any, key: str) -> None:
    with pytest.raises(Invalid) as refused:
        parse_life(written)

    assert key in [fault.path for fault in refused.value.faults]


def test_a_script_shows_all_its_faults_at_once() -> None:
    with pytest.raises(Invalid) as refused:
        parse_script(json.dumps({"+1202": [{"rng": 5}, {"end": "badly"}], "+1203": [], "+1204": 7}))

    assert [fault.path for fault in refused.value.faults] == [
        "+1202[0].rng",
        "+1202[1].end",
        "+1203",
        "+1204[0].life",
    ]


@pytest.mark.parametrize("text", ["", "[]", "{"])
def test_a_script_that_is_no_object_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        parse_script(text)


def test_odds_are_over_any_life_of_one_key_too() -> None:
    odds = parse_odds(
        "answered=4,reject:400:21211=1,refuse:503=1,place:then_500=1,callbacks:late:3=1,sip:607=1,sip:603+=1"
    )
    drawn = [Book(seed=1, odds=odds).life(number, 1) for number in NUMBERS]

    assert {life.refusal for life in drawn} == {None, Refusal(400, "21211"), Refusal(503)}
    assert {life.reply for life in drawn} == {Reply.NORMAL, Reply.ERROR}
    assert {life.callbacks_late_seconds for life in drawn} == {0.0, 3.0}
    assert {life.sip_code for life in drawn} == {None, 603, 607}


@pytest.mark.parametrize("text", ["reject:99=1", "nothing:1=1", "place:then=1", "callbacks:often=1", "reject:200:1=1"])
def test_odds_of_a_life_that_makes_no_sense_are_refused(text: str) -> None:
    with pytest.raises(Invalid):
        parse_odds(text)
