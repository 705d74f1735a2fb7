"""What ``fill`` asks and writes: who may be called now, with which caller ID, and the claim itself.

Every scope of a call — campaign, number, carrier account — belongs to exactly one team, so the team's row is
the one lock under which live calls are counted and new ones added; the campaigns' rows follow it in id order,
because their state and their run's budget are decided under them. (The design's four kinds of lock collapse
into these two; taking the other two as well would only cost round trips.)

The planner does not know how many contacts a claim takes, so the statements leave it no choice: rows are found
one by one (LATERAL … LIMIT 1, scalar subqueries), never by hashing a table.

The claim is two statements: ``pick`` locks the contacts that are due, and ``reserve`` writes what the flow
made of them. Between them stands no other transaction: both run under the locks. A LIMIT inside an UPDATE may
touch more rows than it says when PostgreSQL plans it as a nested loop; a list that has been read cannot.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, text

from worker.store.breakers import IS_PAUSE_OVER, IS_PROBED, RATE_NOW, RESTS_NOT
from worker.store.carriers import known
from worker.store.channels import ACCOUNT_LIMIT
from worker.store.failovers import IS_NOT_HELD
from worker.store.instants import jumped_forward, turn

# From where on calls of a team may live its claims move on, under the lock that all of them take, so none is missed.
_LIVE_OF_TEAM = """
team_id = :team AND seq >= (SELECT live_from FROM teams WHERE id = :team)
AND coalesce(ended_at, 'infinity') = 'infinity'
"""
MOVED_AT_ONCE = 1000
"""So many calls have ended before it is, that the team's row is not written with every claim."""

LIVE = text(f"""
SELECT campaign_id, number_id, account_id, count(*) AS live, count(*) FILTER (WHERE state = 'reserved') AS reserved
FROM calls WHERE {_LIVE_OF_TEAM}
GROUP BY campaign_id, number_id, account_id
""")

PAGE = 200
"""How many candidates are looked at together."""

USABLE = f"""n.enabled AND a.enabled AND {IS_NOT_HELD} AND {RESTS_NOT}
               AND (a.breaker_until IS NULL OR {IS_PAUSE_OVER} AND NOT {IS_PROBED})"""
"""Whether a number ``n`` of an account ``a`` may be shown now: both are enabled, neither rests, the breaker is closed
or lets one call try, and no failover holds calls back."""

CANDIDATES = text(f"""
SELECT c.id, {turn("c.filled_at")} AS filled_at, c.short_of_slots, c.run_id, c.policy_version,
       c.max_concurrent_calls, c.max_attempts_per_contact,
       c.call_window_start, c.call_window_end, c.call_window_timezone, c.settings,
       t.max_concurrent_calls AS team_limit, r.max_calls - r.calls_used AS budget,
       (SELECT dialer_now()) AS now, g.generation,
       ARRAY(SELECT json_build_array(z.zone, (
                 SELECT count(*) FROM (
                     SELECT 1 FROM campaign_contacts cc
                     WHERE cc.campaign_id = c.id AND cc.zone = z.zone AND cc.status IN ('pending', 'queued')
                       AND cc.due_at <= (SELECT dialer_due_now())
                     ORDER BY cc.due_at, cc.id   -- or the planner, guessing at the LIMIT, reads the whole table
                     LIMIT least(c.max_concurrent_calls, :most)) AS due))
             FROM campaign_zones z WHERE z.campaign_id = c.id) AS due_by_zone,
       ARRAY(SELECT json_build_object(
                 'id', n.id, 'number', n.number, 'account', a.id, 'used_at', extract(epoch FROM {turn("cn.used_at")}),
                 'limit', n.max_concurrent_calls, 'account_limit', {ACCOUNT_LIMIT}, 'channels', a.channels,
                 'account_rate', {RATE_NOW}, 'half_open', a.breaker_until IS NOT NULL,
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
CROSS JOIN slot_generation g
WHERE c.status = 'running' AND c.deleted_at IS NULL
  AND (c.id = ANY(:ids) AND c.team_id || '' = :team   -- || '': or all campaigns of the team are gone through
       OR :starved AND c.short_of_slots AND c.team_id = :team)
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

LOCK = text("""
SELECT c.id FROM teams t JOIN campaigns c ON c.team_id || '' = t.id
WHERE t.id = :team AND c.id = ANY(:ids)
ORDER BY c.id FOR NO KEY UPDATE OF t, c
""")

PICK = text(f"""
WITH due AS MATERIALIZED (
    SELECT found.*
    FROM unnest(CAST(:campaigns AS text[]), CAST(:zones AS text[]), CAST(:wants AS integer[]))
         AS w (campaign_id, zone, want)
    CROSS JOIN LATERAL (
        SELECT cc.id, cc.campaign_id, cc.contact_id, cc.zone, cc.due_at, cc.attempts, cc.last_number_id
        FROM campaign_contacts cc
        WHERE cc.campaign_id = w.campaign_id AND cc.zone = w.zone AND cc.status IN ('pending', 'queued')
          AND cc.due_at <= (SELECT dialer_due_now())
        ORDER BY cc.due_at, cc.id
        LIMIT w.want
        FOR NO KEY UPDATE OF cc SKIP LOCKED) AS found),
live AS MATERIALIZED (   -- looked up in a list, not in an index: of those over live calls, all of which look empty
    SELECT contact_id, to_number FROM calls WHERE {_LIVE_OF_TEAM}),   -- at night, any may be taken
revived AS MATERIALIZED (   -- closed by us, alive by its carrier's word: until it ends, or provably has
    SELECT l.team_id, l.contact_id, l.to_number FROM calls l
    WHERE l.late_evidence_at IS NOT NULL AND l.late_evidence_at > clock_timestamp() - interval '5 hours'
                                      - {jumped_forward("l.late_evidence_at")} * interval '1 second'
      AND NOT EXISTS (SELECT FROM call_events e WHERE e.token = l.token AND e.kind = 'ended'
                        AND e.outcome IS DISTINCT FROM 'foreign'
                        AND (l.carrier_call_id IS NULL OR e.carrier_call_id = l.carrier_call_id)))
SELECT due.campaign_id, due.contact_id, due.zone, due.attempts, due.last_number_id, k.phone_e164, k.phone_fault,
       coalesce(k.timezone, '') AS own_zone,
       k.do_not_call OR (SELECT true FROM do_not_call d WHERE d.team_id = k.team_id AND d.number = k.phone_e164
                         LIMIT 1) IS NOT NULL AS do_not_call,
       k.id IN (SELECT contact_id FROM live) OR coalesce(k.phone_e164 IN (SELECT to_number FROM live), false)
       OR EXISTS (SELECT FROM revived l
                  WHERE l.team_id = k.team_id AND (l.contact_id = k.id OR l.to_number = k.phone_e164)) AS on_the_phone
FROM due CROSS JOIN LATERAL (SELECT * FROM contacts WHERE id = due.contact_id LIMIT 1) AS k
ORDER BY due.due_at, due.id
""")

RESERVE = text(f"""
WITH claimed AS MATERIALIZED (
    SELECT * FROM unnest(
        CAST(:ids AS text[]), CAST(:campaigns AS text[]), CAST(:runs AS text[]), CAST(:contacts AS text[]),
        CAST(:numbers AS text[]), CAST(:accounts AS text[]), CAST(:tokens AS text[]), CAST(:froms AS text[]),
        CAST(:tos AS text[]), CAST(:zones AS text[]), CAST(:team_limits AS integer[]),
        CAST(:campaign_limits AS integer[]), CAST(:number_limits AS integer[]), CAST(:account_limits AS integer[]),
        CAST(:shared_limits AS integer[]))
        WITH ORDINALITY AS x (id, campaign_id, run_id, contact_id, number_id, account_id, token, from_number,
                              to_number, zone, lt, lc, ln, la, ls, ord)),
turned AS (
    UPDATE campaign_contacts cc SET status = 'calling', last_number_id = x.number_id
    FROM claimed x WHERE cc.contact_id = x.contact_id AND cc.campaign_id || '' = x.campaign_id),
budgeted AS (
    UPDATE runs r SET calls_used = r.calls_used + b.n
    FROM (SELECT run_id, count(*) AS n FROM claimed GROUP BY run_id) AS b WHERE r.id = b.run_id),
rotated AS (
    UPDATE campaign_numbers cn SET used_at = statement_timestamp() + u.last * interval '1 microsecond'
    FROM (SELECT campaign_id, number_id, max(ord) AS last FROM claimed GROUP BY campaign_id, number_id) AS u
    WHERE cn.campaign_id = u.campaign_id AND cn.number_id = u.number_id),
reserved AS (
    INSERT INTO calls (id, team_id, campaign_id, run_id, contact_id, number_id, account_id, token, from_number,
                       to_number, zone, claim_limits)
    SELECT id, :team, campaign_id, run_id, contact_id, number_id, account_id, token, from_number, to_number, zone,
           array_remove(ARRAY[lt, lc, ln, la, ls], NULL)
    FROM claimed ORDER BY ord
    RETURNING seq),
oldest AS (   -- of those before, or where none of them lives of these
    SELECT coalesce((SELECT seq FROM calls WHERE {_LIVE_OF_TEAM} ORDER BY seq LIMIT 1),
                    (SELECT min(seq) FROM reserved)) AS seq)
UPDATE teams SET live_from = oldest.seq FROM oldest WHERE id = :team AND oldest.seq >= live_from + :moved_at_once
""")

PUT_BACK = text("""
UPDATE campaign_contacts cc
SET status = CAST(x.status AS contact_status), reason = x.reason,
    due_at = greatest(cc.due_at, (SELECT dialer_due_now()) + x.seconds * interval '1 second')
FROM unnest(CAST(:campaigns AS text[]), CAST(:contacts AS text[]), CAST(:statuses AS text[]),
            CAST(:reasons AS text[]), CAST(:seconds AS double precision[]))
     AS x (campaign_id, contact_id, status, reason, seconds)
WHERE cc.contact_id = x.contact_id AND cc.campaign_id || '' = x.campaign_id
""")

REZONE = text("""
WITH moved AS (
    UPDATE campaign_contacts cc SET zone = coalesce(k.timezone, '')
    FROM unnest(CAST(:campaigns AS text[]), CAST(:contacts AS text[])) AS x (campaign_id, contact_id)
    JOIN contacts k ON k.id = x.contact_id
    WHERE cc.contact_id = x.contact_id AND cc.campaign_id || '' = x.campaign_id
    RETURNING cc.campaign_id, cc.zone)
INSERT INTO campaign_zones (campaign_id, zone) SELECT DISTINCT campaign_id, zone FROM moved ON CONFLICT DO NOTHING
""")

PACE = text("""
UPDATE campaigns c
SET filled_at = CASE WHEN x.turn THEN statement_timestamp() + x.ord * interval '1 microsecond' ELSE c.filled_at END,
    short_of_slots = x.short,
    next_wake_at = CASE WHEN x.wake_in IS NULL THEN c.next_wake_at
                        ELSE least(c.next_wake_at, dialer_now() + x.wake_in * interval '1 second') END
FROM unnest(CAST(:ids AS text[]), CAST(:turns AS boolean[]), CAST(:short AS boolean[]),
            CAST(:wake_in AS double precision[])) WITH ORDINALITY AS x (id, turn, short, wake_in, ord)
WHERE c.id = x.id AND c.status = 'running'
""")


@dataclass(frozen=True, slots=True)
class Reservation:
    """One call about to be reserved; ``limits`` are those of team, campaign, number and account as read, and of the
    credentials, where other accounts share them."""

    call_id: str
    campaign_id: str
    run_id: str
    contact_id: str
    number_id: str
    account_id: str
    token: str
    from_number: str
    to_number: str
    zone: str
    limits: tuple[int, int, int, int, int | None]


@dataclass(frozen=True, slots=True)
class Aside:
    """A contact that is due and not called now: put back for ``seconds``, or out of reach for ``reason``."""

    campaign_id: str
    contact_id: str
    status: str
    reason: str | None
    seconds: float


@dataclass(frozen=True, slots=True)
class Pace:
    """How one campaign came out of a fill: whether it had its ``turn``, whether a shared slot was missing, and in
    how many seconds of business time, at the latest, somebody must look again."""

    campaign_id: str
    turn: bool
    short: bool
    wake_in_seconds: float | None = None


Place = tuple[datetime, str]
"""Where a campaign stands in the order of turns: when it had its last, and its id."""


def live(conn: Connection, team_id: str) -> Sequence[Row[Any]]:
    """Live calls of a team by campaign, number and account: ``live``, and of them ``reserved``."""
    return conn.execute(LIVE, {"team": team_id}).all()


def candidates(
    conn: Connection,
    team_id: str,
    campaign_ids: Sequence[str],
    *,
    most: int,
    recovery_seconds: float,
    starved: bool = True,
    after: Place | None = None,
    full: Collection[str] = (),
    sharing: Sequence[str] = (),
) -> Sequence[Row[Any]]:
    """A page of the running campaigns among those named — and, when ``starved``, of those of the team that lacked a
    shared slot — whose turn is longest ago first. The first page is of all of them; one that comes ``after`` a place
    of that order only of those that have a usable caller ID which is not ``full`` (numbers, accounts, carriers), so
    that a crowd that cannot be filled is passed over at once. Each with its due contacts by zone (counted up to
    ``most``), its usable caller IDs (longest unused first; of an account whose breaker is half open until one call
    tries it; with the ``credentials``, of a carrier among those ``sharing`` them, that other accounts have too) and
    what is left of its budget (``None``: no cap)."""
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
    return conn.execute(CANDIDATES, values).all()


def lock(conn: Connection, team_id: str, campaign_ids: Sequence[str]) -> None:
    """Lock the team's row, then the campaigns' in id order, until the transaction ends."""
    conn.execute(LOCK, {"team": team_id, "ids": list(campaign_ids)})


def pick(conn: Connection, team_id: str, wants: Sequence[tuple[str, str, int]]) -> Sequence[Row[Any]]:
    """Lock up to ``want`` due contacts for each (campaign, zone, want), in the order they are due; contacts
    locked by others are passed over."""
    campaigns, zones, counts = zip(*wants, strict=True)
    return conn.execute(
        PICK, {"team": team_id, "campaigns": list(campaigns), "zones": list(zones), "wants": list(counts)}
    ).all()


def reserve(conn: Connection, team_id: str, reservations: Sequence[Reservation]) -> None:
    """Write the calls, turn their contacts to ``calling``, take the runs' budget, move the rotation on."""
    team, campaign, number, account, shared = zip(*(r.limits for r in reservations), strict=True)
    conn.execute(
        RESERVE,
        {
            "team": team_id,
            "moved_at_once": MOVED_AT_ONCE,
            "ids": [r.call_id for r in reservations],
            "campaigns": [r.campaign_id for r in reservations],
            "runs": [r.run_id for r in reservations],
            "contacts": [r.contact_id for r in reservations],
            "numbers": [r.number_id for r in reservations],
            "accounts": [r.account_id for r in reservations],
            "tokens": [r.token for r in reservations],
            "froms": [r.from_number for r in reservations],
            "tos": [r.to_number for r in reservations],
            "zones": [r.zone for r in reservations],
            "team_limits": list(team),
            "campaign_limits": list(campaign),
            "number_limits": list(number),
            "account_limits": list(account),
            "shared_limits": list(shared),
        },
    )


def set_aside(conn: Connection, asides: Sequence[Aside]) -> None:
    """Put back, or rule out, contacts that ``pick`` found and that are not called now."""
    conn.execute(
        PUT_BACK,
        {
            "campaigns": [a.campaign_id for a in asides],
            "contacts": [a.contact_id for a in asides],
            "statuses": [a.status for a in asides],
            "reasons": [a.reason for a in asides],
            "seconds": [a.seconds for a in asides],
        },
    )


def rezone(conn: Connection, contacts: Sequence[tuple[str, str]]) -> None:
    """Let contacts (campaign, contact) wait in their own zone, where an edit beside their adding was missed."""
    campaigns, contact_ids = zip(*contacts, strict=True)
    conn.execute(REZONE, {"campaigns": list(campaigns), "contacts": list(contact_ids)})


def pace(conn: Connection, paces: Sequence[Pace]) -> None:
    """Note which campaigns had their turn, which lack a shared slot, and when to look again at the latest."""
    conn.execute(
        PACE,
        {
            "ids": [p.campaign_id for p in paces],
            "turns": [p.turn for p in paces],
            "short": [p.short for p in paces],
            "wake_in": [p.wake_in_seconds for p in paces],
        },
    )
