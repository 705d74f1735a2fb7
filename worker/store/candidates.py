"""Which campaigns of a team may be filled now, in the order of their turns, and what its live calls are.

Read without a lock for a plan, and again under the team's lock for the claim (:mod:`worker.store.claims`). A campaign
is *starved* where a shared slot was missing at its last fill; the column's name is ``short_of_slots``.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol, TypedDict

from sqlalchemy import text

from worker.store.assistants import AssistantColumns
from worker.store.breakers import IS_PAUSE_OVER, IS_PROBED, IS_WATCHED, RATE_NOW, RESTS_NOT
from worker.store.carriers import known
from worker.store.channels import ACCOUNT_LIMIT
from worker.store.columns import CallWindowColumns, Timed
from worker.store.conversations import SECRET
from worker.store.failovers import IS_NOT_HELD
from worker.store.instants import turn
from worker.store.pipeline import Statement
from worker.store.rules import BY_PLACE, RULES_OF_TEAM
from worker.store.shapes import shaped

# From where on calls of a team may live its claims move on, under the lock that all of them take, so none is missed.
IS_LIVE_OF_TEAM = """
team_id = :team AND seq >= (SELECT live_from FROM teams WHERE id = :team)
AND coalesce(ended_at, 'infinity') = 'infinity'
"""
"""Whether a call of the team is live: it has not ended, said in the words of an index of the team's latest calls."""

LIVE = text(f"""
SELECT campaign_id, number_id, account_id, count(*) AS live, count(*) FILTER (WHERE state = 'reserved') AS reserved
FROM calls WHERE {IS_LIVE_OF_TEAM}
GROUP BY campaign_id, number_id, account_id
""")

PAGE = 200
"""How many candidates are looked at together."""

USABLE = f"""n.enabled AND a.enabled AND {IS_NOT_HELD} AND {RESTS_NOT}
               AND (a.breaker_until IS NULL OR {IS_PAUSE_OVER} AND NOT {IS_PROBED})"""
"""Whether a number ``n`` of an account ``a`` may be shown now: both are enabled, neither rests, the breaker is closed
or lets one call try, and no failover holds calls back."""

IS_ASKED_FOR = """
    c.status = 'running' AND c.deleted_at IS NULL
    AND (c.id = ANY(:ids) AND c.team_id || '' = :team   -- || '': or all campaigns of the team are gone through
         OR :starved AND c.short_of_slots AND c.team_id = :team)"""
"""Whether a campaign ``c`` runs and is one of those named, or a starved one of the team."""

NOT_SHUT = "(z.shut_until IS NULL OR z.shut_until <= (SELECT dialer_now()))"
"""Whether somebody in a zone ``z`` of a campaign may be called now, as far as that is known."""

CANDIDATES = text(f"""
SELECT c.id, {turn("c.filled_at")} AS filled_at, c.short_of_slots AS is_starved, c.run_id, c.policy_version,
       c.max_concurrent_calls, c.max_attempts_per_contact, c.retry_delay_minutes, c.use_secondary_phone, t.country,
       v.stream_url, v.answer_url, v.carrier_ids, c.variables, c.outcomes, {SECRET},
       c.call_window_start, c.call_window_end, c.call_window_timezone, c.call_windows, c.scheduled_end_at,
       c.settings, c.frequency, t.policy -> 'frequency' AS team_frequency, {RULES_OF_TEAM} AS rules,
       t.max_concurrent_calls AS team_limit, r.max_calls - r.calls_used AS budget,
       (SELECT dialer_now()) AS now, (SELECT dialer_speed()) AS speed, g.generation,
       CASE WHEN NOT {BY_PLACE} THEN
       ARRAY(SELECT json_build_array(z.zone, (
                 SELECT count(*) FROM unnest(c.ranks) AS r (rank)
                 CROSS JOIN LATERAL (
                     SELECT 1 FROM campaign_contacts cc
                     WHERE cc.campaign_id = c.id AND cc.zone = z.zone AND cc.rank = r.rank
                       AND cc.status IN ('pending', 'queued') AND cc.due_at <= (SELECT dialer_due_now())
                     ORDER BY cc.due_at, cc.id   -- or the planner, guessing at the LIMIT, reads the whole table
                     LIMIT least(c.max_concurrent_calls, :most)) AS due))
             FROM campaign_zones z WHERE z.campaign_id = c.id)
       ELSE
       ARRAY(SELECT json_build_array(d.zone, count(*)) FROM (   -- of many places no more than are wanted in all
                 SELECT z.zone FROM campaign_zones z CROSS JOIN LATERAL unnest(c.ranks) AS r (rank)
                 CROSS JOIN LATERAL (
                     SELECT 1 FROM campaign_contacts cc
                     WHERE cc.campaign_id = c.id AND cc.zone = z.zone AND cc.rank = r.rank
                       AND cc.status IN ('pending', 'queued') AND cc.due_at <= (SELECT dialer_due_now())
                     ORDER BY cc.due_at, cc.id
                     LIMIT least(c.max_concurrent_calls, :most)) AS due
                 WHERE z.campaign_id = c.id AND {NOT_SHUT}
                 LIMIT least(c.max_concurrent_calls, :most)) AS d
             GROUP BY d.zone)
       END AS due_by_zone,
       CASE WHEN {BY_PLACE} THEN
       (SELECT coalesce(json_agg(json_build_array(z.zone, r.rank, first.due_at, first.id)), CAST('[]' AS json))
             FROM campaign_zones z CROSS JOIN LATERAL unnest(c.ranks) AS r (rank)
             CROSS JOIN LATERAL (
                 SELECT cc.due_at, cc.id FROM campaign_contacts cc
                 WHERE cc.campaign_id = c.id AND cc.zone = z.zone AND cc.rank = r.rank
                   AND cc.status IN ('pending', 'queued') AND cc.due_at <= (SELECT dialer_due_now())
                 ORDER BY cc.due_at, cc.id LIMIT 1) AS first
             WHERE z.campaign_id = c.id AND {NOT_SHUT})
       END AS first_by_zone,
       ARRAY(SELECT json_build_object(
                 'id', n.id, 'number', n.number, 'account', a.id, 'used_at', extract(epoch FROM {turn("cn.used_at")}),
                 'limit', n.max_concurrent_calls, 'account_limit', {ACCOUNT_LIMIT}, 'channels', a.channels,
                 'account_rate', {RATE_NOW}, 'number_rate', n.calls_per_second,
                 'half_open', a.breaker_until IS NOT NULL, 'carrier', a.carrier, 'is_watched', {IS_WATCHED},
                 'credentials', CASE WHEN a.carrier = ANY({known("sharing")}) AND EXISTS (
                                          SELECT FROM carrier_accounts o WHERE o.carrier = a.carrier AND o.id <> a.id)
                                     THEN a.carrier END)
             FROM campaign_numbers cn
             JOIN phone_numbers n ON n.id = cn.number_id
             JOIN carrier_accounts a ON a.id = n.account_id
             WHERE cn.campaign_id = c.id AND {USABLE}
             ORDER BY {turn("cn.used_at")}, cn.position) AS numbers
FROM campaigns c
JOIN teams t ON t.id = c.team_id
JOIN runs r ON r.id = c.run_id AND r.state = 'open'
JOIN assistants v ON v.id = c.assistant_id
CROSS JOIN slot_generation g
WHERE {IS_ASKED_FOR}
  AND (CAST(:after_at AS timestamptz) IS NULL   -- the first page is of all; those behind, of who has a chance
       OR ({turn("c.filled_at")}, c.id) > (CAST(:after_at AS timestamptz), :after_id)
          AND EXISTS (SELECT FROM campaign_numbers cn
                      JOIN phone_numbers n ON n.id = cn.number_id
                      JOIN carrier_accounts a ON a.id = n.account_id
                      WHERE cn.campaign_id = c.id AND {USABLE}
                        AND n.id <> ALL(CAST(:full AS text[])) AND a.id <> ALL(CAST(:full AS text[]))
                        AND (a.carrier <> ALL({known("sharing")})
                             OR CAST(a.carrier AS text) <> ALL(CAST(:full AS text[])))))
ORDER BY {turn("c.filled_at")}, c.id
LIMIT {PAGE}
""")

Place = tuple[datetime, str]
"""Where a campaign stands in the order of turns: when it had its last, and its id."""


@shaped(LIVE)
class LiveCount(Protocol):
    """The calls of one campaign by one caller ID: ``live``, and of them ``reserved``."""

    campaign_id: str
    number_id: str
    account_id: str
    live: int
    reserved: int


class UsableNumber(TypedDict):
    """A caller ID that may be shown now, with its account. ``limit``, ``account_limit`` and ``channels`` are calls at
    once; ``used_at`` is in epoch seconds; ``half_open`` accounts take one call that tries them; ``credentials`` is the
    carrier, where other accounts have the same ones."""

    id: str
    number: str
    account: str
    used_at: float
    limit: int
    account_limit: int
    channels: int | None
    account_rate: float | None
    number_rate: float | None
    half_open: bool
    carrier: str
    is_watched: bool
    credentials: str | None


@shaped(CANDIDATES, never_null=("run_id",))
class Candidate(CallWindowColumns, AssistantColumns, Timed, Protocol):
    """A running campaign with its due contacts by zone (zone, how many), its usable caller IDs, longest unused first,
    the limits it shares, and what is left of its run's budget (``None``: no cap). Of one that goes by places, which may
    be many, ``first_by_zone`` are those that are not known to be shut (zone, rank, and of the first contact since when
    it is due, as text, and its id), and ``due_by_zone`` counts no more than a round takes in all."""

    id: str
    filled_at: datetime
    is_starved: bool
    run_id: str
    policy_version: int
    max_concurrent_calls: int
    max_attempts_per_contact: int
    retry_delay_minutes: int
    variables: Mapping[str, Any] | None
    outcomes: Mapping[str, Any] | None
    call_secret: bytes | None
    use_secondary_phone: bool
    frequency: Sequence[Mapping[str, Any]] | None
    team_frequency: Sequence[Mapping[str, Any]] | None
    country: str | None
    speed: float
    team_limit: int
    budget: int | None
    generation: int
    due_by_zone: list[tuple[str, int]]
    first_by_zone: list[tuple[str, int, str, int]] | None
    numbers: list[UsableNumber]


def live(team_id: str) -> Statement:
    """The statement that counts the live calls of a team by campaign, number and account."""
    return LIVE, {"team": team_id}


def of_page(
    team_id: str,
    campaign_ids: Sequence[str],
    *,
    most: int,
    recovery_seconds: float,
    starved: bool = True,
    after: Place | None = None,
    full: Collection[str] = (),
    sharing: Sequence[str] = (),
) -> Statement:
    """The statement that reads a page of the running campaigns among those named — and, when ``starved``, of those of
    the team that lacked a shared slot — whose turn is longest ago first. The first page is of all of them; one that
    comes ``after`` a place of that order only of those that have a usable caller ID which is not ``full`` (numbers,
    accounts, carriers), so that a crowd that cannot be filled is passed over at once. Each with its due contacts by
    zone (counted up to ``most``), its usable caller IDs (longest unused first; of an account whose breaker is half open
    until one call tries it; with the ``credentials``, of a carrier among those ``sharing`` them, that other accounts
    have too) and what is left of its budget (``None``: no cap)."""
    after_at, after_id = after or (None, "")
    values = {
        "team": team_id,
        "ids": list(campaign_ids),
        "most": most,
        "starved": starved,
        "recovery": recovery_seconds,
        "after_at": after_at,
        "after_id": after_id,
        "full": sorted(full),
        "sharing": list(sharing),
    }
    return CANDIDATES, values
