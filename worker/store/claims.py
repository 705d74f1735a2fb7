"""The claim: contacts that are due are locked, and their calls reserved, under the lock of the team.

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

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import Connection, text

from worker.domain.model import Bounds, ContactStatus
from worker.store import call_history
from worker.store.bans import is_erased, is_listed, purpose_of
from worker.store.batches import Batch, BigInt, Law
from worker.store.call_history import CallHistory
from worker.store.candidates import IS_ASKED_FOR, IS_LIVE_OF_TEAM
from worker.store.consents import best_consent
from worker.store.conversations import person
from worker.store.dialing import dialing_times
from worker.store.instants import jumped_forward
from worker.store.pipeline import Statement
from worker.store.rules import key
from worker.store.shapes import shaped

LAST_ID = 2**63 - 1
"""No contact of a campaign has a greater id."""
MOVED_AT_ONCE = 1000
"""So many calls have ended before it is, that the team's row is not written with every claim."""


@dataclass(frozen=True, slots=True)
class Want:
    """How many due contacts at ``most`` are looked for in one zone of a campaign, which goes ``by_place`` or by time
    zones; ``with_person`` where its assistant is sent variables. Where others come before them, none is looked for
    behind that one: the last of them, by its rank, since when it is due, and its id. ``with_history`` where caps or
    quiet times hold."""

    campaign_id: str
    zone: str
    most: int
    with_person: bool = False
    by_place: bool = False
    last_rank: int | None = None
    last_due: datetime | None = None
    last_id: BigInt | None = None
    with_history: bool = False


@dataclass(slots=True)
class Reservation:
    """One call about to be reserved, with the limits of its scopes as they were read; that of its credentials where
    other accounts share them. ``attempts`` and ``called`` are the contact's so far. A callback has the ``callback_at``
    that its callee asked for, and ``is_extra`` where it is the one call beyond the campaign's most, which
    ``max_attempts`` then counts in; ``secondary`` is the contact's second number as it is written, where that is
    called. With ``valid_until``, the last moment of its window, it is committed to be placed at once, and may leave;
    where rules bind, by the ``law``; with a ``history`` only if that of its number is still the same, by the caps and
    quiet times (``frequency``) that allowed it. Where it waits and whoever reserves it has it ``in_hand``, nobody else
    looks after it for a while."""

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
    team_limit: int
    campaign_limit: int
    number_limit: int
    account_limit: int
    credentials_limit: int | None
    attempts: int
    called: bool
    max_attempts: int
    callback_at: datetime | None = None
    is_extra: bool = False
    secondary: str | None = None
    valid_until: datetime | None = None
    in_hand: bool = True
    law: Law = None
    frequency: Law = None
    history: str | None = None

    @property
    def leaves(self) -> bool:
        """Whether it is to leave at once."""
        return self.valid_until is not None


@dataclass(frozen=True, slots=True)
class PassedOver:
    """A contact that is due and not called now: snoozed for so many seconds, or ``until`` an instant, or ruled out for
    a ``reason``."""

    campaign_id: str
    contact_id: str
    status: ContactStatus
    reason: str | None
    snoozed_seconds: float
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class StaleZone:
    """A contact that waits in a zone of its campaign, which goes ``by_place`` or not, that is not its own any more."""

    campaign_id: str
    contact_id: str
    by_place: bool


@dataclass(frozen=True, slots=True)
class ShutZone:
    """A zone of a campaign in which nobody may be called before an instant of business time."""

    campaign_id: str
    zone: str
    until: datetime


@dataclass(frozen=True, slots=True)
class SecondaryNumber:
    """The second number of a contact that is due, in E.164."""

    campaign_id: str
    contact_id: str
    number: str


@dataclass(frozen=True, slots=True)
class Turn:
    """How one campaign came out of a fill: whether its turn ``is_over``, whether it ``is_starved`` because a shared
    slot was missing, and in how many seconds of business time, at the latest, somebody must look again."""

    campaign_id: str
    is_over: bool
    is_starved: bool
    wake_in_seconds: float | None = None


WANTS = Batch(Want)
SECONDARY_NUMBERS = Batch(SecondaryNumber)
RESERVATIONS = Batch(Reservation)
PASSED_OVER = Batch(PassedOver)
STALE_ZONES = Batch(StaleZone)
SHUT_ZONES = Batch(ShutZone)
TURNS = Batch(Turn)

LOCK = text(f"""
SELECT c.id FROM teams t CROSS JOIN campaigns c
WHERE t.id = :team AND {IS_ASKED_FOR}
ORDER BY c.id FOR NO KEY UPDATE OF t, c
""")

PICK = text(f"""
WITH due AS MATERIALIZED (
    SELECT found.*, x.with_person, x.by_place, x.with_history
    FROM {WANTS}
    CROSS JOIN LATERAL (
        SELECT ranked.*, c.purpose
        FROM (SELECT ranks, coalesce(purpose, (SELECT policy ->> 'purpose' FROM teams WHERE id = :team)) AS purpose
              FROM campaigns WHERE id = x.campaign_id LIMIT 1) AS c
        CROSS JOIN LATERAL unnest(c.ranks) AS r (rank)   -- in their order: enough of one leave the next alone
        CROSS JOIN LATERAL (
            SELECT cc.id, cc.campaign_id, cc.contact_id, cc.zone, cc.rank, cc.due_at, cc.attempts, cc.called,
                   cc.last_number_id, cc.technical_failures, cc.rejections, cc.invalid_results,
                   cc.callback_at, cc.callbacks_used
            FROM campaign_contacts cc
            WHERE cc.campaign_id = x.campaign_id AND cc.zone = x.zone AND cc.rank = r.rank
              AND cc.status IN ('pending', 'queued') AND cc.due_at <= (SELECT dialer_due_now())
              AND (cc.due_at, cc.id) <= (CASE WHEN r.rank = x.last_rank THEN x.last_due ELSE 'infinity' END,
                                         CASE WHEN r.rank = x.last_rank THEN x.last_id ELSE {LAST_ID} END)
              AND (cc.callback_at IS NULL OR cc.callback_at <= (SELECT dialer_now()))   -- due_now may be ahead of it
            ORDER BY cc.due_at, cc.id
            LIMIT x.most
            FOR NO KEY UPDATE OF cc SKIP LOCKED) AS ranked
        WHERE r.rank <= coalesce(x.last_rank, r.rank)
        LIMIT x.most) AS found),
live AS MATERIALIZED (   -- looked up in a list, not in an index: of those over live calls, all of which look empty
    SELECT contact_id, to_number FROM calls WHERE {IS_LIVE_OF_TEAM}),   -- at night, any may be taken
revived AS MATERIALIZED (   -- closed by us, alive by its carrier's word: until it ends, or provably has
    SELECT l.team_id, l.contact_id, l.to_number FROM calls l
    WHERE l.late_evidence_at IS NOT NULL AND l.late_evidence_at > clock_timestamp() - interval '5 hours'
                                      - {jumped_forward("l.late_evidence_at")} * interval '1 second'
      AND NOT EXISTS (SELECT FROM call_events e WHERE e.token = l.token AND e.kind = 'ended'
                        AND e.outcome IS DISTINCT FROM 'foreign'
                        AND (l.carrier_call_id IS NULL OR e.carrier_call_id = l.carrier_call_id)))
SELECT due.campaign_id, due.contact_id, due.zone, due.attempts, due.called, due.last_number_id,
       due.technical_failures, due.rejections, due.invalid_results, due.callback_at, due.callbacks_used,
       k.phone_e164, k.phone_fault, k.phone_secondary,
       CASE WHEN due.by_place THEN {best_consent("k.team_id", "k.phone_e164", "due.purpose")} ELSE 0 END AS consent,
       {key("k", "due.by_place")} AS own_zone,
       k.do_not_call OR {is_listed("k.team_id", "k.phone_e164", "due.purpose")}
       OR {is_erased(":team", "k.phone_e164")} AS do_not_call,
       k.id IN (SELECT contact_id FROM live) OR coalesce(k.phone_e164 IN (SELECT to_number FROM live), false)
       OR EXISTS (SELECT FROM revived l
                  WHERE l.team_id = k.team_id AND (l.contact_id = k.id OR l.to_number = k.phone_e164)) AS on_the_phone,
       CASE WHEN due.with_person THEN {person("k")} END AS person,
       callee.recent, callee.conversed_at, callee.refused_at, callee.history
FROM due CROSS JOIN LATERAL (SELECT * FROM contacts WHERE id = due.contact_id LIMIT 1) AS k
LEFT JOIN LATERAL (
    SELECT {call_history.READ} FROM callees e
    WHERE due.with_history AND e.team_id = k.team_id AND e.number = k.phone_e164 LIMIT 1) AS callee ON true
ORDER BY due.rank, due.due_at, due.id
""")

# Of second numbers about to be called: by the list, by somebody else of the campaign who is called by it, by a call.
SCREEN_SECONDARY = text(f"""
SELECT x.campaign_id, x.contact_id,
       {is_listed(":team", "x.number", purpose_of("x.campaign_id"))} OR {is_erased(":team", "x.number")}
       OR EXISTS (SELECT FROM contacts o
                  CROSS JOIN LATERAL (SELECT status FROM campaign_contacts
                                      WHERE contact_id = o.id AND campaign_id || '' = x.campaign_id LIMIT 1) AS oc
                  WHERE o.team_id = :team AND o.phone_e164 = x.number AND oc.status <> 'skipped') AS is_out,
       EXISTS (SELECT FROM calls l WHERE l.team_id = :team AND l.to_number = x.number AND l.ended_at IS NULL)
       OR EXISTS (SELECT FROM calls l WHERE l.team_id = :team AND l.to_number = x.number
                    AND l.late_evidence_at IS NOT NULL) AS is_busy,
       {best_consent(":team", "x.number", purpose_of("x.campaign_id"))} AS consent,
       e.recent, e.conversed_at, e.refused_at, e.history
FROM {SECONDARY_NUMBERS}
LEFT JOIN LATERAL (SELECT {call_history.READ} FROM callees e
                   WHERE e.team_id = :team AND e.number = x.number LIMIT 1) AS e ON true
""")

RESERVE = text(f"""
WITH now AS MATERIALIZED (SELECT dialer_now() AS at, clock_timestamp() AS clock),
claimed AS MATERIALIZED (   -- what may leave at once is written as what COMMIT_DIALING makes of a reserved call
    SELECT x.*, coalesce(now.at < x.valid_until, false)
                AND {call_history.unchanged(":team", "x.to_number", "x.history")} AS leaves, now.at AS now, now.clock
    FROM {RESERVATIONS.numbered} CROSS JOIN now),
turned AS (
    UPDATE campaign_contacts cc
    SET status = 'calling', last_number_id = x.number_id,
        attempts = cc.attempts + x.leaves::int, called = cc.called OR x.leaves,
        callbacks_used = cc.callbacks_used + (x.leaves AND x.is_extra)::int,
        callback_at = CASE WHEN NOT x.leaves THEN cc.callback_at END,
        rank = CASE WHEN x.leaves THEN cc.priority ELSE cc.rank END, reason = NULL
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
                       to_number, zone, claim_limits, reserved_at, rung_at, state, attempt, called_before,
                       max_attempts, callback_at, is_extra, secondary, valid_until, law, frequency,
                       dialed_at, dialing_at, checked_at, next_check_at, clock_jump, provable_end_at)
    SELECT call_id, :team, campaign_id, run_id, contact_id, number_id, account_id, token, from_number, to_number, zone,
           array_remove(ARRAY[team_limit, campaign_limit, number_limit, account_limit, credentials_limit], NULL),
           clock, CASE WHEN NOT in_hand THEN CAST('epoch' AS timestamptz) END,   -- dispatched when nobody had it yet
           CAST(CASE WHEN leaves THEN 'dialing' ELSE 'reserved' END AS call_state),
           CASE WHEN leaves THEN attempts + 1 END, CASE WHEN leaves THEN called END,
           CASE WHEN leaves THEN max_attempts END, callback_at, is_extra, secondary,
           CASE WHEN leaves THEN valid_until END, CASE WHEN leaves THEN law END, CASE WHEN leaves THEN frequency END,
           CASE WHEN leaves THEN now END, CASE WHEN leaves THEN clock END,
           CASE WHEN leaves THEN clock END,
           CASE WHEN leaves THEN clock + :request * interval '1 second' END,
           CASE WHEN leaves THEN coalesce((SELECT max(number) FROM clock_jumps), 0) ELSE 0 END,
           CASE WHEN leaves THEN clock + (:overhead + :callee / dialer_speed()) * interval '1 second' END
    FROM claimed ORDER BY to_number   -- as whoever writes the history of several numbers, or two wait for each other
    RETURNING seq, id, state),
oldest AS (   -- of those before, or where none of them lives of these
    SELECT coalesce((SELECT seq FROM calls WHERE {IS_LIVE_OF_TEAM} ORDER BY seq LIMIT 1),
                    (SELECT min(seq) FROM reserved)) AS seq),
moved AS (
    UPDATE teams SET live_from = oldest.seq FROM oldest WHERE id = :team AND oldest.seq >= live_from + :moved_at_once)
SELECT id FROM reserved WHERE state = 'dialing'
""")

PASS_OVER = text(f"""
UPDATE campaign_contacts cc
SET status = x.status, reason = x.reason,
    due_at = greatest(cc.due_at, (SELECT dialer_due_now()) + x.snoozed_seconds * interval '1 second',
                      x.until + (SELECT {call_history.IS_AHEAD_BY}))
FROM {PASSED_OVER}
WHERE cc.contact_id = x.contact_id AND cc.campaign_id || '' = x.campaign_id
""")

REZONE = text(f"""
WITH moved AS (
    UPDATE campaign_contacts cc SET zone = {key("k", "x.by_place")}
    FROM {STALE_ZONES}
    JOIN contacts k ON k.id = x.contact_id
    WHERE cc.contact_id = x.contact_id AND cc.campaign_id || '' = x.campaign_id
    RETURNING cc.campaign_id, cc.zone)
INSERT INTO campaign_zones (campaign_id, zone) SELECT DISTINCT campaign_id, zone FROM moved ON CONFLICT DO NOTHING
""")

SHUT = text(f"""
UPDATE campaign_zones z SET shut_until = x.until FROM {SHUT_ZONES}
WHERE z.campaign_id = x.campaign_id AND z.zone = x.zone
""")

NOTE_TURNS = text(f"""
UPDATE campaigns c
SET filled_at = CASE WHEN x.is_over THEN statement_timestamp() + x.ord * interval '1 microsecond' ELSE c.filled_at END,
    short_of_slots = x.is_starved,
    next_wake_at = CASE WHEN x.wake_in_seconds IS NULL THEN c.next_wake_at
                        ELSE least(c.next_wake_at, dialer_now() + x.wake_in_seconds * interval '1 second') END
FROM {TURNS.numbered}
WHERE c.id = x.campaign_id AND c.status = 'running'
""")


@shaped(RESERVE)
class Leaving(Protocol):
    """A call that was committed to be placed."""

    id: str


@shaped(PICK)
class DueContact(CallHistory, Protocol):
    """A contact that is due, locked, as it is now: the zone it waits in and its ``own_zone``, whether it may not be
    called, which consent it has given (:class:`worker.law.words.Consent`; of a campaign that goes by places only), and
    whether it, or its number, is ``on_the_phone``; the ``person``, where that was wanted."""

    campaign_id: str
    contact_id: str
    zone: str
    own_zone: str
    consent: int
    attempts: int
    called: bool
    technical_failures: int
    rejections: int
    invalid_results: int
    last_number_id: str | None
    callback_at: datetime | None
    callbacks_used: int
    phone_e164: str | None
    phone_fault: str | None
    phone_secondary: str | None
    do_not_call: bool
    on_the_phone: bool
    person: Mapping[str, Any] | None


@shaped(SCREEN_SECONDARY)
class ScreenedNumber(CallHistory, Protocol):
    """A second number: whether the contact ``is_out`` of reach by it, whether it ``is_busy``, and which ``consent`` was
    given for it."""

    campaign_id: str
    contact_id: str
    is_out: bool
    is_busy: bool
    consent: int


def screen_secondary(conn: Connection, team_id: str, numbers: Sequence[SecondaryNumber]) -> Sequence[ScreenedNumber]:
    """Screen second numbers as first ones are."""
    return conn.execute(SCREEN_SECONDARY, SECONDARY_NUMBERS.bind(numbers) | {"team": team_id}).all()


def lock(team_id: str, campaign_ids: Sequence[str], *, starved: bool = False) -> Statement:
    """The statement that locks the team's row, then those of these campaigns, and of the running ones of the team that
    are ``starved``, in id order, until the transaction ends."""
    return LOCK, {"team": team_id, "ids": list(campaign_ids), "starved": starved}


def pick(team_id: str, wants: Sequence[Want]) -> Statement:
    """The statement that locks the due contacts that are wanted, in the order they are due; those locked by others are
    passed over. Its rows are :class:`DueContact`."""
    return PICK, WANTS.bind(wants) | {"team": team_id}


def reserve(team_id: str, reservations: Sequence[Reservation], bounds: Bounds) -> Statement:
    """The statement that writes the calls, turns their contacts to ``calling``, takes the runs' budget and moves the
    rotation on. Its rows are :class:`Leaving`."""
    return RESERVE, RESERVATIONS.bind(reservations) | dialing_times(bounds) | {
        "team": team_id,
        "moved_at_once": MOVED_AT_ONCE,
    }


def pass_over(contacts: Sequence[PassedOver]) -> Statement:
    """The statement that snoozes, or rules out, contacts that ``pick`` found and that are not called now."""
    return PASS_OVER, PASSED_OVER.bind(contacts)


def shut(zones: Sequence[ShutZone]) -> Statement:
    """The statement that notes zones in which nobody may be called for a while, so that no claim looks at them."""
    return SHUT, SHUT_ZONES.bind(zones)


def rezone(contacts: Sequence[StaleZone]) -> Statement:
    """The statement that lets contacts wait in their own zone, where an edit beside their adding was missed."""
    return REZONE, STALE_ZONES.bind(contacts)


def note_turns(turns: Sequence[Turn]) -> Statement:
    """The statement that notes which campaigns had their turn, which are starved, and when to look again at the
    latest."""
    return NOTE_TURNS, TURNS.bind(turns)
