"""Idempotency keys: taken by one request at a time, answered once, forgotten after a day (machine time).

A request holds its key by the ``taken_at`` it was given. A request that was given up, because it showed no
life for a minute, finds another instant there, and what it then tries to commit is rolled back. One that works in
batches shows life with each; when it is given up, the same request again takes the key with the ``progress`` it had.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import Connection, text

from worker.store.instants import has_waited, jumped_forward
from worker.store.shapes import shaped

GIVEN_UP_AFTER_SECONDS = 60
KEPT_HOURS = 24

_IS_GIVEN_UP = has_waited("coalesce(k.heard_at, k.taken_at)", str(GIVEN_UP_AFTER_SECONDS))
_IS_OLD = f"""k.created_at <= clock_timestamp() - interval '{KEPT_HOURS} hours'
    AND k.created_at <= clock_timestamp() - interval '{KEPT_HOURS} hours'
                        - {jumped_forward("k.created_at")} * interval '1 second'"""
_IS_SAME = "k.method = excluded.method AND k.path = excluded.path AND k.body_sha256 = excluded.body_sha256"
_GOES_ON = f"NOT ({_IS_OLD}) AND k.progress IS NOT NULL"

TAKE = text(f"""
INSERT INTO idempotency_keys AS k (team_id, key, method, path, body_sha256)
VALUES (:team, :key, :method, :path, :body_sha256)
ON CONFLICT (team_id, key) DO UPDATE
SET method = excluded.method, path = excluded.path, body_sha256 = excluded.body_sha256, taken_at = clock_timestamp(),
    heard_at = NULL, status = NULL, response = NULL,
    worked_at = CASE WHEN {_GOES_ON} THEN k.worked_at END, progress = CASE WHEN {_GOES_ON} THEN k.progress END,
    created_at = CASE WHEN {_GOES_ON} THEN k.created_at ELSE clock_timestamp() END
WHERE {_IS_OLD}
   OR (k.status IS NULL AND (k.worked_at IS NULL OR k.progress IS NOT NULL AND {_IS_SAME}) AND {_IS_GIVEN_UP})
RETURNING taken_at AS at, progress
""")

SEEN = text(f"""
SELECT method = :method AND path = :path AND body_sha256 = :body_sha256 AS is_same, status, response,
       worked_at IS NOT NULL AND progress IS NULL AND {_IS_GIVEN_UP} AS is_lost
FROM idempotency_keys k WHERE team_id = :team AND key = :key
""")

HAS_WRITTEN = text("SELECT pg_current_xact_id_if_assigned() IS NOT NULL")

NOTE_WORK = text("""
UPDATE idempotency_keys SET worked_at = coalesce(worked_at, clock_timestamp())
WHERE team_id = :team AND key = :key AND taken_at = :taken_at AND status IS NULL
""")

NOTE_PROGRESS = text("""
UPDATE idempotency_keys
SET progress = CAST(:progress AS jsonb), worked_at = coalesce(worked_at, clock_timestamp()),
    heard_at = clock_timestamp()
WHERE team_id = :team AND key = :key AND taken_at = :taken_at AND status IS NULL
""")

# heard_at is when the request last showed that it is alive.
KEEP_ALIVE = text("""
UPDATE idempotency_keys SET heard_at = clock_timestamp()
WHERE team_id = :team AND key = :key AND taken_at = :taken_at AND status IS NULL
""")

ANSWER = text("""
UPDATE idempotency_keys SET status = :status, response = :response
WHERE team_id = :team AND key = :key AND taken_at = :taken_at AND status IS NULL
""")

FREE = text("""
DELETE FROM idempotency_keys
WHERE team_id = :team AND key = :key AND taken_at = :taken_at AND status IS NULL AND worked_at IS NULL
""")

LEAVE = text("""
UPDATE idempotency_keys SET heard_at = 'epoch'
WHERE team_id = :team AND key = :key AND taken_at = :taken_at AND status IS NULL AND progress IS NOT NULL
""")

PURGE = text(f"""
DELETE FROM idempotency_keys WHERE (team_id, key) IN (
    SELECT team_id, key FROM idempotency_keys k WHERE {_IS_OLD}
    ORDER BY created_at LIMIT :most FOR UPDATE SKIP LOCKED)
""")


@dataclass(frozen=True, slots=True)
class KeyedRequest:
    """A request under a client's key: what makes it the same request when it comes again."""

    team_id: str
    key: str
    method: str
    path: str
    body_sha256: bytes


@dataclass(frozen=True, slots=True)
class TakenKey:
    """A key that is held since ``at``, and the ``progress`` of the request that held it before, where this is the same
    and goes on."""

    at: datetime
    progress: Mapping[str, Any] | None


@shaped(SEEN)
class KeyInUse(Protocol):
    """A key that another request has: whether that is the same one, its answer if it has one, and whether its work is
    done and the answer lost."""

    is_same: bool
    status: int | None
    response: str | None
    is_lost: bool


def take(conn: Connection, request: KeyedRequest) -> TakenKey | None:
    """Take the key, new or given up; ``None`` if another request has it or has answered (see :func:`seen`)."""
    values = {"team": request.team_id, "key": request.key, "method": request.method, "path": request.path}
    row = conn.execute(TAKE, values | {"body_sha256": request.body_sha256}).one_or_none()
    return None if row is None else TakenKey(row.at, row.progress)


def seen(conn: Connection, request: KeyedRequest) -> KeyInUse | None:
    """The request that has the key; ``None`` if the key has just become free."""
    values = {"team": request.team_id, "key": request.key, "method": request.method, "path": request.path}
    return conn.execute(SEEN, values | {"body_sha256": request.body_sha256}).first()


def has_written(conn: Connection) -> bool:
    """Whether this transaction has changed or locked anything so far."""
    return bool(conn.execute(HAS_WRITTEN).scalar_one())


def note_work(conn: Connection, request: KeyedRequest, taken_at: datetime) -> bool:
    """Note, in the transaction that works, that there was work; false if the key was lost to another request."""
    return conn.execute(NOTE_WORK, _held(request, taken_at)).rowcount == 1


def note_progress(conn: Connection, request: KeyedRequest, taken_at: datetime, progress: Mapping[str, Any]) -> bool:
    """Note, in the transaction of a batch, how far the work has come with it; false if the key was lost."""
    values = _held(request, taken_at) | {"progress": json.dumps(dict(progress))}
    return conn.execute(NOTE_PROGRESS, values).rowcount == 1


def keep_alive(conn: Connection, request: KeyedRequest, taken_at: datetime) -> bool:
    """Note that somebody is at it still; false if the key was lost to another request."""
    return conn.execute(KEEP_ALIVE, _held(request, taken_at)).rowcount == 1


def answer(conn: Connection, request: KeyedRequest, taken_at: datetime, status: int, response: str) -> bool:
    """Keep the answer; false if the key was lost to another request."""
    values = _held(request, taken_at) | {"status": status, "response": response}
    return conn.execute(ANSWER, values).rowcount == 1


def free(conn: Connection, request: KeyedRequest, taken_at: datetime) -> None:
    """Let the key go, unless there was work; with how far it has come, where it can go on."""
    conn.execute(FREE, _held(request, taken_at))
    conn.execute(LEAVE, _held(request, taken_at))


def purge(conn: Connection, *, most: int = 10_000) -> int:
    """Forget up to ``most`` keys that are a day old; returns how many. For the tick."""
    return conn.execute(PURGE, {"most": most}).rowcount


def _held(request: KeyedRequest, taken_at: datetime) -> dict[str, Any]:
    return {"team": request.team_id, "key": request.key, "taken_at": taken_at}
