"""Reading what really happened, also from the file of a process that was killed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from worker.domain.errors import Broken, Conflict
from worker.simulator.ledger import Fact, LedgerWriter, read


class Writing:
    """A ledger being written by hand."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.writer = LedgerWriter(path)

    def close(self) -> None:
        self.writer.close()

    def placed(self, call: str, to: str, origin: str = "+1", token: str | None = None, extra: bool = False) -> None:
        self._write(Fact.PLACED, call, to, origin, token, attempt=1, extra=extra, callback_url="http://h/x")

    def ended(self, call: str, to: str, disposition: str = "completed") -> None:
        self._write(Fact.ENDED, call, to, disposition=disposition, sip_code=200, answered_by="human")

    def _write(
        self, fact: Fact, call: str, to: str, origin: str = "+1", token: str | None = None, **details: Any
    ) -> None:
        parties = {"call": call, "token": token or f"t-{call}", "from": origin, "to": to, "account": "a"}
        self.writer.write(fact, {**parties, **details})


@pytest.fixture
def writing(tmp_path: Path) -> Iterator[Writing]:
    with closing(Writing(tmp_path / "ledger.jsonl")) as made:
        yield made


def test_the_peak_counts_calls_by_the_order_of_lines(writing: Writing) -> None:
    writing.placed("c1", "+31", "+1")
    writing.placed("c2", "+32", "+2")
    writing.ended("c1", "+31")
    writing.placed("c3", "+33", "+1")
    writing.ended("c2", "+32", "busy")
    ledger = read(writing.path)

    assert ledger.peak_concurrent() == 2
    assert ledger.peak_per("from") == {"+1": 1, "+2": 1}
    assert ledger.peak_per("account") == {"a": 2}
    assert [call.call_id for call in ledger.live()] == ["c3"]
    assert ledger.ended_by_disposition() == {"completed": 1, "busy": 1}


def test_one_call_after_another_to_a_callee_is_no_overlap(writing: Writing) -> None:
    writing.placed("c1", "+31")
    writing.ended("c1", "+31")
    writing.placed("c2", "+31")
    ledger = read(writing.path)

    assert ledger.overlapping_callees() == ()
    assert ledger.calls_per_callee() == {"+31": 2}


def test_two_calls_at_once_to_a_callee_are_an_overlap(writing: Writing) -> None:
    writing.placed("c1", "+31")
    writing.placed("c2", "+31")
    writing.ended("c1", "+31")
    writing.placed("c3", "+31")

    overlaps = read(writing.path).overlapping_callees()

    assert [(found.first.call_id, found.second.call_id) for found in overlaps] == [("c1", "c2"), ("c2", "c3")]


def test_the_same_order_placed_twice_shows_by_its_token(writing: Writing) -> None:
    writing.placed("c1", "+31", token="t")
    writing.ended("c1", "+31")
    writing.placed("c2", "+31", token="t")

    assert read(writing.path).calls_per_token() == {"t": 2}


def test_calls_the_carrier_made_on_its_own_count_nowhere(writing: Writing) -> None:
    writing.placed("c1", "+31")
    writing.placed("c2", "+31", extra=True)
    writing.ended("c2", "+31")
    ledger = read(writing.path)

    assert [call.call_id for call in ledger.extras] == ["c2"]
    assert ledger.peak_concurrent() == 1
    assert ledger.overlapping_callees() == ()
    assert ledger.ended_by_disposition() == {}


def test_an_empty_ledger_has_no_peak(writing: Writing) -> None:
    assert read(writing.path).peak_concurrent() == 0


def test_a_torn_last_line_is_ignored_and_cut_off_by_the_next_writer(writing: Writing) -> None:
    writing.placed("c1", "+31")
    writing.writer.close()
    whole = writing.path.read_bytes()
    writing.path.write_bytes(whole + whole[: len(whole) // 2])

    assert [call.call_id for call in read(writing.path).placed] == ["c1"]
    with closing(Writing(writing.path)) as again:
        again.placed("c2", "+32")
    assert [call.call_id for call in read(writing.path).placed] == ["c1", "c2"]


@pytest.mark.parametrize("line", ["not json", "{}", "[]", '{"fact": "eaten"}'])
def test_a_whole_line_that_is_no_fact_is_not_passed_over(writing: Writing, line: str) -> None:
    writing.path.write_text(f"{line}\n")

    with pytest.raises(Broken, match="Line 1"):
        read(writing.path)


def test_a_ledger_has_one_writer(writing: Writing) -> None:
    with pytest.raises(Conflict):
        LedgerWriter(writing.path)

    writing.writer.close()
    LedgerWriter(writing.path).close()
