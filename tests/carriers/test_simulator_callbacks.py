"""How callbacks reach the receiver: in order as a rule, and otherwise exactly as scripted."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest

from tests.carriers.receiver import Received, Receiver
from tests.carriers.running import RunningSimulator, a_call_request
from tests.patience import PATIENCE_SECONDS
from worker.carriers.base import Accepted, Ambiguous, CallRequest
from worker.carriers.simulated.adapter import SimulatorCarrier
from worker.domain.model import Disposition, EventKind

PLAIN, TWICE, REVERSED, SILENT, LATE = (f"+1202555000{n}" for n in range(1, 6))
EARLY, SLOW, DOUBLED, LATE_VERDICT, LONG, WHOLE, HUNG_UP = (f"+1202555001{n}" for n in range(1, 8))
LIVING = {"ring": 1, "talk": 1}

SCRIPT = {
    PLAIN: LIVING,
    TWICE: {**LIVING, "callbacks": "twice"},
    REVERSED: {**LIVING, "callbacks": "reversed"},
    SILENT: {"accept": True, "then": "silence", "ring": 0, "talk": 1},
    LATE: {**LIVING, "callbacks": "late:0.5"},
    EARLY: {"ring": 600, "callbacks": "before_answer"},
    SLOW: {**LIVING, "place": "late:30"},
    DOUBLED: {**LIVING, "extra_calls": 1},
    LATE_VERDICT: {**LIVING, "machine": "late"},
    LONG: {"ring": 0, "talk": 10},
    HUNG_UP: {"ring": 3, "talk": 2},
    WHOLE: {"ring": 0, "talk": 0, "place": "late:1"},
}


@pytest.fixture
def call_request(receiver: Receiver) -> Iterator[Callable[[str], CallRequest]]:
    yield lambda number: a_call_request(number, receiver.callback_url)
    receiver.status = lambda _: 204


def events_of(received: list[Received]) -> list[str]:
    return [seen.event for seen in received]


def test_doubled_callbacks_are_the_same_event_posted_twice(
    carrier: SimulatorCarrier, receiver: Receiver, call_request: Callable[[str], CallRequest]
) -> None:
    placed = call_request(TWICE)
    carrier.place(placed)

    received = receiver.wait_for(placed.token, 6)

    assert events_of(received) == ["ringing", "ringing", "answered", "answered", "ended", "ended"]
    assert [seen.body for seen in received[::2]] == [seen.body for seen in received[1::2]]


def test_reversed_callbacks_report_the_end_first(
    carrier: SimulatorCarrier, receiver: Receiver, call_request: Callable[[str], CallRequest]
) -> None:
    placed = call_request(REVERSED)
    carrier.place(placed)

    received = receiver.wait_for(placed.token, 3)

    assert events_of(received) == ["ended", "answered", "ringing"]
    parsed = [carrier.parse(placed.token, "", seen.headers, seen.body) for seen in received]
    assert [event.kind for event in parsed] == [EventKind.ENDED, EventKind.ANSWERED, EventKind.RINGING]
    times = [event.occurred_at for event in parsed if event.occurred_at is not None]
    assert times == sorted(times, reverse=True)


def test_a_silent_call_lives_and_ends_without_a_word(
    simulator: RunningSimulator,
    carrier: SimulatorCarrier,
    receiver: Receiver,
    call_request: Callable[[str], CallRequest],
) -> None:
    silent, outliving = call_request(SILENT), call_request(LONG)
    carrier.place(silent)
    carrier.place(outliving)

    receiver.wait_for_end(outliving.token)

    ended = {call.token: call.disposition for call in simulator.ledger().placed}
    assert ended[silent.token] == "completed"
    assert receiver.about(silent.token) == []
    (found,) = carrier.find(silent)
    assert found.disposition is Disposition.ANSWERED


def test_nothing_more_happens_to_a_call_that_was_ended(
    simulator: RunningSimulator,
    carrier: SimulatorCarrier,
    receiver: Receiver,
    call_request: Callable[[str], CallRequest],
) -> None:
    ended, outliving = call_request(HUNG_UP), call_request(LONG)
    outcome = carrier.place(ended)
    assert isinstance(outcome, Accepted)
    assert carrier.end(ended, outcome.carrier_call_id) is None
    carrier.place(outliving)

    receiver.wait_for_end(outliving.token)

    assert events_of(receiver.about(ended.token))[-1] == "ended"
    assert "answered" not in events_of(receiver.about(ended.token))
    call = simulator.recorded(ended.token)
    assert (call.disposition, call.answered_at) == ("canceled", None)


def test_late_callbacks_come_after_the_call_has_ended(
    simulator: RunningSimulator,
    carrier: SimulatorCarrier,
    receiver: Receiver,
    call_request: Callable[[str], CallRequest],
) -> None:
    late, outliving = call_request(LATE), call_request(LONG)
    carrier.place(late)
    carrier.place(outliving)
    receiver.wait_for_event(outliving.token, "answered")

    first = receiver.wait_for(late.token, 1)[0]

    call = simulator.recorded(late.token)
    assert first.event == "ringing"
    assert call.ended_at is not None
    assert events_of(receiver.wait_for_end(late.token)) == ["ringing", "answered", "ended"]


def test_a_callback_can_be_acknowledged_before_the_request_is_answered(
    carrier: SimulatorCarrier, receiver: Receiver, call_request: Callable[[str], CallRequest]
) -> None:
    placed, may_acknowledge, answered = call_request(EARLY), threading.Event(), threading.Event()
    outcomes: list[object] = []

    def held_back(received: Received) -> int:
        return 204 if received.token != placed.token or may_acknowledge.wait(PATIENCE_SECONDS) else 503

    def place() -> None:
        outcomes.append(carrier.place(placed))
        answered.set()

    receiver.status = held_back
    thread = threading.Thread(target=place)
    thread.start()
    receiver.wait_for_event(placed.token, "ringing")
    assert not answered.is_set()
    may_acknowledge.set()
    thread.join(PATIENCE_SECONDS)

    (outcome,) = outcomes
    assert isinstance(outcome, Accepted)
    carrier.end(placed, outcome.carrier_call_id)


def test_a_whole_life_can_pass_before_the_request_is_answered(
    carrier: SimulatorCarrier, receiver: Receiver, call_request: Callable[[str], CallRequest]
) -> None:
    placed = call_request(WHOLE)

    outcome = carrier.place(placed)

    assert isinstance(outcome, Accepted)
    assert events_of(receiver.about(placed.token)) == ["answered", "ended"]


def test_an_answer_that_comes_after_the_client_gave_up_leaves_a_living_call(
    simulator: RunningSimulator, receiver: Receiver, call_request: Callable[[str], CallRequest]
) -> None:
    carrier, placed = simulator.carrier(read_seconds=0.2), call_request(SLOW)

    assert isinstance(carrier.place(placed), Ambiguous)

    assert events_of(receiver.wait_for_end(placed.token)) == ["ringing", "answered", "ended"]
    carrier.close()


def test_an_extra_call_has_an_id_of_its_own_and_the_same_token(
    simulator: RunningSimulator,
    carrier: SimulatorCarrier,
    receiver: Receiver,
    call_request: Callable[[str], CallRequest],
) -> None:
    placed = call_request(DOUBLED)

    outcome = carrier.place(placed)

    assert isinstance(outcome, Accepted)
    received = receiver.wait_for(placed.token, 6)
    assert len({seen.call_id for seen in received}) == 2
    found = carrier.find(placed)
    assert isinstance(found, tuple)
    assert {call.carrier_call_id for call in found} == {seen.call_id for seen in received}
    assert outcome.carrier_call_id in {seen.call_id for seen in received}
    written = simulator.ledger()
    assert [call.call_id for call in written.placed if call.token == placed.token] == [outcome.carrier_call_id]
    assert len([call for call in written.extras if call.token == placed.token]) == 1


def test_a_late_verdict_follows_an_end_that_named_nobody(
    carrier: SimulatorCarrier, receiver: Receiver, call_request: Callable[[str], CallRequest]
) -> None:
    placed = call_request(LATE_VERDICT)
    carrier.place(placed)

    verdict = receiver.wait_for_event(placed.token, "machine")

    received = receiver.about(placed.token)
    assert events_of(received) == ["ringing", "answered", "ended", "machine"]
    ended = carrier.parse(placed.token, "", received[2].headers, received[2].body)
    assert ended.disposition is Disposition.ANSWERED
    assert verdict.message["call"]["answered_by"] == "machine"


@pytest.mark.parametrize("trouble", [503, 429, 0])
def test_a_callback_is_posted_again_until_the_receiver_can_take_it(
    carrier: SimulatorCarrier, receiver: Receiver, call_request: Callable[[str], CallRequest], trouble: int
) -> None:
    placed = call_request(PLAIN)

    def fails_twice(received: Received) -> int:
        return trouble if len(receiver.about(received.token)) <= 2 else 204

    receiver.status = fails_twice
    carrier.place(placed)

    received = receiver.wait_for_end(placed.token)

    taken = list(dict.fromkeys(events_of(received)))
    assert taken == ["ringing", "answered", "ended"]
    assert events_of(received).count("ringing") >= 3
    for again in received:
        carrier.parse(placed.token, "", again.headers, again.body)


def test_a_callback_the_receiver_refuses_is_given_up(
    simulator: RunningSimulator,
    carrier: SimulatorCarrier,
    receiver: Receiver,
    call_request: Callable[[str], CallRequest],
) -> None:
    placed, before = call_request(PLAIN), simulator.stats()["callbacks"]["given_up"]
    receiver.status = lambda received: 404 if received.token == placed.token else 204
    carrier.place(placed)

    simulator.wait_for_stats(lambda stats: stats["callbacks"]["given_up"] == before + 3)

    assert events_of(receiver.about(placed.token)) == ["ringing", "answered", "ended"]


def test_callbacks_wait_for_a_receiver_that_is_not_up_yet(
    simulator: RunningSimulator, carrier: SimulatorCarrier
) -> None:
    away = Receiver()
    placed, before = a_call_request(PLAIN, away.callback_url), simulator.stats()["callbacks"]["tries"]
    carrier.place(placed)
    simulator.wait_for_stats(lambda stats: stats["callbacks"]["tries"] > before)

    away.start()

    assert events_of(away.wait_for_end(placed.token)) == ["ringing", "answered", "ended"]
    away.close()
