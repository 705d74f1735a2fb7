"""Every shape of a row (:mod:`worker.store.shapes`) against what PostgreSQL says of its statement's columns."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import pytest
from sqlalchemy import ClauseElement, Connection, text
from sqlalchemy.dialects.postgresql import psycopg

import worker.store
from worker.store.crm import staged_numbers, staging
from worker.store.reads import exports
from worker.store.shapes import SHAPES, Shape

for _module in pkgutil.walk_packages(worker.store.__path__, "worker.store."):
    if ".migrations." not in _module.name:
        importlib.import_module(_module.name)

READ_AS: Mapping[str, type] = {
    "bool": bool, "int2": int, "int4": int, "int8": int, "float4": float, "float8": float, "numeric": Decimal,
    "text": str, "varchar": str, "timestamptz": datetime, "date": date, "time": time, "interval": timedelta,
    "bytea": bytes,
}  # fmt: skip
"""PostgreSQL's type → what the driver reads a value of it as."""


@dataclass(frozen=True)
class Column:
    """A column as PostgreSQL describes it; ``may_be_null`` where it is a column of a table, else ``None``."""

    type_oid: int
    may_be_null: bool | None


def _describe(conn: Connection, statement: ClauseElement) -> dict[str, Column]:
    """Have PostgreSQL prepare the statement, and ask what it returns; it is not executed."""
    compiled = statement.compile(dialect=psycopg.dialect())
    numbers = {name: f"${n}" for n, name in enumerate(compiled.params, 1)}
    sql = re.sub(r"%\((\w+)\)s", lambda found: numbers[found[1]], str(compiled)).replace("%%", "%")
    pg = conn.connection.driver_connection.pgconn
    for result in (pg.prepare(b"shape", sql.encode()), described := pg.describe_prepared(b"shape")):
        assert not result.error_message, result.error_message.decode()
    conn.execute(text("DEALLOCATE shape"))
    return {
        described.fname(i).decode(): Column(
            described.ftype(i), _may_be_null(conn, described.ftable(i), described.ftablecol(i))
        )
        for i in range(described.nfields)
    }


def _may_be_null(conn: Connection, table: int, column: int) -> bool | None:
    question = text("SELECT NOT attnotnull FROM pg_attribute WHERE attrelid = :table AND attnum = :column")
    return conn.execute(question, {"table": table, "column": column}).scalar() if table else None


def _fits(conn: Connection, hint: Any, type_oid: int) -> bool:
    """Whether a value that the driver reads is one of the type hinted; of JSON anything may be expected."""
    name, kind, element = conn.execute(
        text("SELECT typname, typtype, typelem FROM pg_type WHERE oid = :oid"), {"oid": type_oid}
    ).one()
    if name in ("json", "jsonb"):
        return True
    if name.startswith("_"):
        return get_origin(hint) is list and _fits(conn, get_args(hint)[0], element)
    return bool(hint is (str if kind == "e" else READ_AS[name]))


def _without_none(hint: Any) -> tuple[Any, bool]:
    """The hint without ``None``, and whether that was in it."""
    if get_origin(hint) not in (Union, UnionType):
        return hint, False
    rest = [each for each in get_args(hint) if each is not NoneType]
    return rest[0] if len(rest) == 1 else rest, len(rest) < len(get_args(hint))


def _may_lack_rows(statement: ClauseElement) -> bool:
    """Whether columns that are never NULL in their table may be NULL here, or are of several tables."""
    return bool(re.search(r"\b(LEFT|FULL|UNION)\b", str(statement)))


@pytest.fixture
def session(conn: Connection) -> Connection:
    """A session with the temporary tables that some statements are about."""
    exports.find_latest(conn, "camp_of_nobody")
    staging.create(conn)
    staging.fold(conn, "team_of_nobody", exported=False, external=False)
    staged_numbers.create(conn)
    return conn


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: f"{shape.row.__module__}.{shape.row.__name__}")
def test_a_shape_is_what_postgresql_says_of_its_statement(session: Connection, shape: Shape) -> None:
    columns = _describe(session, shape.statement)
    hints = get_type_hints(shape.row)
    assert hints.keys() <= columns.keys(), f"not returned: {hints.keys() - columns.keys()}"
    assert shape.never_null <= hints.keys()
    for name, hint in hints.items():
        bare, allows_none = _without_none(hint)
        column = columns[name]
        assert _fits(session, bare, column.type_oid), f"{name} is no {bare}"
        if column.may_be_null and name not in shape.never_null:
            assert allows_none, f"{name} may be NULL"
        if column.may_be_null is False and not _may_lack_rows(shape.statement):
            assert not allows_none, f"{name} is never NULL"


STORE = Path(worker.store.__path__[0])


@pytest.mark.parametrize(
    "path", sorted([*STORE.glob("*.py"), *(STORE.parent / "flow").glob("*.py")]), ids=lambda p: p.stem
)
def test_no_row_without_a_shape_leaves_the_engines_store(path: Path) -> None:
    assert "Row[Any]" not in path.read_text()
