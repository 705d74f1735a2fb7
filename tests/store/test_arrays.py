"""What is written as an array arrives as it was."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from worker.domain.errors import Broken
from worker.store.database import once

WORDS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
INSTANTS = st.datetimes(*(datetime(year, 6, 1) for year in (1, 9998)), timezones=st.just(UTC))  # noqa: DTZ001  # as hypothesis wants its bounds
KINDS = {
    "text": WORDS,
    "integer": st.integers(-(2**31), 2**31 - 1),
    "double precision": st.floats(allow_nan=False),
    "boolean": st.booleans(),
    "timestamptz": INSTANTS,
}


def back(engine: Engine, kind: str, values: list[Any]) -> list[Any]:
    """The values as PostgreSQL read them."""
    asked = text(f"SELECT CAST(:values AS {kind}[])")
    found: list[Any] = once(engine, lambda conn: conn.execute(asked, {"values": values}).scalar_one())
    return found


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_list_comes_back_as_it_was(engine: Engine, kind: str, data: st.DataObject) -> None:
    values = data.draw(st.lists(st.none() | KINDS[kind], max_size=8))
    assert back(engine, kind, values) == values


@pytest.mark.parametrize(
    "values",
    [[], [""], [None], ["", ""], ['"', "\\"], ['","'], ["{}", "a,b", " x "], ["NULL", None, "null"], ["a"] * 30],
)
def test_words_that_mean_something_in_a_literal_mean_nothing(engine: Engine, values: list[Any]) -> None:
    assert back(engine, "text", values) == values


def test_whole_numbers_may_stand_among_others(engine: Engine) -> None:
    assert back(engine, "double precision", [30, 1.5, None, -0.25]) == [30.0, 1.5, None, -0.25]


def test_what_postgresql_cannot_keep_is_refused_and_not_cut_off(engine: Engine) -> None:
    for values in (["a\0b"], ["a\0b", None], ["\0", "\0"]):
        with pytest.raises(Broken, match="DataError"):
            back(engine, "text", values)


def test_a_list_of_something_else_is_our_mistake(engine: Engine) -> None:
    with pytest.raises(TypeError, match="dict"):
        back(engine, "jsonb", [{"a": 1}, {}])
