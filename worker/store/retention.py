"""What is kept, and for how long: in number what is of no call of ours, in age what was received and what is over.

Whoever has a key, or has found one, can send news of calls that nobody knows. What a carrier said of our own calls
stays no longer than the call; the body it said it in (``raw``) is for looking into things, and is cleared after some
weeks. Calls (:mod:`worker.store.past_calls`), events and the audit log are kept for as many days as a deployment says,
for good where it says nothing. All of it is done by the tick, a small batch at a time, so that a flood costs its own
rows and holds nobody up.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from sqlalchemy import Connection, text

from worker.store.instants import age, jumped_forward
from worker.store.shapes import shaped

DROPPED_AT_ONCE = 1000
CLEARED_AT_ONCE = 500
DELETED_AT_ONCE = 1000

# Beyond the newest so many of a carrier and kind, or too old: the oldest go first. Most of the time there is none.
DROP = text("""
WITH kinds AS MATERIALIZED (
    SELECT k.carrier, k.outcome, (
        SELECT id FROM call_events
        WHERE carrier = k.carrier AND outcome = k.outcome AND outcome IN ('unknown_token', 'foreign')
        ORDER BY id DESC OFFSET :kept LIMIT 1) AS newest_beyond
    FROM (SELECT * FROM unnest(enum_range(NULL::carrier)) AS c (carrier)
          CROSS JOIN (VALUES ('unknown_token'), ('foreign')) AS o (outcome)) AS k),
too_many AS MATERIALIZED (
    SELECT e.id FROM kinds k CROSS JOIN LATERAL (
        SELECT id FROM call_events
        WHERE carrier = k.carrier AND outcome = k.outcome AND outcome IN ('unknown_token', 'foreign')
          AND id <= k.newest_beyond
        ORDER BY id LIMIT :most) AS e
    WHERE k.newest_beyond IS NOT NULL),
too_old AS MATERIALIZED (
    SELECT e.id FROM kinds k CROSS JOIN LATERAL (
        SELECT id, received_at FROM call_events
        WHERE carrier = k.carrier AND outcome = k.outcome AND outcome IN ('unknown_token', 'foreign')
        ORDER BY id LIMIT 100) AS e
    WHERE e.received_at < clock_timestamp() - :days * interval '1 day'),
gone AS (
    DELETE FROM call_events WHERE id = ANY(ARRAY(SELECT id FROM too_many UNION SELECT id FROM too_old))
    RETURNING carrier, outcome, received_at)
INSERT INTO news_dropped AS d (carrier, outcome, dropped, since)
SELECT carrier, outcome, count(*), min(received_at) FROM gone GROUP BY carrier, outcome ORDER BY carrier, outcome
ON CONFLICT (carrier, outcome) DO UPDATE SET dropped = d.dropped + excluded.dropped
""")

# Ids rise with time but for moments, so one mark says how far this has come; it stops before the first that is young.
# Where the next one is young, as it is but for moments of the day, it alone is looked at.
CLEAR = text("""
WITH bounds AS MATERIALIZED (
    SELECT coalesce((SELECT through_id FROM news_cleared), 0) AS mark,
           clock_timestamp() - :days * interval '1 day' AS old_before),
looked_at AS MATERIALIZED (
    SELECT id, raw <> '{}' AND outcome IS NOT NULL AS has_raw,
           received_at < (SELECT old_before FROM bounds) AS is_old
    FROM call_events WHERE id > (SELECT mark FROM bounds) ORDER BY id
    LIMIT CASE WHEN (SELECT received_at FROM call_events WHERE id > (SELECT mark FROM bounds) ORDER BY id LIMIT 1)
                    < (SELECT old_before FROM bounds) THEN :most ELSE 0 END),
old AS MATERIALIZED (
    SELECT id, has_raw FROM looked_at
    WHERE id < coalesce((SELECT min(id) FROM looked_at WHERE NOT is_old), 9223372036854775807)),
cleared AS (
    UPDATE call_events SET raw = '{}' WHERE id = ANY(ARRAY(SELECT id FROM old WHERE has_raw)))
INSERT INTO news_cleared (through_id) SELECT max(id) FROM old HAVING count(*) > 0
ON CONFLICT (only_row) DO UPDATE SET through_id = excluded.through_id
""")


def walk(table: str, since: str, *, id_type: str = "text", keeps: str = "false") -> str:
    """The beginning of a statement that deletes from ``table``, a ``t``, by age, in the order of its ids: ``old`` are
    the next rows of which ``since`` is more than ``:days`` ago, at most ``:most`` that were looked at, without those
    that it ``keeps``; what was looked at is marked, and not looked at again.

    Ids rise with time but for moments, so it stops before the first that is young. Where the next one is, as it is but
    for moments of the day, it alone is looked at."""
    # A clock that was set a month forward deletes nothing for it.
    is_old = f"""coalesce({since} + {jumped_forward(since)} * interval '1 second'
                             < clock_timestamp() - :days * interval '1 day', false)"""
    mark = f"(SELECT CAST(through AS {id_type}) FROM mark)"
    return f"""
mark AS MATERIALIZED (
    SELECT coalesce((SELECT through FROM retention_marks WHERE name = '{table}'),
                    '{"" if id_type == "text" else "0"}') AS through),
looked_at AS MATERIALIZED (
    SELECT t.id, {is_old} AS is_old, {keeps} AS stays
    FROM {table} t WHERE t.id > {mark} ORDER BY t.id
    LIMIT CASE WHEN (SELECT {is_old} FROM {table} t WHERE t.id > {mark} ORDER BY t.id LIMIT 1) THEN :most ELSE 0 END),
passed AS MATERIALIZED (
    SELECT id, stays FROM (
        SELECT id, stays, bool_and(is_old) OVER (ORDER BY id) AS is_behind FROM looked_at) AS each
    WHERE is_behind),
old AS MATERIALIZED (SELECT id FROM passed WHERE NOT stays),
marked AS (
    INSERT INTO retention_marks (name, through) SELECT '{table}', CAST(max(id) AS text) FROM passed HAVING count(*) > 0
    ON CONFLICT (name) DO UPDATE SET through = excluded.through)"""


# What waits to be settled stays, what is of no call of ours goes by the rules above; and what is said of calls that
# live, or of which a carrier spoke as alive after their end, is evidence for as long as they are kept.
_KEPT_EVENTS = """(
    t.outcome IS NULL OR t.outcome IN ('unknown_token', 'foreign') OR EXISTS (
        SELECT FROM calls k
        WHERE k.token = t.token AND (k.ended_at IS NULL OR k.late_evidence_at IS NOT NULL)))"""
DELETE_EVENTS = text(f"""
WITH {walk("call_events", "t.received_at", id_type="bigint", keeps=_KEPT_EVENTS)}
DELETE FROM call_events WHERE id = ANY(ARRAY(SELECT id FROM old))
""")
DELETE_AUDIT = text(f"""
WITH {walk("audit_log", "t.at", id_type="bigint")}
DELETE FROM audit_log WHERE id = ANY(ARRAY(SELECT id FROM old))
""")
BEGIN_ANEW = text("DELETE FROM retention_marks")

KEPT_TABLES = ("calls", "call_events", "audit_log", "past_calls", "latest_past_calls")
KEPT = text("""
SELECT CAST(c.relname AS text) AS name, greatest(c.reltuples, 0)::bigint AS rows, pg_total_relation_size(c.oid) AS bytes
FROM pg_class c WHERE c.relnamespace = CAST(current_schema() AS regnamespace) AND c.relname = ANY(:names)
""")

IGNORED = text(f"""
WITH kept AS (
    SELECT carrier, outcome, count(*) AS kept, min(received_at) AS since, max(received_at) AS last_at,
           sum(pg_column_size(raw))::bigint AS bytes
    FROM call_events WHERE outcome IN ('unknown_token', 'foreign') GROUP BY carrier, outcome)
SELECT carrier::text, outcome, coalesce(kept, 0) AS kept, coalesce(kept, 0) + coalesce(dropped, 0) AS seen,
       coalesce(bytes, 0) AS bytes, least(k.since, d.since) AS since, clock_timestamp() AS read_at,
       {age("last_at")} AS age_seconds
FROM kept k FULL JOIN news_dropped d USING (carrier, outcome) ORDER BY carrier, outcome
""")


@shaped(KEPT)
class KeptRows(Protocol):
    """About how many rows a table has, by what was last known of it, and how many ``bytes`` with its indexes."""

    name: str
    rows: int
    bytes: int


@shaped(IGNORED)
class IgnoredNews(Protocol):
    """Of a carrier and outcome: how much news of no call of ours is ``kept`` and was ``seen``, ``since`` when, the
    ``bytes`` of its bodies, and how long ago the last came (``None`` where nothing is kept any more)."""

    carrier: str
    outcome: str
    kept: int
    seen: int
    bytes: int
    since: datetime
    read_at: datetime
    age_seconds: float | None


def drop(conn: Connection, *, kept: int, days: int) -> None:
    """Delete of the news that is of no call of ours, by carrier and kind, some of what is older than ``days`` or not
    among the newest ``kept``."""
    conn.execute(DROP, {"kept": kept, "days": days, "most": DROPPED_AT_ONCE})


def clear(conn: Connection, *, days: int) -> None:
    """Clear what was received of some of the settled events that are older than ``days``; the next oldest are next."""
    conn.execute(CLEAR, {"days": days, "most": CLEARED_AT_ONCE})


def delete_events(conn: Connection, *, days: int) -> int:
    """Delete some of the settled events that are older than ``days``; how many."""
    return conn.execute(DELETE_EVENTS, {"days": days, "most": DELETED_AT_ONCE}).rowcount


def delete_audit(conn: Connection, *, days: int) -> int:
    """Delete some lines of the audit log that are older than ``days``; how many."""
    return conn.execute(DELETE_AUDIT, {"days": days, "most": DELETED_AT_ONCE}).rowcount


def begin_anew(conn: Connection) -> None:
    """Let what goes by its age be looked through from its beginning: for rows that were passed over, because somebody
    had them or they were still evidence."""
    conn.execute(BEGIN_ANEW)


def kept(conn: Connection, names: Sequence[str]) -> Sequence[KeptRows]:
    """How much there is in tables of these names."""
    return conn.execute(KEPT, {"names": list(names)}).all()


def ignored(conn: Connection) -> Sequence[IgnoredNews]:
    """The news of no call of ours, by carrier and outcome."""
    return conn.execute(IGNORED).all()
