"""Since when what should move has not moved: read without a lock, and no more than what is live, what waits in the
inbox, and one contact for each zone of a campaign that could call somebody.

Ages are how far an instant lies from now, in whichever direction: one that lies ahead was written down before the
server's clock was set back, and what waits since then must not look new until the clock has caught up.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from sqlalchemy import Connection, text

from worker.store.breakers import RATE_NOW
from worker.store.columns import CallWindowColumns, Timed
from worker.store.hangups import TO_BE_ENDED as CALLS_TO_BE_ENDED
from worker.store.instants import age, is_over, turn
from worker.store.room import CALLER_IDS_WITH_ROOM, LIVE_OF_ACCOUNT, LIVE_OF_NUMBER, MAY_CALL_MORE
from worker.store.rules import RULES
from worker.store.shapes import shaped

MOST_EVENTS = 1000
"""Of the events that wait so many are counted, the oldest: a long queue is not made longer by counting it."""
MOST_CAMPAIGNS = 200
"""Of the campaigns that may stand still, so many are read, those first that were filled longest ago."""
RATE_SECONDS = 2.0
"""As many reserved calls as an account's rate lets out in this time leave no room for more
(:data:`worker.flow.plan.RATE_RESERVE_SECONDS`)."""


WAITING_EVENTS = text(f"""
SELECT count(*) AS waiting, coalesce(max({age("greatest(received_at, held_until)")}), 0) AS seconds
FROM (SELECT received_at, held_until FROM call_events
      WHERE outcome IS NULL AND (held_until IS NULL OR held_until <= clock_timestamp())
      ORDER BY id LIMIT {MOST_EVENTS}) AS first
""")

_IS_OVERDUE = f"unanswered_since IS NOT NULL OR next_check_at IS NOT NULL AND {is_over('checked_at', 'next_check_at')}"
"""Whether a call is to be looked up at its carrier, or is and the carrier has not answered yet."""

# By number, for a number has a rate of its own.
_LIVE = f"""
SELECT k.account_id, a.name, k.number_id, {RATE_NOW} AS account_rate, n.calls_per_second AS number_rate,
       k.reserved, k.reserved_seconds, k.dialing, k.dialing_seconds, k.overdue, k.overdue_seconds
FROM (SELECT account_id, number_id,
             count(*) FILTER (WHERE state = 'reserved') AS reserved,
             coalesce(max({age("reserved_at")}) FILTER (WHERE state = 'reserved'), 0) AS reserved_seconds,
             count(*) FILTER (WHERE state = 'dialing') AS dialing,
             coalesce(max({age("dialing_at")}) FILTER (WHERE state = 'dialing'), 0) AS dialing_seconds,
             count(*) FILTER (WHERE {_IS_OVERDUE}) AS overdue,
             coalesce(max({age("coalesce(unanswered_since, next_check_at)")}) FILTER (WHERE {_IS_OVERDUE}), 0)
                 AS overdue_seconds
      FROM calls WHERE ended_at IS NULL{{and_which}} GROUP BY account_id, number_id) AS k
CROSS JOIN LATERAL (SELECT * FROM carrier_accounts WHERE id = k.account_id LIMIT 1) AS a
CROSS JOIN LATERAL (SELECT * FROM phone_numbers WHERE id = k.number_id LIMIT 1) AS n
ORDER BY k.account_id, k.number_id
"""
LIVE = text(_LIVE.format(and_which=""))
LIVE_IN = text(_LIVE.format(and_which=" AND campaign_id = :id"))

TO_BE_ENDED = text(f"""
SELECT k.account_id, a.name, count(*) AS waiting,
       max({age("greatest(k.end_requested_at, k.late_evidence_at)")}) AS seconds
FROM {CALLS_TO_BE_ENDED} AS k JOIN carrier_accounts a ON a.id = k.account_id
GROUP BY k.account_id, a.name
UNION ALL
SELECT coalesce(u.account_id, CAST(u.carrier AS text)), coalesce(a.name, CAST(u.carrier AS text)), count(*),
       max({age("u.found_at")})
FROM unmatched_calls u LEFT JOIN carrier_accounts a ON a.id = u.account_id
WHERE u.end_told_at IS NULL
GROUP BY u.account_id, u.carrier, a.name ORDER BY 1
""")

# A campaign with room for one more call, and since when nothing has happened that could have kept it from one: its run,
# its last fill, its last call, the rest of the caller IDs it may use, an edit or a resume, business time set anew; and,
# unless half of every shared scope is free, the last call of its team, for others may have had its turn. The round in
# which each campaign of the team gets its turn at the account's rate is counted on top.
_DUE = f"""
SELECT c.id, c.name, c.call_window_start, c.call_window_end, c.call_window_timezone, c.call_windows, c.scheduled_end_at,
       c.settings, {RULES},
       (SELECT dialer_now()) AS now, (SELECT dialer_speed()) AS speed,
       least({age("c.filled_at")}, {age("c.updated_at")}, {age("r.opened_at")}, ids.rested_seconds,
             latest.moved_seconds, (SELECT {age("real_at")} FROM clock),
             CASE WHEN NOT ids.is_half_free OR 2 * team.live > t.max_concurrent_calls THEN team.reserved_seconds END
       ) AS seconds,
       (SELECT count(*) FROM campaigns o WHERE o.team_id = c.team_id AND o.status = 'running') / ids.rate
           AS turn_seconds,
       ARRAY(SELECT json_build_array(z.zone, extract(epoch FROM (
                 SELECT min((SELECT min(cc.due_at) FROM campaign_contacts cc
                             WHERE cc.campaign_id = c.id AND cc.zone = z.zone AND cc.rank = r.rank
                               AND cc.status IN ('pending', 'queued')))
                 FROM unnest(c.ranks) AS r (rank))))
             FROM campaign_zones z WHERE z.campaign_id = c.id) AS due_by_zone
FROM campaigns c
JOIN runs r ON r.id = c.run_id AND r.state = 'open'
JOIN teams t ON t.id = c.team_id
CROSS JOIN LATERAL (
    SELECT max({age("greatest(n.resting_until, a.resting_until, 'epoch')")}) AS rested_seconds,
           max({RATE_NOW}) AS rate,
           bool_or(2 * {LIVE_OF_NUMBER} <= n.max_concurrent_calls
                   AND 2 * {LIVE_OF_ACCOUNT} <= a.max_concurrent_calls) AS is_half_free
    {CALLER_IDS_WITH_ROOM}
      AND (a.calls_per_second IS NULL
           OR (SELECT count(*) FROM calls k WHERE k.team_id = c.team_id AND k.account_id = a.id
                 AND k.ended_at IS NULL AND k.state = 'reserved') < ceil({RATE_NOW} * {RATE_SECONDS}))
    HAVING count(*) > 0) AS ids
CROSS JOIN LATERAL (
    SELECT count(*) AS live, min({age("k.reserved_at")}) AS reserved_seconds FROM calls k
    WHERE k.team_id = c.team_id AND k.ended_at IS NULL) AS team
CROSS JOIN LATERAL (
    SELECT min({age("greatest(l.reserved_at, l.ended_at)")}) AS moved_seconds
    FROM (SELECT k.reserved_at, k.ended_at FROM calls k WHERE k.campaign_id = c.id AND k.id <> ''
          ORDER BY k.id DESC LIMIT 20) AS l) AS latest
WHERE {{which}} AND (SELECT coalesce((SELECT speed > 0 FROM clock), true))
  AND {MAY_CALL_MORE}
"""
NOT_FILLED = f"c.next_wake_at IS NOT NULL AND {age('c.filled_at')} > :after"
DUE = text(_DUE.format(which=NOT_FILLED) + f"ORDER BY {turn('c.filled_at')}, c.id LIMIT {MOST_CAMPAIGNS}")
DUE_IN = text(_DUE.format(which="c.id = :id"))
NOW = text("SELECT clock_timestamp()")


@shaped(WAITING_EVENTS)
class WaitingEvents(Protocol):
    """Events that wait to be settled, :data:`MOST_EVENTS` at most, and the age of the oldest."""

    waiting: int
    seconds: float


@shaped(LIVE, LIVE_IN)
class CallsOfNumber(Protocol):
    """Live calls of a carrier account by one number, those that are ``reserved``, ``dialing``, ``overdue`` to be looked
    up: how many, and the age of the oldest; with the rates they wait for (calls a second; ``None``: none)."""

    account_id: str
    name: str
    number_id: str
    account_rate: float | None
    number_rate: float | None
    reserved: int
    reserved_seconds: float
    dialing: int
    dialing_seconds: float
    overdue: int
    overdue_seconds: float


@shaped(TO_BE_ENDED)
class CallsToEnd(Protocol):
    """How many calls a carrier account has still to end, and since when the oldest. Of a call that no account is known
    of, its carrier stands for one."""

    account_id: str
    name: str
    waiting: int
    seconds: float


@shaped(DUE, DUE_IN)
class IdleCampaign(CallWindowColumns, Timed, Protocol):
    """A running campaign with room for a call everywhere: since when nothing kept it, for ``turn_seconds`` at the most
    (``None``: no rate) the turns of others, and when the next contact of each zone is due (pairs of a zone and epoch
    seconds of business time, ``None`` where none waits)."""

    id: str
    name: str
    speed: float
    seconds: float
    turn_seconds: float | None
    due_by_zone: list[tuple[str, float | None]]


def machine_now(conn: Connection) -> datetime:
    """What the database server's clock reads."""
    at: datetime = conn.execute(NOW).scalar_one()
    return at


def waiting_events(conn: Connection) -> WaitingEvents:
    """Events that wait to be settled; those that are held wait from then on."""
    return conn.execute(WAITING_EVENTS).one()


def live(conn: Connection, *, recovery_seconds: float) -> Sequence[CallsOfNumber]:
    """Live calls by carrier account and number."""
    return conn.execute(LIVE, {"recovery": recovery_seconds}).all()


def live_in(conn: Connection, campaign_id: str, *, recovery_seconds: float) -> Sequence[CallsOfNumber]:
    """The same of one campaign."""
    return conn.execute(LIVE_IN, {"id": campaign_id, "recovery": recovery_seconds}).all()


def to_be_ended(conn: Connection) -> Sequence[CallsToEnd]:
    """By carrier account, the calls whose end its carrier has still to acknowledge."""
    return conn.execute(TO_BE_ENDED).all()


def could_call(conn: Connection, *, after_seconds: float, recovery_seconds: float) -> Sequence[IdleCampaign]:
    """Running campaigns with room for a call everywhere that were not filled for ``after_seconds``. None while
    business time stands."""
    return conn.execute(DUE, {"after": after_seconds, "recovery": recovery_seconds}).all()


def could_call_in(conn: Connection, campaign_id: str, *, recovery_seconds: float) -> IdleCampaign | None:
    """The same of one campaign, if it has room."""
    return conn.execute(DUE_IN, {"id": campaign_id, "recovery": recovery_seconds}).first()
