"""Take the free slots: choose who is called next, and reserve the calls.

Plan, slots, claim. The plan is read without a lock and says what to ask for; the slots in Redis keep workers
from all running at the last one; the claim, in one transaction under the team's row, counts live calls anew
and is the only thing that decides. What was granted and not used is given back.

Campaigns that share a scope take turns: longest unfilled first, and one that went short is tried at every
fill of its team until it got what it wanted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import Any

import structlog
from sqlalchemy import Connection, Row

from worker.crashpoint import crashpoint
from worker.domain import ids
from worker.domain.model import ContactStatus, Reason
from worker.domain.rotation import CallerId, assign, pick
from worker.flow.base import Dialer, Mend, Step, dial_steps, valid_until
from worker.slots import Kind, Scope, SlotRequest
from worker.store import claims
from worker.store.claims import Aside, Pace, Reservation
from worker.store.database import once, transact

log = structlog.get_logger()

MOST_PER_CAMPAIGN = 200
"""How many calls one round reserves for one campaign; the next round takes the rest."""
ROUNDS = 5
RATE_RESERVE_SECONDS = 2.0
"""No more calls of an account are reserved than its rate lets out in this time."""


@dataclass(slots=True)
class Rooms:
    """How many more calls each scope of a team may carry, by the rows; counted down as calls are planned."""

    team: int
    campaigns: dict[str, int]
    numbers: dict[str, int]
    accounts: dict[str, int]

    @classmethod
    def read(cls, rows: Sequence[Row[Any]], live: Sequence[Row[Any]]) -> Rooms:
        """From the candidates' limits and the team's live calls."""
        campaigns: Counter[str] = Counter()
        numbers: Counter[str] = Counter()
        accounts: Counter[str] = Counter()
        reserved: Counter[str] = Counter()
        for row in live:
            campaigns[row.campaign_id] += row.live
            numbers[row.number_id] += row.live
            accounts[row.account_id] += row.live
            reserved[row.account_id] += row.reserved
        number_room, account_room = {}, {}
        for number in (n for row in rows for n in row.numbers):
            account = number["account"]
            number_room[number["id"]] = number["limit"] - numbers[number["id"]]
            account_room[account] = number["account_limit"] - accounts[account]
            if number["account_rate"] is not None:
                paced = ceil(number["account_rate"] * RATE_RESERVE_SECONDS) - reserved[account]
                account_room[account] = min(account_room[account], paced)
        return cls(
            team=(rows[0].team_limit if rows else 0) - campaigns.total(),
            campaigns={row.id: row.max_concurrent_calls - campaigns[row.id] for row in rows},
            numbers=number_room,
            accounts=account_room,
        )

    def take(self, campaign_id: str, number_id: str, account_id: str) -> bool:
        """Count one call in, if every scope has room."""
        room = min(
            self.team,
            self.campaigns.get(campaign_id, 0),
            self.numbers.get(number_id, 0),
            self.accounts.get(account_id, 0),
        )
        if room <= 0:
            return False
        self.team -= 1
        self.campaigns[campaign_id] -= 1
        self.numbers[number_id] -= 1
        self.accounts[account_id] -= 1
        return True


@dataclass(frozen=True, slots=True)
class Planned:
    """One call that might be: an id, a campaign, a caller ID. Whom it calls the claim decides."""

    slot: SlotRequest
    from_number: str


@dataclass(slots=True)
class Plan:
    """What a fill would ask for. ``short`` are the campaigns that want more than shared scopes allow, ``idle``
    those with nothing due and nothing live, or with their budget used up."""

    rows: dict[str, Row[Any]] = field(default_factory=dict)
    calls: list[Planned] = field(default_factory=list)
    limits: dict[Scope, int] = field(default_factory=dict)
    short: set[str] = field(default_factory=set)
    idle: list[str] = field(default_factory=list)
    generation: int = 0


@dataclass(frozen=True, slots=True)
class Filled:
    """What a fill did: the calls it reserved, the steps that follow, the campaigns that may be finished."""

    reserved: tuple[Reservation, ...]
    steps: tuple[Step, ...]
    idle: tuple[str, ...]


def fill(dialer: Dialer, team_id: str, campaign_ids: Sequence[str]) -> Filled:
    """Reserve what can be reserved now for these campaigns and for those of the team that went short."""
    reserved: list[Reservation] = []
    for _ in range(ROUNDS):
        outcome = _round(dialer, team_id, campaign_ids)
        reserved += outcome.reserved
        if not outcome.again:
            break
    return Filled(tuple(reserved), (*outcome.steps, *_dial(dialer, reserved)), outcome.idle)


@dataclass(frozen=True, slots=True)
class Outcome:
    """One round: what was reserved, whether contacts had to be passed over while slots were left."""

    reserved: tuple[Reservation, ...] = ()
    again: bool = False
    steps: tuple[Step, ...] = ()
    idle: tuple[str, ...] = ()


def _round(dialer: Dialer, team_id: str, campaign_ids: Sequence[str]) -> Outcome:
    plan = once(dialer.db, lambda conn: plan_calls(conn, dialer, team_id, campaign_ids))
    granted = _take_slots(dialer, plan)
    if granted is None:
        return Outcome(steps=(Mend(),))
    if not granted and not _flags_changed(plan):
        return Outcome(idle=tuple(plan.idle))
    crashpoint("fill.after_slots")
    claimed = transact(dialer.db, lambda conn: claim(conn, dialer, team_id, plan, granted))
    crashpoint("fill.after_commit")
    taken = {reservation.call_id for reservation in claimed.reservations}
    dialer.slots.release([call.slot for call in granted if call.slot.call_id not in taken])
    return Outcome(claimed.reservations, claimed.again, idle=tuple(plan.idle))


def plan_calls(
    conn: Connection, dialer: Dialer, team_id: str, campaign_ids: Sequence[str], *, hungry: bool = True
) -> Plan:
    """Which calls the rows would allow now, campaign by campaign in the order of their turn."""
    live = claims.live(conn, team_id)
    rows = claims.candidates(conn, team_id, campaign_ids, most=MOST_PER_CAMPAIGN, hungry=hungry)
    rooms = Rooms.read(rows, live)
    live_in = Counter({row.campaign_id: 0 for row in live})
    for row in live:
        live_in[row.campaign_id] += row.live
    plan = Plan(rows={row.id: row for row in rows})
    if rows:
        plan.generation = rows[0].generation
    for row in rows:
        due = sum(count for zone, count in row.due_by_zone if _is_open(dialer, row, zone))
        budget = due if row.budget is None else row.budget
        if not live_in[row.id] and min(due, budget) == 0:
            plan.idle.append(row.id)
        want = min(due, budget, MOST_PER_CAMPAIGN, rooms.campaigns[row.id])
        if want > 0:
            _plan_campaign(plan, rooms, team_id, row, want)
    return plan


def _plan_campaign(plan: Plan, rooms: Rooms, team_id: str, row: Row[Any], want: int) -> None:
    numbers = {n["id"]: n for n in row.numbers}
    callers = [CallerId(n["id"], n["account"], rooms.numbers[n["id"]], float(n["used_at"])) for n in row.numbers]
    for number_id in pick(callers, rooms.accounts, min(want, max(0, rooms.team))):
        number = numbers[number_id]
        if not rooms.take(row.id, number_id, number["account"]):
            break
        slot = SlotRequest(ids.new(ids.CALL), team_id, row.id, number_id, number["account"])
        plan.calls.append(Planned(slot, number["number"]))
        plan.limits[Scope(Kind.NUMBER, number_id)] = number["limit"]
        plan.limits[Scope(Kind.ACCOUNT, number["account"])] = number["account_limit"]
        want -= 1
    plan.limits[Scope(Kind.TEAM, team_id)] = row.team_limit
    plan.limits[Scope(Kind.CAMPAIGN, row.id)] = row.max_concurrent_calls
    if want > 0 and callers:
        plan.short.add(row.id)


def _is_open(dialer: Dialer, row: Row[Any], zone: str) -> bool:
    return valid_until(row, zone, row.now, dialer.bounds.closing_margin_seconds) is not None


def _flags_changed(plan: Plan) -> bool:
    return any(row.short_of_slots != (row.id in plan.short) for row in plan.rows.values())


def _take_slots(dialer: Dialer, plan: Plan) -> list[Planned] | None:
    """The planned calls that got their slots; ``None`` when the slots must be rebuilt first."""
    if not plan.calls:
        return []
    acquired = dialer.slots.acquire([call.slot for call in plan.calls], plan.limits, plan.generation)
    if not acquired.generation_ok:
        return None
    granted = set(acquired.granted)
    for call in plan.calls:
        if acquired.full.get(call.slot.call_id, frozenset()) - {Kind.CAMPAIGN}:
            plan.short.add(call.slot.campaign_id)
    return [call for call in plan.calls if call.slot.call_id in granted]


@dataclass(frozen=True, slots=True)
class Claimed:
    """What the claim wrote; ``again`` when contacts had to be passed over while slots were left."""

    reservations: tuple[Reservation, ...]
    again: bool


def claim(conn: Connection, dialer: Dialer, team_id: str, plan: Plan, granted: Sequence[Planned]) -> Claimed:
    """Reserve the granted calls, as far as the rows — locked, and read again — still allow them."""
    claims.lock(conn, team_id, list(plan.rows))
    live = claims.live(conn, team_id)
    rows = {
        row.id: row for row in claims.candidates(conn, team_id, list(plan.rows), most=MOST_PER_CAMPAIGN, hungry=False)
    }
    rooms = Rooms.read(list(rows.values()), live)
    offers: dict[str, list[Planned]] = {}
    for call in granted:
        row = rows.get(call.slot.campaign_id)
        offered = offers.setdefault(call.slot.campaign_id, [])
        if row is None or (row.budget is not None and len(offered) >= row.budget):
            continue
        if rooms.take(call.slot.campaign_id, call.slot.number_id, call.slot.account_id):
            offered.append(call)
    wants = [
        (campaign_id, zone, len(offered))
        for campaign_id, offered in offers.items()
        for zone, due in (rows[campaign_id].due_by_zone if offered else ())
        if due and _is_open(dialer, rows[campaign_id], zone)
    ]
    picked = claims.pick(conn, wants) if wants else []
    reservations, asides = _sort_out(dialer, rows, offers, picked)
    if asides:
        claims.set_aside(conn, asides)
    if reservations:
        claims.reserve(conn, team_id, reservations)
    _pace(conn, dialer, plan, rows, reservations, asides)
    return Claimed(tuple(reservations), again=bool(asides))


def _sort_out(
    dialer: Dialer,
    rows: Mapping[str, Row[Any]],
    offers: Mapping[str, list[Planned]],
    picked: Sequence[Row[Any]],
) -> tuple[list[Reservation], list[Aside]]:
    """Pair the contacts that are due with the calls on offer; those that cannot be called are set aside."""
    chosen: dict[str, list[Row[Any]]] = {campaign_id: [] for campaign_id in offers}
    asides: list[Aside] = []
    numbers: set[str] = set()
    for contact in picked:
        if len(chosen[contact.campaign_id]) == len(offers[contact.campaign_id]):
            continue
        aside = _aside(dialer, rows[contact.campaign_id], contact, numbers)
        if aside is not None:
            asides.append(aside)
            continue
        numbers.add(contact.phone_e164)
        chosen[contact.campaign_id].append(contact)
    reservations = [
        reservation
        for campaign_id, contacts in chosen.items()
        if contacts
        for reservation in _pair(rows[campaign_id], offers[campaign_id], contacts)
    ]
    return reservations, asides


def _aside(dialer: Dialer, row: Row[Any], contact: Row[Any], numbers: set[str]) -> Aside | None:
    """Why this contact is not called now, or ``None``."""

    def out(status: ContactStatus, reason: str | None, seconds: float = 0.0) -> Aside:
        return Aside(row.id, contact.contact_id, status, reason, seconds)

    if contact.do_not_call:
        return out(ContactStatus.SKIPPED, Reason.DO_NOT_CALL)
    if contact.phone_e164 is None:
        fault = contact.phone_fault or Reason.NO_PHONE_NUMBER
        is_invalid = fault == Reason.INVALID_NUMBER
        return out(ContactStatus.FAILED if is_invalid else ContactStatus.SKIPPED, fault)
    if contact.attempts >= row.max_attempts_per_contact:
        return out(ContactStatus.EXHAUSTED, None)
    if contact.on_the_phone or contact.phone_e164 in numbers:
        return out(ContactStatus.QUEUED, None, dialer.bounds.number_busy_seconds)
    return None


def _pair(row: Row[Any], offered: Sequence[Planned], contacts: Sequence[Row[Any]]) -> list[Reservation]:
    """A call for each contact; a retry keeps its former number if that is among those on offer."""
    pool: dict[str, list[Planned]] = {}
    for call in offered:
        pool.setdefault(call.slot.number_id, []).append(call)
    numbers = {n["id"]: n for n in row.numbers}
    picked = assign([call.slot.number_id for call in offered], [contact.last_number_id for contact in contacts])
    reservations = []
    for contact, number_id in zip(contacts, picked, strict=True):
        call, number = pool[number_id].pop(0), numbers[number_id]
        reservations.append(
            Reservation(
                call_id=call.slot.call_id,
                campaign_id=row.id,
                run_id=row.run_id,
                contact_id=contact.contact_id,
                number_id=number_id,
                account_id=call.slot.account_id,
                token=ids.new_token(),
                from_number=call.from_number,
                to_number=contact.phone_e164,
                zone=contact.zone,
                limits=(row.team_limit, row.max_concurrent_calls, number["limit"], number["account_limit"]),
            )
        )
    return reservations


def _pace(
    conn: Connection,
    dialer: Dialer,
    plan: Plan,
    rows: Mapping[str, Row[Any]],
    reservations: Sequence[Reservation],
    asides: Sequence[Aside],
) -> None:
    """Note who was filled and who went short, where that is news."""
    filled = {reservation.campaign_id for reservation in reservations}
    put_back = {aside.campaign_id for aside in asides if aside.status == ContactStatus.QUEUED}
    paces = [
        Pace(
            campaign_id,
            campaign_id in filled,
            campaign_id in plan.short,
            dialer.bounds.number_busy_seconds if campaign_id in put_back else None,
        )
        for campaign_id, row in rows.items()
        if campaign_id in filled | put_back or row.short_of_slots != (campaign_id in plan.short)
    ]
    if paces:
        claims.pace(conn, paces)


def _dial(dialer: Dialer, reserved: Sequence[Reservation]) -> list[Step]:
    if reserved:
        log.info("calls_reserved", calls=len(reserved))
    return dial_steps([reservation.call_id for reservation in reserved], dialer.bounds.dial_batch)
