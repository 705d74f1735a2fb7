"""Drain the inbox: move calls on, and end them once.

A batch of events is locked, the calls they speak of are locked in id order, and everything that follows from
an end — the disposition, the contact's next state, the counter, the budget — is written in the one statement
that ends the call. The slots are given back after the commit, by membership, so that giving back twice is
giving back once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import structlog
from sqlalchemy import Connection

from worker.crashpoint import crashpoint
from worker.domain.lifecycle import Ignored, is_foreign
from worker.domain.model import EventKind
from worker.domain.network_blocks import WHY_IT_RESTS
from worker.domain.retry import SIP_DECLINE
from worker.flow import breaker, network_blocks
from worker.flow.base import Dialer, Settle, Step, Stop, fill_steps, slot_of
from worker.flow.ending import delay_seconds
from worker.flow.follow import EVENT_ORDER, Consequences, follow
from worker.flow.network_blocks import CallerId
from worker.flow.tally import FOREIGN
from worker.store import accounts, calls, events, gate, hangups, moves
from worker.store.calls import CallWithPolicy
from worker.store.crm import do_not_call
from worker.store.crm.do_not_call import Entry
from worker.store.database import transact
from worker.store.events import SettledEvent, WaitingEvent
from worker.store.hangups import Unmatched
from worker.store.moves import Move, MovedCall

log = structlog.get_logger()

UNWANTED = Entry("the callee's network reported the call as unwanted (SIP 607)", source="carrier", added_by="dialer")


@dataclass(slots=True)
class Settled:
    """What one batch came to."""

    taken: int = 0
    ended: list[MovedCall] = field(default_factory=list)
    consequences: Consequences[WaitingEvent] = field(default_factory=Consequences)
    blocked: set[CallerId] = field(default_factory=set)  # taken for blocked by the share of their calls declined
    foreign: Counter[str] = field(default_factory=Counter)  # events by carrier that are of another carrier's call
    to_hang_up: bool = False


def settle(dialer: Dialer) -> list[Step]:
    """Settle one batch of events; returns the fills it made room for, and another settle if more may wait."""
    banned: set[tuple[str, str]] = set()
    blocked: set[CallerId] = set()
    drain = partial(_drain, dialer=dialer, banned=banned, blocked=blocked)
    settled = transact(dialer.db, drain)
    while settled.blocked or not banned.issuperset(settled.consequences.to_ban):  # nothing was written yet
        banned |= _ban(dialer, settled.consequences.to_ban)
        network_blocks.rest(dialer, settled.blocked)
        blocked |= settled.blocked
        settled = transact(dialer.db, drain)
    crashpoint("settle.after_commit")
    dialer.slots.release([slot_of(row) for row in settled.ended])
    crashpoint("settle.after_release")
    for carrier, count in settled.foreign.items():
        dialer.tally.add(dialer.db, FOREIGN, carrier, count)
    for call in settled.consequences.unmatched:
        log.error("unmatched_call", carrier=call.carrier, carrier_call_id=call.carrier_call_id)
    for row in settled.ended:
        log.info("call_ended", call_id=row.id, campaign_id=row.campaign_id, disposition=row.disposition)
    steps = breaker.record_evidence(dialer, settled.consequences.evidence)
    steps += fill_steps(settled.ended)
    if settled.to_hang_up:
        steps.append(Stop())
    if settled.taken == dialer.bounds.settle_batch:
        steps.append(Settle())
    return steps


def _drain(
    conn: Connection, dialer: Dialer, banned: Collection[tuple[str, str]], blocked: Collection[CallerId]
) -> Settled:
    """One batch. Who asked never to be called again must be among the ``banned`` before the end that says so is
    written down, and a caller ID that a network blocks among the ``blocked``; where one is not, nothing is written, and
    the batch is there to be taken again."""
    taken = events.take(conn, most=dialer.bounds.settle_batch)
    if not taken:
        return Settled()
    rows = {row.token: row for row in calls.by_token(conn, sorted({event.token for event in taken}))}
    verdicts = [event.token for event in taken if event.kind == EventKind.MACHINE]
    held = events.take_held(conn, verdicts) if verdicts else []  # read under the locks of their calls
    settled = Settled(taken=len(taken))
    own, outcomes = _own(rows, [*taken, *held], settled)
    declined = sorted({event.token for event in own if event.sip_code == SIP_DECLINE})
    known_rings = events.rang(conn, declined) if declined else set()
    follows = settled.consequences
    numbers = {number_id for _, number_id in blocked}
    by_token: dict[str, list[WaitingEvent]] = {}
    for event in sorted(own, key=lambda e: (EVENT_ORDER[EventKind(e.kind)], e.id)):
        by_token.setdefault(event.token, []).append(event)
    steps: list[Move] = []
    for token, its_events in by_token.items():
        row = rows.get(token)
        if row is None:
            outcomes += [SettledEvent(event.id, Ignored.UNKNOWN_TOKEN) for event in its_events]
            follows.unmatched += [
                Unmatched(event.carrier, event.carrier_call_id, token, None)
                for event in its_events
                if event.kind == EventKind.ANSWERED  # whoever picked up would hear nothing
            ]
            continue
        has_rung = token in known_rings
        move, became = follow(dialer.bounds, row, its_events, follows, is_known_to_have_rung=has_rung, blocked=numbers)
        outcomes += [SettledEvent(event.id, outcome) for event, outcome in became]
        if move is not None:
            steps.append(move)
    settled.blocked = network_blocks.blocked_by_share(conn, follows.declined)
    if settled.blocked or any(number not in banned for number in follows.to_ban):
        return settled
    settled.ended = [row for row in moves.advance(conn, steps) if row.just_ended]
    _do_beside(conn, dialer, settled)
    events.drained(conn, outcomes)
    crashpoint("settle.before_commit")
    return settled


def _do_beside(conn: Connection, dialer: Dialer, settled: Settled) -> None:
    """What follows beside the moves, and is written with them."""
    follows = settled.consequences
    for row, disposition in follows.late_rings:
        log.info("late_ring_recorded", call_id=row.id, campaign_id=row.campaign_id)
        calls.late_ring(conn, row.id, due_in_seconds=delay_seconds(row, disposition))
    for number_id in sorted(follows.flagged):
        accounts.rest_number(conn, number_id, WHY_IT_RESTS)
    if follows.talking_machines:
        hangups.hang_up(conn, sorted(follows.talking_machines))
    if follows.unmatched:
        hangups.unmatched(conn, follows.unmatched)
    for row in follows.late_evidence:
        log.error("late_evidence", call_id=row.id, campaign_id=row.campaign_id)
    settled.to_hang_up = bool(follows.talking_machines or follows.unmatched or follows.late_evidence)
    if follows.held:
        events.hold(conn, [event.id for event in follows.held], dialer.bounds.verdict_wait_seconds)


def _own(
    rows: Mapping[str, CallWithPolicy], news: Sequence[WaitingEvent], settled: Settled
) -> tuple[list[WaitingEvent], list[SettledEvent]]:
    """The events that are of their token's call, or of nobody's; and the outcome of the others. Who keeps an event
    checks that already; here it is checked again under the call's lock, also of what an older process has kept."""
    own: list[WaitingEvent] = []
    others: list[SettledEvent] = []
    for event in news:
        row = rows.get(event.token)
        if is_foreign(None if row is None else row.carrier, event.carrier, None):
            others.append(SettledEvent(event.id, Ignored.FOREIGN))
            settled.foreign[event.carrier] += 1
        else:
            own.append(event)
    return own, others


def _ban(dialer: Dialer, numbers: Sequence[tuple[str, str]]) -> set[tuple[str, str]]:
    """Put the numbers of those who asked not to be called on their team's list; returns them. A transaction of its own
    and before the batch's: the team's lock is taken before calls are, by whoever places them too."""

    def ban(conn: Connection, team_id: str, number: str) -> None:
        gate.close_gate(conn, team_id)
        do_not_call.add(conn, team_id, [number], UNWANTED)

    for team_id, number in numbers:
        transact(dialer.db, partial(ban, team_id=team_id, number=number))
    return set(numbers)
