"""Which server holds the database, and what another one in its place may have lost.

The guarantee that nobody is called twice is a committed row: ``dialing`` is written before the request leaves. A
standby that takes over may lack the last commits of the server it replaces, unless these waited for it
(``synchronous_standby_names``). Then a call rings that the rows know nothing of, and its contact seems to wait.

So the row of ``database_server`` names the server, and the claim and the commit of ``dialing`` look whether it is this
one. Another timeline or another cluster is a failover, or a restored backup: nothing is committed there before a tick
has noticed it, and where commits had waited for no standby, nothing until every call placed just before has provably
ended. Whoever knows better lifts that.

Not guaranteed: a server that crashes and comes back *as itself* without its last commits (``fsync`` or
``synchronous_commit`` off) looks like one that lost nothing; that is why doctor looks at both.
"""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from sqlalchemy import Connection, text

from worker.store.instants import jumped
from worker.store.shapes import shaped

_HELD_UNTIL = f"s.held_until + {jumped('s.clock_jump', 's.failed_over_at')} * interval '1 second'"

IS_NOT_HELD = f"""NOT EXISTS (
    SELECT FROM database_server s LEFT JOIN dialer_server() AS here ON true
    WHERE here.system_identifier <> s.system_identifier OR here.timeline <> s.timeline
       OR {_HELD_UNTIL} > clock_timestamp())"""
"""Whether calls may be placed as far as the server goes: it is the one that was noted, or nobody knows, and nothing
is held back. Looked at once a statement."""

_WAITS_FOR_STANDBY = """(current_setting('synchronous_standby_names') <> ''
    AND current_setting('synchronous_commit') IN ('on', 'remote_apply', 'remote_write'))"""

_IS_ANOTHER = "(s.system_identifier, s.timeline) <> (excluded.system_identifier, excluded.timeline)"

NOTICE = text(f"""
INSERT INTO database_server AS s (system_identifier, timeline, is_synchronous)
SELECT here.system_identifier, here.timeline, {_WAITS_FOR_STANDBY} FROM dialer_server() AS here
WHERE NOT EXISTS (   -- or the row is locked, and that is written, by every tick
    SELECT FROM database_server o
    WHERE (o.system_identifier, o.timeline, o.is_synchronous)
        = (here.system_identifier, here.timeline, {_WAITS_FOR_STANDBY}))
ON CONFLICT (only_row) DO UPDATE
SET system_identifier = excluded.system_identifier, timeline = excluded.timeline,
    is_synchronous = excluded.is_synchronous,
    failed_over_at = CASE WHEN {_IS_ANOTHER} THEN clock_timestamp() ELSE s.failed_over_at END,
    held_until = CASE WHEN {_IS_ANOTHER} AND NOT s.is_synchronous
                      THEN clock_timestamp() + (:overhead + :callee / dialer_speed()) * interval '1 second'
                      ELSE s.held_until END,
    clock_jump = CASE WHEN {_IS_ANOTHER} THEN coalesce((SELECT max(number) FROM clock_jumps), 0)
                      ELSE s.clock_jump END
WHERE {_IS_ANOTHER} OR s.is_synchronous <> excluded.is_synchronous
RETURNING failed_over_at, held_until
""")

LIFT = text("UPDATE database_server SET held_until = NULL WHERE held_until IS NOT NULL RETURNING failed_over_at")

STANDING = text(f"""
SELECT clock_timestamp() AS read_at, s.failed_over_at,
       {_HELD_UNTIL} AS held_until, coalesce({_HELD_UNTIL} > clock_timestamp(), false) AS is_held,
       here.timeline IS NOT NULL AS is_known,
       (here.system_identifier, here.timeline) IS DISTINCT FROM (s.system_identifier, s.timeline) AS is_another
FROM database_server s LEFT JOIN dialer_server() AS here ON true
""")

SETTINGS = text("""
SELECT current_setting('synchronous_commit') AS synchronous_commit,
       current_setting('synchronous_standby_names') AS standby_names,
       current_setting('fsync') = 'on' AND current_setting('full_page_writes') = 'on' AS is_durable,
       (SELECT count(*) FROM pg_stat_replication) AS standbys
""")


@shaped(NOTICE)
class NoticedServer(Protocol):
    """Since when another server is in the place of the one before, ``None`` when one was noted for the first time; and
    until when nothing is dialed for it: as long as a call can last that was placed just before."""

    failed_over_at: datetime | None
    held_until: datetime | None


@shaped(STANDING)
class ServerStanding(Protocol):
    """The server that was noted: since when it is in the place of another, until when calls are held back for that,
    whether they are now; whether it is known at all which server this is, and whether it is another than that."""

    read_at: datetime
    failed_over_at: datetime | None
    held_until: datetime | None
    is_held: bool
    is_known: bool
    is_another: bool


@shaped(SETTINGS)
class CommitSettings(Protocol):
    """What decides which commits a failure of the server may lose; ``standbys`` that stream from it now (0 too where
    this role may not see them)."""

    synchronous_commit: str
    standby_names: str
    is_durable: bool
    standbys: int


def notice(conn: Connection, *, overhead_seconds: float, callee_seconds: float) -> NoticedServer | None:
    """Note which server this is; ``None`` where nothing has changed."""
    return conn.execute(NOTICE, {"overhead": overhead_seconds, "callee": callee_seconds}).first()


def lift(conn: Connection) -> bool:
    """Let calls be placed again after a failover; whether they were held back."""
    return conn.execute(LIFT).first() is not None


def standing(conn: Connection) -> ServerStanding | None:
    """The server that was noted; ``None`` before the first tick."""
    return conn.execute(STANDING).first()


def settings(conn: Connection) -> CommitSettings:
    """What decides which commits a failure of the server may lose."""
    return conn.execute(SETTINGS).one()
