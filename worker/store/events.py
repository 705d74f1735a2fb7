"""The durable inbox: what carriers said, in the order it was received.

A callback is answered only after its row is committed; settling drains the rows whenever it comes to them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, text

INSERT = text("""
INSERT INTO call_events (carrier, token, event_id, carrier_call_id, kind, disposition, sip_code, verdict,
                         occurred_at, raw, in_doubt)
SELECT CAST(:carrier AS carrier), token, event_id, carrier_call_id, kind, CAST(disposition AS disposition), sip_code,
       verdict, occurred_at, CAST(raw AS jsonb), in_doubt
FROM unnest(CAST(:tokens AS text[]), CAST(:event_ids AS text[]), CAST(:carrier_ids AS text[]), CAST(:kinds AS text[]),
            CAST(:dispositions AS text[]), CAST(:sip_codes AS integer[]), CAST(:verdicts AS text[]),
            CAST(:occurred AS timestamptz[]), CAST(:raws AS text[]), CAST(:in_doubt AS boolean[]))
     AS x (token, event_id, carrier_call_id, kind, disposition, sip_code, verdict, occurred_at, raw, in_doubt)
ON CONFLICT (token, event_id) DO NOTHING
RETURNING id
""")

COLUMNS = """
SELECT id, carrier, token, event_id, carrier_call_id, kind, disposition, sip_code, verdict, received_at,
       extract(epoch FROM clock_timestamp() - received_at)::float AS age_seconds
FROM call_events
"""

TAKE = text(f"""
{COLUMNS} WHERE outcome IS NULL AND (held_until IS NULL OR held_until <= clock_timestamp())
ORDER BY id LIMIT :most FOR UPDATE SKIP LOCKED
""")

TAKE_HELD = text(f"""
{COLUMNS} WHERE token = ANY(:tokens) AND outcome IS NULL AND held_until > clock_timestamp()
ORDER BY id FOR UPDATE SKIP LOCKED
""")

HOLD = text("""
UPDATE call_events SET held_until = received_at + :seconds * interval '1 second' WHERE id = ANY(:ids)
""")

RANG = text("""
SELECT DISTINCT token FROM call_events
WHERE token = ANY(:tokens) AND (kind = 'ringing' AND NOT in_doubt OR kind = 'answered')
""")

COUNT_REFUSED = text("""
INSERT INTO callback_refusals (carrier, refused, last_at) VALUES (CAST(:carrier AS carrier), 1, clock_timestamp())
ON CONFLICT (carrier) DO UPDATE SET refused = callback_refusals.refused + 1, last_at = clock_timestamp()
""")

REFUSED = text("""
SELECT carrier, refused, extract(epoch FROM clock_timestamp() - last_at)::float AS age_seconds
FROM callback_refusals ORDER BY carrier
""")

DRAINED = text("""
UPDATE call_events e SET outcome = x.outcome
FROM unnest(CAST(:ids AS bigint[]), CAST(:outcomes AS text[])) AS x (id, outcome) WHERE e.id = x.id
""")

OVERDUE = text("""
SELECT EXISTS (SELECT FROM call_events
               WHERE outcome IS NULL AND received_at <= clock_timestamp() - :after * interval '1 second'
                 AND (held_until IS NULL OR held_until <= clock_timestamp()))
""")


@dataclass(frozen=True, slots=True)
class Event:
    """One row of the inbox: a carrier's news, translated. ``disposition`` goes with ``kind`` "ended", ``in_doubt``
    with a "ringing" that may be none."""

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


def insert(conn: Connection, carrier: str, events: Sequence[Event]) -> int:
    """Put events into the inbox; returns how many were new (a doubled event is in it already)."""
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
        },
    )
    return len(rows.all())


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


def count_refused(conn: Connection, carrier: str) -> None:
    """One more callback whose signature was wrong."""
    conn.execute(COUNT_REFUSED, {"carrier": carrier})


def refused(conn: Connection) -> Sequence[Row[Any]]:
    """How many callbacks were refused for their signature, by carrier, and how long ago the last one was."""
    return conn.execute(REFUSED).all()


def drained(conn: Connection, outcomes: Sequence[tuple[int, str]]) -> None:
    """Note what became of each event (id, outcome); it waits no longer."""
    conn.execute(DRAINED, {"ids": [i for i, _ in outcomes], "outcomes": [o for _, o in outcomes]})


def are_overdue(conn: Connection, *, after_seconds: float) -> bool:
    """Whether an event has waited longer than it should: its nudge was lost."""
    return bool(conn.execute(OVERDUE, {"after": after_seconds}).scalar_one())
