"""What a report counts. Everything is added up by the server, so that a report of a million calls costs the memory of
a report of ten; times are business time, by which the windows are.

A call has its business time when it is dialed. When it was reserved and when it ended are machine time, and are
moved by the clock's row, if there is one, as it is now.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from sqlalchemy import Connection, text

from worker.store.dispositions import ANSWERED, UNSENT
from worker.store.past_calls import ALL_CALLS
from worker.store.shapes import shaped

QUARTER_SECONDS = 900
BUCKETS = 400

ONE_LOOK = text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
PATIENTLY = text("SET LOCAL statement_timeout = '10min'")

PLACED = f"""
FROM {ALL_CALLS}
WHERE dialed_at IS NOT NULL AND disposition IS NOT NULL AND disposition NOT IN {UNSENT}
"""

HOURS = text(f"""
SELECT floor(extract(epoch FROM dialed_at) / 3600)::bigint * 3600 AS at, CAST(disposition AS text) AS disposition,
       count(*) AS calls
{PLACED} GROUP BY 1, 2 ORDER BY 1, 2
""")

# Zones differ by quarters of an hour, and no zone's clock moves within one.
QUARTERS = text(f"""
SELECT zone, floor(extract(epoch FROM dialed_at) / {QUARTER_SECONDS})::bigint * {QUARTER_SECONDS} AS at,
       count(*) AS calls, count(*) FILTER (WHERE disposition IN {ANSWERED}) AS answers
{PLACED} GROUP BY 1, 2
""")

ATTEMPTS = text(f"""
SELECT attempt, count(*) AS calls, count(*) FILTER (WHERE disposition IN {ANSWERED}) AS answers
{PLACED} GROUP BY 1 ORDER BY 1
""")

# Every call takes a slot when it is reserved and gives it back when it ends; in each of the equal parts of the time
# between the first and the last of these, `peak` is the most that were held at once and `moved` the difference it made.
SLOTS = text(f"""
WITH mine AS MATERIALIZED (
    SELECT extract(epoch FROM reserved_at)::float AS took, extract(epoch FROM ended_at)::float AS gave, campaign_limit
    FROM {ALL_CALLS}),
span AS (
    SELECT min(took) AS first, greatest(max(took), max(gave), min(took) + 1) AS last FROM mine),
moves AS (
    SELECT took AS at, 1 AS step, campaign_limit FROM mine
    UNION ALL SELECT gave, -1, NULL FROM mine WHERE gave IS NOT NULL),
held AS (
    SELECT at, step, campaign_limit, sum(step) OVER (ORDER BY at, step ROWS UNBOUNDED PRECEDING) AS live FROM moves)
SELECT least(width_bucket(held.at, span.first, span.last, {BUCKETS}), {BUCKETS}) - 1 AS part, max(live) AS peak,
       sum(step) AS moved, max(campaign_limit) AS campaign_limit,
       min(span.first) AS first, min(span.last) AS last
FROM held CROSS JOIN span GROUP BY 1 ORDER BY 1
""")

BUSINESS = text("""
SELECT extract(epoch FROM coalesce((SELECT business_at + (to_timestamp(x.at) - real_at) * speed FROM clock),
                                   to_timestamp(x.at)))::float
FROM unnest(CAST(:ats AS double precision[])) WITH ORDINALITY AS x (at, n) ORDER BY x.n
""")


@shaped(HOURS)
class HourlyCalls(Protocol):
    """How many calls were placed in the hour that begins ``at`` (epoch seconds) and ended so."""

    at: int
    disposition: str
    calls: int


@shaped(QUARTERS)
class ZoneCalls(Protocol):
    """How many calls to a zone were placed in the quarter of an hour that begins ``at`` (epoch seconds), and how many
    of them were answered."""

    zone: str
    at: int
    calls: int
    answers: int


@shaped(ATTEMPTS, never_null=("attempt",))
class AttemptCalls(Protocol):
    """How many calls were the contact's first, second … ``attempt``, and how many of them were answered."""

    attempt: int
    calls: int
    answers: int


@shaped(SLOTS)
class SlotUse(Protocol):
    """Slots in use in one ``part`` of the campaign's life: their ``peak``, by how many they ``moved``, and the limit
    of the campaign then; ``first`` and ``last`` (epoch seconds of machine time) are the ends of it all."""

    part: int
    peak: int
    moved: int
    campaign_limit: int | None
    first: float
    last: float


def take_time(conn: Connection) -> None:
    """Let what follows see one instant, change nothing, and take its time. First in its transaction."""
    conn.execute(ONE_LOOK)
    conn.execute(PATIENTLY)


def by_hour(conn: Connection, campaign_id: str) -> Sequence[HourlyCalls]:
    """Calls that were placed and have ended, by the hour (epoch seconds) in which they were, and disposition."""
    return conn.execute(HOURS, {"id": campaign_id}).all()


def by_quarter(conn: Connection, campaign_id: str) -> Iterable[ZoneCalls]:
    """The same by the contact's zone and the quarter of an hour, with how many were answered; read as it comes."""
    return conn.execute(QUARTERS, {"id": campaign_id})


def by_attempt(conn: Connection, campaign_id: str) -> Sequence[AttemptCalls]:
    """The same by which try of their contacts they were."""
    return conn.execute(ATTEMPTS, {"id": campaign_id}).all()


def slots(conn: Connection, campaign_id: str) -> Sequence[SlotUse]:
    """Slots in use over the campaign's life in :data:`BUCKETS` equal parts, those in which nothing moved left out."""
    return conn.execute(SLOTS, {"id": campaign_id}).all()


def business_times(conn: Connection, epochs: Sequence[float]) -> Sequence[float]:
    """Instants of machine time in business time, both in epoch seconds."""
    return list(conn.execute(BUSINESS, {"ats": list(epochs)}).scalars())
