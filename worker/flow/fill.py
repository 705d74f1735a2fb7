"""Take the free slots: choose who is called next, and reserve the calls.

Plan, slots, claim. The plan (:mod:`worker.flow.plan`) is read without a lock and says what to ask for; the
slots in Redis keep workers from all running at the last one; the claim (:mod:`worker.flow.claim`), in one
transaction under the team's row, counts live calls anew and is the only thing that decides. What was granted
and not used is given back.

Campaigns that share a scope take turns: longest unfilled first, and one that went short is tried at every
fill of its team until it got what it wanted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from worker.crashpoint import crashpoint
from worker.flow.base import Dialer, Mend, Step, dial_steps
from worker.flow.claim import claim
from worker.flow.plan import Plan, Planned, plan_calls
from worker.slots import Kind
from worker.store.claims import Reservation
from worker.store.database import once, transact

log = structlog.get_logger()

ROUNDS = 5
SPARE = 200
"""How many contacts beyond its calls a round looks at, once the one before had to pass some over."""


@dataclass(frozen=True, slots=True)
class Filled:
    """What a fill did: the calls it reserved, the steps that follow, the campaigns that may be finished."""

    reserved: tuple[Reservation, ...]
    steps: tuple[Step, ...]
    idle: tuple[str, ...]


def fill(dialer: Dialer, team_id: str, campaign_ids: Sequence[str]) -> Filled:
    """Reserve what can be reserved now for these campaigns and for those of the team that went short."""
    reserved: list[Reservation] = []
    for nth in range(ROUNDS):
        outcome = _round(dialer, team_id, campaign_ids, spare=SPARE if nth else 0)
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


def _round(dialer: Dialer, team_id: str, campaign_ids: Sequence[str], *, spare: int) -> Outcome:
    plan = once(dialer.db, lambda conn: plan_calls(conn, dialer, team_id, campaign_ids))
    granted = _take_slots(dialer, plan)
    if granted is None:
        return Outcome(steps=(Mend(),))
    if not granted and not plan.is_news:
        return Outcome(idle=tuple(plan.idle))
    crashpoint("fill.after_slots")
    claimed = transact(dialer.db, lambda conn: claim(conn, dialer, team_id, plan, granted, spare=spare))
    crashpoint("fill.after_commit")
    taken = {reservation.call_id for reservation in claimed.reservations}
    dialer.slots.release([call.slot for call in granted if call.slot.call_id not in taken])
    return Outcome(claimed.reservations, claimed.again, idle=tuple(plan.idle))


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


def _dial(dialer: Dialer, reserved: Sequence[Reservation]) -> list[Step]:
    if reserved:
        log.info("calls_reserved", calls=len(reserved))
    return dial_steps([(it.account_id, it.call_id) for it in reserved], dialer.bounds.dial_batch)
