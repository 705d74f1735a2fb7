"""Batches say what a statement takes once: in the dataclass."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import pytest
from sqlalchemy import Connection, text

from worker.domain.model import CallState
from worker.store.batches import Batch, BigInt


@dataclass(frozen=True, slots=True)
class Thing:
    """One of each type."""

    id: str
    state: CallState
    at: datetime | None
    count: int = 0
    event: BigInt | None = None
    is_it: bool = False
    seconds: float = 0.0


THINGS = Batch(Thing)


def test_the_fields_name_parameters_and_columns() -> None:
    assert str(THINGS) == (
        "unnest(CAST(:id AS text[]), CAST(:state AS call_state[]), CAST(:at AS timestamptz[]), "
        "CAST(:count AS integer[]), CAST(:event AS bigint[]), CAST(:is_it AS boolean[]), "
        "CAST(:seconds AS double precision[])) AS x (id, state, at, count, event, is_it, seconds)"
    )


def test_things_come_back_as_they_were_bound(conn: Connection) -> None:
    things = [Thing("a", CallState.PLACED, None, 2, 2**40), Thing("b", CallState.ENDED, None, seconds=1.5, is_it=True)]
    rows = conn.execute(text(f"SELECT * FROM {THINGS.numbered} ORDER BY ord"), THINGS.bind(things))
    assert [tuple(row) for row in rows] == [
        ("a", "placed", None, 2, 2**40, False, 0.0, 1),
        ("b", "ended", None, 0, None, True, 1.5, 2),
    ]


def test_no_things_are_no_rows(conn: Connection) -> None:
    assert conn.execute(text(f"SELECT * FROM {THINGS}"), THINGS.bind([])).all() == []


def test_a_field_of_no_type_postgresql_has_is_refused() -> None:
    @dataclass(frozen=True)
    class Odd:
        a: str
        b: complex

    with pytest.raises(KeyError):
        Batch(Odd)
