"""What one account waits for keeps no other waiting, and of each only so much is under way."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial

import pytest

from tests.patience import PATIENCE_SECONDS
from worker.bulkheads import REQUESTS_AT_ONCE, REQUESTS_WAITING, Bulkheads, Permits, Together
from worker.threads import Threads

ROOM = REQUESTS_AT_ONCE + REQUESTS_WAITING


class Gate:
    """Work that begins, and ends when it is let."""

    def __init__(self) -> None:
        self.begun = threading.Semaphore(0)
        self.open = threading.Event()
        self.ended = threading.Semaphore(0)

    def work(self) -> None:
        self.begun.release()
        assert self.open.wait(PATIENCE_SECONDS)
        self.ended.release()

    def wait(self, times: int, what: threading.Semaphore) -> None:
        for _ in range(times):
            assert what.acquire(timeout=PATIENCE_SECONDS)


def test_no_more_requests_are_under_way_than_allowed_and_few_wait() -> None:
    gate, bulkhead = Gate(), Bulkheads(Threads("test").run).of("acct")
    assert bulkhead.room == ROOM
    assert [bulkhead.submit(gate.work) for _ in range(ROOM + 2)] == [True] * ROOM + [False] * 2
    gate.wait(REQUESTS_AT_ONCE, gate.begun)
    assert not gate.begun.acquire(blocking=False)
    assert bulkhead.room == 0
    gate.open.set()
    gate.wait(ROOM, gate.ended)
    assert bulkhead.submit(gate.work)
    gate.wait(1, gate.ended)


def test_an_account_that_hangs_keeps_neither_another_account_nor_its_own_calls_from_their_turn() -> None:
    hanging, well = Gate(), Gate()
    bulkheads = Bulkheads(Threads("test").run, senders=2)
    while bulkheads.of("hanging").submit(hanging.work):
        pass
    well.open.set()
    assert bulkheads.of("well").submit(well.work)
    well.wait(1, well.ended)
    with bulkheads.of("hanging").senders.taken(25) as taken:
        assert taken.count == 2, "calls to be placed have senders of their own"
    assert bulkheads.rooms() == {"hanging": 0, "well": ROOM}
    hanging.open.set()


def test_work_that_fails_gives_its_place_to_the_next() -> None:
    done = threading.Semaphore(0)

    def fail() -> None:
        done.release()
        raise ZeroDivisionError

    bulkhead = Bulkheads(Threads("test").run).of("acct")
    for _ in range(3 * ROOM):
        while not bulkhead.submit(fail):
            assert done.acquire(timeout=PATIENCE_SECONDS)


def test_a_permit_comes_back_when_it_was_spent_and_unused_ones_at_once() -> None:
    permits, freed = Permits(5), []
    permits.when_free = lambda: freed.append(permits.free)
    with permits.taken(4) as taken:
        give_back = taken.spend()
        assert (taken.count, permits.free) == (3, 1)
        taken.keep(2)
        assert (taken.count, permits.free) == (2, 2)
    assert permits.free == 4
    assert not permits.wait(0)
    give_back()
    assert permits.wait(0)
    assert freed == [2, 4, 5]


def test_what_is_brought_while_one_deals_is_dealt_with_together_by_that_one() -> None:
    together: Together[int] = Together()
    dealt: list[list[int]] = []

    def deal(things: list[int]) -> None:
        dealt.append(things)
        if things == [1]:
            for thing in (2, 3):
                together.bring(thing, deal)

    together.bring(1, deal)
    together.bring(4, deal)
    assert dealt == [[1], [2, 3], [4]]


def test_whoever_comes_after_one_that_failed_takes_over_what_is_left() -> None:
    together: Together[int] = Together()
    dealt: list[list[int]] = []

    def fail(things: list[int]) -> None:
        together.bring(2, dealt.append)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        together.bring(1, fail)
    together.bring(3, dealt.append)
    assert dealt == [[2, 3]]


def begun_at_once(threads: Threads, count: int) -> Callable[[], None]:
    barrier = threading.Barrier(count + 1)
    for _ in range(count):
        threads.run(partial(barrier.wait, PATIENCE_SECONDS))
    return lambda: barrier.wait(PATIENCE_SECONDS)  # type: ignore[return-value]  # which one came last is nobody's matter


def test_nothing_waits_for_a_thread_and_threads_that_nobody_needs_end() -> None:
    before = set(threading.enumerate())
    threads = Threads("test", idle_seconds=0.01)
    begun_at_once(threads, 50)()
    for thread in set(threading.enumerate()) - before:
        thread.join(PATIENCE_SECONDS)
        assert not thread.is_alive()
    begun_at_once(threads, 2)()
