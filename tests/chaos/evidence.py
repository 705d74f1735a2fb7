"""What a run left behind, as the judgements read it: the carrier's ledger, the journal, and what was looked at.

Plain values and nothing that runs, so that a judgement can be tried on a ledger written by hand. Instants are epoch
seconds of the machine's clock, which the simulator and PostgreSQL share; business time is theirs by arithmetic.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar

from tests.chaos.judgements_progress import Progress
from worker.simulator.ledger import Ledger, RecordedCall

T = TypeVar("T")
Window = tuple[str, str, str]
"""Start, end and zone, as the API takes them."""


UNKNOWN_CAMPAIGN = "?"
"""The key of a campaign that the trial does not know it has."""


@dataclass(frozen=True, slots=True)
class Deed:
    """What an operator did. It was committed between ``requested_at`` and ``done_at``, both read from the database's
    clock; without a ``done_at`` nobody knows whether it was: the answer was lost."""

    name: str
    subject: str
    requested_at: float
    done_at: float | None
    value: object = None


@dataclass(frozen=True, slots=True)
class TeamFacts:
    """``numbers`` are its caller IDs, by id. ``calls_per_second`` is its one account's."""

    id: str
    account: str
    numbers: Mapping[str, str]
    limits: Mapping[str, int]
    """Scope id (team, account, number) → the limit it began with."""
    calls_per_second: float | None = None
    caps: Collection[tuple[int, int]] = ()
    """At most so many calls to a number in so many hours, until everything is healed."""


@dataclass(frozen=True, slots=True)
class CampaignFacts:
    """``phones`` are all numbers its contacts ever have, each with its contact; ``zones`` those contacts' own;
    with a ``purpose`` it goes by places.
    ``delays`` are the minutes between attempts, ``delays[""]`` where the disposition has none of its own."""

    key: str
    team: str
    callers: Collection[str]
    phones: Mapping[str, str]
    limit: int
    attempts: int
    delays: Mapping[str, int]
    window: Window | None = None
    zones: Mapping[str, str] = field(default_factory=dict)
    purpose: str | None = None


@dataclass(frozen=True, slots=True)
class Patience:
    """How long the dialer may take for what, in seconds of the machine's clock at the run's scale."""

    fence: float = 2.0
    request: float = 16.0
    slack: float = 0.0
    limit_memory: float = 20.0
    slots: float = 35.0
    learn: float = 60.0
    due: float = 5.0
    rate_burst: float = 1.0

    @property
    def stop(self) -> float:
        """How long after a stop a request that was committed before may still leave."""
        return self.fence + self.request + self.slack


@dataclass(frozen=True, slots=True)
class Clock:
    """Business time: ``business_at`` at ``real_at``, ``speed`` times as fast."""

    real_at: float = 0.0
    business_at: float = 0.0
    speed: float = 1.0

    def business(self, at: float) -> datetime:
        return datetime.fromtimestamp(self.business_at + (at - self.real_at) * self.speed, UTC)

    def real(self, business: float) -> float:
        return self.real_at + (business - self.business_at) / self.speed


@dataclass(frozen=True, slots=True)
class Row:
    """One call as our table has it."""

    token: str
    campaign: str
    contact: str
    to_number: str
    disposition: str | None


@dataclass(frozen=True, slots=True)
class Left:
    """A contact that was not terminal when the run was over; ``due_at`` is the machine's instant."""

    campaign: str
    campaign_status: str
    contact: str
    status: str
    due_at: float


@dataclass(frozen=True, slots=True)
class Held:
    """A slot somebody held when it was looked at; ``token`` is that of its call, if there is one."""

    at: float
    call_id: str
    token: str | None


@dataclass(frozen=True, slots=True)
class Acked:
    """A callback that was answered 2xx."""

    token: str
    event_id: str
    ends: bool


@dataclass(frozen=True, slots=True)
class Change:
    """One change of what decides about calls (:mod:`tests.chaos.history`): the last ``number`` of a transaction is its
    place in the order of commits. ``was`` is ``None`` for what is new, ``became`` for what is gone. ``at`` is the
    database's clock, and decides nothing."""

    number: int
    transaction: int
    at: float
    table: str
    subject: str
    was: Mapping[str, Any] | None
    became: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class InvariantCheck:
    """One check of an invariant: how often it could have been broken just then, and what broke it."""

    name: str
    occasions: int
    offenders: Sequence[str] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """Everything a verdict rests on. What is not in the ledger or the journal stands under *looked at*."""

    ledger: Ledger
    teams: Sequence[TeamFacts] = ()
    campaigns: Sequence[CampaignFacts] = ()
    deeds: Sequence[Deed] = ()
    patience: Patience = field(default_factory=Patience)
    clock: Clock = field(default_factory=Clock)
    healed_at: float = math.inf
    """When the last fault was over."""
    over_at: float = math.inf
    redis_losses: Sequence[float] = ()
    """When Redis lost what it knew."""
    ghosts: Mapping[str, float] = field(default_factory=dict)
    """Slot members that were made up, and when."""
    can_search: bool = True
    """Whether the carrier can be searched for a call; else one may be given up though it was made."""

    # looked at
    rows: Sequence[Row] = ()
    left: Sequence[Left] = ()
    counters: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    held: Sequence[Held] = ()
    acked: Sequence[Acked] = ()
    inbox: Collection[tuple[str, str]] = ()
    """Events that were settled, by token and id."""
    reports: Collection[tuple[str, str]] = ()
    """Reports of assistants that were kept, by call and word."""
    said: Iterable[tuple[str, str]] = ()
    """Logs and messages: where, and what."""
    starts: Mapping[str, int] = field(default_factory=dict)
    """Campaign → runs its schedule opened."""
    history: Sequence[Change] = ()
    invariant_checks: Sequence[InvariantCheck] = ()
    """The product's own invariants, checked while it ran and when it was over."""
    processes: int = 0
    ended_by_themselves: Sequence[str] = ()
    mistakes: Sequence[str] = ()
    progress: Progress = field(default_factory=Progress)
    late: Sequence[str] = ()
    """Calls of which the carrier spoke as alive after we had closed them."""

    def campaign_of(self, call: RecordedCall) -> CampaignFacts | None:
        """Whose call it is: campaigns share callees or caller IDs, never both."""
        found = [c for c in self.campaigns if call.from_number in c.callers and call.to_number in c.phones]
        return found[0] if len(found) == 1 else None

    def team_of(self, call: RecordedCall) -> TeamFacts | None:
        return next((team for team in self.teams if call.from_number in team.numbers.values()), None)

    def contacts_calls(self) -> Mapping[tuple[str, str], list[RecordedCall]]:
        """(campaign, contact) → its calls, in order."""
        calls: dict[tuple[str, str], list[RecordedCall]] = {}
        for call in self.ledger.placed:
            campaign = self.campaign_of(call)
            if campaign is not None:
                calls.setdefault((campaign.key, campaign.phones[call.to_number]), []).append(call)
        return calls

    def of(self, *names: str, subject: str | None = None) -> list[Deed]:
        """The deeds of these names, about one subject if given."""
        return [d for d in self.deeds if d.name in names and subject in (None, d.subject)]


def asked_by(campaign: str, contact: str) -> str:
    """The subject of a deed about a callback."""
    return f"{contact} in {campaign}"


def in_force(initial: T, edits: Sequence[tuple[Deed, T]], since: float, until: float) -> list[T]:
    """The values that may have been in force at some time from ``since`` to ``until``. An edit holds from when it
    was requested, for it may have been committed at once, to when a later one certainly was."""
    spans = [(-math.inf, -math.inf, initial), *((d.requested_at, d.done_at, value) for d, value in edits)]
    found = []
    for begins, done, value in spans:
        later = [d.done_at for d, _ in edits if done is not None and d.done_at is not None and d.requested_at >= done]
        if begins <= until and min(later, default=math.inf) >= since:
            found.append(value)
    return found


def is_human(call: RecordedCall) -> bool:
    """Whether a person answered."""
    return call.disposition == "completed" and call.answered_by not in ("machine", "fax")


def counts(call: RecordedCall) -> bool:
    """Whether it is an attempt: not if it was cancelled before it rang."""
    return call.disposition != "canceled" or call.ringing_at is not None


WORDS = {"no-answer": "no_answer", "declined": "rejected"}
NO_SUCH_NUMBER = (404, 410, 484, 604)


def disposition_of(call: RecordedCall) -> str:
    """How the call ended, in the dialer's word, read off the ledger by this module's own table."""
    if call.disposition == "completed":
        return "answered" if is_human(call) else "machine"
    if call.disposition == "failed" and call.sip_code in NO_SUCH_NUMBER:
        return "invalid_number"
    return WORDS.get(str(call.disposition), str(call.disposition))
