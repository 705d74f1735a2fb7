"""What is kept of news, and for how long: in number what is of no call of ours, in age what was received.

Whoever has a key, or has found one, can send news of calls that nobody knows. What a carrier said of our own calls
stays as long as the call; the body it said it in (``raw``) is for looking into things, and is cleared after some weeks.
Both are done by the tick, a small batch at a time, so that a flood costs its own rows and holds nobody up.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from sqlalchemy import Connection, text

from worker.store.instants import age
from worker.store.shapes import shaped

DROPPED_AT_ONCE = 1000
CLEARED_AT_ONCE = 500

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

IGNORED = text(f"""
WITH kept AS (
    SELECT carrier, outcome, count(*) AS kept, min(received_at) AS since, max(received_at) AS last_at,
           sum(pg_column_size(raw))::bigint AS bytes
    FROM call_events WHERE outcome IN ('unknown_token', 'foreign') GROUP BY carrier, outcome)
SELECT carrier::text, outcome, coalesce(kept, 0) AS kept, coalesce(kept, 0) + coalesce(dropped, 0) AS seen,
       coalesce(bytes, 0) AS bytes, least(k.since, d.since) AS since,
       {age("last_at")} AS age_seconds
FROM kept k FULL JOIN news_dropped d USING (carrier, outcome) ORDER BY carrier, outcome
""")


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
    age_seconds: float | None


def drop(conn: Connection, *, kept: int, days: int) -> None:
    """Delete of the news that is of no call of ours, by carrier and kind, some of what is older than ``days`` or not
    among the newest ``kept``."""
    conn.execute(DROP, {"kept": kept, "days": days, "most": DROPPED_AT_ONCE})


def clear(conn: Connection, *, days: int) -> None:
    """Clear what was received of some of the settled events that are older than ``days``; the next oldest are next."""
    conn.execute(CLEAR, {"days": days, "most": CLEARED_AT_ONCE})


def ignored(conn: Connection) -> Sequence[IgnoredNews]:
    """The news of no call of ours, by carrier and outcome."""
    return conn.execute(IGNORED).all()
