"""Reserve the planned calls: the one decision about who is called, made under the team's lock.

Live calls are counted anew, the contacts that are due are locked, and each is either paired with a call or set
aside: ruled out, or put back because it is on the phone. Nothing but this transaction adds live calls, so the
limits hold whatever the slots in Redis say.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row

from worker.domain import ids
from worker.domain.model import ContactStatus, Reason
from worker.domain.rotation import assign
from worker.flow.base import Dialer
from worker.flow.plan import Plan, Planned, Rooms, is_open, read_rooms
from worker.store import claims
from worker.store.claims import Aside, Pace, Reservation

SCREENED = 10
"""How many contacts of each campaign that was offered nothing are looked at beside those that were."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """What the claim wrote; ``again`` when contacts had to be passed over while slots were left."""

    reservations: tuple[Reservation, ...]
    again: bool


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
        looks |= dict.fromkeys(plan.short & rows.keys() - looks.keys(), SCREENED)
    wants = [
        (campaign_id, zone, count)
        for campaign_id, count in sorted(looks.items())
        for zone, due in rows[campaign_id].due_by_zone
        if due and is_open(dialer, rows[campaign_id], zone)
    ]
    picked = claims.pick(conn, team_id, wants) if wants else []
    stale_zone = [(row.campaign_id, row.contact_id) for row in picked if row.zone != row.own_zone]
    if stale_zone:
        claims.rezone(conn, stale_zone)
    current_zone = [row for row in picked if row.zone == row.own_zone]
    reservations, asides = _sort_out(dialer, rows, rooms, offers, current_zone)
    if asides:
        claims.set_aside(conn, asides)
    if reservations:
        claims.reserve(conn, team_id, reservations)
    _pace(conn, dialer, plan, rows, offers, asides)
    return Claimed(tuple(reservations), again=bool(asides or stale_zone))


def _offers(rows: Mapping[str, Row[Any]], rooms: Rooms, granted: Sequence[Planned]) -> Mapping[str, list[Planned]]:
    """The granted calls that there is still room and budget for, by campaign."""
    offers: dict[str, list[Planned]] = {}
    for call in granted:
        row = rows.get(call.slot.campaign_id)
        if row is None or (row.budget is not None and len(offers.get(row.id, ())) >= row.budget):
            continue
        if rooms.take(row.id, call.slot.number_id, call.slot.account_id, _credentials(row, call)):
            offers.setdefault(row.id, []).append(call)
    return offers


def _credentials(row: Row[Any], call: Planned) -> str | None:
    """The credentials of the call's number that other accounts have too, as they are now."""
    found: str | None = next((n["credentials"] for n in row.numbers if n["id"] == call.slot.number_id), None)
    return found


def _sort_out(
    dialer: Dialer,
    rows: Mapping[str, Row[Any]],
    rooms: Rooms,
    offers: Mapping[str, list[Planned]],
    picked: Sequence[Row[Any]],
) -> tuple[list[Reservation], list[Aside]]:
    """Pair the contacts that are due with the calls on offer; those that cannot be called are set aside."""
    chosen: dict[str, list[Row[Any]]] = {campaign_id: [] for campaign_id in offers}
    asides: list[Aside] = []
    numbers: set[str] = set()
    for contact in picked:
        offered = offers.get(contact.campaign_id, ())
        if offered and len(chosen[contact.campaign_id]) == len(offered):
            continue
        aside = _aside(dialer, rows[contact.campaign_id], contact, numbers)
        if aside is not None:
            asides.append(aside)
        if aside is not None or not offered:
            continue
        numbers.add(contact.phone_e164)
        chosen[contact.campaign_id].append(contact)
    reservations = [
        reservation
        for campaign_id, contacts in chosen.items()
        if contacts
        for reservation in _pair(rows[campaign_id], rooms, offers[campaign_id], contacts)
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


def _pair(row: Row[Any], rooms: Rooms, offered: Sequence[Planned], contacts: Sequence[Row[Any]]) -> list[Reservation]:
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
                limits=(
                    row.team_limit,
                    row.max_concurrent_calls,
                    number["limit"],
                    number["account_limit"],
                    rooms.shared_limits.get(number["credentials"]),
                ),
            )
        )
    return reservations


def _pace(
    conn: Connection,
    dialer: Dialer,
    plan: Plan,
    rows: Mapping[str, Row[Any]],
    turns: Collection[str],
    asides: Sequence[Aside],
) -> None:
    """Note who had a turn and who went short, where that is news. Who was offered a call has had it, used or not: one
    whose contacts all turn out to be out of reach would else stand first for ever, and hold up those behind it."""
    put_back = {aside.campaign_id for aside in asides if aside.status == ContactStatus.QUEUED}
    paces = [
        Pace(
            campaign_id,
            campaign_id in turns,
            campaign_id in plan.short,
            dialer.bounds.number_busy_seconds if campaign_id in put_back else None,
        )
        for campaign_id, row in rows.items()
        if campaign_id in turns or campaign_id in put_back or row.short_of_slots != (campaign_id in plan.short)
    ]
    if paces:
        claims.pace(conn, paces)
