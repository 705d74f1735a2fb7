"""The durable inbox: what carriers said, in the order it was received.

A callback is answered only after its row is committed; settling drains the rows whenever it comes to them. News that
is of another carrier's call, or of another account (:func:`worker.domain.lifecycle.is_foreign`), is written down as
that at once and never waits: the statement that keeps it reads whose call the token names.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, text

from worker.store.instants import age, has_waited, is_over

MOST_PER_CALL = 1000
"""Events that are kept of one call. A life has five; whoever holds the key could otherwise send new ones for ever."""

INSERT = text("""
INSERT INTO call_events (carrier, token, event_id, carrier_call_id, kind, disposition, sip_code, verdict,
                         occurred_at, raw, in_doubt, outcome)
SELECT CAST(:carrier AS carrier), x.token,   -- another's event must not keep out a true one of the same name
       CASE WHEN whose.is_foreign THEN 'foreign ' || CAST(:carrier AS text) || ' ' ELSE '' END || x.event_id,
       x.carrier_call_id, x.kind, CAST(x.disposition AS disposition), x.sip_code, x.verdict, x.occurred_at,
       CAST(x.raw AS jsonb), x.in_doubt, CASE WHEN whose.is_foreign THEN 'foreign' END
FROM unnest(CAST(:tokens AS text[]), CAST(:event_ids AS text[]), CAST(:carrier_ids AS text[]), CAST(:kinds AS text[]),
            CAST(:dispositions AS text[]), CAST(:sip_codes AS integer[]), CAST(:verdicts AS text[]),
            CAST(:occurred AS timestamptz[]), CAST(:raws AS text[]), CAST(:in_doubt AS boolean[]),
            CAST(:others AS boolean[]))
     AS x (token, event_id, carrier_call_id, kind, disposition, sip_code, verdict, occurred_at, raw, in_doubt,
           is_of_another)
CROSS JOIN LATERAL (
    SELECT x.is_of_another
           OR coalesce((SELECT a.carrier <> CAST(:carrier AS carrier)
                        FROM calls k JOIN carrier_accounts a ON a.id = k.account_id
                        WHERE k.token = x.token), false) AS is_foreign
    OFFSET 0) AS whose
WHERE NOT EXISTS (SELECT FROM call_events e   -- foreign news does not use up the room of the call's own
                  WHERE e.token = x.token AND e.carrier = CAST(:carrier AS carrier)
                    AND (e.outcome IS NOT DISTINCT FROM 'foreign') = whose.is_foreign
                  OFFSET :most_per_call - 1)
ON CONFLICT (token, event_id) DO NOTHING
RETURNING outcome
""")

_IS_HELD_NO_MORE = is_over("received_at", "held_until")

COLUMNS = f"""
SELECT id, carrier, token, event_id, carrier_call_id, kind, disposition, sip_code, verdict, received_at,
       {age("received_at")} AS age_seconds
FROM call_events
"""

TAKE = text(f"""
{COLUMNS} WHERE outcome IS NULL AND {_IS_HELD_NO_MORE}
ORDER BY id LIMIT :most FOR UPDATE SKIP LOCKED
""")

TAKE_HELD = text(f"""
{COLUMNS} WHERE token = ANY(:tokens) AND outcome IS NULL AND NOT {_IS_HELD_NO_MORE}
ORDER BY id FOR UPDATE SKIP LOCKED
""")

HOLD = text("""
UPDATE call_events SET held_until = received_at + :seconds * interval '1 second' WHERE id = ANY(:ids)
""")

RANG = text("""
SELECT DISTINCT token FROM call_events
WHERE token = ANY(:tokens) AND (kind = 'ringing' AND NOT in_doubt OR kind = 'answered')
  AND outcome IS DISTINCT FROM 'foreign'
""")

COUNT_REFUSED = text("""
INSERT INTO callback_refusals AS r (carrier, refused, last_at)
SELECT CAST(carrier AS carrier), refused, clock_timestamp()
FROM unnest(CAST(:carriers AS text[]), CAST(:counts AS bigint[])) AS x (carrier, refused) ORDER BY 1
ON CONFLICT (carrier) DO UPDATE SET refused = r.refused + excluded.refused, last_at = excluded.last_at
""")

REFUSED = text(f"""
SELECT carrier, refused, {age("last_at")} AS age_seconds
FROM callback_refusals ORDER BY carrier
""")

DRAINED = text("""
UPDATE call_events e SET outcome = x.outcome
FROM unnest(CAST(:ids AS bigint[]), CAST(:outcomes AS text[])) AS x (id, outcome) WHERE e.id = x.id
""")

OVERDUE = text(f"""
SELECT EXISTS (SELECT FROM call_events
               WHERE outcome IS NULL AND {has_waited("received_at", ":after")} AND {_IS_HELD_NO_MORE})
""")


@dataclass(frozen=True, slots=True)
class Event:
    """One row of the inbox: a carrier's news, translated. ``disposition`` goes with ``kind`` "ended", ``in_doubt``
    with a "ringing" that may be none; ``is_of_another`` account of the carrier than the deployment's."""

    token: str
    event_id: str
    carrier_call_id: str
    kind: str
    disposition: str | None = None
    sip_code: int | None = None
    verdict: str | None = None
    occurred_at: datetime | None = None
    raw: Mapping[str, Any] = field(default_factory=dict)
    in_doubt: bool = False
    is_of_another: bool = False


@dataclass(frozen=True, slots=True)
class Kept:
    """How many events were new: those that ``wait`` to be settled, and the ``foreign`` that never do. One that came
    before is neither, nor is one of a call of which too many are kept."""

    waiting: int
    foreign: int


def insert(conn: Connection, carrier: str, events: Sequence[Event]) -> Kept:
    """Put events, verified by the key of this carrier, into the inbox."""
    rows = conn.execute(
        INSERT,
        {
            "carrier": carrier,
            "tokens": [e.token for e in events],
            "event_ids": [e.event_id for e in events],
            "carrier_ids": [e.carrier_call_id for e in events],
            "kinds": [e.kind for e in events],
            "dispositions": [e.disposition for e in events],
            "sip_codes": [e.sip_code for e in events],
            "verdicts": [e.verdict for e in events],
            "occurred": [e.occurred_at for e in events],
            "raws": [json.dumps(dict(e.raw)) for e in events],
            "in_doubt": [e.in_doubt for e in events],
            "others": [e.is_of_another for e in events],
            "most_per_call": MOST_PER_CALL,
        },
    ).all()
    foreign = sum(row.outcome is not None for row in rows)
    return Kept(len(rows) - foreign, foreign)


def take(conn: Connection, *, most: int) -> Sequence[Row[Any]]:
    """Lock up to ``most`` waiting events, oldest first; those another settle holds are passed over."""
    return conn.execute(TAKE, {"most": most}).all()


def take_held(conn: Connection, tokens: Sequence[str]) -> Sequence[Row[Any]]:
    """Lock the events of these tokens that wait for something which has come now."""
    return conn.execute(TAKE_HELD, {"tokens": list(tokens)}).all()


def rang(conn: Connection, tokens: Sequence[str]) -> set[str]:
    """Those of the calls whose phone is known to have rung: the carrier said so, and not only that it dialed."""
    return {row.token for row in conn.execute(RANG, {"tokens": list(tokens)})}


def hold(conn: Connection, event_ids: Sequence[int], seconds: float) -> None:
    """Leave these events alone until so long after they were received."""
    conn.execute(HOLD, {"ids": list(event_ids), "seconds": seconds})


def count_refused(conn: Connection, refused: Mapping[str, int]) -> None:
    """So many more callbacks, by carrier, whose signature was wrong."""
    conn.execute(COUNT_REFUSED, {"carriers": list(refused), "counts": list(refused.values())})


def refused(conn: Connection) -> Sequence[Row[Any]]:
    """How many callbacks were refused for their signature, by carrier, and how long ago the last one was."""
    return conn.execute(REFUSED).all()


def drained(conn: Connection, outcomes: Sequence[tuple[int, str]]) -> None:
    """Note what became of each event (id, outcome); it waits no longer."""
    conn.execute(DRAINED, {"ids": [i for i, _ in outcomes], "outcomes": [o for _, o in outcomes]})


def are_overdue(conn: Connection, *, after_seconds: float) -> bool:
    """Whether an event has waited longer than it should: its nudge was lost."""
    return bool(conn.execute(OVERDUE, {"after": after_seconds}).scalar_one())
