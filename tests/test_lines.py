"""Lines place calls beside the threads of messages: together what waits, and never more than there is room."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from structlog.testing import capture_logs

from tests.patience import PATIENCE_SECONDS
from worker.lines import Lines


class Carrier:
    """Somebody who places calls, and does not before he is let."""

    def __init__(self) -> None:
        self.placed: list[tuple[str, ...]] = []
        self.most_at_once = 0
        self._at_once = 0
        self._lock = threading.Lock()
        self._asked = threading.Semaphore(0)
        self._let = threading.Semaphore(0)

    def place(self, call_ids: tuple[str, ...]) -> None:
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


def test_what_waits_is_placed_together_and_in_order(carrier: Carrier) -> None:
    lines = Lines(1, carrier.place, together=3)
    assert lines.take(["a"])
    carrier.wait_until_asked(1)
    for call_id in "bcdefg":
        assert lines.take([call_id])
    carrier.let_all()
    lines.close()
    assert carrier.placed == [("a",), ("b", "c", "d"), ("e", "f", "g")]


def test_a_message_is_never_split_and_a_call_named_twice_is_placed_once(carrier: Carrier) -> None:
    lines = Lines(1, carrier.place, together=3)
    lines.take(["a"])
    carrier.wait_until_asked(1)
    for call_ids in (["b", "c"], ["d", "e", "f", "g"], ["h", "h"]):
        lines.take(call_ids)
    carrier.let_all()
    lines.close()
    assert carrier.placed == [("a",), ("b", "c"), ("d", "e", "f", "g"), ("h",)]


def test_no_more_is_offered_than_the_lines_place_at_once(carrier: Carrier) -> None:
    lines = Lines(2, carrier.place, together=2)
    for call_id in "ab":
        assert lines.offer([call_id])
        carrier.wait_until_asked(1)
    assert [lines.offer([call_id]) for call_id in "cdefgh"] == [True] * 4 + [False] * 2
    assert lines.take(["i"]), "a message that has come is not sent back"
    carrier.let_all()
    lines.close()
    assert sorted(call_id for call_ids in carrier.placed for call_id in call_ids) == list("abcdefi")
    assert carrier.most_at_once == 2


def test_closing_waits_for_what_was_taken_and_takes_no_more(carrier: Carrier) -> None:
    lines = Lines(1, carrier.place)
    lines.take(["a"])
    closing = threading.Thread(target=lines.close)
    carrier.wait_until_asked(1)
    closing.start()
    carrier.let_all()
    closing.join(PATIENCE_SECONDS)
    assert carrier.placed == [("a",)]
    assert not lines.take(["b"])
    assert not lines.offer(["b"])


def test_lines_stand_still_when_calls_wait_and_none_is_begun_or_finished(carrier: Carrier) -> None:
    clock = [0.0]
    lines = Lines(1, carrier.place, together=1, now=lambda: clock[0])
    clock[0] = 1000.0
    assert not lines.stand_still(90), "nothing waits"
    lines.take(["a"])
    carrier.wait_until_asked(1)
    clock[0] += 100
    assert not lines.stand_still(90), "one is placed, slowly, and nothing waits"
    lines.take(["b"])
    clock[0] += 89
    assert not lines.stand_still(90)
    clock[0] += 1
    assert lines.stand_still(90)
    carrier.let_all()
    carrier.wait_until_asked(1)
    assert not lines.stand_still(90)
    lines.close()


def test_an_error_of_ours_is_told_and_ends_no_line() -> None:
    placed = []

    def place(call_ids: tuple[str, ...]) -> None:
        placed.append(call_ids)
        raise ZeroDivisionError

    with capture_logs() as told:
        lines = Lines(1, place, together=1)
        lines.take(["a"])
        lines.take(["b"])
        lines.close()
    assert placed == [("a",), ("b",)]
    assert [entry["event"] for entry in told] == ["line_failed"] * 2
