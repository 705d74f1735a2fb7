"""Who holds an old snapshot: a transaction somebody left open, a backup, a prepared transaction, a standby.

PostgreSQL keeps every version of a row that the oldest snapshot may still see. Each call writes some, of itself, of its
contact and of its events, and what a tick asks of all live calls, of events and of contacts that wait reads over those
of calls that have long ended: milliseconds more for every thousand of them. (A claim counts the team's live calls from
a mark on that moves, ``teams.live_from``, and reads over few.)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from sqlalchemy import Connection, text

from worker.store.shapes import shaped

# A session of another user shows nothing of this to one without pg_read_all_stats, nor that it is there for this.
HELD = text("""
SELECT * FROM (
    SELECT 'session' AS kind, coalesce(nullif(application_name, ''), backend_type) AS name, CAST(pid AS text) AS handle,
           CAST(usename AS text) AS owner, coalesce(host(client_addr), 'this machine') AS place, state,
           extract(epoch FROM clock_timestamp() - xact_start)::float AS seconds,
           greatest(age(backend_xmin), age(backend_xid)) AS transactions
    FROM pg_stat_activity
    WHERE (backend_xmin IS NOT NULL OR backend_xid IS NOT NULL) AND pid <> pg_backend_pid()
      AND (datname = current_database() OR datname IS NULL) AND backend_type NOT LIKE 'autovacuum%'
    UNION ALL
    SELECT 'prepared', gid, quote_literal(gid), CAST(owner AS text), database, 'prepared',
           extract(epoch FROM clock_timestamp() - prepared)::float, age(transaction)
    FROM pg_prepared_xacts WHERE database = current_database()
    UNION ALL
    SELECT 'slot', slot_name, quote_literal(slot_name), '', '', CASE WHEN active THEN 'active' ELSE 'unused' END,
           NULL, age(xmin)
    FROM pg_replication_slots WHERE xmin IS NOT NULL) AS held
ORDER BY transactions DESC, seconds DESC NULLS LAST LIMIT :most
""")

UNSEEN = text("""
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND usename <> current_user AND NOT pg_has_role('pg_read_all_stats', 'USAGE')
""")


@shaped(HELD)
class HeldSnapshot(Protocol):
    """Of what ``kind`` its holder is (session, prepared, slot), its ``name`` and by what ``handle`` it is ended, who
    owns it and from where, its ``state``, for how many ``seconds`` (``None``: not known) and over how many
    ``transactions`` of others it has been held."""

    kind: str
    name: str
    handle: str
    owner: str | None
    place: str
    state: str | None
    seconds: float | None
    transactions: int


def held(conn: Connection, *, most: int = 5) -> Sequence[HeldSnapshot]:
    """Those that keep the oldest versions first."""
    return conn.execute(HELD, {"most": most}).all()


def unseen(conn: Connection) -> int:
    """How many sessions of other users there are that this one may not see."""
    count: int = conn.execute(UNSEEN).scalar_one()
    return count
