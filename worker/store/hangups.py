"""Calls that are to end at their carriers: which, whether the carrier took the request, and who is about to send it.

A call is marked when nobody wants it any more, hung up while the mark stands alone, and ended by what the carrier says
of it (:mod:`worker.store.moves`), never by the mark. Who hangs it up has leased the row: nobody else does meanwhile,
a request that fails lets the next one wait longer, and after so many the trying ends.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from sqlalchemy import Connection, text

from worker.store.batches import Batch
from worker.store.breakers import RATE_NOW, SHARED_RATES
from worker.store.columns import RatedAccount
from worker.store.instants import CALL_IS_OVER, is_over, turn
from worker.store.shapes import shaped


@dataclass(frozen=True, slots=True)
class Unmatched:
    """A call at a carrier that none of ours stands for; ``account_id`` where its ``token`` is of a call of ours."""

    carrier: str
    carrier_call_id: str
    token: str
    account_id: str | None


@dataclass(frozen=True, slots=True)
class Room:
    """How many more hang-ups an account has room for."""

    account_id: str
    hang_ups: int


@dataclass(frozen=True, slots=True)
class HangUp:
    """A request to end a call: one of ours by its id, or an unmatched one by its carrier's; ``wait_seconds`` until it
    is tried again, where it failed."""

    call_id: str | None
    carrier: str | None
    carrier_call_id: str | None
    wait_seconds: float | None = None


UNMATCHED_CALLS = Batch(Unmatched)
ROOMS = Batch(Room)
HANG_UPS = Batch(HangUp)

REQUEST_END = text("""
UPDATE calls k SET end_requested_at = clock_timestamp()
FROM campaigns c
WHERE c.id = k.campaign_id AND k.ended_at IS NULL AND k.end_requested_at IS NULL
  AND (k.state IN ('unknown', 'placed')
       AND (c.status IN ('paused', 'cancelled') OR c.closing_at IS NOT NULL
            OR k.valid_until + :margin * interval '1 second' <= (SELECT dialer_now()))
       OR k.state <> 'reserved' AND c.status = 'cancelled' AND c.hang_up)
RETURNING k.id
""")

_TO_BE_ENDED_COLUMNS = """k.id, k.account_id, k.end_tries, k.end_tried_at, k.next_end_at, k.end_requested_at,
       k.late_evidence_at"""
_NOT_ACCEPTED = "k.end_told_at IS NULL AND k.carrier_call_id IS NOT NULL"

LEAST_RING_SECONDS = 15
"""For so long the phone of a callee rings at least though the campaign is cancelled and its calls are hung up
(47 CFR 64.1200(a)(6), 16 CFR 310.4(b)(4)(ii)). One call that somebody hangs up by hand ends at once."""
_HAS_RUNG_LONG_ENOUGH = f"""(k.state <> 'ringing'
           OR dialer_now() - k.dialed_at - (k.ringing_at - k.dialing_at) * dialer_speed()
              >= {LEAST_RING_SECONDS} * interval '1 second')"""
"""Whether a call ``k`` does not ring, or has for so long as the callee hears it."""

TO_BE_ENDED = f"""(
    SELECT {_TO_BE_ENDED_COLUMNS}
    FROM calls k JOIN campaigns c ON c.id = k.campaign_id
    WHERE {_NOT_ACCEPTED} AND k.ended_at IS NULL
      AND (k.end_requested_at IS NOT NULL
           AND (k.state IN ('unknown', 'placed')   -- who rings or talks by now goes on, but for ...
                OR k.machine_verdict IN ('machine', 'fax') AND k.end_requested_at >= k.answered_at   -- while it talked
                OR k.hang_up OR c.status = 'cancelled' AND c.hang_up AND {_HAS_RUNG_LONG_ENOUGH} OR {CALL_IS_OVER})
           OR k.late_evidence_at IS NOT NULL)
    UNION ALL
    SELECT {_TO_BE_ENDED_COLUMNS}
    FROM calls k WHERE {_NOT_ACCEPTED} AND k.ended_at IS NOT NULL AND k.late_evidence_at IS NOT NULL)"""
"""The calls that are to be hung up and whose carrier took no request yet: ``end_told_at`` is when it did. Live ones and
ended ones each by an index of their own. Found together they are found by a bitmap, which goes again and again over
every call that has ended since the table was vacuumed."""

IS_FREE = is_over("end_tried_at", "next_end_at")
LEASE = "end_tried_at = clock_timestamp(), next_end_at = clock_timestamp() + :lease * interval '1 second'"

# Each account's that were tried longest ago; whether a row is free is checked again under its lock.
TAKE = text(f"""
WITH shared AS MATERIALIZED ({SHARED_RATES}),
rooms AS MATERIALIZED (SELECT * FROM {ROOMS}),
due AS MATERIALIZED (
    SELECT k.id, k.account_id,
           row_number() OVER (PARTITION BY k.account_id ORDER BY {turn("k.end_tried_at")} NULLS FIRST, k.id) AS nth
    FROM {TO_BE_ENDED} AS k
    WHERE k.end_tries < :tries AND {IS_FREE}),
own AS (
    UPDATE calls k SET {LEASE}
    WHERE k.end_told_at IS NULL AND {IS_FREE} AND k.id = ANY(ARRAY(
        SELECT l.id FROM calls l
        WHERE l.id = ANY(ARRAY(
            SELECT d.id FROM due d
            WHERE d.nth <= coalesce((SELECT r.hang_ups FROM rooms r WHERE r.account_id = d.account_id), :room)))
        ORDER BY l.id FOR NO KEY UPDATE SKIP LOCKED))
    RETURNING k.id, k.team_id, k.token, k.account_id, k.from_number, k.to_number, k.carrier_call_id, k.dialing_at,
              k.end_tries),
first AS MATERIALIZED (   -- or a nested loop asks for so many again and again
    SELECT carrier, carrier_call_id FROM unmatched_calls
    WHERE end_told_at IS NULL AND end_tries < :tries AND {IS_FREE}
    ORDER BY {turn("end_tried_at")} NULLS FIRST, found_at LIMIT :room FOR NO KEY UPDATE SKIP LOCKED),
unmatched AS (
    UPDATE unmatched_calls u SET {LEASE}
    FROM first f WHERE u.carrier = f.carrier AND u.carrier_call_id = f.carrier_call_id
    RETURNING u.carrier, u.carrier_call_id, u.token, u.account_id, u.end_tries)
SELECT o.*, a.carrier, {RATE_NOW} AS account_rate,
       (SELECT s.rate FROM shared s WHERE s.carrier = a.carrier) AS credentials_rate
FROM own o JOIN carrier_accounts a ON a.id = o.account_id
UNION ALL
SELECT NULL, a.team_id, u.token, u.account_id, '', '', u.carrier_call_id, NULL, u.end_tries, u.carrier, {RATE_NOW},
       (SELECT s.rate FROM shared s WHERE s.carrier = u.carrier)
FROM unmatched u LEFT JOIN carrier_accounts a ON a.id = u.account_id
""")

MARK_FOR_END = text("""
UPDATE calls SET end_requested_at = coalesce(end_requested_at, clock_timestamp()), end_told_at = NULL
WHERE id = ANY(:ids) AND ended_at IS NULL
""")

HANG_UP = text("""
UPDATE calls SET end_requested_at = greatest(clock_timestamp(), answered_at), end_told_at = NULL
WHERE id = ANY(:ids) AND ended_at IS NULL AND state = 'in_progress'
""")

HANG_UP_ONE = text("""
UPDATE calls SET hang_up = true, end_requested_at = clock_timestamp(), end_told_at = NULL, end_tries = 0
WHERE id = :id AND ended_at IS NULL AND state <> 'reserved' RETURNING id
""")

END_ACCEPTED = text(f"""
WITH x AS MATERIALIZED (SELECT * FROM {HANG_UPS}),
unmatched AS (
    UPDATE unmatched_calls SET end_told_at = clock_timestamp(), end_tries = end_tries + 1
    WHERE (carrier, carrier_call_id) IN (SELECT CAST(x.carrier AS carrier), x.carrier_call_id FROM x))
UPDATE calls SET end_told_at = clock_timestamp(), end_tries = end_tries + 1
WHERE id = ANY(ARRAY(SELECT x.call_id FROM x))
""")

END_FAILED = text(f"""
WITH x AS MATERIALIZED (SELECT * FROM {HANG_UPS}),
unmatched AS (
    UPDATE unmatched_calls u
    SET end_tries = u.end_tries + 1, end_tried_at = clock_timestamp(),
        next_end_at = clock_timestamp() + x.wait_seconds * interval '1 second'
    FROM x WHERE u.carrier = CAST(x.carrier AS carrier) AND u.carrier_call_id = x.carrier_call_id)
UPDATE calls k
SET end_tries = k.end_tries + 1, end_tried_at = clock_timestamp(),
    next_end_at = clock_timestamp() + x.wait_seconds * interval '1 second'
FROM x WHERE k.id = x.call_id
""")

UNMATCHED = text(f"""
INSERT INTO unmatched_calls (carrier, carrier_call_id, token, account_id)
SELECT DISTINCT ON (carrier, carrier_call_id) CAST(x.carrier AS carrier), x.carrier_call_id, x.token, x.account_id
FROM {UNMATCHED_CALLS}
ORDER BY carrier, carrier_call_id
ON CONFLICT (carrier, carrier_call_id) DO NOTHING
""")

FORGET = text("""
DELETE FROM unmatched_calls WHERE found_at < clock_timestamp() - interval '1 day'
""")


@shaped(TAKE)
class LeasedCall(RatedAccount, Protocol):
    """A call that is to be hung up: one of ours, or one that none of ours stands for, whose ``id`` is
    ``None``, and whose ``account_id`` is where nobody knows it."""

    id: str | None
    team_id: str | None
    token: str
    from_number: str
    to_number: str
    carrier_call_id: str
    dialing_at: datetime | None
    end_tries: int


def request_end(conn: Connection, *, margin_seconds: float) -> list[str]:
    """Mark for their end the calls that nobody wants any more: still queued at the carrier when their campaign
    stopped or their window has closed (``margin_seconds`` after the last moment to commit), and with
    ``hang_up`` all of the campaign's. Returns the ids newly marked."""
    return sorted(row.id for row in conn.execute(REQUEST_END, {"margin": margin_seconds}))


def mark_for_end(conn: Connection, call_ids: Sequence[str]) -> None:
    """Mark these calls for their end, requested before or not: their carrier kept them longer than it may."""
    conn.execute(MARK_FOR_END, {"ids": list(call_ids)})


def hang_up(conn: Connection, call_ids: Sequence[str]) -> None:
    """Mark these calls for their end although somebody, or something, talks."""
    conn.execute(HANG_UP, {"ids": list(call_ids)})


def hang_up_one(conn: Connection, call_id: str) -> bool:
    """Mark a call for its end, whatever it is doing, as often as it is wanted; false where it has ended, or has not
    been dialed."""
    return conn.execute(HANG_UP_ONE, {"id": call_id}).first() is not None


def take(
    conn: Connection,
    *,
    rooms: Mapping[str, int],
    room: int,
    tries: int,
    lease_seconds: float,
    recovery_seconds: float,
    sharing: Sequence[str] = (),
) -> Sequence[LeasedCall]:
    """Lease calls that are to be hung up, for ``lease_seconds``: of each account as many as there is
    room for (``room`` where ``rooms`` does not name it), those that have failed ``tries`` times left out. Rates are
    those of :func:`worker.store.breakers.rates`."""
    values = ROOMS.bind(Room(account_id, hang_ups) for account_id, hang_ups in rooms.items())
    given = {"room": room, "tries": tries, "lease": lease_seconds, "recovery": recovery_seconds}
    return conn.execute(TAKE, values | given | {"sharing": list(sharing)}).all()


def end_accepted(conn: Connection, calls: Sequence[LeasedCall]) -> None:
    """The carrier took the request to end these calls (:func:`take`), or they are over."""
    conn.execute(END_ACCEPTED, HANG_UPS.bind(map(_hang_up, calls)))


def end_failed(conn: Connection, waits: Sequence[tuple[LeasedCall, float]]) -> None:
    """The carrier did not; it is asked again after so many seconds."""
    conn.execute(END_FAILED, HANG_UPS.bind(_hang_up(call, seconds) for call, seconds in waits))


def _hang_up(call: LeasedCall, wait_seconds: float | None = None) -> HangUp:
    if call.id is not None:
        return HangUp(call.id, None, None, wait_seconds)
    return HangUp(None, call.carrier, call.carrier_call_id, wait_seconds)


def unmatched(conn: Connection, calls: Sequence[Unmatched]) -> None:
    """Let these calls be ended, that live at their carriers and that none of ours stands for."""
    conn.execute(UNMATCHED, UNMATCHED_CALLS.bind(calls))


def forget_unmatched(conn: Connection) -> None:
    """Drop what is kept of such calls that were found more than a day ago; none lasts as long."""
    conn.execute(FORGET)
