"""Drain the inbox: move calls on, and end them once.

A batch of events is locked, the calls they speak of are locked in id order, and everything that follows from
an end — the disposition, the contact's next state, the counter, the budget — is written in the one statement
that ends the call. The slots are given back after the commit, by membership, so that giving back twice is
giving back once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import assert_never

import structlog
from sqlalchemy import Connection

from worker.crashpoint import crashpoint
from worker.domain.breaker import Evidence
from worker.domain.lifecycle import CallView, EventOutcome, Ignored, is_foreign, transition
from worker.domain.machines import MACHINES, machine_policy
from worker.domain.model import CallState, Disposition, EventKind, Tally
from worker.domain.retry import SIP_DECLINE, SIP_INTERMEDIARY_REJECTED, is_network_block
from worker.flow import breaker
from worker.flow.base import Dialer, Settle, Step, Stop, fill_steps, slot_of
from worker.flow.ending import LOOK_UP, delay_seconds, end
from worker.flow.tally import FOREIGN
from worker.store import accounts, calls, events, gate, hangups, moves
from worker.store.calls import CallWithPolicy
from worker.store.crm import contacts
from worker.store.database import transact
from worker.store.events import SettledEvent, WaitingEvent
from worker.store.hangups import Unmatched
from worker.store.moves import Move, MovedCall

log = structlog.get_logger()

_EVENT_ORDER = {kind: rank for rank, kind in enumerate(
    (EventKind.MACHINE, EventKind.QUEUED, EventKind.RINGING, EventKind.ANSWERED, EventKind.ENDED))}  # fmt: skip
"""Within one batch a verdict is read before the end it belongs to, and a life in its order."""


@dataclass(slots=True)
class Settled:
    """What one batch came to."""

    taken: int = 0
    held: list[int] = field(default_factory=list)  # ends whose verdict may still come
    talking_machines: list[str] = field(default_factory=list)  # calls to be hung up
    ended: list[MovedCall] = field(default_factory=list)
    to_ban: list[tuple[str, str]] = field(default_factory=list)  # (team, number): never call again
    unmatched: list[Unmatched] = field(default_factory=list)  # calls at a carrier that none of ours stands for
    late_rings: list[tuple[CallWithPolicy, Disposition]] = field(default_factory=list)  # ended, and had rung after all
    flagged: set[str] = field(default_factory=set)  # caller IDs that an analytics engine refused
    known_rings: set[str] = field(default_factory=set)  # tokens of calls that were declined after a phone rang
    evidence: list[Evidence | None] = field(default_factory=list)  # of how well the carriers do
    foreign: Counter[str] = field(default_factory=Counter)  # events by carrier that are of another carrier's call
    to_hang_up: bool = False


def settle(dialer: Dialer) -> list[Step]:
    """Settle one batch of events; returns the fills it made room for, and another settle if more may wait."""
    banned: set[tuple[str, str]] = set()
    drain = partial(_drain, dialer=dialer, banned=banned)
    settled = transact(dialer.db, drain)
    while not banned.issuperset(settled.to_ban):  # nothing was written yet
        banned |= _ban(dialer, settled.to_ban)
        settled = transact(dialer.db, drain)
    crashpoint("settle.after_commit")
    dialer.slots.release([slot_of(row) for row in settled.ended])
    crashpoint("settle.after_release")
    for carrier, count in settled.foreign.items():
        dialer.tally.add(dialer.db, FOREIGN, carrier, count)
    for call in settled.unmatched:
        log.error("unmatched_call", carrier=call.carrier, carrier_call_id=call.carrier_call_id)
    for row in settled.ended:
        log.info("call_ended", call_id=row.id, campaign_id=row.campaign_id, disposition=row.disposition)
    steps = breaker.record_evidence(dialer, settled.evidence)
    steps += fill_steps(settled.ended)
    if settled.to_hang_up:
        steps.append(Stop())
    if settled.taken == dialer.bounds.settle_batch:
        steps.append(Settle())
    return steps


def _drain(conn: Connection, dialer: Dialer, banned: Collection[tuple[str, str]]) -> Settled:
    """One batch. Who asked never to be called again must be among the ``banned`` before the end that says so is
    written down; where somebody is not, nothing is, and the batch is there to be taken again."""
    taken = events.take(conn, most=dialer.bounds.settle_batch)
    if not taken:
        return Settled()
    rows = {row.token: row for row in calls.by_token(conn, sorted({event.token for event in taken}))}
    verdicts = [event.token for event in taken if event.kind == EventKind.MACHINE]
    held = events.take_held(conn, verdicts) if verdicts else []  # read under the locks of their calls
    settled = Settled(taken=len(taken))
    own, outcomes = _own(rows, [*taken, *held], settled)
    declined = sorted({event.token for event in own if event.sip_code == SIP_DECLINE})
    if declined:
        settled.known_rings = events.rang(conn, declined)
    by_token: dict[str, list[WaitingEvent]] = {}
    for event in sorted(own, key=lambda e: (_EVENT_ORDER[EventKind(e.kind)], e.id)):
        by_token.setdefault(event.token, []).append(event)
    steps: list[Move] = []
    for token, its_events in by_token.items():
        row = rows.get(token)
        if row is None:
            outcomes += [SettledEvent(event.id, Ignored.UNKNOWN_TOKEN) for event in its_events]
            settled.unmatched += [
                Unmatched(event.carrier, event.carrier_call_id, token, None)
                for event in its_events
                if event.kind == EventKind.ANSWERED  # whoever picked up would hear nothing
            ]
            continue
        move, became = _follow(dialer, row, its_events, settled)
        outcomes += became
        if move is not None:
            steps.append(move)
    if any(number not in banned for number in settled.to_ban):
        return settled
    settled.ended = [row for row in moves.advance(conn, steps) if row.just_ended]
    for row, disposition in settled.late_rings:
        log.info("late_ring_recorded", call_id=row.id, campaign_id=row.campaign_id)
        calls.late_ring(conn, row.id, due_in_seconds=delay_seconds(row, disposition))
    for number_id in sorted(settled.flagged):
        accounts.rest_number(conn, number_id)
    if settled.talking_machines:
        hangups.hang_up(conn, sorted(settled.talking_machines))
        settled.to_hang_up = True
    if settled.unmatched:
        hangups.unmatched(conn, settled.unmatched)
        settled.to_hang_up = True
    if settled.held:
        events.hold(conn, settled.held, dialer.bounds.verdict_wait_seconds)
    events.drained(conn, outcomes)
    crashpoint("settle.before_commit")
    return settled


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


def _follow(
    dialer: Dialer, row: CallWithPolicy, its_events: Sequence[WaitingEvent], settled: Settled
) -> tuple[Move | None, list[SettledEvent]]:
    """Where these events take the call, as one move, and what became of each of them."""
    disposition = None if row.disposition is None else Disposition(row.disposition)
    view = CallView(CallState(row.state), row.carrier_call_id, disposition, row.rang, row.cause == LOOK_UP)
    move: Move | None = None
    verdict: str | None = row.machine_verdict
    became: list[SettledEvent] = []
    machines = machine_policy(row.settings)
    for event in its_events:
        result = transition(view, EventKind(event.kind), event.carrier_call_id)
        if result is CallState.ENDED and machines and _lacks_verdict(dialer, event, verdict):
            settled.held.append(event.id)
            continue
        became.append(SettledEvent(event.id, EventOutcome.MOVED if isinstance(result, CallState) else result))
        match result:
            case CallState():
                view = replace(
                    view,
                    state=result,
                    carrier_call_id=event.carrier_call_id,
                    rang=view.rang or result in _RANG,
                )
                verdict = verdict or event.verdict
                move = _step(dialer, row, event, view, verdict, settled)
            case EventOutcome.ANNOTATED:
                verdict = verdict or event.verdict
                move = replace(move or Move(row.id, view.state, at_most=CallState.ENDED), verdict=verdict)
            case EventOutcome.RANG:
                view = replace(view, rang=True)
                assert disposition is not None  # only what has ended rings late
                settled.late_rings.append((row, disposition))
            case Ignored.LATE_EVIDENCE:
                log.error("late_evidence", call_id=row.id, campaign_id=row.campaign_id)
                settled.to_hang_up = True
                move = Move(row.id, view.state, at_most=CallState.ENDED, late_evidence=True,
                            carrier_call_id=event.carrier_call_id)  # fmt: skip
            case Ignored.ORPHAN:
                settled.unmatched.append(Unmatched(row.carrier, event.carrier_call_id, row.token, row.account_id))
            case Ignored.ALREADY_THERE | Ignored.CALL_ENDED | Ignored.NEVER_SENT:
                pass
            case EventOutcome.MOVED | Ignored.UNKNOWN_TOKEN | Ignored.FOREIGN:
                pass  # these are said of events here, not found by the transition
            case _:
                assert_never(result)
    is_machine = verdict in MACHINES and view.state is CallState.IN_PROGRESS and move is not None
    if is_machine and machines and (machines.hangs_up or verdict == "fax"):
        settled.talking_machines.append(row.id)
    return move, became


def _lacks_verdict(dialer: Dialer, event: WaitingEvent, verdict: str | None) -> bool:
    """Whether this end of an answered call is to wait a little for the word on who answered: that comes by a
    callback of its own, and decides whether the contact is called again."""
    is_answered = event.disposition is not None and Disposition(event.disposition).traits.answered
    is_known = verdict or event.verdict or not is_answered
    return not is_known and bool(event.age_seconds < dialer.bounds.verdict_wait_seconds)


_RANG = (CallState.RINGING, CallState.IN_PROGRESS)


def _step(
    dialer: Dialer, row: CallWithPolicy, event: WaitingEvent, view: CallView, verdict: str | None, settled: Settled
) -> Move:
    """The move that takes the call to the state in view; what ends it has a disposition, says the schema."""
    if view.state is CallState.ENDED and event.disposition is not None:
        disposition = Disposition(event.disposition)
        is_blocked = _is_network_block(row, event, disposition, settled)
        move, is_ban = end(
            row,
            disposition,
            cause="sip 603+" if is_blocked and event.sip_code == SIP_DECLINE else None,
            sip_code=SIP_INTERMEDIARY_REJECTED if is_blocked else event.sip_code,
            carrier_call_id=event.carrier_call_id,
            verdict=verdict,
            rang=view.rang,
        )
        if is_blocked:
            settled.flagged.add(row.number_id)
        settled.evidence.append(breaker.of_end(row, disposition))
        if is_ban:
            settled.to_ban.append((row.team_id, row.to_number))
        return move
    if view.state is CallState.IN_PROGRESS:
        settled.evidence.append(breaker.of_life(row))
    longest = dialer.bounds.longest_call_seconds if view.state is CallState.IN_PROGRESS else 0
    expected = (dialer.bounds.ring_seconds + longest) / row.speed
    return Move(
        row.id,
        view.state,
        carrier_call_id=event.carrier_call_id,
        rang=view.rang,
        verdict=verdict,
        check_in_seconds=expected + dialer.bounds.check_after_seconds,
    )


def _is_network_block(row: CallWithPolicy, event: WaitingEvent, disposition: Disposition, settled: Settled) -> bool:
    """Whether the callee's network refused the caller ID, by what is known of the call and how soon it ended."""
    taken_at = row.placed_at or event.received_at
    seconds = abs((event.received_at - taken_at).total_seconds()) * row.speed  # in haste is not before it was taken
    is_declined = disposition.traits.tally is Tally.REJECTED
    return is_declined and is_network_block(event.sip_code, seconds, rang=event.token in settled.known_rings)


def _ban(dialer: Dialer, numbers: Sequence[tuple[str, str]]) -> set[tuple[str, str]]:
    """Put the numbers of those who asked not to be called on their team's list; returns them. A transaction of its own
    and before the batch's: the team's lock is taken before calls are, by whoever places them too."""

    def ban(conn: Connection, team_id: str, number: str) -> None:
        gate.close_gate(conn, team_id)
        contacts.ban(conn, team_id, [number], "the callee's network reported the call as unwanted (SIP 607)")

    for team_id, number in numbers:
        transact(dialer.db, partial(ban, team_id=team_id, number=number))
    return set(numbers)
