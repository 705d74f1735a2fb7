"""Teams: found by what people call them, and listed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, or_, select

from worker.store import records
from worker.store.tables import teams


def named(conn: Connection, id_or_slug: str) -> Row[Any] | None:
    """The team with this id, or else with this slug."""
    either = or_(teams.c.id == id_or_slug, teams.c.slug == id_or_slug)
    return conn.execute(select(teams).where(either).order_by((teams.c.id == id_or_slug).desc())).first()


def page(conn: Connection, *, limit: int, offset: int) -> tuple[int, Sequence[Row[Any]]]:
    """How many teams there are, and a page of them, newest first."""
    return records.page(conn, teams, [], limit=limit, offset=offset)
