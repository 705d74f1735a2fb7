"""One call's callbacks never pass each other, however many threads post."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator

import pytest

from tests.carriers.receiver import Received, Receiver
from tests.patience import PATIENCE_SECONDS
from worker.simulator.agenda import Agenda
from worker.simulator.courier import Courier, Outbox, Post


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver().start()
    yield receiver
    receiver.close()


@pytest.fixture
def agenda() -> Iterator[Agenda]:
    agenda = Agenda()
    yield agenda
    agenda.close()


def a_post(url: str, event: str, give_up_after_seconds: float = 300.0) -> Post:
    body = json.dumps({"event": event}).encode()
    return Post(url, body, lambda: {"Content-Type": "application/json"}, give_up_after_seconds)


def test_a_letter_that_comes_while_another_is_on_its_way_waits_for_it(receiver: Receiver, agenda: Agenda) -> None:
    courier, outbox, url = Courier(agenda, threads=4), Outbox(), receiver.callback_url("t")
    second_is_here, may_answer, posted_beside_it = threading.Event(), threading.Event(), threading.Event()

    def hold_the_second(received: Received) -> int:
        if second_is_here.is_set() and not may_answer.is_set():
            posted_beside_it.set()
        elif received.event == "second":
            second_is_here.set()
            assert may_answer.wait(PATIENCE_SECONDS)
        return 204

    receiver.status = hold_the_second
    courier.send(outbox, a_post(url, "first"))
    courier.send(outbox, a_post(url, "second"))
    assert second_is_here.wait(PATIENCE_SECONDS)
    courier.send(outbox, a_post(url, "third"))

    assert not posted_beside_it.wait(0.3)
    may_answer.set()
    assert [seen.event for seen in receiver.wait_for("t", 3)] == ["first", "second", "third"]
    courier.close()


def test_a_receiver_that_hangs_holds_up_its_own_call_only(receiver: Receiver, agenda: Agenda) -> None:
    courier = Courier(agenda, threads=2)
    may_answer = threading.Event()
    receiver.status = lambda received: 204 if received.token != "hangs" or may_answer.wait(PATIENCE_SECONDS) else 503
    courier.send(Outbox(), a_post(receiver.callback_url("hangs"), "first"))
    receiver.wait_for("hangs", 1)

    outbox, url = Outbox(), receiver.callback_url("goes")
    for event in ("first", "second", "third"):
        courier.send(outbox, a_post(url, event))

    assert [seen.event for seen in receiver.wait_for("goes", 3)] == ["first", "second", "third"]
    may_answer.set()
    courier.close()


def test_a_callback_that_is_too_old_is_given_up_and_the_next_one_goes_out(receiver: Receiver, agenda: Agenda) -> None:
    courier = Courier(agenda, threads=1)
    receiver.status = lambda received: 503 if received.event == "first" else 204
    outbox, url = Outbox(settled=threading.Event()), receiver.callback_url("t")
    courier.send(outbox, a_post(url, "first", give_up_after_seconds=0.5))
    assert outbox.settled is not None
    assert outbox.settled.wait(PATIENCE_SECONDS)

    courier.send(outbox, a_post(url, "second"))

    received = [seen.event for seen in receiver.wait_for("t", 4)]
    assert received == ["first", "first", "first", "second"]
    assert courier.counts()["given_up"] == 1
    courier.close()
