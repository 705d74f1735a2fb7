"""How far a campaign has come, and what it is doing or waiting for.

Why nothing is dialed is not thought up here a second time. The planner of :mod:`worker.flow.plan` plans what a
fill would request now, and its plan — the calls, the room in every scope, the caller IDs it may use, the windows
it finds open — is what the sentence is made of. What the planner cannot know (nobody ticks, Redis is away or must be
written anew) the services themselves are queried for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Protocol

from sqlalchemy import Connection

from worker.domain.activity import Activity, activity
from worker.domain.errors import NotFound, Unavailable
from worker.domain.frequency import frequency_of
from worker.domain.lifecycle import reads_as_cancelled
from worker.domain.model import CampaignStatus, Disposition
from worker.domain.situation import Away, CallerIdState, Full, Situation
from worker.domain.standstill import OF_AN_ACCOUNT, Waiting
from worker.domain.team_policy import FREQUENCY
from worker.flow.base import Dialer, first_moment, first_moment_without_end
from worker.flow.plan import CandidatePage, Plan, plan_calls
from worker.flow.purpose import lacks_purpose
from worker.flow.waits import read_waits
from worker.operations.standstill import read_campaign_standstill
from worker.slots import Kind
from worker.store import counters, failovers, ticks
from worker.store.columns import CallWindowColumns, ClosableCampaign, Timed
from worker.store.database import once
from worker.store.reads import progress
from worker.store.reads.progress import CallerIdRow, CampaignFacts

TICK_OLD_SECONDS = 10.0
"""Beat ticks every second; nobody who has been silent for so long is at work."""


class TimedWindow(CallWindowColumns, Timed, Protocol):
    """A campaign's call window, and the instant at which it was read."""


@dataclass(frozen=True, slots=True)
class Progress:
    """A campaign at one instant. ``counts`` are contacts by name (:data:`worker.store.counters.COLUMNS`), of a
    cancelled campaign none waiting; ``dispositions`` count calls that ended; ``next_due_at`` is when the first
    waiting contact is due, now or later; ``waiting`` is what of its calls waits inside the workers."""

    facts: CampaignFacts
    numbers: Sequence[CallerIdRow]
    counts: Mapping[str, int]
    dispositions: Mapping[str, int]
    next_due_at: datetime | None
    activity: Activity
    waiting: Sequence[Waiting]


@dataclass(frozen=True, slots=True)
class Standing:
    """What the rows say of a campaign, before the services beside them were queried; see :func:`finish_reading`."""

    facts: CampaignFacts
    numbers: Sequence[CallerIdRow]
    counts: Mapping[str, int]
    dispositions: Mapping[str, int]
    situation: Situation
    plan: Plan | None
    waiting: Sequence[Waiting]


def read_progress(
    dialer: Dialer, team_id: str, campaign_id: str, *, broker_answers: Callable[[], bool] = lambda: True
) -> Progress:
    """Where the campaign stands. ``broker_answers`` is called only if nobody ticks. Raises :class:`NotFound`."""
    standing = once(dialer.db, lambda conn: read_standing(conn, dialer, team_id, campaign_id))
    return finish_reading(dialer, standing, broker_answers)


def read_standing(conn: Connection, dialer: Dialer, team_id: str, campaign_id: str) -> Standing:
    """The part of :func:`read_progress` that PostgreSQL knows, in a transaction of the caller's."""
    facts = progress.facts(conn, team_id, campaign_id)
    if facts is None:
        raise NotFound("campaign", campaign_id)
    counts = as_read(facts, counters.read(conn, [campaign_id])[campaign_id])
    ended = counters.dispositions(conn, campaign_id)
    numbers = progress.numbers(conn, campaign_id)
    is_running = facts.status == CampaignStatus.RUNNING
    plan = plan_calls(conn, dialer, team_id, CandidatePage([campaign_id], starved=False)) if is_running else None
    margin = dialer.bounds.closing_margin_seconds
    server = failovers.standing(conn) if is_running else None
    held_until = server.held_until if server is not None and server.is_held else None
    situation = replace(
        _situation(facts, counts, ticks.silence(conn)),
        failover_held_until=held_until,
        lacks_purpose=lacks_purpose(dialer, facts),
    )
    if not reads_as_cancelled(facts.status, facts.closing_at):
        situation = _with_times(situation, facts, margin)
    if plan is not None:
        situation = _as_planned(situation, facts, numbers, plan)
    if facts.rules is not None and plan is not None and not plan.calls:
        situation = replace(situation, waits=read_waits(conn, facts, margin))
    reading = read_campaign_standstill(conn, campaign_id, dialer.bounds)
    situation = replace(situation, still=reading.still)
    waiting = [each for each in reading.waiting if each.kind in OF_AN_ACCOUNT]
    dispositions = {disposition.value: ended.get(disposition, 0) for disposition in Disposition}
    return Standing(facts, numbers, counts, dispositions, situation, plan, waiting)


def finish_reading(dialer: Dialer, standing: Standing, broker_answers: Callable[[], bool]) -> Progress:
    """The rest of it, outside any transaction, for a service that is away may take its time to say so."""
    now = standing.situation
    if now.away is Away.TICK and not broker_answers():
        now = replace(now, away=Away.BROKER)
    if standing.plan is not None:
        now = _with_slots(dialer, standing.facts.generation, now, standing.plan)
    return Progress(
        standing.facts,
        standing.numbers,
        standing.counts,
        standing.dispositions,
        now.next_due_at,
        activity(now),
        standing.waiting,
    )


def _with_slots(dialer: Dialer, generation: int, now: Situation, plan: Plan) -> Situation:
    """What Redis, which can only lower the number of calls, says of the calls a fill would ask for."""
    shared = {scope: limit for scope, limit in plan.limits.items() if scope.kind in (Kind.TEAM, Kind.CAMPAIGN)}
    try:
        if dialer.slots.needs_rebuild(generation):
            return replace(now, are_slots_rebuilt=True)
        room = dialer.slots.room(shared) if plan.calls else {}
    except Unavailable:
        return replace(now, away=Away.REDIS)
    return replace(now, are_slots_held=0 in room.values())


def as_read(campaign: ClosableCampaign, counts: Mapping[str, int]) -> dict[str, int]:
    """The counters of a campaign: who waits in one that is cancelled, or is closing, is cancelled, swept or not."""
    read = dict(counts)
    if reads_as_cancelled(campaign.status, campaign.closing_at):
        read["cancelled"] += read["pending"] + read["queued"]
        read["pending"] = read["queued"] = 0
    return read


def next_call_at(campaign: TimedWindow, zone: str, due_at: datetime, margin_seconds: float) -> datetime | None:
    """The first instant, now or later, at which a contact due then may be called by its window; ``None`` if
    there is none. The last moments of a window are no time to begin a call."""
    return first_moment(campaign, zone, max(due_at, campaign.now), margin_seconds)


def _with_times(now: Situation, row: CampaignFacts, margin_seconds: float) -> Situation:
    """When the first contact is due, and when the first may be called."""
    read = [(zone, datetime.fromtimestamp(float(at), UTC)) for zone, at in row.due_by_zone if at is not None]
    dues = [(zone, at if at > row.due_now else min(at, row.now)) for zone, at in read]
    opens = [(next_call_at(row, zone, at, margin_seconds), at) for zone, at in dues]
    first = min(((at, due) for at, due in opens if at is not None), default=None)
    later: list[datetime | None] = []
    if first is None and row.scheduled_end_at is not None:
        later = [first_moment_without_end(row, zone, max(at, row.now), margin_seconds) for zone, at in dues]
    return replace(
        now,
        next_due_at=min((max(at, row.now) for _, at in dues), default=None),
        opens_at=None if first is None else first[0],
        opens_after_end=min((at for at in later if at is not None), default=None),
        is_due_then=first is not None and first[0] == first[1],
    )


def _situation(row: CampaignFacts, counts: Mapping[str, int], silence: ticks.Silence) -> Situation:
    is_silent = silence.seconds > TICK_OLD_SECONDS
    return Situation(
        status=CampaignStatus(row.status),
        now=row.now,
        is_deleted=row.deleted_at is not None,
        pause_reason=row.pause_reason,
        scheduled_start_at=row.scheduled_start_at,
        missed_start_at=row.missed_start_at,
        scheduled_end_at=row.scheduled_end_at,
        is_closing=row.closing_at is not None,
        is_kept_open=row.keep_open,
        left=counts["cancelled"],
        away=Away.TICK if is_silent else None,
        silent_seconds=silence.seconds if silence.has_ticked else None,
        waiting=counts["pending"] + counts["queued"],
        capped=row.capped,
        caps=str(frequency_of(row.team_policy.get(FREQUENCY), row.frequency)),
        live=row.live,
        awaited=row.awaited,
        limit=row.max_concurrent_calls,
        team_live=row.team_live,
        zone=row.call_window_timezone,
        machine_now=row.machine_now,
        budget=None if row.max_calls is None else row.max_calls - (row.calls_used or 0),
    )


def _as_planned(now: Situation, facts: CampaignFacts, numbers: Sequence[CallerIdRow], plan: Plan) -> Situation:
    """What the planner found. Rooms are counted down by the calls it plans, so they say what is full only where
    it plans none."""
    rooms, row = plan.rooms, plan.rows.get(facts.id)
    usable = set() if row is None else {number["id"] for number in row.numbers}
    return replace(
        now,
        planned=len(plan.calls),
        is_campaign_full=not plan.calls and rooms.campaigns.get(facts.id, 1) <= 0,
        is_team_full=not plan.calls and row is not None and rooms.team <= 0,
        callers=[_caller(number, number.id in usable, facts.machine_now, plan) for number in numbers],
    )


def _caller(row: CallerIdRow, is_usable: bool, machine_now: datetime, plan: Plan) -> CallerIdState:
    rests = [(row.resting_until, False), (row.account_resting_until, True)]
    ahead = [(at, is_account) for at, is_account in rests if at is not None and at > machine_now]
    until, is_account_resting = max(ahead, default=(None, False))
    return CallerIdState(
        number=row.number,
        is_usable=is_usable,
        is_enabled=row.is_enabled,
        disabled_reason=row.disabled_reason,
        is_account_enabled=row.is_account_enabled,
        resting_until=until,
        is_account_resting=is_account_resting,
        resting_reason=row.resting_reason if is_account_resting or row.is_tripped else row.number_resting_reason,
        is_tripped=row.is_tripped,
        is_probed=row.is_probed,
        full=_full(plan, row.id, row.account_id) if is_usable and not plan.calls else None,
        channels=None if row.channels is None or row.account_live < row.channels else row.channels,
    )


def _full(plan: Plan, number_id: str, account_id: str) -> Full | None:
    if plan.rooms.numbers.get(number_id, 1) <= 0:
        return Full.NUMBER
    if plan.rooms.accounts.get(account_id, 1) <= 0:
        return Full.RATE if account_id in plan.rooms.paced else Full.ACCOUNT
    return None
