"""Reserve the planned calls: the one decision about who is called, made under the team's lock.

Live calls are counted anew, the contacts that are due are locked, and each is either paired with a call or passed
over: ruled out, or snoozed because it is on the phone. Nothing but this transaction adds live calls, so the
limits hold whatever the slots in Redis say.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from worker.domain import ids
from worker.domain.model import ContactStatus, Reason
from worker.domain.rotation import assign
from worker.flow.base import Dialer
from worker.flow.plan import Plan, Planned, Rooms, is_open, read_rooms
from worker.store import claims
from worker.store.candidates import Candidate
from worker.store.claims import DueContact, PassedOver, Reservation, StaleZone, Turn, Want

SCREENED = 10
"""How many contacts of each campaign that was offered nothing are looked at beside those that were."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """What the claim wrote; ``again`` when contacts had to be passed over while slots were left."""

    reservations: tuple[Reservation, ...]
    again: bool


@dataclass(frozen=True, slots=True)
class _Callee:
    """A contact that is called now, at this number."""

    contact: DueContact
    number: str


def claim(
    conn: Connection, dialer: Dialer, team_id: str, plan: Plan, granted: Sequence[Planned], *, spare: int = 0
) -> Claimed:
    """Reserve the granted calls, as far as the rows — locked, and read again — still allow them.

    ``spare`` is how many more contacts to look at than there are calls: none at first, many once it has shown
    that those who are due first cannot be called, so that a crowd of them holds nobody up. Then a few of the
    campaigns that stand behind are looked at as well, so that many such campaigns hold nobody up either.
    """
    claims.lock(conn, team_id, list(plan.rows))
    candidates, _, rooms = read_rooms(conn, dialer, team_id, list(plan.rows), holds=True)
    rows = {row.id: row for row in candidates}
    offers = _offers(rows, rooms, granted)
    looks = {campaign_id: len(offered) + spare for campaign_id, offered in offers.items()}
    if spare:
        looks |= dict.fromkeys(plan.starved & rows.keys() - looks.keys(), SCREENED)
    wants = [
        Want(campaign_id, zone, count)
        for campaign_id, count in sorted(looks.items())
        for zone, due in rows[campaign_id].due_by_zone
        if due and is_open(dialer, rows[campaign_id], zone)
    ]
    picked = claims.pick(conn, team_id, wants) if wants else []
    stale_zones = [StaleZone(row.campaign_id, row.contact_id) for row in picked if row.zone != row.own_zone]
    if stale_zones:
        claims.rezone(conn, stale_zones)
    in_own_zone = [row for row in picked if row.zone == row.own_zone]
    reservations, passed_over = _sort_out(dialer, rows, rooms, offers, in_own_zone)
    if passed_over:
        claims.pass_over(conn, passed_over)
    if reservations:
        claims.reserve(conn, team_id, reservations)
    _note_turns(conn, dialer, plan, rows, offers, passed_over)
    return Claimed(tuple(reservations), again=bool(passed_over or stale_zones))


def _offers(rows: Mapping[str, Candidate], rooms: Rooms, granted: Sequence[Planned]) -> Mapping[str, list[Planned]]:
    """The granted calls that there is still room and budget for, by campaign."""
    offers: dict[str, list[Planned]] = {}
    for call in granted:
        row = rows.get(call.slot.campaign_id)
        if row is None or (row.budget is not None and len(offers.get(row.id, ())) >= row.budget):
            continue
        if rooms.take(row.id, call.slot.number_id, call.slot.account_id, _credentials(row, call)):
            offers.setdefault(row.id, []).append(call)
    return offers


def _credentials(row: Candidate, call: Planned) -> str | None:
    """The credentials of the call's number that other accounts have too, as they are now."""
    return next((n["credentials"] for n in row.numbers if n["id"] == call.slot.number_id), None)


def _sort_out(
    dialer: Dialer,
    rows: Mapping[str, Candidate],
    rooms: Rooms,
    offers: Mapping[str, list[Planned]],
    picked: Sequence[DueContact],
) -> tuple[list[Reservation], list[PassedOver]]:
    """Pair the contacts that are due with the calls on offer; those that cannot be called are passed over."""
    chosen: dict[str, list[_Callee]] = {campaign_id: [] for campaign_id in offers}
    passed_over: list[PassedOver] = []
    numbers: set[str] = set()
    for contact in picked:
        offered = offers.get(contact.campaign_id, ())
        if offered and len(chosen[contact.campaign_id]) == len(offered):
            continue
        row, number = rows[contact.campaign_id], contact.phone_e164
        why_not = _rule_out(row, contact)
        if why_not is None and (contact.on_the_phone or number in numbers):
            why_not = _snooze(contact, dialer.bounds.number_busy_seconds)
        if why_not is not None:
            passed_over.append(why_not)
        elif offered and number is not None:
            numbers.add(number)
            chosen[contact.campaign_id].append(_Callee(contact, number))
    reservations = [
        reservation
        for campaign_id, callees in chosen.items()
        if callees
        for reservation in _pair(rows[campaign_id], rooms, offers[campaign_id], callees)
    ]
    return reservations, passed_over


def _rule_out(row: Candidate, contact: DueContact) -> PassedOver | None:
    """Why this contact is not called any more, or ``None``."""

    def out(status: ContactStatus, reason: str | None) -> PassedOver:
        return PassedOver(contact.campaign_id, contact.contact_id, status, reason, 0.0)

    if contact.do_not_call:
        return out(ContactStatus.SKIPPED, Reason.DO_NOT_CALL)
    if contact.phone_e164 is None:
        fault = contact.phone_fault or Reason.NO_PHONE_NUMBER
        is_invalid = fault == Reason.INVALID_NUMBER
        return out(ContactStatus.FAILED if is_invalid else ContactStatus.SKIPPED, fault)
    if contact.attempts >= row.max_attempts_per_contact:
        return out(ContactStatus.EXHAUSTED, None)
    return None


def _snooze(contact: DueContact, seconds: float) -> PassedOver:
    """Look at this contact again in so many seconds."""
    return PassedOver(contact.campaign_id, contact.contact_id, ContactStatus.QUEUED, None, seconds)


def _pair(row: Candidate, rooms: Rooms, offered: Sequence[Planned], callees: Sequence[_Callee]) -> list[Reservation]:
    """A call for each contact; a retry keeps its former number if that is among those on offer."""
    pool: dict[str, list[Planned]] = {}
    for call in offered:
        pool.setdefault(call.slot.number_id, []).append(call)
    numbers = {n["id"]: n for n in row.numbers}
    picked = assign([call.slot.number_id for call in offered], [callee.contact.last_number_id for callee in callees])
    reservations = []
    for callee, number_id in zip(callees, picked, strict=True):
        call, number = pool[number_id].pop(0), numbers[number_id]
        reservations.append(
            Reservation(
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
            )
        )
    return reservations


def _note_turns(
    conn: Connection,
    dialer: Dialer,
    plan: Plan,
    rows: Mapping[str, Candidate],
    offered: Collection[str],
    passed_over: Sequence[PassedOver],
) -> None:
    """Note who had a turn and who is starved, where that is news. Who was offered a call has had it, used or not: one
    whose contacts all turn out to be out of reach would else stand first for ever, and hold up those behind it."""
    snoozed = {each.campaign_id for each in passed_over if each.status is ContactStatus.QUEUED}
    turns = [
        Turn(
            campaign_id,
            is_over=campaign_id in offered,
            is_starved=campaign_id in plan.starved,
            wake_in_seconds=dialer.bounds.number_busy_seconds if campaign_id in snoozed else None,
        )
        for campaign_id, row in rows.items()
        if campaign_id in offered or campaign_id in snoozed or row.is_starved != (campaign_id in plan.starved)
    ]
    if turns:
        claims.note_turns(conn, turns)
