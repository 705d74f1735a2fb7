"""The durable inbox: what carriers said, in the order in which it was received.

A callback is answered only after its row is committed; settling drains the rows whenever it comes to them. News that
is of another carrier's call, or of another account (:func:`worker.domain.lifecycle.is_foreign`), is written down as
that at once and never waits: the statement that keeps it reads whose call the token names.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from sqlalchemy import Connection, text

from worker.domain.lifecycle import Ignored
from worker.domain.model import Disposition, EventKind
from worker.store.batches import Batch, BigInt
from worker.store.instants import age, has_waited, is_over
from worker.store.pipeline import Statement
from worker.store.shapes import shaped

MOST_PER_CALL = 1000
"""Events that are kept of one call. A life has five; whoever holds the key could otherwise send new ones for ever."""


@dataclass(slots=True)
class Event:
    """One row of the inbox: a carrier's news, translated. ``disposition`` goes with ``kind`` "ended", ``in_doubt``
    with a "ringing" that may be none, ``network_block`` with an end of which the carrier said that a network blocked
    the caller ID; ``raw`` is what was received, as JSON; with
    ``is_of_another`` the news is of another account of the carrier than the deployment's; ``outcome`` is what became
    of it where that is known already, by whoever has its call locked and has seen that the event is of its carrier, and
    that no more are kept of it than :data:`MOST_PER_CALL`."""

    token: str
    event_id: str
    carrier_call_id: str
    kind: str
    disposition: Disposition | None = None
    sip_code: int | None = None
    verdict: str | None = None
    occurred_at: datetime | None = None
    raw: str = "{}"
    in_doubt: bool = False
    is_of_another: bool = False
    network_block: bool = False
    outcome: str | None = None

    @property
    def has_rung(self) -> bool:
        """Whether it says that a phone rang, and not only that the carrier dialed."""
        return (self.kind == EventKind.RINGING and not self.in_doubt) or self.kind == EventKind.ANSWERED


@dataclass(frozen=True, slots=True)
class SettledEvent:
    """What became of an event (:class:`worker.domain.lifecycle.EventOutcome`, ``Ignored``)."""

    event_id: BigInt
    outcome: str


@dataclass(frozen=True, slots=True)
class Refusals:
    """How many more callbacks of a carrier had a wrong signature."""

    carrier: str
    count: BigInt


EVENTS = Batch(Event)
SETTLED = Batch(SettledEvent)
REFUSALS = Batch(Refusals)

INSERT = text(f"""
INSERT INTO call_events (carrier, token, event_id, carrier_call_id, kind, disposition, sip_code, verdict,
                         occurred_at, raw, in_doubt, network_block, outcome)
SELECT CAST(:carrier AS carrier), x.token,   -- another's event must not keep out a true one of the same name
       CASE WHEN whose.is_foreign THEN 'foreign ' || CAST(:carrier AS text) || ' ' ELSE '' END || x.event_id,
       x.carrier_call_id, x.kind, x.disposition, x.sip_code, x.verdict, x.occurred_at,
       CASE WHEN whose.is_erased THEN '{{}}' ELSE CAST(x.raw AS jsonb) END, x.in_doubt, x.network_block,
       CASE WHEN whose.is_foreign THEN 'foreign' ELSE x.outcome END
FROM {EVENTS}
CROSS JOIN LATERAL (   -- what moved its call had that locked, and has looked at all of this
    SELECT x.is_of_another OR coalesce(its.is_foreign, false) AS is_foreign,
           coalesce(its.is_erased, false) AS is_erased   -- of somebody who was erased nothing is written down
    FROM (SELECT) AS once LEFT JOIN LATERAL (
        SELECT a.carrier <> CAST(:carrier AS carrier) AS is_foreign, k.to_number = '' AS is_erased
        FROM calls k JOIN carrier_accounts a ON a.id = k.account_id
        WHERE x.outcome IS DISTINCT FROM 'moved' AND k.token = x.token) AS its ON true
    OFFSET 0) AS whose
WHERE CASE WHEN x.outcome IS NULL
           THEN NOT EXISTS (SELECT FROM call_events e   -- foreign news does not use up the room of the call's own
                            WHERE e.token = x.token AND e.carrier = CAST(:carrier AS carrier)
                              AND (e.outcome IS NOT DISTINCT FROM 'foreign') = whose.is_foreign
                            OFFSET :most_per_call - 1)
           ELSE true END
ON CONFLICT (token, event_id) DO NOTHING
RETURNING outcome
""")

_IS_HELD_NO_MORE = is_over("received_at", "held_until")

COLUMNS = f"""
SELECT id, carrier, token, event_id, carrier_call_id, kind, disposition, sip_code, verdict, network_block, received_at,
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

_HAS_RUNG = "(kind = 'ringing' AND NOT in_doubt OR kind = 'answered')"

OF_CALLS = text(f"""
SELECT token, event_id, outcome IS NULL AS waits, {_HAS_RUNG} AND outcome IS DISTINCT FROM 'foreign' AS has_rung
FROM call_events WHERE token = ANY(:tokens)
""")

HOLD = text("""
UPDATE call_events SET held_until = received_at + :seconds * interval '1 second' WHERE id = ANY(:ids)
""")

RANG = text(f"""
SELECT DISTINCT token FROM call_events
WHERE token = ANY(:tokens) AND {_HAS_RUNG} AND outcome IS DISTINCT FROM 'foreign'
""")

COUNT_REFUSED = text(f"""
INSERT INTO callback_refusals AS r (carrier, refused, last_at)
SELECT CAST(x.carrier AS carrier), x.count, clock_timestamp()
FROM {REFUSALS} ORDER BY 1
ON CONFLICT (carrier) DO UPDATE SET refused = r.refused + excluded.refused, last_at = excluded.last_at
""")

REFUSED = text(f"""
SELECT carrier, refused, {age("last_at")} AS age_seconds
FROM callback_refusals ORDER BY carrier
""")

DRAINED = text(f"""
UPDATE call_events e SET outcome = x.outcome
FROM {SETTLED} WHERE e.id = x.event_id
""")

OVERDUE = text(f"""
SELECT EXISTS (SELECT FROM call_events
               WHERE outcome IS NULL AND {has_waited("received_at", ":after")} AND {_IS_HELD_NO_MORE})
""")


@dataclass(frozen=True, slots=True)
class Kept:
    """How many events were new: those that wait to be settled, and the ``foreign`` that never do. One that came before
    is neither, nor is one of a call of which too many are kept, nor one whose outcome was known."""

    waiting: int
    foreign: int


@shaped(INSERT)
class KeptEvent(Protocol):
    """An event that was new; with an outcome it does not wait."""

    outcome: str | None


@shaped(OF_CALLS)
class EventOfCall(Protocol):
    """An event that was kept before: whether it waits to be settled, and whether it says that a phone rang."""

    token: str
    event_id: str
    waits: bool
    has_rung: bool


@shaped(TAKE, TAKE_HELD)
class WaitingEvent(Protocol):
    """An event in the inbox, locked."""

    id: int
    carrier: str
    token: str
    event_id: str
    carrier_call_id: str
    kind: str
    disposition: str | None
    sip_code: int | None
    verdict: str | None
    network_block: bool
    received_at: datetime
    age_seconds: float


@shaped(REFUSED)
class RefusedCallbacks(Protocol):
    """How many callbacks of a carrier were refused for their signature, and how long ago the last one was."""

    carrier: str
    refused: int
    age_seconds: float


def insert(conn: Connection, carrier: str, events: Sequence[Event]) -> Kept:
    """Put events, verified by the key of this carrier, into the inbox."""
    rows = conn.execute(*insertion(carrier, events)).all()
    return kept_of(rows)


def insertion(carrier: str, events: Sequence[Event]) -> Statement:
    """The statement that :func:`insert` runs, to be sent together with others."""
    return INSERT, EVENTS.bind(events) | {"carrier": carrier, "most_per_call": MOST_PER_CALL}


def kept_of(rows: Iterable[KeptEvent]) -> Kept:
    """What was kept, by the rows of that statement."""
    outcomes = [row.outcome for row in rows]
    return Kept(waiting=outcomes.count(None), foreign=outcomes.count(Ignored.FOREIGN))


def take(conn: Connection, *, most: int) -> Sequence[WaitingEvent]:
    """Lock up to ``most`` waiting events, oldest first; those another settle holds are passed over."""
    return conn.execute(TAKE, {"most": most}).all()


def take_held(conn: Connection, tokens: Sequence[str]) -> Sequence[WaitingEvent]:
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
    conn.execute(COUNT_REFUSED, REFUSALS.bind(Refusals(carrier, count) for carrier, count in refused.items()))


def refused(conn: Connection) -> Sequence[RefusedCallbacks]:
    """The callbacks that were refused for their signature, by carrier."""
    return conn.execute(REFUSED).all()


def drained(conn: Connection, settled: Sequence[SettledEvent]) -> None:
    """Note what became of each event; it waits no longer."""
    conn.execute(DRAINED, SETTLED.bind(settled))


def are_overdue(conn: Connection, *, after_seconds: float) -> bool:
    """Whether an event has waited longer than it should: its nudge was lost."""
    return bool(conn.execute(OVERDUE, {"after": after_seconds}).scalar_one())
