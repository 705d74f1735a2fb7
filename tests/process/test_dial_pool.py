"""The pool places calls beside the threads of messages, each account's by themselves: together what waits, never more
than there is room, and nothing while all senders of the account are at work."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from structlog.testing import capture_logs

from tests.patience import PATIENCE_SECONDS
from worker.bulkheads import Bulkheads, Taken
from worker.process.dial_pool import DialPool
from worker.threads import Threads


class Carrier:
    """Somebody who places calls, and does not before he is let."""

    def __init__(self) -> None:
        self.placed: list[tuple[str, ...]] = []
        self.most_at_once = 0
        self._at_once = 0
        self._lock = threading.Lock()
        self._asked = threading.Semaphore(0)
        self._let = threading.Semaphore(0)

    def place(self, call_ids: tuple[str, ...], senders: Taken) -> None:
        with self._lock:
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
        self._asked.release()
        assert self._let.acquire(timeout=PATIENCE_SECONDS)
        with self._lock:
            self._at_once -= 1
            self.placed.append(call_ids)

    def wait_until_asked(self, times: int) -> None:
        for _ in range(times):
            assert self._asked.acquire(timeout=PATIENCE_SECONDS), "nobody asks"

    def let_all(self) -> None:
        self._let.release(1000)


@pytest.fixture
def carrier() -> Iterator[Carrier]:
    carrier = Carrier()
    yield carrier
    carrier.let_all()


@pytest.fixture
def bulkheads() -> Bulkheads:
    return Bulkheads(Threads("test").run, senders=25)


def test_what_waits_is_placed_together_and_in_order(carrier: Carrier, bulkheads: Bulkheads) -> None:
    pool = DialPool(bulkheads, carrier.place, preparing=1, together=3)
    assert pool.take("acct", ["a"])
    carrier.wait_until_asked(1)
    for call_id in "bcdefg":
        assert pool.take("acct", [call_id])
    carrier.let_all()
    assert pool.wait(PATIENCE_SECONDS)
    assert carrier.placed == [("a",), ("b", "c", "d"), ("e", "f", "g")]


def test_a_call_that_waits_waits_once(carrier: Carrier, bulkheads: Bulkheads) -> None:
    pool = DialPool(bulkheads, carrier.place, preparing=1, together=3)
    pool.take("acct", ["a"])
    carrier.wait_until_asked(1)
    for call_ids in (["b", "c"], ["d", "e", "f", "g"], ["h", "h"], ["c", "g"]):
        pool.take("acct", call_ids)
    carrier.let_all()
    assert pool.wait(PATIENCE_SECONDS)
    assert carrier.placed == [("a",), ("b", "c", "d"), ("e", "f", "g"), ("h",)]


def test_there_is_room_for_as_many_as_can_be_prepared_at_once(carrier: Carrier, bulkheads: Bulkheads) -> None:
    pool = DialPool(bulkheads, carrier.place, preparing=2, together=2)
    for call_id in "ab":
        assert pool.take("acct", [call_id])
        carrier.wait_until_asked(1)
    rooms = []
    for call_id in "cdefg":
        rooms.append(pool.room("acct"))
        pool.take("acct", [call_id])
    assert rooms == [4, 3, 2, 1, 0]
    assert pool.room("acct") == 0, "what is taken beyond makes no debt"
    assert pool.room("another") == 4, "each account has its own room"
    carrier.let_all()
    assert pool.wait(PATIENCE_SECONDS)
    assert sorted(call_id for call_ids in carrier.placed for call_id in call_ids) == list("abcdefg")
    assert carrier.most_at_once == 2


def test_calls_leave_at_once_where_none_waits_and_a_sender_is_free(carrier: Carrier, bulkheads: Bulkheads) -> None:
    pool = DialPool(bulkheads, carrier.place, preparing=1, together=25)
    senders, left = pool.senders("acct", 100), threading.Event()
    assert senders.count == 25, "no more than the account has senders"
    senders.keep(2)

    def leave() -> None:
        left.set()
        senders.keep(0)

    pool.run("acct", leave)
    assert left.wait(PATIENCE_SECONDS)
    assert pool.wait(PATIENCE_SECONDS)
    assert bulkheads.of("acct").senders.take(100) == 25
    pool.take("acct", ["a"])
    assert pool.senders("acct", 1).count == 0, "it waits for a sender: nobody goes before it"
    bulkheads.of("acct").senders.give_back(25)
    carrier.let_all()
    assert pool.wait(PATIENCE_SECONDS)
    pool.close()
    assert pool.senders("acct", 1).count == 0
    assert pool.room("acct") == 0


def test_an_account_whose_senders_are_all_at_work_begins_nothing_and_holds_up_no_other(
    carrier: Carrier, bulkheads: Bulkheads
) -> None:
    carrier.let_all()
    pool = DialPool(bulkheads, carrier.place, together=25)
    senders = bulkheads.of("hanging").senders
    assert senders.take(1000) == 25
    assert pool.take("hanging", ["a", "b"])
    assert pool.take("well", ["c"])
    carrier.wait_until_asked(1)
    assert not pool.stands_still(0), "it is the carrier who is waited for"
    senders.give_back(1)
    carrier.wait_until_asked(2)
    senders.give_back(24)
    assert pool.wait(PATIENCE_SECONDS)
    assert carrier.placed == [("c",), ("a",), ("b",)], "as many as there are senders, and then the others"


def test_closing_lets_go_of_what_waits_and_waits_for_what_was_begun(carrier: Carrier, bulkheads: Bulkheads) -> None:
    pool = DialPool(bulkheads, carrier.place, preparing=1, together=25)
    pool.take("acct", ["a"])
    carrier.wait_until_asked(1)
    pool.take("acct", ["b", "c"])
    assert pool.close() == 2
    assert not pool.wait(0)
    carrier.let_all()
    assert pool.wait(PATIENCE_SECONDS)
    assert carrier.placed == [("a",)]
    assert not pool.take("acct", ["d"])


def test_a_pool_stands_still_when_calls_wait_and_none_is_begun(carrier: Carrier, bulkheads: Bulkheads) -> None:
    clock = [0.0]
    pool = DialPool(bulkheads, carrier.place, preparing=1, together=1, now=lambda: clock[0])
    clock[0] = 1000.0
    assert not pool.stands_still(90), "nothing waits"
    pool.take("acct", ["a"])
    carrier.wait_until_asked(1)
    clock[0] += 100
    assert not pool.stands_still(90), "one is placed, slowly, and nothing waits"
    pool.take("acct", ["b"])
    clock[0] += 89
    assert not pool.stands_still(90)
    clock[0] += 1
    assert pool.stands_still(90)
    carrier.let_all()
    carrier.wait_until_asked(1)
    assert pool.wait(PATIENCE_SECONDS)
    assert not pool.stands_still(90)


def test_an_error_of_ours_is_logged_and_ends_no_work(bulkheads: Bulkheads) -> None:
    placed = []

    def place(call_ids: tuple[str, ...], senders: Taken) -> None:
        placed.append(call_ids)
        raise ZeroDivisionError

    with capture_logs() as logged:
        pool = DialPool(bulkheads, place, preparing=1, together=1)
        pool.take("acct", ["a"])
        pool.take("acct", ["b"])
        while len(logged) < 2:
            assert pool.wait(PATIENCE_SECONDS)
    assert placed == [("a",), ("b",)]
    assert [entry["event"] for entry in logged] == ["thread_failed"] * 2
