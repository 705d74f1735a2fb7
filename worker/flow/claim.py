"""Reserve calls: the one decision about who is called, made under the team's lock.

Live calls are counted and a plan is made (:mod:`worker.flow.plan`), slots are taken for it, the contacts that are due
are locked, and each is either paired with a call or passed over: ruled out, or snoozed because it is on the phone.
Nothing but this transaction adds live calls, so the limits hold whatever the slots in Redis say.

What may leave at once (:mod:`worker.flow.departing`) is committed to be placed by the same statement: everything that
is checked before a call leaves is read here, behind the team's gate. The others are reserved, and wait for their turn.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from sqlalchemy import Connection

from worker.domain import ids
from worker.domain.callback import may_exceed
from worker.domain.model import ContactStatus, Reason
from worker.domain.rotation import assign
from worker.flow.base import Dialer, valid_until
from worker.flow.departing import Departing, Match
from worker.flow.lawful import Passed, passes
from worker.flow.plan import CandidatePage, Plan, Planned, Rooms, plan_calls
from worker.flow.secondary import Secondaries, secondaries
from worker.law.words import Consent
from worker.store import claims
from worker.store.candidates import Candidate
from worker.store.claims import DueContact, PassedOver, Reservation, StaleZone, Turn
from worker.store.pipeline import Statement, pipelined

SCREENED = 10
"""How many contacts of each campaign that was offered nothing are looked at beside those that were."""

Acquire = Callable[[Plan], Sequence[Planned] | None]
"""Takes slots for the calls of a plan: those that got theirs, or ``None`` when the slots must be rebuilt first."""


class Policy(Protocol):
    """What of a campaign decides whether a contact of it is called any more."""

    max_attempts_per_contact: int


class Screened(Protocol):
    """A contact in a campaign, with what decides whether it is called any more."""

    campaign_id: str
    contact_id: str
    attempts: int
    callback_at: datetime | None
    callbacks_used: int
    phone_e164: str | None
    phone_fault: str | None
    do_not_call: bool


@dataclass(frozen=True, slots=True)
class Claimed:
    """What the claim wrote by its plan; ``again`` when contacts had to be passed over while slots were left;
    ``granted`` are the calls that hold slots, used or not (``None`` when the slots must be rebuilt first)."""

    plan: Plan
    granted: Sequence[Planned] | None = ()
    reservations: tuple[Reservation, ...] = ()
    again: bool = False


@dataclass(frozen=True, slots=True)
class _Callee:
    """A contact that is called now, at this number; where that is its second one, as it is written there; and by which
    rules, where any bind."""

    contact: DueContact
    number: str
    secondary: str | None = None
    law: str | None = None


def claim(
    conn: Connection,
    dialer: Dialer,
    team_id: str,
    page: CandidatePage,
    acquire: Acquire,
    *,
    spare: int = 0,
    departing: Departing | None = None,
    commits: bool = False,
) -> Claimed:
    """Reserve what the rows, locked, allow and Redis grants slots for; nothing where other teams come first.

    ``spare`` is how many more contacts to look at than there are calls: none at first, many once it has shown
    that those who are due first cannot be called, so that a crowd of them holds nobody up. Then a few of the
    campaigns that stand behind are looked at as well, so that many such campaigns hold nobody up either. Calls that
    may leave at once are added to ``departing``. With ``commits`` the transaction is over afterwards.
    """
    plan = plan_calls(conn, dialer, team_id, page, locks=True, passes=departing is not None)
    if plan.ahead:
        return Claimed(plan)
    picked, granted = _pick(conn, dialer, team_id, plan, acquire, spare)
    if granted is None or not (granted or plan.is_news):
        return Claimed(plan, granted)
    offers: dict[str, list[Planned]] = {}
    for call in granted:
        offers.setdefault(call.slot.campaign_id, []).append(call)
    second = secondaries(conn, team_id, plan, picked)
    matches, passed_over, stale_zones = _sort_out(dialer, plan, offers, picked, second)
    reservations = [match.reservation for match in matches] if departing is None else departing.choose(matches)
    writes: list[Statement] = []
    if stale_zones:
        writes.append(claims.rezone(stale_zones))
    shut = [zone for due in plan.due.values() for zone in due.shut]
    if shut:
        writes.append(claims.shut(shut))
    if passed_over:
        writes.append(claims.pass_over(passed_over))
    turns = _turns(dialer, plan, offers, passed_over)
    if turns:
        writes.append(claims.note_turns(turns))
    if reservations:
        writes.append(claims.reserve(team_id, reservations, dialer.bounds))
    rows = pipelined(conn, *writes, commits=commits) if writes else []
    if departing is not None and reservations:
        leaving = {row.id for row in rows[-1]}
        departing.keep(leaving)
        reservations = [each if each.call_id in leaving else replace(each, valid_until=None) for each in reservations]
    return Claimed(plan, granted, tuple(reservations), again=bool(passed_over or stale_zones))


def _pick(
    conn: Connection, dialer: Dialer, team_id: str, plan: Plan, acquire: Acquire, spare: int
) -> tuple[Sequence[DueContact], Sequence[Planned] | None]:
    """The due contacts of the campaigns that are offered calls, locked, and the calls that got slots."""
    planned = Counter(call.slot.campaign_id for call in plan.calls)
    looks = {campaign_id: count + spare for campaign_id, count in planned.items()}
    if spare:
        looks |= dict.fromkeys(plan.starved & plan.rows.keys() - looks.keys(), SCREENED)
    looks |= {campaign_id: SCREENED for campaign_id, due in plan.due.items() if due.never and campaign_id not in looks}
    wants = [
        want
        for campaign_id, count in sorted(looks.items())
        for want in plan.due[campaign_id].wants(plan.rows[campaign_id], count)
    ]
    granted: list[Sequence[Planned] | None] = []
    picked: list[Sequence[DueContact]] = [()]
    if wants:
        picked = pipelined(conn, claims.pick(team_id, wants), meanwhile=lambda: granted.append(acquire(plan)))
    else:
        granted.append(acquire(plan))
    return picked[0], granted[0]


def _sort_out(
    dialer: Dialer,
    plan: Plan,
    offers: Mapping[str, list[Planned]],
    picked: Sequence[DueContact],
    second: Secondaries,
) -> tuple[list[Match], list[PassedOver], list[StaleZone]]:
    """Pair the contacts that are due with the calls on offer; those that cannot be called are passed over."""
    chosen: dict[str, list[_Callee]] = {campaign_id: [] for campaign_id in offers}
    passed_over: list[PassedOver] = []
    numbers: set[str] = set()
    stale_zones = [
        StaleZone(row.campaign_id, row.contact_id, plan.rows[row.campaign_id].rules is not None)
        for row in picked
        if row.zone != row.own_zone
    ]
    for contact in (row for row in picked if row.zone == row.own_zone):
        offered = offers.get(contact.campaign_id, ())
        if offered and len(chosen[contact.campaign_id]) == len(offered):
            continue
        row, other = plan.rows[contact.campaign_id], second.get((contact.campaign_id, contact.contact_id))
        passed = _passes(row, contact)
        if other is not None and row.rules is not None:
            there = _passes_by(dialer, row, contact, other.number)
            other, passed = (None, passed) if there is None else (other, there)
        number = contact.phone_e164 if other is None else other.number
        why_not = rule_out(row, contact)
        if why_not is None and isinstance(passed, Reason):
            why_not = PassedOver(contact.campaign_id, contact.contact_id, ContactStatus.SKIPPED, passed, 0.0)
        is_busy = contact.on_the_phone or (other is not None and other.is_busy)
        if why_not is None and (is_busy or number in numbers):
            why_not = _snooze(contact, dialer.bounds.number_busy_seconds)
        if why_not is not None:
            passed_over.append(why_not)
        elif offered and number is not None and isinstance(passed, Passed):
            numbers.add(number)
            written = None if other is None else other.written
            chosen[contact.campaign_id].append(_Callee(contact, number, written, passed.law))
    matches = [
        match
        for campaign_id, callees in chosen.items()
        if callees
        for match in _pair(plan.rows[campaign_id], plan.rooms, offers[campaign_id], callees)
    ]
    return matches, passed_over, stale_zones


def _passes(row: Candidate, contact: DueContact) -> Passed | Reason:
    return passes(row, contact.zone, row.now, Consent(contact.consent))


def _passes_by(dialer: Dialer, row: Candidate, contact: DueContact, number: str) -> Passed | None:
    """By which rules the contact is called by its second number; ``None`` where it may not be where that is, or not
    now: the attempt goes to the first one."""
    margin = dialer.bounds.closing_margin_seconds
    if valid_until(row, contact.zone, row.now, margin, second_number=number) is None:
        return None
    found = passes(row, contact.zone, row.now, Consent(contact.consent), second_number=number)
    return found if isinstance(found, Passed) else None


def rule_out(row: Policy, contact: Screened) -> PassedOver | None:
    """Why this contact is not called any more, or ``None``."""

    def out(status: ContactStatus, reason: str | None) -> PassedOver:
        return PassedOver(contact.campaign_id, contact.contact_id, status, reason, 0.0)

    if contact.do_not_call:
        return out(ContactStatus.SKIPPED, Reason.DO_NOT_CALL)
    if contact.phone_e164 is None:
        fault = contact.phone_fault or Reason.NO_PHONE_NUMBER
        is_invalid = fault == Reason.INVALID_NUMBER
        return out(ContactStatus.FAILED if is_invalid else ContactStatus.SKIPPED, fault)
    if contact.attempts >= row.max_attempts_per_contact and not may_exceed(contact.callback_at, contact.callbacks_used):
        return out(ContactStatus.EXHAUSTED, None)
    return None


def _snooze(contact: DueContact, seconds: float) -> PassedOver:
    """Look at this contact again in so many seconds."""
    return PassedOver(contact.campaign_id, contact.contact_id, ContactStatus.QUEUED, None, seconds)


def _pair(row: Candidate, rooms: Rooms, offered: Sequence[Planned], callees: Sequence[_Callee]) -> list[Match]:
    """A call for each contact; a retry keeps its former number if that is among those on offer."""
    pool: dict[str, list[Planned]] = {}
    for call in offered:
        pool.setdefault(call.slot.number_id, []).append(call)
    numbers = {n["id"]: n for n in row.numbers}
    picked = assign([call.slot.number_id for call in offered], [callee.contact.last_number_id for callee in callees])
    matches = []
    for callee, number_id in zip(callees, picked, strict=True):
        call, number = pool[number_id].pop(0), numbers[number_id]
        reservation = Reservation(
            call_id=call.slot.call_id,
            campaign_id=row.id,
            run_id=row.run_id,
            contact_id=callee.contact.contact_id,
            number_id=number_id,
            account_id=call.slot.account_id,
            token=ids.new_token(),
            from_number=call.from_number,
            to_number=callee.number,
            zone=callee.contact.zone,
            team_limit=row.team_limit,
            campaign_limit=row.max_concurrent_calls,
            number_limit=number["limit"],
            account_limit=number["account_limit"],
            credentials_limit=rooms.shared_limits.get(number["credentials"] or ""),
            attempts=callee.contact.attempts,
            called=callee.contact.called,
            max_attempts=max(row.max_attempts_per_contact, callee.contact.attempts + 1),
            callback_at=callee.contact.callback_at,
            is_extra=callee.contact.attempts >= row.max_attempts_per_contact,
            secondary=callee.secondary,
            law=callee.law,
        )
        matches.append(Match(call.slot.team_id, row, number, callee.contact, reservation))
    return matches


def _turns(dialer: Dialer, plan: Plan, offered: Collection[str], passed_over: Sequence[PassedOver]) -> list[Turn]:
    """Who had a turn and who is starved, where that is news. Who was offered a call has had it, used or not: one
    whose contacts all turn out to be out of reach would else stand first for ever, and hold up those behind it."""
    snoozed = {each.campaign_id for each in passed_over if each.status is ContactStatus.QUEUED}
    return [
        Turn(
            campaign_id,
            is_over=campaign_id in offered,
            is_starved=campaign_id in plan.starved,
            wake_in_seconds=dialer.bounds.number_busy_seconds if campaign_id in snoozed else None,
        )
        for campaign_id, row in plan.rows.items()
        if campaign_id in offered or campaign_id in snoozed or row.is_starved != (campaign_id in plan.starved)
    ]
