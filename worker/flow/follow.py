"""Where news takes a call, and what it asks for beside: the rules of :mod:`worker.domain`, applied to rows.

Nothing is written here. Who settles batches (:mod:`worker.flow.settle`) does all that is asked for; who settles at the
receipt (:mod:`worker.flow.receipt`) does so only where nothing is but a move.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from typing import Generic, Protocol, TypeVar, assert_never

from worker.domain.breaker import Evidence
from worker.domain.lifecycle import CallView, EventOutcome, Ignored, transition
from worker.domain.machines import MACHINES, machine_policy
from worker.domain.model import Bounds, CallState, Disposition, EventKind, Tally
from worker.domain.network_blocks import NETWORK_BLOCKED
from worker.domain.retry import SIP_DECLINE, SIP_INTERMEDIARY_REJECTED, SIP_UNWANTED, is_network_block
from worker.flow import breaker
from worker.flow.ending import LOOK_UP, end
from worker.store.calls import CallWithPolicy
from worker.store.hangups import Unmatched
from worker.store.moves import Move
from worker.store.network_blocks import Declined

EVENT_ORDER = {kind: rank for rank, kind in enumerate(
    (EventKind.MACHINE, EventKind.QUEUED, EventKind.RINGING, EventKind.ANSWERED, EventKind.ENDED))}  # fmt: skip
"""Within one batch a verdict is read before the end it belongs to, and a life in its order."""


class News(Protocol):
    """An event of a call. ``age_seconds`` is for how long it has been known."""

    @property
    def token(self) -> str: ...
    @property
    def carrier_call_id(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def disposition(self) -> str | None: ...
    @property
    def sip_code(self) -> int | None: ...
    @property
    def verdict(self) -> str | None: ...
    @property
    def network_block(self) -> bool: ...
    @property
    def received_at(self) -> datetime: ...
    @property
    def age_seconds(self) -> float: ...


N = TypeVar("N", bound=News)


@dataclass(slots=True)
class Consequences(Generic[N]):
    """What follows from news beside the moves of its calls."""

    held: list[N] = field(default_factory=list)  # ends whose verdict may still come
    talking_machines: list[str] = field(default_factory=list)  # calls to be hung up
    to_ban: list[tuple[str, str]] = field(default_factory=list)  # (team, number): never call again
    unmatched: list[Unmatched] = field(default_factory=list)  # calls at a carrier that none of ours stands for
    late_rings: list[tuple[CallWithPolicy, Disposition]] = field(default_factory=list)  # ended, and had rung after all
    flagged: set[str] = field(default_factory=set)  # caller IDs that a network blocked
    declined: list[Declined] = field(default_factory=list)  # ends that look as if the callee had declined
    evidence: list[Evidence] = field(default_factory=list)  # of how well the carriers do
    late_evidence: list[CallWithPolicy] = field(default_factory=list)  # calls that we had closed, and that live

    def note(self, evidence: Evidence | None) -> None:
        """Add evidence, if it is any."""
        if evidence is not None:
            self.evidence.append(evidence)

    def __bool__(self) -> bool:
        """Whether there is anything."""
        return any(getattr(self, each.name) for each in fields(self))


def follow(
    bounds: Bounds,
    row: CallWithPolicy,
    news: Iterable[N],
    consequences: Consequences[N],
    *,
    is_known_to_have_rung: bool = False,
    blocked: Collection[str] = (),
) -> tuple[Move | None, list[tuple[N, EventOutcome | Ignored]]]:
    """Where its news, in the order of :data:`EVENT_ORDER`, takes the call, as one move, and what became of each event;
    what is to be done beside is added to the ``consequences``. What was declined after it had rung was declined by a
    person, and not by a network; but for the caller IDs that are ``blocked``, by how many of their calls were declined.
    """
    disposition = None if row.disposition is None else Disposition(row.disposition)
    view = CallView(CallState(row.state), row.carrier_call_id, disposition, row.rang, row.cause == LOOK_UP)
    move: Move | None = None
    verdict: str | None = row.machine_verdict
    became: list[tuple[N, EventOutcome | Ignored]] = []
    machines = machine_policy(row.settings)
    for event in news:
        result = transition(view, EventKind(event.kind), event.carrier_call_id)
        if result is CallState.ENDED and machines and _lacks_verdict(bounds, event, verdict):
            consequences.held.append(event)
            continue
        became.append((event, EventOutcome.MOVED if isinstance(result, CallState) else result))
        match result:
            case CallState():
                view = replace(
                    view,
                    state=result,
                    carrier_call_id=event.carrier_call_id,
                    rang=view.rang or result in _RANG,
                )
                verdict = verdict or event.verdict
                is_blocked = _is_network_block(row, event, is_known_to_have_rung) or (
                    event.sip_code == SIP_DECLINE and row.number_id in blocked
                )
                move = _step(bounds, row, event, view, verdict, consequences, is_blocked)
            case EventOutcome.ANNOTATED:
                verdict = verdict or event.verdict
                move = replace(move or Move(row.id, view.state, at_most=CallState.ENDED), verdict=verdict)
            case EventOutcome.RANG:
                view = replace(view, rang=True)
                assert disposition is not None  # only what has ended rings late
                consequences.late_rings.append((row, disposition))
            case Ignored.LATE_EVIDENCE:
                consequences.late_evidence.append(row)
                move = Move(row.id, view.state, at_most=CallState.ENDED, late_evidence=True,
                            carrier_call_id=event.carrier_call_id)  # fmt: skip
            case Ignored.ORPHAN:
                consequences.unmatched.append(Unmatched(row.carrier, event.carrier_call_id, row.token, row.account_id))
            case Ignored.ALREADY_THERE | Ignored.CALL_ENDED | Ignored.NEVER_SENT:
                pass
            case EventOutcome.MOVED | Ignored.UNKNOWN_TOKEN | Ignored.FOREIGN:
                pass  # these are said of events here, not found by the transition
            case _:
                assert_never(result)
    is_machine = verdict in MACHINES and view.state is CallState.IN_PROGRESS and move is not None
    if is_machine and machines and (machines.hangs_up or verdict == "fax"):
        consequences.talking_machines.append(row.id)
    return move, became


def _lacks_verdict(bounds: Bounds, event: News, verdict: str | None) -> bool:
    """Whether this end of an answered call is to wait a little for the word on who answered: that comes by a
    callback of its own, and decides whether the contact is called again."""
    is_answered = event.disposition is not None and Disposition(event.disposition).traits.answered
    is_known = verdict or event.verdict or not is_answered
    return not is_known and bool(event.age_seconds < bounds.verdict_wait_seconds)


_RANG = (CallState.RINGING, CallState.IN_PROGRESS)


def _step(
    bounds: Bounds,
    row: CallWithPolicy,
    event: N,
    view: CallView,
    verdict: str | None,
    consequences: Consequences[N],
    looks_blocked: bool,
) -> Move:
    """The move that takes the call to the state in view; what ends it has a disposition, says the schema."""
    if view.state is CallState.ENDED and event.disposition is not None:
        disposition = Disposition(event.disposition)
        is_declined = disposition.traits.tally is Tally.REJECTED and event.sip_code != SIP_UNWANTED
        is_blocked = is_declined and looks_blocked
        move, is_ban = end(
            row,
            disposition,
            cause=NETWORK_BLOCKED if is_blocked and event.sip_code != SIP_INTERMEDIARY_REJECTED else None,
            sip_code=SIP_INTERMEDIARY_REJECTED if is_blocked else event.sip_code,
            carrier_call_id=event.carrier_call_id,
            verdict=verdict,
            rang=view.rang,
            outcome_wait_seconds=bounds.outcome_wait_seconds,
        )
        if is_blocked:
            consequences.flagged.add(row.number_id)
        elif is_declined and event.sip_code == SIP_DECLINE:
            consequences.declined.append(Declined(row.id, row.team_id, row.number_id))
        consequences.note(breaker.of_end(row, disposition))
        if is_ban:
            consequences.to_ban.append((row.team_id, row.to_number))
        return move
    if view.state is CallState.IN_PROGRESS:
        consequences.note(breaker.of_life(row))
    longest = bounds.longest_call_seconds if view.state is CallState.IN_PROGRESS else 0
    expected = (bounds.ring_seconds + longest) / row.speed
    return Move(
        row.id,
        view.state,
        carrier_call_id=event.carrier_call_id,
        rang=view.rang,
        verdict=verdict,
        check_in_seconds=expected + bounds.check_after_seconds,
    )


def _is_network_block(row: CallWithPolicy, event: News, rang: bool) -> bool:
    """Whether the callee's network refused the caller ID, by what is known of the call and how soon it ended."""
    taken_at = row.placed_at or event.received_at
    seconds = abs((event.received_at - taken_at).total_seconds()) * row.speed  # in haste is not before it was taken
    return is_network_block(event.sip_code, seconds, rang=rang, says_so=event.network_block)
