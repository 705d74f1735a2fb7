"""When the clock of PostgreSQL's server jumped, and by how much; noted once, whoever noticed it.

What waits for something in the world to be over (:class:`worker.store.instants.Rule`, ``HELD``) adds these jumps.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from sqlalchemy import Connection, text

from worker.domain.window import RULES_END
from worker.store.instants import CALL_IS_OVER, jumped
from worker.store.shapes import shaped

READ = text("""
SELECT extract(epoch FROM clock_timestamp())::float AS at, coalesce((SELECT max(number) FROM clock_jumps), 0) AS known
""")

LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('clock jumps', 0))")

NOTE = text("""
INSERT INTO clock_jumps (number, at, seconds)
SELECT coalesce(max(number), 0) + 1, clock_timestamp(),
       :seconds - coalesce(sum(seconds) FILTER (WHERE number > :known), 0)
FROM clock_jumps
HAVING abs(:seconds - coalesce(sum(seconds) FILTER (WHERE number > :known), 0)) > :tolerance
RETURNING number, seconds
""")

LATEST = text(f"""
SELECT j.number, j.at, j.seconds,
       (SELECT max(k.provable_end_at + {jumped("k.clock_jump", "k.dialing_at")} * interval '1 second') FROM calls k
        WHERE k.ended_at IS NULL AND k.clock_jump < j.number AND NOT {CALL_IS_OVER}) AS held_until,
       clock_timestamp() AS read_at
FROM clock_jumps j WHERE abs(extract(epoch FROM clock_timestamp() - j.at)) < :within
ORDER BY j.number DESC LIMIT 1
""")

# An alarm is never set more than a minute ahead: one further away was set before the clock was set back; or it is that
# of a campaign that is kept open and has nobody to call, which is the end of all rules.
BRING_BACK = text(f"""
UPDATE campaigns SET next_wake_at = (SELECT dialer_now())
WHERE id = ANY(ARRAY(SELECT id FROM campaigns WHERE next_wake_at > (SELECT dialer_now()) + interval '61 seconds'
                       AND next_wake_at < '{RULES_END}'
                     ORDER BY next_wake_at LIMIT 1000 FOR NO KEY UPDATE SKIP LOCKED))
""")


@shaped(NOTE)
class NotedJump(Protocol):
    """A jump that was noted just now."""

    number: int
    seconds: float


@shaped(LATEST)
class ClockJump(Protocol):
    """A jump, and until when calls are held that were dialed before it; ``None`` where there is none any more."""

    number: int
    at: datetime
    seconds: float
    held_until: datetime | None
    read_at: datetime


def read(conn: Connection) -> tuple[float, int]:
    """The clock in epoch seconds, and the number of the newest jump that is known. The jumps are those that were noted
    before the clock was read, so the reading has them in it."""
    row = conn.execute(READ).one()
    return row.at, row.known


def note(conn: Connection, seconds: float, *, known: int, tolerance: float) -> NotedJump | None:
    """Note what the clock has jumped since a reading at which ``known`` was the newest jump, less what others have
    noted of it since. The jump, if that was more than ``tolerance``."""
    conn.execute(LOCK)  # a statement of its own, so that the next one reads what was noted meanwhile
    return conn.execute(NOTE, {"seconds": seconds, "known": known, "tolerance": tolerance}).first()


def latest(conn: Connection, *, within_seconds: float) -> Sequence[ClockJump]:
    """The newest jump, if it is not longer ago than that."""
    return conn.execute(LATEST, {"within": within_seconds}).all()


def bring_alarms_back(conn: Connection) -> int:
    """Let campaigns be looked at now whose alarm lies further ahead than any is set; how many there were."""
    return conn.execute(BRING_BACK).rowcount
