"""Teams: found by id or slug, listed, edited."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import Connection, or_, select, update

from worker.store.crm import records
from worker.store.shapes import shaped
from worker.store.tables import phone_numbers, teams


@shaped(select(teams))
class TeamRow(Protocol):
    """Who owns everything else; ``country`` is where numbers without a country code belong, if it was given one."""

    id: str
    slug: str
    name: str
    max_concurrent_calls: int
    country: str | None
    policy: Mapping[str, Any]
    created_at: datetime


def named(conn: Connection, id_or_slug: str) -> TeamRow | None:
    """The team with this id, or else with this slug."""
    either = or_(teams.c.id == id_or_slug, teams.c.slug == id_or_slug)
    return conn.execute(select(teams).where(either).order_by((teams.c.id == id_or_slug).desc())).first()


def page(conn: Connection, *, limit: int, offset: int) -> tuple[int, Sequence[TeamRow]]:
    """How many teams there are, and a page of them, newest first."""
    return records.page(conn, teams, [], limit=limit, offset=offset)


def country(conn: Connection, team_id: str) -> str | None:
    """The country the team was given."""
    return conn.execute(select(teams.c.country).where(teams.c.id == team_id)).scalar()


def caller_ids(conn: Connection, team_id: str, *, most: int = 1000) -> Sequence[str]:
    """The team's own numbers, ``most`` of them."""
    numbers = select(phone_numbers.c.number).where(phone_numbers.c.team_id == team_id)
    return conn.execute(numbers.order_by(phone_numbers.c.number).limit(most)).scalars().all()


def edit(conn: Connection, team_id: str, changes: Mapping[str, Any]) -> TeamRow | None:
    """Set these columns, one at least; the team as it is then, or ``None`` if there is none with this id."""
    change = update(teams).where(teams.c.id == team_id).values(records.merged(teams, changes))
    return conn.execute(change.returning(teams)).first()
