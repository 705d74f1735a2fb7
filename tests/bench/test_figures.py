"""A bench ends with a figure, or with a word on why there is none."""

from __future__ import annotations

import json
from collections.abc import Sequence
from statistics import quantiles

from tests.bench.__main__ import Figures
from tests.bench.beside import GAP, Found, assess_calls
from tests.bench.deployment import Unfinished
from tests.bench.report import Figure, as_json, table
from worker.domain.errors import Unavailable


def met() -> Sequence[Figure]:
    return [Figure("P9", "P9 handed on", 10.0, 5.0, "dials/s", ratio=2.0, at_least=1.0)]


def unfinished() -> Sequence[Figure]:
    raise Unfinished("in 230 s it did not come true that all campaigns completed; contacts: 3 pending")


def away() -> Sequence[Figure]:
    raise Unavailable("PostgreSQL did not answer in its time.")


def too_few() -> Sequence[Figure]:
    quantiles([1.0], n=20)
    return met()


def void() -> Sequence[Figure]:
    raise AssertionError("invariants are broken: {}")


def test_what_did_not_come_true_in_its_time_is_a_line_and_the_next_figure_is_measured() -> None:
    figures = Figures()
    for name, figure in (("P2", unfinished), ("P5", too_few), ("P7", away), ("P9", met)):
        figures.add(name, figure)
    assert [line.key for line in figures.figures] == ["P2", "P5", "P7", "P9"]
    assert [line.is_missed for line in figures.figures] == [True, True, True, False]
    assert not figures.are_void
    shown = table(figures.figures)
    assert "no figure" in shown
    assert "3 pending" in shown
    document = json.loads(as_json(figures.figures))
    assert document["P2"]["value"] is document["P2"]["ratio"] is None
    assert "3 pending" in document["P2"]["missing"]
    assert document["P9"]["ratio"] == 2.0


def test_a_run_in_which_something_was_not_as_it_must_be_is_void_and_the_next_figure_is_measured() -> None:
    figures = Figures()
    for name, figure in (("P1", void), ("P9", met)):
        figures.add(name, figure)
    assert figures.are_void
    assert [line.is_missed for line in figures.figures] == [True, False]


def test_a_baseline_that_places_nothing_is_reported_as_that() -> None:
    speed, gap = assess_calls([], GAP)
    found = Found("countdown", speed, gap, 0, GAP.slots, 0, GAP.contacts, GAP.contacts)
    assert "no call ended" in str(found)
