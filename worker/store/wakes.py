"""Which campaigns and teams the tick looks at, and when it looks at a campaign again.

A campaign that is looked at is taken: for a while nobody else gets it. So any number of workers may look at campaigns
side by side, and what one of them leaves undone, because it died, is taken again by whoever comes.

What cannot be filled does not stand in the way of what can. A campaign that lacks a shared slot is not looked at by
itself but with the others of its team, in the order of their turns; one without a usable caller ID only now and then.
Both look due all the time, and would else be first in line for ever.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from sqlalchemy import Connection, text

from worker.store.batches import Batch
from worker.store.candidates import USABLE
from worker.store.columns import CallWindowColumns, Timed
from worker.store.instants import turn
from worker.store.rules import RULES
from worker.store.shapes import shaped

TAKEN_FOR_SECONDS = 5.0
"""How long a campaign that was taken is left to whoever took it; machine time."""
OVERDUE_SECONDS = 15.0
"""After so long even a campaign that cannot be filled is looked at: something else may have to be done about it."""

TAKE = text(f"""
WITH running AS MATERIALIZED (
    SELECT c.id FROM campaigns c
    WHERE c.status = 'running' AND c.closing_at IS NULL AND c.next_wake_at <= dialer_now()
      AND (NOT c.short_of_slots
           AND EXISTS (SELECT FROM campaign_numbers cn
                       JOIN phone_numbers n ON n.id = cn.number_id
                       JOIN carrier_accounts a ON a.id = n.account_id
                       WHERE cn.campaign_id = c.id AND {USABLE})
           OR c.next_wake_at <= dialer_now() - :overdue * dialer_speed() * interval '1 second')
    ORDER BY c.next_wake_at, {turn("c.filled_at")}, c.id LIMIT :most FOR NO KEY UPDATE SKIP LOCKED),
over AS MATERIALIZED (
    SELECT c.id FROM campaigns c
    WHERE (c.status = 'cancelled' OR c.closing_at IS NOT NULL) AND c.next_wake_at <= dialer_now()
    ORDER BY c.next_wake_at, c.id LIMIT :most_cancelled FOR NO KEY UPDATE SKIP LOCKED),
taken AS (
    UPDATE campaigns c
    SET next_wake_at = dialer_now() + x.seconds * dialer_speed() * interval '1 second'
    FROM (SELECT id, CAST(:taken_for AS double precision) AS seconds FROM running
          UNION ALL SELECT id, 1 FROM over) AS x
    WHERE c.id = x.id
    RETURNING c.id, c.team_id, CASE WHEN c.closing_at IS NULL THEN CAST(c.status AS text) ELSE 'closing' END AS status,
              c.keys_through IS NOT NULL AS has_stale_keys)
SELECT id, team_id, status, has_stale_keys FROM taken
UNION ALL
(SELECT DISTINCT NULL, team_id, 'starved', false FROM campaigns
 WHERE short_of_slots AND status = 'running' AND team_id > CAST(:after_team AS text) ORDER BY team_id LIMIT :most_teams)
""")


NEXT_DUE = text(f"""
SELECT c.id, c.team_id, c.keep_open, 0 = ANY(c.ranks) AS has_callbacks,
       c.keys_through IS NOT NULL AS has_stale_keys, c.call_window_start, c.call_window_end,
       c.call_window_timezone, c.call_windows, c.scheduled_end_at, c.settings, {RULES},
       (SELECT dialer_now()) AS now, (SELECT dialer_speed()) AS speed,
       EXISTS (SELECT FROM calls l WHERE l.campaign_id = c.id AND l.ended_at IS NULL) AS is_live,
       EXISTS (SELECT FROM runs r WHERE r.id = c.run_id AND r.calls_used >= r.max_calls) AS is_spent,
       ARRAY(SELECT json_build_array(z.zone, extract(epoch FROM (
                 SELECT min((SELECT min(cc.due_at) FROM campaign_contacts cc
                             WHERE cc.campaign_id = c.id AND cc.zone = z.zone AND cc.rank = r.rank
                               AND cc.status IN ('pending', 'queued')))
                 FROM unnest(c.ranks) AS r (rank))))
             FROM campaign_zones z WHERE z.campaign_id = c.id) AS due_by_zone
FROM campaigns c
WHERE c.id = ANY(:ids) AND c.status = 'running'
ORDER BY c.id
""")


@dataclass(frozen=True, slots=True)
class Alarm:
    """When the tick looks at a campaign again, in business time."""

    campaign_id: str
    at: datetime


ALARMS = Batch(Alarm)

SET_ALARMS = text(f"""
UPDATE campaigns c SET next_wake_at = x.at
FROM {ALARMS}
WHERE c.id = x.campaign_id AND c.status = 'running'
""")


@dataclass(frozen=True, slots=True)
class DueCampaigns:
    """What one turn looks at: ``running`` campaigns by team, of which ``stale`` ones have contacts under old keys,
    ``cancelled`` and ``closing`` ones, the caller's for ``TAKEN_FOR_SECONDS``; and the teams of which a campaign lacks
    a shared slot, in the order of their ids."""

    running: Mapping[str, list[str]]
    stale: Sequence[str]
    cancelled: Sequence[str]
    closing: Sequence[str]
    starved_teams: Sequence[str]


@shaped(NEXT_DUE)
class DueCampaign(CallWindowColumns, Timed, Protocol):
    """A running campaign: whether calls of it live, whether its run's budget ``is_spent``, and when the next contact of
    each zone is due (zone, epoch seconds of business time; ``None`` where none waits). With ``has_stale_keys`` contacts
    may wait elsewhere than they should (:func:`worker.store.rules.rekey`)."""

    id: str
    team_id: str
    keep_open: bool
    has_stale_keys: bool
    has_callbacks: bool
    speed: float
    is_live: bool
    is_spent: bool
    due_by_zone: list[tuple[str, float | None]]


def take(conn: Connection, *, most: int, most_cancelled: int, after_team: str | None, most_teams: int) -> DueCampaigns:
    """Take up to ``most`` running campaigns that are due to be looked at, longest due first, and ``most_cancelled`` of
    which contacts may have to be swept; and find up to ``most_teams`` teams ``after_team`` with campaigns that lack a
    slot (``None``: no team)."""
    values = {
        "most": most,
        "most_cancelled": most_cancelled,
        "taken_for": TAKEN_FOR_SECONDS,
        "overdue": OVERDUE_SECONDS,
        "after_team": after_team,
        "most_teams": most_teams,
    }
    running: dict[str, list[str]] = {}
    stale: list[str] = []
    cancelled: list[str] = []
    closing: list[str] = []
    starved: list[str] = []
    for row in conn.execute(TAKE, values):
        if row.status == "running":
            running.setdefault(row.team_id, []).append(row.id)
            stale += [row.id] if row.has_stale_keys else []
        elif row.status == "cancelled":
            cancelled.append(row.id)
        elif row.status == "closing":
            closing.append(row.id)
        else:
            starved.append(row.team_id)
    return DueCampaigns(running, stale, cancelled, closing, starved)


def next_due(conn: Connection, campaign_ids: Sequence[str]) -> Sequence[DueCampaign]:
    """Those of the campaigns named that run. Sure only under :func:`worker.store.campaigns.lock_all`."""
    return conn.execute(NEXT_DUE, {"ids": list(campaign_ids)}).all()


def set_alarms(conn: Connection, alarms: Sequence[Alarm]) -> None:
    """Set when the tick looks at each campaign again."""
    conn.execute(SET_ALARMS, ALARMS.bind(alarms))
