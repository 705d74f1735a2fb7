"""Take the free slots: choose who is called next, and reserve the calls.

Plan, slots, claim. The plan (:mod:`worker.flow.plan`) is read without a lock and says what to ask for; the
slots in Redis keep workers from all running at the last one; the claim (:mod:`worker.flow.claim`), in one
transaction under the team's row, counts live calls anew and is the only thing that decides. What was granted
and not used is given back.

Campaigns that share a scope take turns: who had its turn longest ago goes first, and one that went short is tried at
every fill of its team until it got what it wanted. Who was offered a call has had its turn, used or not. As many as
there may be that cannot be filled — whose accounts rest, whose contacts all talk — they are gone through page by page,
behind the first only those with a caller ID that has room, until the team has none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import structlog

from worker.crashpoint import crashpoint
from worker.domain.errors import Unavailable
from worker.flow.base import Dialer, RebuildSlots, Step, dial_steps
from worker.flow.claim import claim
from worker.flow.plan import Plan, Planned, plan_calls
from worker.slots import Kind
from worker.store.candidates import Place
from worker.store.claims import Reservation
from worker.store.database import once, transact

log = structlog.get_logger()

ROUNDS = 5
"""How often a page of campaigns is looked at again because contacts had to be passed over; the tick goes on."""
MOST_ROUNDS = 200
"""How many rounds a fill has in all, whoever frees slots meanwhile."""
SPARE = 200
"""How many contacts beyond its calls a round looks at, once the one before had to pass some over."""


@dataclass(frozen=True, slots=True)
class Filled:
    """What a fill did: the calls it reserved, the steps that follow, the campaigns that may be finished."""

    reserved: tuple[Reservation, ...]
    steps: tuple[Step, ...]
    idle: tuple[str, ...]


def fill(
    dialer: Dialer, team_id: str, campaign_ids: Sequence[str], *, starved: bool = True, yields: bool = True
) -> Filled:
    """Reserve what can be reserved now for these campaigns and, when ``starved``, for those that are.

    Page by page in the order of turns, as long as the team has room: whoever stands first and cannot be filled keeps
    nobody behind from a slot. Where other teams share the credentials it ``yields`` to those whose turn it is.
    """
    reserved: list[Reservation] = []
    steps: list[Step] = []
    idle: dict[str, None] = {}
    page, passed_over = CandidatePage(campaign_ids, starved, yields=yields), 0
    for _ in range(MOST_ROUNDS):
        result = _round(dialer, team_id, page, spare=SPARE if passed_over else 0)
        reserved += result.reserved
        steps += result.steps
        idle |= dict.fromkeys(result.idle)
        steps += _let_go_first(dialer, result.ahead)
        if result.again and passed_over < ROUNDS - 1:
            passed_over += 1
        elif result.next is None:
            break
        elif result.next is not page:
            page, passed_over = result.next, 0
    return Filled(tuple(reserved), (*steps, *_dial(dialer, reserved)), tuple(idle))


def _let_go_first(dialer: Dialer, team_ids: Sequence[str]) -> list[Step]:
    """Fill these teams; what they cannot take, or one of them cannot be asked to, is left to whoever let them go."""
    steps: list[Step] = []
    for team_id in team_ids:
        try:
            steps += fill(dialer, team_id, (), yields=False).steps
        except Unavailable as error:
            log.warning("fill_postponed", team_id=team_id, message=str(error))
    return steps


@dataclass(frozen=True, slots=True)
class CandidatePage:
    """Which campaigns a round looks at: those named, and the ``starved`` ones, ``after`` a place in the order of turns;
    without those that could only show a caller ID that is ``full``."""

    campaign_ids: Sequence[str]
    starved: bool
    after: Place | None = None
    full: frozenset[str] = frozenset()
    yields: bool = False


@dataclass(frozen=True, slots=True)
class RoundResult:
    """One round: what was reserved, whether contacts had to be passed over while slots were left, and which page is
    next, if any: the same one where it had more than a round reserves. Teams that come ``ahead`` are to be filled
    before, and nothing was done yet."""

    reserved: tuple[Reservation, ...] = ()
    again: bool = False
    next: CandidatePage | None = None
    steps: tuple[Step, ...] = ()
    idle: tuple[str, ...] = ()
    ahead: Sequence[str] = ()


def _round(dialer: Dialer, team_id: str, page: CandidatePage, *, spare: int) -> RoundResult:
    plan = once(
        dialer.db,
        lambda conn: plan_calls(
            conn,
            dialer,
            team_id,
            page.campaign_ids,
            starved=page.starved,
            after=page.after,
            full=page.full,
            yields=page.yields,
        ),
    )
    if plan.ahead:
        return RoundResult(ahead=plan.ahead, next=replace(page, yields=False))
    granted = _take_slots(dialer, plan)
    if granted is None:
        return RoundResult(steps=(RebuildSlots(),))
    if not granted and not plan.is_news:
        return RoundResult(next=_next(page, plan, reserved=0), idle=tuple(plan.idle))
    crashpoint("fill.after_slots")
    claimed = transact(dialer.db, lambda conn: claim(conn, dialer, team_id, plan, granted, spare=spare))
    crashpoint("fill.after_commit")
    taken = {reservation.call_id for reservation in claimed.reservations}
    dialer.slots.release([call.slot for call in granted if call.slot.call_id not in taken])
    following = _next(page, plan, reserved=len(taken))
    return RoundResult(claimed.reservations, claimed.again, following, idle=tuple(plan.idle))


def _next(page: CandidatePage, plan: Plan, *, reserved: int) -> CandidatePage | None:
    """Where to go on: with the same page while it yields, then behind it."""
    page = replace(page, yields=False) if page.yields else page
    if plan.has_more and reserved:
        return page
    if plan.following is None:
        return None
    return replace(page, after=plan.following, full=page.full | plan.rooms.full)


def _take_slots(dialer: Dialer, plan: Plan) -> list[Planned] | None:
    """The planned calls that got their slots; ``None`` when the slots must be rebuilt first."""
    if not plan.calls:
        return []
    acquired = dialer.slots.acquire([call.slot for call in plan.calls], plan.limits, plan.generation)
    if not acquired.generation_ok:
        return None
    granted = set(acquired.granted)
    for call in plan.calls:
        full = acquired.full.get(call.slot.call_id, frozenset())
        if full - {Kind.CAMPAIGN}:
            plan.starved.add(call.slot.campaign_id)
        if Kind.TEAM in full:
            plan.rooms.team = 0
    return [call for call in plan.calls if call.slot.call_id in granted]


def _dial(dialer: Dialer, reserved: Sequence[Reservation]) -> list[Step]:
    if reserved:
        log.info("calls_reserved", calls=len(reserved))
    return dial_steps([(it.account_id, it.call_id) for it in reserved], dialer.bounds.dial_batch)
