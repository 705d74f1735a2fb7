"""The plain tables of a team — companies, assistants, carrier accounts, numbers, contacts, teams' lists — and the
verbs they all share: written, read, listed newest first, edited. What is more than plain stands with its noun.

A row is found by its id *and* its team: another team's row is not there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import ColumnElement, Connection, Row, Table, func, select, text, update
from sqlalchemy.dialects.postgresql import insert

from worker.store.tables import MERGED

NOW = text("SELECT clock_timestamp()")
A_WHILE = timedelta(minutes=1)
"""Longer than a transaction takes."""


def add(conn: Connection, table: Table, values: Mapping[str, Any]) -> Row[Any] | None:
    """Write one row; ``None`` if the team has it already, by its id or by whatever else is unique."""
    new = {name: _without_none(value) if _is_merged(table, name) else value for name, value in values.items()}
    return conn.execute(insert(table).values(new).on_conflict_do_nothing().returning(table)).first()


def get(conn: Connection, table: Table, team_id: str, row_id: str) -> Row[Any] | None:
    """The team's row with this id."""
    return conn.execute(select(table).where(table.c.id == row_id, table.c.team_id == team_id)).first()


def missing(conn: Connection, table: Table, team_id: str, row_ids: Sequence[str]) -> list[str]:
    """Those of the ids the team has no row with."""
    known = select(table.c.id).where(table.c.team_id == team_id, table.c.id.in_(row_ids))
    found = set(conn.execute(known).scalars()) if row_ids else set()
    return [row_id for row_id in row_ids if row_id not in found]


def page(
    conn: Connection,
    table: Table,
    where: Sequence[ColumnElement[bool]],
    *,
    limit: int,
    offset: int,
) -> tuple[int, Sequence[Row[Any]]]:
    """How many rows match, and ``limit`` of them after ``offset``, newest first."""
    count = conn.execute(select(func.count()).select_from(table).where(*where)).scalar_one()
    last = [column.desc() for column in table.primary_key.columns]
    rows = select(table).where(*where).order_by(table.c.created_at.desc(), *last).limit(limit).offset(offset)
    return count, conn.execute(rows).all()


def edit(conn: Connection, table: Table, team_id: str, row_id: str, changes: Mapping[str, Any]) -> Row[Any] | None:
    """Set these columns of the team's row; the row as it is then, or ``None`` if the team has none with this id."""
    if not changes:
        return get(conn, table, team_id, row_id)
    change = update(table).where(table.c.id == row_id, table.c.team_id == team_id).values(merged(table, changes))
    return conn.execute(change.returning(table)).first()


def merged(table: Table, changes: Mapping[str, Any]) -> dict[str, Any]:
    """The values to set: of a column whose keys are fields of their own, only those that are given change."""
    return {
        name: func.jsonb_strip_nulls(table.c[name].concat(value)) if _is_merged(table, name) else value
        for name, value in changes.items()
    }


def now(conn: Connection) -> datetime:
    """The server's clock."""
    return cast(datetime, conn.execute(NOW).scalar_one())


def read_at(conn: Connection) -> datetime:
    """From when on to read a list the next time for what has changed: a minute ago, for what was just being written."""
    return now(conn) - A_WHILE


def _is_merged(table: Table, column: str) -> bool:
    return MERGED in table.c[column].info


def _without_none(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}
