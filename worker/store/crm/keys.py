"""Bearer keys: written, found at every request, noted as used, revoked."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from sqlalchemy import Connection, text

from worker.store.instants import has_waited
from worker.store.shapes import shaped

_SHOWN = "id, team_id, name, role, created_at, last_used_at, revoked_at"

INSERT = text(f"""
INSERT INTO api_keys (id, team_id, name, role, secret_sha256)
SELECT :id, id, :name, :role, :secret_sha256 FROM teams WHERE id = :team
RETURNING {_SHOWN}
""")

_IS_USE_STALE = f"(last_used_at IS NULL OR {has_waited('last_used_at', '60')})"

FIND = text(f"""
SELECT id, team_id, role, secret_sha256, revoked_at IS NOT NULL AS is_revoked,
       {_IS_USE_STALE} AS is_use_stale
FROM api_keys WHERE id = :id
""")

USED = text(f"""
UPDATE api_keys SET last_used_at = clock_timestamp()
WHERE id = :id AND {_IS_USE_STALE}
""")

REVOKE = text(f"""
UPDATE api_keys SET revoked_at = coalesce(revoked_at, clock_timestamp()) WHERE id = :id AND team_id = :team
RETURNING {_SHOWN}
""")

HOLD = text("SELECT id FROM api_keys WHERE id = :id FOR UPDATE")

OF_TEAM = text(f"SELECT {_SHOWN} FROM api_keys WHERE team_id = :team ORDER BY created_at DESC, id DESC")


@shaped(INSERT, REVOKE, OF_TEAM)
class KeyRow(Protocol):
    """A bearer key, without what it is known by."""

    id: str
    team_id: str
    name: str
    role: str
    created_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None


@shaped(FIND)
class KeyToCheck(Protocol):
    """A bearer key with the digest of its secret, and whether its last use was noted over a minute ago."""

    id: str
    team_id: str
    role: str
    secret_sha256: bytes
    is_revoked: bool
    is_use_stale: bool


def insert(conn: Connection, key_id: str, team_id: str, name: str, role: str, secret_sha256: bytes) -> KeyRow | None:
    """Write a key; ``None`` if there is no such team."""
    values = {"id": key_id, "team": team_id, "name": name, "role": role, "secret_sha256": secret_sha256}
    return conn.execute(INSERT, values).first()


def find(conn: Connection, key_id: str) -> KeyToCheck | None:
    """The key with this id."""
    return conn.execute(FIND, {"id": key_id}).first()


def used(conn: Connection, key_id: str) -> None:
    """Note the use, at most once a minute, so that a busy key does not write at every request."""
    conn.execute(USED, {"id": key_id})


def hold(conn: Connection, key_id: str) -> bool:
    """Keep others who act by this key waiting, where they ask for this, until the transaction ends; whether there is
    such a key."""
    return conn.execute(HOLD, {"id": key_id}).first() is not None


def revoke(conn: Connection, key_id: str, team_id: str) -> KeyRow | None:
    """Revoke the key, now or already; ``None`` if the team has none with this id."""
    return conn.execute(REVOKE, {"id": key_id, "team": team_id}).first()


def of_team(conn: Connection, team_id: str) -> Sequence[KeyRow]:
    """The team's keys, newest first, revoked ones too."""
    return conn.execute(OF_TEAM, {"team": team_id}).all()
