"""Which moves are legal, for campaigns, campaign contacts, runs and calls; and which news changes nothing.

``schema.sql`` draws the same moves beside each enum value; here they have names. A campaign's moves are asked
for by people and refused in their words, with both states named; a stop that is already so is not refused. A
call's moves are reported by carriers, late, doubled and out of order, so a call never refuses: an event that can no
longer matter has a name in :class:`Ignored`, and its row keeps that name as its outcome.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from worker.domain.model import Attempt, CallState, CampaignStatus, ContactStatus, Disposition, EventKind, RunState

_C = CampaignStatus


class Verb(StrEnum):
    """What can be done to a campaign."""

    SCHEDULE = "schedule"
    UNSCHEDULE = "unschedule"
    START = "start"  # its instant has come
    RUN = "run"
    PAUSE = "pause"
    RESUME = "resume"
    COMPLETE = "complete"
    CANCEL = "cancel"


CAMPAIGN_MOVES: dict[Verb, tuple[frozenset[CampaignStatus], CampaignStatus]] = {
    Verb.SCHEDULE: (frozenset({_C.DRAFT, _C.SCHEDULED}), _C.SCHEDULED),
    Verb.UNSCHEDULE: (frozenset({_C.SCHEDULED}), _C.DRAFT),
    Verb.START: (frozenset({_C.SCHEDULED}), _C.RUNNING),
    Verb.RUN: (frozenset({_C.DRAFT, _C.SCHEDULED, _C.RUNNING, _C.PAUSED, _C.COMPLETED}), _C.RUNNING),
    Verb.PAUSE: (frozenset({_C.RUNNING}), _C.PAUSED),
    Verb.RESUME: (frozenset({_C.PAUSED}), _C.RUNNING),
    Verb.COMPLETE: (frozenset({_C.RUNNING, _C.PAUSED}), _C.COMPLETED),
    Verb.CANCEL: (frozenset({_C.DRAFT, _C.SCHEDULED, _C.RUNNING, _C.PAUSED}), _C.CANCELLED),
}
"""Verb → (states it is legal from, state it leads to). Everything else is refused."""


def reads_as_cancelled(status: str, closing_at: datetime | None) -> bool:
    """Whether who waits in a campaign reads as cancelled, swept or not: it was cancelled, or closes since then."""
    return status == CampaignStatus.CANCELLED or closing_at is not None


STOPS = {Verb.PAUSE: _C.PAUSED, Verb.CANCEL: _C.CANCELLED}
"""What is done already where the campaign is in that state: whoever wants it to stand still has that."""

EDITABLE = frozenset({_C.DRAFT, _C.SCHEDULED, _C.PAUSED})
"""Where window, attempts and numbers may be edited; the limit also while running, name and description always."""

_OVER = "it is over for good; create a new one"
_BEGUN = "it has begun already"
_WHY_NOT: dict[Verb, dict[CampaignStatus, str]] = {
    Verb.SCHEDULE: {
        _C.RUNNING: f"{_BEGUN}; a schedule is for a campaign that has not",
        _C.PAUSED: f"{_BEGUN}; resume it, or run it again",
        _C.COMPLETED: "all of its contacts are done; add some and run it",
        _C.CANCELLED: _OVER,
    },
    Verb.UNSCHEDULE: {
        _C.DRAFT: "it has no schedule to take back",
        _C.RUNNING: f"{_BEGUN}; pause or cancel it instead",
        _C.PAUSED: f"{_BEGUN}; nothing of it is scheduled",
        _C.COMPLETED: "it is done; nothing of it is scheduled",
        _C.CANCELLED: _OVER,
    },
    Verb.RUN: {_C.CANCELLED: _OVER},
    Verb.PAUSE: {
        _C.DRAFT: "it is not running; run it first",
        _C.SCHEDULED: "it is not running yet; unschedule it to keep it from starting",
        _C.COMPLETED: "it is not running; all of its contacts are done",
        _C.CANCELLED: "it is not running and never will again",
    },
    Verb.RESUME: {
        _C.DRAFT: "it was not paused; run it first",
        _C.SCHEDULED: "it was not paused; it starts by itself, or run it now",
        _C.RUNNING: "it is not paused; it is running already",
        _C.COMPLETED: "it is not paused; add contacts and run it",
        _C.CANCELLED: _OVER,
    },
    Verb.COMPLETE: {
        _C.DRAFT: "it has not begun; run it, or cancel it",
        _C.SCHEDULED: "it has not begun; unschedule it, or cancel it",
        _C.CANCELLED: "it is over already",
    },
    Verb.CANCEL: {_C.COMPLETED: "it is done; nothing of it is left to cancel"},
}
"""Why a person's verb is refused, and what to do instead."""

_K = ContactStatus
CONTACT_MOVES: dict[ContactStatus, frozenset[ContactStatus]] = {
    _K.PENDING: frozenset({_K.CALLING, _K.QUEUED, _K.SKIPPED, _K.FAILED, _K.EXHAUSTED, _K.CANCELLED}),
    _K.QUEUED: frozenset({_K.CALLING, _K.QUEUED, _K.SKIPPED, _K.FAILED, _K.EXHAUSTED, _K.CANCELLED}),
    _K.CALLING: frozenset({_K.COMPLETED, _K.EXHAUSTED, _K.FAILED, _K.QUEUED, _K.SKIPPED}),
    _K.COMPLETED: frozenset({_K.QUEUED}),
    _K.EXHAUSTED: frozenset({_K.QUEUED}),
    _K.FAILED: frozenset({_K.QUEUED}),
    _K.SKIPPED: frozenset({_K.QUEUED}),
    _K.CANCELLED: frozenset(),
}
"""Status → the statuses it may become. ``queued → queued`` is a contact snoozed until a new ``due_at``;
``skipped → queued``, and ``failed → queued`` for an invalid number, happen when a run opens and finds that the
reason is gone; ``exhausted → queued`` and ``failed → queued`` when somebody requeues the contact by hand and
:mod:`worker.domain.requeue` allows it; ``completed → queued`` and ``exhausted → queued`` when the callee asks to be
called back."""

RUN_MOVES: dict[RunState, frozenset[RunState]] = {
    RunState.OPEN: frozenset({RunState.ENDED}),
    RunState.ENDED: frozenset(),
}

_S = CallState
CALL_MOVES: dict[CallState, frozenset[CallState]] = {
    _S.RESERVED: frozenset({_S.DIALING, _S.ENDED}),
    _S.DIALING: frozenset({_S.UNKNOWN, _S.PLACED, _S.RINGING, _S.IN_PROGRESS, _S.ENDED}),
    _S.UNKNOWN: frozenset({_S.PLACED, _S.RINGING, _S.IN_PROGRESS, _S.ENDED}),
    _S.PLACED: frozenset({_S.RINGING, _S.IN_PROGRESS, _S.ENDED}),
    _S.RINGING: frozenset({_S.IN_PROGRESS, _S.ENDED}),
    _S.IN_PROGRESS: frozenset({_S.ENDED}),
    _S.ENDED: frozenset(),
}
"""State → the states it may become; the order of the keys is the order of a life, and of the SQL enum."""

CALL_ORDER = {state: rank for rank, state in enumerate(CALL_MOVES)}


_RANG = (EventKind.RINGING, EventKind.ANSWERED)
_REACHES = {
    EventKind.QUEUED: _S.PLACED,
    EventKind.RINGING: _S.RINGING,
    EventKind.ANSWERED: _S.IN_PROGRESS,
    EventKind.ENDED: _S.ENDED,
}


class EventOutcome(StrEnum):
    """What became of one event; kept with it."""

    MOVED = "moved"  # the call went forward
    ANNOTATED = "annotated"  # a verdict on who answered was noted
    RANG = "rang"  # a call that was cancelled had rung before: its attempt counts after all


class Ignored(StrEnum):
    """Why an event changed nothing; every value is a sentence about the event."""

    ALREADY_THERE = "already_there"  # the same news again, or news the call had overtaken
    CALL_ENDED = "call_ended"  # news of the past of a call that has ended: a doubled or late callback
    LATE_EVIDENCE = "late_evidence"  # news that an ended call is alive: hang it up
    ORPHAN = "orphan"  # another carrier call under this call's token: hang it up
    UNKNOWN_TOKEN = "unknown_token"  # nobody's token
    FOREIGN = "foreign"  # news by the key of another carrier, or of another account there, than the call was placed by
    NEVER_SENT = "never_sent"  # news of a call that was only reserved: nobody can know its token, so it is not true


@dataclass(frozen=True, slots=True)
class CallView:
    """What the rules need to know of a call to transition an event."""

    state: CallState
    carrier_call_id: str | None = None
    disposition: Disposition | None = None
    rang: bool = False
    ended_by_carrier: bool = False  # it was the carrier's word, not our bound, that ended it


def is_foreign(call_carrier: str | None, news_carrier: str, other_account: str | None) -> bool:
    """Whether news does not count for the call whose token it came under (``call_carrier`` is ``None`` where that is
    nobody's). A token is no proof: it stands in addresses, which proxies and logs see. News counts for the calls of
    the carrier whose key verified it and of the account it says it is of; ``other_account`` is set where that is not
    the one this deployment calls through."""
    return bool(other_account) or (call_carrier is not None and call_carrier != news_carrier)


def transition(call: CallView, kind: EventKind, carrier_call_id: str) -> CallState | EventOutcome | Ignored:
    """The state the event moves the call to, or the name of why it does not.

    A terminal state absorbs everything; only whether a cancelled call had rung, and therefore counts, may still be
    learned. Any shuffle and any duplication of one call's events therefore ends in the same state. News that an
    ended call lives is only evidence when the dialer had closed the book by itself (``lost`` at its bound,
    ``not_sent``): after a carrier's own "ended" it is merely late.
    """
    if call.state is CallState.RESERVED:
        return Ignored.NEVER_SENT
    if call.carrier_call_id is not None and call.carrier_call_id != carrier_call_id:
        return Ignored.ORPHAN
    if call.state is CallState.ENDED:
        traits = None if call.disposition is None else call.disposition.traits
        closed_by_us = traits is not None and traits.closed_by_us and not call.ended_by_carrier
        if closed_by_us and kind in (EventKind.QUEUED, EventKind.RINGING, EventKind.ANSWERED):
            return Ignored.LATE_EVIDENCE
        counts_if_it_rang = traits is not None and traits.attempt is Attempt.IF_RANG
        if counts_if_it_rang and not call.rang and kind in _RANG:
            return EventOutcome.RANG
        return EventOutcome.ANNOTATED if kind is EventKind.MACHINE else Ignored.CALL_ENDED
    if kind is EventKind.MACHINE:
        return EventOutcome.ANNOTATED
    target = _REACHES[kind]
    return target if CALL_ORDER[target] > CALL_ORDER[call.state] else Ignored.ALREADY_THERE


def closing(campaign_id: str) -> str:
    """The sentence for what cannot be done to a campaign that is coming to its end."""
    return f"Campaign {campaign_id} is ending: it is completed once its live calls have ended."


def refusal(verb: Verb, campaign_id: str, status: CampaignStatus) -> str:
    """The sentence for a refused move; names both states."""
    sources, target = CAMPAIGN_MOVES[verb]
    why = _WHY_NOT.get(verb, {}).get(status) or f"that is possible from {', '.join(sorted(sources))}"
    return f"Campaign {campaign_id} is {status} and cannot become {target}: {why}."
