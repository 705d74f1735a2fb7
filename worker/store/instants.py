"""Every instant of a server's clock that is kept, and why a clock set an hour forward or back does no harm.

Machine time is the clock of PostgreSQL's server, or of Redis' for what lies there. A clock can be set: by hand, by a
time server after hours without one, by a failover to a machine that reads another time. An instant that was written
down before that then lies an hour in the future, or an hour deeper in the past than it is. So that neither stops the
dialer nor calls anybody twice, everything that is compared with the clock goes by one of these rules:

``INTERVAL`` [from, until) is in force while the clock is in it (:func:`is_over`). *Back*: the clock is before its
    beginning, so it was set back, and the interval is over. *Forward*: it is over early.
``DISTANCE`` from the clock, whichever way, is what counts as an age (:func:`age`, :func:`has_waited`). *Back*: an
    instant from an hour ahead is as old as one from an hour ago, so what waits for an age is taken up at once; after a
    small step it waits twice as long at most. *Forward*: it is taken up early.
``TURN`` goes to who had it longest ago (:func:`turn`). *Back*: an instant that lies ahead counts as the longest ago of
    all, or whoever had his turn just before the clock was set would wait for the clock to come back there. *Forward*:
    nothing; the order stays.
``HELD`` waits for something that was begun in the world and is not over because our clock says so: a person talks.
    Here, and only here, early is harmful, so the jumps that were noticed since are added (:func:`jumped`). *Back*:
    corrected where the call was certainly dialed before, else waited for as long again. *Forward*: corrected.
``KEPT`` for hours or days, then deleted or forgotten. *Back*: an hour longer. *Forward*: an hour less.
``NOTED`` for people and for reports; nothing decides by it. Ages shown are never negative.
``BUSINESS`` is the time people mean: windows, schedules, retries. It *is* the clock: who sets that sets these. *Back*:
    windows and schedules go by what it reads now; who was due stays due, and retries wait for as long again
    (``dialer_due_now()``). *Forward*: schedules start and retries are due early.

The rules live in SQL, for that is where the instants are; the scripts in Redis keep the same ones. ``INSTANTS`` is the
whole table; a test holds it against the schema and the scripts, and each row that decides anything has its own test.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Rule(StrEnum):
    """How an instant is compared with the clock; see above."""

    INTERVAL = "interval"
    DISTANCE = "distance"
    TURN = "turn"
    HELD = "held"
    KEPT = "kept"
    NOTED = "noted"
    BUSINESS = "business"


def is_over(since: str, until: str) -> str:
    """SQL that is true where an interval is not in force: there is none (``until`` is NULL), the clock is past it, or
    the clock is before its beginning. A beginning that an older worker did not note is taken for long ago."""
    return f"coalesce({until} <= clock_timestamp() OR {since} > clock_timestamp(), {until} IS NULL)"


def age(since: str) -> str:
    """SQL for how many seconds an instant is away from the clock; NULL where there is none."""
    return f"abs(extract(epoch FROM clock_timestamp() - {since}))::float"


def has_waited(since: str, seconds: str) -> str:
    """SQL that is true where an instant is so many seconds away."""
    return f"({age(since)} >= {seconds})"


def turn(last: str) -> str:
    """SQL to order by, the longest ago first. A second is allowed for turns that are written down a little ahead, so
    that those of one statement keep their order."""
    return f"CASE WHEN {last} > clock_timestamp() + interval '1 second' THEN 'epoch'::timestamptz ELSE {last} END"


def jumped(mark: str, since: str) -> str:
    """SQL for how many seconds the clock has jumped forward, less back, since an instant at which ``mark`` was the
    newest jump known. A jump forward always counts. One back counts where the instant was certainly before it: it lies
    after what the clock read when the jump was noticed, or before another jump that was noticed earlier."""
    return f"""(SELECT coalesce(sum(j.seconds), 0) FROM clock_jumps j
        WHERE j.number > {mark} AND (j.seconds > 0 OR {since} > j.at OR {mark} < j.number - 1))"""


def jumped_forward(since: str) -> str:
    """SQL for how many seconds the clock has jumped forward since an instant that has no mark."""
    return f"(SELECT coalesce(sum(j.seconds), 0) FROM clock_jumps j WHERE j.seconds > 0 AND j.at > {since})"


CALL_IS_OVER = (
    f"(k.provable_end_at + {jumped('k.clock_jump', 'k.dialing_at')} * interval '1 second' <= clock_timestamp())"
)
"""Whether a call ``k`` that may have left has ended by now, whatever anybody says."""

CALL_AGE = f"(extract(epoch FROM clock_timestamp() - k.dialing_at)::float - {jumped('k.clock_jump', 'k.dialing_at')})"
"""For how many seconds a call ``k`` has been under way, by the clock and its jumps; never more than it has, but for
what no worker has noticed."""


@dataclass(frozen=True, slots=True)
class Instant:
    """One row of the table: a column (``table.column``) or a key of Redis, its rule, who compares it, and what is
    particular to it."""

    name: str
    rule: Rule
    compared_by: str = ""
    because: str = ""


def _noted(*names: str) -> tuple[Instant, ...]:
    return tuple(Instant(name, Rule.NOTED) for name in names)


def _business(*names: str) -> tuple[Instant, ...]:
    return tuple(Instant(name, Rule.BUSINESS) for name in names)


_R = Rule
INSTANTS = (
    Instant("carrier_accounts.resting_until", _R.INTERVAL, "claim, commit of dialing", "begins at rested_at; the "
            "carrier that still wants a rest says so again"),
    Instant("carrier_accounts.breaker_until", _R.INTERVAL, "claim, commit of dialing", "begins at breaker_opened_at; "
            "over means that one call tries the account"),
    Instant("carrier_accounts.slowed_at", _R.INTERVAL, "rate of an account", "until it has recovered; full rate early "
            "is refused by the carrier and halved again"),
    Instant("phone_numbers.resting_until", _R.INTERVAL, "claim, commit of dialing", "begins at rested_at"),
    Instant("calls.reserved_at", _R.DISTANCE, "redispatch, release, commit of dialing, blocks by networks", "a call "
            "that was reserved before the clock was set back is not dialed: its window was read by another clock"),
    Instant("calls.rung_at", _R.DISTANCE, "redispatch", "a call dispatched twice is placed once"),
    Instant("calls.next_check_at", _R.INTERVAL, "look-ups", "begins at checked_at; a look-up early is only a question"),
    Instant("calls.unanswered_since", _R.DISTANCE, "doctor, readiness", "only an age is shown"),
    Instant("calls.provable_end_at", _R.HELD, "look-ups, hang-ups, greeting, doctor", "or who talks is called again"),
    Instant("calls.dialing_at", _R.HELD, "giving up on a call its carrier does not show", "the same"),
    Instant("calls.late_evidence_at", _R.HELD, "claim", "a contact whose ended call was alive stays off for five "
            "hours, and as much longer as the clock has jumped forward"),
    Instant("calls.next_end_at", _R.INTERVAL, "hang-ups", "begins at end_tried_at; a hang-up early is one more"),
    Instant("unmatched_calls.next_end_at", _R.INTERVAL, "hang-ups", "the same"),
    Instant("unmatched_calls.found_at", _R.KEPT, "a day"),
    Instant("calls.ended_at", _R.KEPT, "as many days as the deployment says", "and as much longer as the clock has "
            "jumped forward: what is deleted does not come back when the clock does"),
    Instant("call_outcomes.waits_until", _R.INTERVAL, "the wait for an outcome", "begins at waits_since; over early, "
            "the usual rule decides"),
    Instant("audit_log.at", _R.KEPT, "the same", "the same"),
    Instant("calls.end_tried_at", _R.TURN, "hang-ups"),
    Instant("unmatched_calls.end_tried_at", _R.TURN, "hang-ups"),
    Instant("idempotency_keys.heard_at", _R.DISTANCE, "the same, of a request of many steps"),
    Instant("calls.answered_at", _R.NOTED, "hang-ups", "the mark of a hang-up is never before the answer it is for"),
    Instant("calls.end_requested_at", _R.NOTED, "hang-ups", "the same"),
    Instant("call_events.received_at", _R.DISTANCE, "settling of what is overdue, wait for a verdict; raw is kept by "
            "it, and the whole as calls are"),
    Instant("call_events.held_until", _R.INTERVAL, "settling", "begins at received_at; ends without a verdict early"),
    Instant("campaigns.filled_at", _R.TURN, "claim"),
    Instant("campaign_numbers.used_at", _R.TURN, "claim"),
    Instant("campaigns.next_wake_at", _R.BUSINESS, "tick", "never more than a minute ahead: an alarm further away was "
            "set before the clock was set back, and is due now"),
    Instant("ticks.last_at", _R.DISTANCE, "tick, and what it does now and then; doctor, readiness", "a tick too many "
            "finds nothing to do"),
    Instant("idempotency_keys.taken_at", _R.DISTANCE, "who may take a key whose request died", "a request that lives "
            "and has lost its key cannot commit"),
    Instant("idempotency_keys.created_at", _R.KEPT, "a day", "and as much longer as the clock has jumped forward, or a "
            "request sent again the same day would be carried out again"),
    Instant("campaigns.created_at", _R.DISTANCE, "how many test calls a key asked for in an hour", "ten more at most"),
    Instant("api_keys.last_used_at", _R.DISTANCE, "noting the use once a minute"),
    Instant("callback_refusals.last_at", _R.DISTANCE, "doctor"),
    Instant("database_server.held_until", _R.HELD, "claim, commit of dialing", "begins at failed_over_at"),
    Instant("clock_jumps.at", _R.HELD, "what adds the jumps", "it is where the jump is computed from what came before"),
    *_noted(
        "carrier_accounts.rested_at", "carrier_accounts.breaker_opened_at", "phone_numbers.rested_at",
        "calls.checked_at", "calls.placed_at", "calls.ringing_at", "calls.end_told_at", "latest_past_calls.ended_at",
        "unmatched_calls.end_told_at",
        "call_events.occurred_at", "news_dropped.since", "database_server.failed_over_at",
        "teams.created_at", "api_keys.created_at", "api_keys.revoked_at", "companies.created_at",
        "assistants.created_at", "carrier_accounts.created_at", "phone_numbers.created_at", "contacts.created_at",
        "contacts.updated_at", "do_not_call.created_at", "do_not_call_imports.created_at",
        "do_not_call_imports.ended_at", "do_not_call_everywhere.created_at", "consents.created_at",
        "suppressed.created_at", "contacts.erased_at", "erasures.requested_at", "erasures.cleared_at",
        "erasures.done_at", "campaigns.stopped_at", "campaigns.updated_at",
        "campaigns.completed_at", "campaigns.deleted_at", "campaigns.closing_at", "campaign_contacts.added_at",
        "runs.opened_at", "call_outcomes.waits_since", "call_outcomes.decided_at", "call_outcomes.reported_at",
        "call_outcomes.spoke_at", "runs.ended_at", "idempotency_keys.worked_at", "schema_migrations.applied_at",
        "clock.real_at", "place_tables.noted_at",
    ),
    Instant("campaign_contacts.due_at", _R.BUSINESS, "claim", "due by the latest that business time has been"),
    *_business(
        "call_outcomes.callback_at", "campaigns.scheduled_start_at", "campaigns.scheduled_end_at",
        "campaigns.missed_start_at", "calls.valid_until",
        "calls.dialed_at", "calls.callback_at", "campaign_contacts.callback_at",
        "campaign_contacts.due_before_callback", "clock.business_at", "consents.given_at", "consents.expires_at",
        "callees.conversed_at", "callees.refused_at", "campaign_zones.shut_until",
    ),
    Instant("slots/acquire.lua", _R.DISTANCE, "reconcile", "members are as old as they are far away"),
    Instant("slots/add.lua", _R.DISTANCE, "reconcile", "the same"),
    Instant("slots/rebuild.lua", _R.DISTANCE, "reconcile", "the same"),
    Instant("slots/gcra.lua", _R.INTERVAL, "calls per second", "nobody is ever sent further ahead than the longest "
            "horizon, so what lies beyond it is from before the clock was set back; forward: one request early"),
    Instant("slots/throttle.lua", _R.INTERVAL, "requests of a client", "no bucket is fuller than full"),
    Instant("slots/nudge.lua", _R.DISTANCE, "settling", "a message too many finds nothing to do"),
    Instant("slots/request_fills.lua", _R.DISTANCE, "fills", "a message too many finds nothing to do"),
    Instant("slots/take_fills.lua", _R.DISTANCE, "fills", "it writes what the script above reads"),
)  # fmt: skip
"""The table. Instants that only stand in a row beside others, as the beginning of an interval, are ``NOTED``."""
