"""One call's callbacks never pass each other, however many threads post."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from tests.carriers.receiver import Received, Receiver
from worker.carriers.simulator.agenda import Agenda
from worker.carriers.simulator.courier import Courier, Outbox


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


def a_letter(event: str) -> dict[str, str]:
    return {"event": event}


def test_a_letter_that_comes_while_another_is_on_its_way_waits_for_it(receiver: Receiver, agenda: Agenda) -> None:
    courier, outbox = Courier("secret", agenda, threads=4), Outbox(receiver.callback_url("t"))
    second_is_here, may_answer, posted_beside_it = threading.Event(), threading.Event(), threading.Event()

    def hold_the_second(received: Received) -> int:
        if second_is_here.is_set() and not may_answer.is_set():
            posted_beside_it.set()
        elif received.event == "second":
            second_is_here.set()
            assert may_answer.wait(10)
        return 204

    receiver.status = hold_the_second
    courier.send(outbox, a_letter("first"))
    courier.send(outbox, a_letter("second"))
    assert second_is_here.wait(10)
    courier.send(outbox, a_letter("third"))

    assert not posted_beside_it.wait(0.3)
    may_answer.set()
    assert [seen.event for seen in receiver.wait_for("t", 3)] == ["first", "second", "third"]
    courier.close()


def test_a_receiver_that_hangs_holds_up_its_own_call_only(receiver: Receiver, agenda: Agenda) -> None:
    courier = Courier("secret", agenda, threads=2)
    may_answer = threading.Event()
    receiver.status = lambda received: 204 if received.token != "hangs" or may_answer.wait(10) else 503
    courier.send(Outbox(receiver.callback_url("hangs")), a_letter("first"))
    receiver.wait_for("hangs", 1)

    outbox = Outbox(receiver.callback_url("goes"))
    for event in ("first", "second", "third"):
        courier.send(outbox, a_letter(event))

    assert [seen.event for seen in receiver.wait_for("goes", 3)] == ["first", "second", "third"]
    may_answer.set()
    courier.close()


def test_a_callback_that_is_too_old_is_given_up_and_the_next_one_goes_out(receiver: Receiver, agenda: Agenda) -> None:
    courier = Courier("secret", agenda, threads=1, give_up_after_seconds=0.5)
    receiver.status = lambda received: 503 if received.event == "first" else 204
    outbox = Outbox(receiver.callback_url("t"), settled=threading.Event())
    courier.send(outbox, a_letter("first"))
    assert outbox.settled is not None
    assert outbox.settled.wait(10)

    courier.send(outbox, a_letter("second"))

    received = [seen.event for seen in receiver.wait_for("t", 4)]
    assert received == ["first", "first", "first", "second"]
    assert courier.counts()["given_up"] == 1
    courier.close()
