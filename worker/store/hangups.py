"""Calls that are to end at their carriers: which, whether the carrier was told, and who is about to tell it.

A call is marked when nobody wants it any more, told to the carrier while the mark stands alone, and ended by what the
carrier says of it (:mod:`worker.store.calls`), never by the mark. Who tells it has leased the row: nobody else asks
meanwhile, a request that fails lets the next one wait longer, and after so many the trying ends.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, text

from worker.store.breakers import RATE_NOW


@dataclass(frozen=True, slots=True)
class Unmatched:
    """A call at a carrier that none of ours stands for; ``account_id`` where its ``token`` is of a call of ours."""

    carrier: str
    carrier_call_id: str
    token: str
    account_id: str | None


REQUEST_END = text("""
UPDATE calls k SET end_requested_at = clock_timestamp()
FROM campaigns c
WHERE c.id = k.campaign_id AND k.ended_at IS NULL AND k.end_requested_at IS NULL
  AND (k.state IN ('unknown', 'placed')
       AND (c.status IN ('paused', 'cancelled')
            OR k.valid_until + :margin * interval '1 second' <= (SELECT dialer_now()))
       OR k.state <> 'reserved' AND c.status = 'cancelled' AND c.hang_up)
RETURNING k.id
""")

IS_TO_BE_ENDED = """k.end_told_at IS NULL AND k.carrier_call_id IS NOT NULL
  AND (k.ended_at IS NULL AND k.end_requested_at IS NOT NULL
       AND (k.state IN ('unknown', 'placed')   -- who rings or talks by now goes on, but for ...
            OR k.machine_verdict IN ('machine', 'fax') AND k.end_requested_at >= k.answered_at   -- while it talked
            OR c.status = 'cancelled' AND c.hang_up OR k.provable_end_at <= clock_timestamp())
       OR k.late_evidence_at IS NOT NULL)"""
"""Whether the carrier is to be told to end a call ``k`` of a campaign ``c`` and was not yet."""

# A lease holds from when it was taken to its end; where it begins later than now, the clock was moved back.
IS_FREE = "(next_end_at IS NULL OR next_end_at <= clock_timestamp() OR end_tried_at > clock_timestamp())"
LEASE = "end_tried_at = clock_timestamp(), next_end_at = clock_timestamp() + :lease * interval '1 second'"

# Each account's that were tried longest ago; a lease is asked for again under the row's lock.
TAKE = text(f"""
WITH rooms AS MATERIALIZED (
    SELECT * FROM unnest(CAST(:accounts AS text[]), CAST(:rooms AS integer[])) AS x (account, room)),
due AS MATERIALIZED (
    SELECT k.id, k.account_id,
           row_number() OVER (PARTITION BY k.account_id ORDER BY k.end_tried_at NULLS FIRST, k.id) AS nth
    FROM calls k JOIN campaigns c ON c.id = k.campaign_id
    WHERE {IS_TO_BE_ENDED} AND k.end_tries < :tries AND {IS_FREE}),
own AS (
    UPDATE calls k SET {LEASE}
    WHERE k.end_told_at IS NULL AND {IS_FREE} AND k.id = ANY(ARRAY(
        SELECT l.id FROM calls l
        WHERE l.id = ANY(ARRAY(
            SELECT d.id FROM due d
            WHERE d.nth <= coalesce((SELECT r.room FROM rooms r WHERE r.account = d.account_id), :room)))
        ORDER BY l.id FOR NO KEY UPDATE SKIP LOCKED))
    RETURNING k.id, k.team_id, k.token, k.account_id, k.from_number, k.to_number, k.carrier_call_id, k.dialing_at,
              k.end_tries),
unmatched AS (
    UPDATE unmatched_calls u SET {LEASE}
    WHERE u.end_told_at IS NULL AND {IS_FREE} AND (u.carrier, u.carrier_call_id) IN (
        SELECT carrier, carrier_call_id FROM unmatched_calls
        WHERE end_told_at IS NULL AND end_tries < :tries AND {IS_FREE}
        ORDER BY found_at LIMIT :room FOR NO KEY UPDATE SKIP LOCKED)
    RETURNING u.carrier, u.carrier_call_id, u.token, u.account_id, u.end_tries)
SELECT o.*, a.carrier, {RATE_NOW} AS account_rate
FROM own o JOIN carrier_accounts a ON a.id = o.account_id
UNION ALL
SELECT NULL, a.team_id, u.token, u.account_id, '', '', u.carrier_call_id, NULL, u.end_tries, u.carrier, {RATE_NOW}
FROM unmatched u LEFT JOIN carrier_accounts a ON a.id = u.account_id
""")

MARK_FOR_END = text("""
UPDATE calls SET end_requested_at = coalesce(end_requested_at, clock_timestamp()), end_told_at = NULL
WHERE id = ANY(:ids) AND ended_at IS NULL
""")

HANG_UP = text("""
UPDATE calls SET end_requested_at = clock_timestamp(), end_told_at = NULL
WHERE id = ANY(:ids) AND ended_at IS NULL AND state = 'in_progress'
""")

END_TOLD = text("""
WITH unmatched AS (
    UPDATE unmatched_calls SET end_told_at = clock_timestamp(), end_tries = end_tries + 1
    WHERE (carrier, carrier_call_id) IN (
        SELECT CAST(x.carrier AS carrier), x.carrier_call_id
        FROM unnest(CAST(:carriers AS text[]), CAST(:carrier_call_ids AS text[])) AS x (carrier, carrier_call_id)))
UPDATE calls SET end_told_at = clock_timestamp(), end_tries = end_tries + 1 WHERE id = ANY(:ids)
""")

END_FAILED = text("""
WITH x AS MATERIALIZED (
    SELECT * FROM unnest(CAST(:ids AS text[]), CAST(:carriers AS text[]), CAST(:carrier_call_ids AS text[]),
                         CAST(:waits AS double precision[])) AS x (id, carrier, carrier_call_id, wait)),
unmatched AS (
    UPDATE unmatched_calls u
    SET end_tries = u.end_tries + 1, end_tried_at = clock_timestamp(),
        next_end_at = clock_timestamp() + x.wait * interval '1 second'
    FROM x WHERE u.carrier = CAST(x.carrier AS carrier) AND u.carrier_call_id = x.carrier_call_id)
UPDATE calls k
SET end_tries = k.end_tries + 1, end_tried_at = clock_timestamp(),
    next_end_at = clock_timestamp() + x.wait * interval '1 second'
FROM x WHERE k.id = x.id
""")

UNMATCHED = text("""
INSERT INTO unmatched_calls (carrier, carrier_call_id, token, account_id)
SELECT DISTINCT ON (carrier, carrier_call_id) CAST(x.carrier AS carrier), x.carrier_call_id, x.token, x.account_id
FROM unnest(CAST(:carriers AS text[]), CAST(:carrier_call_ids AS text[]), CAST(:tokens AS text[]),
            CAST(:accounts AS text[])) AS x (carrier, carrier_call_id, token, account_id)
ORDER BY carrier, carrier_call_id
ON CONFLICT (carrier, carrier_call_id) DO NOTHING
""")

FORGET = text("""
DELETE FROM unmatched_calls WHERE found_at < clock_timestamp() - interval '1 day'
""")


def request_end(conn: Connection, *, margin_seconds: float) -> list[str]:
    """Mark for their end the calls that nobody wants any more: still queued at the carrier when their campaign
    stopped or their window has closed (``margin_seconds`` after the last moment to commit), and with
    ``hang_up`` all of the campaign's. Returns the ids newly marked."""
    return sorted(row.id for row in conn.execute(REQUEST_END, {"margin": margin_seconds}))


def mark_for_end(conn: Connection, call_ids: Sequence[str]) -> None:
    """Mark these calls for their end, told before or not: their carrier kept them longer than it may."""
    conn.execute(MARK_FOR_END, {"ids": list(call_ids)})


def hang_up(conn: Connection, call_ids: Sequence[str]) -> None:
    """Mark these calls for their end although somebody, or something, talks."""
    conn.execute(HANG_UP, {"ids": list(call_ids)})


def take(
    conn: Connection, *, rooms: Mapping[str, int], room: int, tries: int, lease_seconds: float, recovery_seconds: float
) -> Sequence[Row[Any]]:
    """Lease calls whose end their carrier is to be told, for ``lease_seconds``: of each account as many as there is
    room for (``room`` where ``rooms`` does not name it), those that have failed ``tries`` times left out. Among them
    are calls alive that none of ours stands for (``id`` is ``None``, and ``account_id`` where nobody knows it).
    ``account_rate`` is as slowed as it is now."""
    values = {"accounts": list(rooms), "rooms": list(rooms.values()), "room": room, "tries": tries}
    return conn.execute(TAKE, values | {"lease": lease_seconds, "recovery": recovery_seconds}).all()


def end_told(conn: Connection, rows: Sequence[Row[Any]]) -> None:
    """The carrier took the request to end these calls (:func:`take`), or they are over."""
    conn.execute(END_TOLD, _names(rows))


def end_failed(conn: Connection, waits: Sequence[tuple[Row[Any], float]]) -> None:
    """The carrier did not; it is asked again after so many seconds."""
    conn.execute(END_FAILED, _names([row for row, _ in waits]) | {"waits": [wait for _, wait in waits]})


def _names(rows: Sequence[Row[Any]]) -> dict[str, list[str | None]]:
    return {
        "ids": [row.id for row in rows],
        "carriers": [row.carrier if row.id is None else None for row in rows],
        "carrier_call_ids": [row.carrier_call_id if row.id is None else None for row in rows],
    }


def unmatched(conn: Connection, calls: Sequence[Unmatched]) -> None:
    """Let these calls be ended, that live at their carriers and that none of ours stands for."""
    conn.execute(
        UNMATCHED,
        {
            "carriers": [call.carrier for call in calls],
            "carrier_call_ids": [call.carrier_call_id for call in calls],
            "tokens": [call.token for call in calls],
            "accounts": [call.account_id for call in calls],
        },
    )


def forget_unmatched(conn: Connection) -> None:
    """Drop what is kept of such calls that were found more than a day ago; none lasts as long."""
    conn.execute(FORGET)
