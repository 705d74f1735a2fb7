"""Counters: totals plus the deltas that the tick has not yet rolled up. Nobody updates a hot row.

The deltas of contacts are written by a trigger of the statement that moves the contacts, those of calls by
the statement that ends them (:func:`worker.store.moves.advance`); this module only adds up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, text

COLUMNS = (
    "total", "pending", "queued", "calling", "completed", "exhausted", "failed", "skipped", "cancelled",
    "called", "answered", "finished",
)  # fmt: skip

_SUMS = ", ".join(f"sum({c}) AS {c}" for c in COLUMNS)
_ADDED = ", ".join(f"{c} = t.{c} + excluded.{c}" for c in COLUMNS)
_NAMES = ", ".join(COLUMNS)

ROLL_UP = text(f"""
WITH old AS MATERIALIZED (
    DELETE FROM counter_deltas WHERE id = ANY(ARRAY(   -- not IN: joined to itself on stale statistics it costs n × n
        SELECT id FROM counter_deltas ORDER BY id LIMIT :most FOR UPDATE SKIP LOCKED))
    RETURNING *),
ended AS (
    INSERT INTO disposition_totals AS t (campaign_id, disposition, calls)
    SELECT campaign_id, disposition, count(*) FROM old WHERE call_id IS NOT NULL GROUP BY campaign_id, disposition
    ON CONFLICT (campaign_id, disposition) DO UPDATE SET calls = t.calls + excluded.calls),
turned AS (
    INSERT INTO campaign_totals AS t (campaign_id, {_NAMES})
    SELECT campaign_id, {_SUMS} FROM old WHERE call_id IS NULL GROUP BY campaign_id
    ON CONFLICT (campaign_id) DO UPDATE SET {_ADDED})
SELECT count(*) FROM old
""")

READ = text(f"""
SELECT campaign_id, {_SUMS} FROM (
    SELECT campaign_id, {_NAMES} FROM campaign_totals WHERE campaign_id = ANY(:ids)
    UNION ALL SELECT campaign_id, {_NAMES} FROM counter_deltas WHERE campaign_id = ANY(:ids)) AS parts
GROUP BY campaign_id
""")

DISPOSITIONS = text("""
SELECT disposition, sum(calls) AS calls FROM (
    SELECT disposition, calls FROM disposition_totals WHERE campaign_id = :id
    UNION ALL SELECT disposition, 1 FROM counter_deltas WHERE campaign_id = :id AND call_id IS NOT NULL) AS parts
GROUP BY disposition ORDER BY disposition
""")


def roll_up(conn: Connection, *, most: int = 10_000) -> int:
    """Add up to ``most`` deltas to their totals and forget them; returns how many."""
    return int(conn.execute(ROLL_UP, {"most": most}).scalar_one())


def read(conn: Connection, campaign_ids: Sequence[str]) -> dict[str, dict[str, int]]:
    """Campaign → count by name (see :data:`COLUMNS`); a campaign that never had a contact reads all zero."""
    counts = {campaign: dict.fromkeys(COLUMNS, 0) for campaign in campaign_ids}
    for row in conn.execute(READ, {"ids": list(campaign_ids)}).mappings():
        counts[row["campaign_id"]] = {name: int(row[name] or 0) for name in COLUMNS}
    return counts


def dispositions(conn: Connection, campaign_id: str) -> Mapping[str, int]:
    """How the campaign's calls ended: disposition → calls."""
    return {row.disposition: int(row.calls) for row in conn.execute(DISPOSITIONS, {"id": campaign_id})}
