"""Where contacts may be, computed anew for all of a team, and by which tables that was done last."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from sqlalchemy import Connection, text

from worker.domain.whereabouts import PLACED_BY
from worker.store.crm.contacts import Whereabouts
from worker.store.shapes import shaped

_COLUMNS = ", ".join(f"k.{column}" for column in PLACED_BY)
SLICE = text(f"""
SELECT k.id, {_COLUMNS}, k.place FROM contacts k
WHERE k.team_id = :team AND k.id > :after ORDER BY k.id LIMIT :most
""")
TEAMS = text("SELECT id FROM teams ORDER BY id")
VERSION = text("SELECT version FROM place_tables")
NOTE_VERSION = text("""
INSERT INTO place_tables (version) VALUES (:version)
ON CONFLICT (only_row) DO UPDATE SET version = excluded.version, noted_at = clock_timestamp()
""")
ANY_UNPLACED = text("SELECT EXISTS (SELECT FROM contacts WHERE place = '' AND phone_e164 IS NOT NULL)")


@shaped(SLICE)
class PlacedContact(Whereabouts, Protocol):
    """What says where a contact is, and the place that was computed of it."""


def of_team(conn: Connection, team_id: str, *, after: str, most: int) -> Sequence[PlacedContact]:
    """Contacts of the team behind ``after`` (an id), in the order of their ids; none is locked."""
    return conn.execute(SLICE, {"team": team_id, "after": after, "most": most}).all()


def teams(conn: Connection) -> list[str]:
    """All teams."""
    return list(conn.execute(TEAMS).scalars())


def version(conn: Connection) -> str | None:
    """The version of the tables by which all contacts were placed last; ``None`` where that was never done at once."""
    found: str | None = conn.execute(VERSION).scalar_one_or_none()
    return found


def note_version(conn: Connection, version: str) -> None:
    """All contacts are placed by these tables now."""
    conn.execute(NOTE_VERSION, {"version": version})


def any_unplaced(conn: Connection) -> bool:
    """Whether a contact with a number has no place: nothing is known of it, or none was computed yet."""
    found: bool = conn.execute(ANY_UNPLACED).scalar_one()
    return found
