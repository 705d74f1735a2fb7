"""What a spreadsheet would compute is written as the text it is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.domain.spreadsheet import cell


@pytest.mark.parametrize(
    "value",
    ["=cmd()", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "\r=1", " =1", "=", "+1 202 555 0123", "＝1", "--5"],
)
def test_a_formula_gets_an_apostrophe(value: str) -> None:
    assert cell(value) == "'" + value


@pytest.mark.parametrize(
    "value", ["", "Ada", "+12025550123", "-5", "-5.25", "12", "O'Brien", "a=b", "2024-01-10T09:00:00Z"]
)
def test_text_and_plain_numbers_are_written_as_they_are(value: str) -> None:
    assert cell(value) == value


@given(st.text())
def test_no_cell_begins_as_a_formula_does_unless_it_is_a_number(value: str) -> None:
    written = cell(value)
    assert written.endswith(value)
    if written.lstrip()[:1] in tuple("=+-@") or written[:1] in ("\t", "\r", "\n"):
        float(written)
