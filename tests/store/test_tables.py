"""``worker.store.tables`` and ``schema.sql`` say the same, so that neither can drift from the other."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Column, Engine, MetaData, Table
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import ENUM

from worker.dev.stack import Stack
from worker.store.database import open_database
from worker.store.tables import metadata

MADE_BY_MIGRATE = "schema_migrations"
FOR_OLDER_WORKERS = {("assistants", "telnyx_assistant_id")}
"""Columns that nobody here reads or writes any more; triggers keep them in step with what took their place."""
DIALECT = postgresql.dialect()


@pytest.fixture(scope="module")
def reflected(stack: Stack, template: str) -> MetaData:
    """The tables that ``schema.sql`` makes, read back from the database."""
    engine: Engine = open_database(stack.postgres.url_of(template), pool_size=1)
    found = MetaData()
    found.reflect(engine)
    engine.dispose()  # or the template could not be cloned
    return found


def test_every_table_is_described_and_none_besides(reflected: MetaData) -> None:
    assert set(metadata.tables) == set(reflected.tables) - {MADE_BY_MIGRATE}


@pytest.mark.parametrize("name", sorted(metadata.tables))
def test_a_table_is_described_as_schema_sql_makes_it(name: str, reflected: MetaData) -> None:
    described, real = metadata.tables[name], reflected.tables[name]
    kept = [c for c in real.columns if (name, c.name) not in FOR_OLDER_WORKERS]
    assert [_column(c) for c in described.columns] == [_column(c) for c in kept]
    assert {c.name for c in described.primary_key} == {c.name for c in real.primary_key}
    assert _foreign_keys(described) == _foreign_keys(real)


def _column(column: Column[Any]) -> tuple[str, str, tuple[str, ...], bool, bool]:
    """Name, type, the values of an enum in their order, whether it may be NULL, whether the database counts it. A
    carrier's name is text to us: which there are, the registry says."""
    kind = column.type.compile(dialect=DIALECT)
    values = tuple(column.type.enums) if isinstance(column.type, ENUM) and kind != "carrier" else ()
    return column.name, kind, values, bool(column.nullable), column.identity is not None


def _foreign_keys(table: Table) -> set[frozenset[tuple[str, str]]]:
    """Each key as its pairs of (column here, table.column there)."""
    return {
        frozenset((element.parent.name, element.target_fullname) for element in constraint.elements)
        for constraint in table.foreign_key_constraints
    }
