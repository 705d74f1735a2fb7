"""Teams: who owns everything else."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row

from worker.domain.errors import NotFound, Refused
from worker.flow.base import Dialer
from worker.store import teams
from worker.store.database import once

MOST_NAMED = 20
"""How many teams are named to one who must choose."""


def choose_team(dialer: Dialer, named: str | None) -> Row[Any]:
    """The team with this id or slug; with ``None`` the only one. Raises :class:`NotFound`, or :class:`Refused`
    where there is none or more than one to choose from."""
    if named is not None:
        row = once(dialer.db, lambda conn: teams.named(conn, named))
        if row is None:
            raise NotFound("team", named, mend="dialer teams list shows the ids and slugs there are")
        return row
    count, rows = once(dialer.db, lambda conn: teams.page(conn, limit=MOST_NAMED, offset=0))
    if count == 1:
        return rows[0]
    if not rows:
        raise Refused("There is no team yet; make one with: dialer teams add --slug my-team --name 'My team'")
    slugs = ", ".join(row.slug for row in rows)
    raise Refused(f"There are {count} teams; say which with --team: {slugs}{', …' if count > len(rows) else ''}.")
