"""Take the free slots: choose who is called next, and reserve the calls, or commit those that can leave at once.

One transaction under the team's row (:mod:`worker.flow.claim`) counts live calls, plans, takes slots, and decides. The
slots in Redis keep workers from all running at the last one; only the rows count. What was granted and not used is
given back.

Campaigns that share a scope take turns: who had its turn longest ago goes first, and one that went short is tried at
every fill of its team until it got what it wanted. Who was offered a call has had its turn, used or not. As many as
there may be that cannot be filled — whose accounts rest, whose contacts all talk — they are gone through page by page,
behind the first only those with a caller ID that has room, until the team has none.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import structlog
from sqlalchemy import Connection

from worker.crashpoint import crashpoint
from worker.domain.errors import Unavailable
from worker.flow.base import Dialer, DialMore, RebuildSlots, Step, dial_steps
from worker.flow.claim import Acquire, Claimed, claim
from worker.flow.departing import Departing
from worker.flow.plan import CandidatePage, Plan, Planned
from worker.slots import Kind
from worker.store.claims import Reservation
from worker.store.database import decide
from worker.store.sqlstates import is_rolled_back

log = structlog.get_logger()

ROUNDS = 5
"""How often a page of campaigns is looked at again because contacts had to be passed over; the tick goes on."""
MOST_ROUNDS = 200
"""How many rounds a fill has in all, whoever frees slots meanwhile."""
SPARE = 200
"""How many contacts beyond its calls a round looks at, once the one before had to pass some over."""


@dataclass(frozen=True, slots=True)
class Filled:
    """What a fill did: the calls it reserved, the steps that follow, and the campaigns that may be finished."""

    reserved: tuple[Reservation, ...]
    steps: tuple[Step, ...]
    idle: tuple[str, ...]


def fill(
    dialer: Dialer,
    team_id: str,
    campaign_ids: Sequence[str],
    *,
    starved: bool = True,
    yields: bool = True,
) -> Filled:
    """Reserve what can be reserved now for these campaigns and, when ``starved``, for those that are. Who is
    placing calls in this process is given those that can leave at once.

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
    placing = dialer.placing()
    departing: list[Departing] = []

    def work(conn: Connection) -> Claimed:
        departs = None
        if placing is not None:
            departs = Departing(dialer, placing)
            departing.append(departs)
        with _giving_back(dialer, departs) as acquire:
            return claim(conn, dialer, team_id, page, acquire, spare=spare, departing=departs, commits=True)

    claimed = decide(dialer.db, work)
    crashpoint("fill.after_commit")
    plan, taken = claimed.plan, {reservation.call_id for reservation in claimed.reservations}
    if placing is not None:
        for batch in departing[-1].batches():
            placing.leave(batch)
    if plan.ahead:
        return RoundResult(ahead=plan.ahead, next=replace(page, yields=False))
    if claimed.granted is None:
        return RoundResult(steps=(RebuildSlots(),))
    dialer.slots.release([call.slot for call in claimed.granted if call.slot.call_id not in taken])
    following = _next(page, plan, reserved=len(taken))
    return RoundResult(claimed.reservations, claimed.again, following, idle=tuple(plan.idle))


def _next(page: CandidatePage, plan: Plan, *, reserved: int) -> CandidatePage | None:
    """Where to go on: with the same page while it yields, then behind it."""
    page = replace(page, yields=False) if page.yields else page
    if plan.has_shut or (plan.has_more and reserved):
        return page
    if plan.following is None:
        return None
    return replace(page, after=plan.following, full=page.full | plan.rooms.full)


@contextmanager
def _giving_back(dialer: Dialer, departing: Departing | None) -> Iterator[Acquire]:
    """What takes slots for a claim. Where it is rolled back, they are given back, and so are the permits of senders; of
    one of which nobody knows how it ended no call leaves, and the slots are the reconciler's."""
    granted: list[Planned] = []

    def acquire(plan: Plan) -> Sequence[Planned] | None:
        taken = _take_slots(dialer, plan)
        crashpoint("fill.after_slots")
        granted.extend(taken or ())
        return taken

    try:
        yield acquire
    except BaseException as error:
        if departing is not None:
            departing.drop()
        if granted and is_rolled_back(error):
            dialer.slots.release([call.slot for call in granted])
        raise


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
    waiting = [it for it in reserved if not it.leaves]
    if reserved:
        log.info("calls_reserved", calls=len(reserved), leaving=len(reserved) - len(waiting))
    in_hand = [(it.account_id, it.call_id) for it in waiting if it.in_hand]
    others: list[Step] = [DialMore()] if len(in_hand) < len(waiting) else []
    return [*dial_steps(in_hand, dialer.bounds.dial_batch), *others]
