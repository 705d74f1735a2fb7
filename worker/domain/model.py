"""The nouns of the field, as values: what things are called and what states they can be in.

The states stand here in the order of a life, as they do in ``schema.sql``; which moves between them are
legal stands in :mod:`worker.domain.lifecycle`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from enum import Enum, StrEnum, auto


class CampaignStatus(StrEnum):
    """Where a campaign is in its life."""

    DRAFT = "draft"
    SCHEDULED = "scheduled"
    RUNNING = "running"
    PAUSED = "paused"
    COMPLETED = "completed"
    CANCELLED = "cancelled"


class ContactStatus(StrEnum):
    """Where a contact is within one campaign; ``pending`` and ``queued`` are the waiting states."""

    PENDING = "pending"
    QUEUED = "queued"
    CALLING = "calling"
    COMPLETED = "completed"
    EXHAUSTED = "exhausted"
    FAILED = "failed"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"


WAITING = frozenset({ContactStatus.PENDING, ContactStatus.QUEUED})


class CallState(StrEnum):
    """How far one call has come; it only moves forward. Every state but ``ended`` is *live*."""

    RESERVED = "reserved"
    DIALING = "dialing"
    UNKNOWN = "unknown"
    PLACED = "placed"
    RINGING = "ringing"
    IN_PROGRESS = "in_progress"
    ENDED = "ended"


class Attempt(Enum):
    """Whether a call is one of its contact's attempts."""

    ALWAYS = auto()
    IF_RANG = auto()  # only if the phone may have rung
    NEVER = auto()


class Tally(Enum):
    """What is counted of a contact besides its attempts: so many such calls, and it is out of reach."""

    TECHNICAL = auto()
    REJECTED = auto()
    INVALID = auto()


class AccountHealth(Enum):
    """What the end of a call says about the carrier account it was placed through."""

    GOOD = auto()
    BAD = auto()
    UNKNOWN = auto()


@dataclass(frozen=True, slots=True)
class Traits:
    """What follows from a disposition, whoever wants to know.

    ``sentence`` is what people read of it, ``colour`` what a report draws it in. ``sent`` is false where the call
    provably never left. ``picked_up`` is true where somebody or something answered, ``answered`` where the contact is
    reached by that. ``own_delay``: it is retried, and ``settings.retryDelays`` may give it a delay of its own.
    ``closed_by_us``: the dialer comes to it by itself, so that the carrier may still say that the call lives.
    """

    sentence: str
    colour: str
    _: KW_ONLY
    sent: bool = True
    picked_up: bool = False
    answered: bool = False
    attempt: Attempt = Attempt.ALWAYS
    own_delay: bool = True
    tally: Tally | None = None
    account: AccountHealth = AccountHealth.GOOD
    closed_by_us: bool = False


class Disposition(StrEnum):
    """How a call ended. What follows from it stands in :data:`TRAITS`, and what becomes of the contact in
    :mod:`worker.domain.retry`.

    A new one is a member here with its traits, a value of the enum in ``schema.sql``, a migration and a line of the
    manual's page on carriers.
    """

    ANSWERED = "answered"
    MACHINE = "machine"
    NO_ANSWER = "no_answer"
    BUSY = "busy"
    REJECTED = "rejected"
    INVALID_NUMBER = "invalid_number"
    FAILED = "failed"
    CANCELED = "canceled"
    LOST = "lost"
    NOT_SENT = "not_sent"

    @property
    def traits(self) -> Traits:
        """What follows from it."""
        return TRAITS[self]

    @property
    def label(self) -> str:
        """It in words, for tables and legends."""
        return self.value.replace("_", " ")


_D = Disposition
TRAITS: Mapping[Disposition, Traits] = {
    _D.ANSWERED: Traits("a person answered", "#009e73", picked_up=True, answered=True, own_delay=False),
    _D.MACHINE: Traits("a machine answered", "#56b4e9", picked_up=True),
    _D.NO_ANSWER: Traits("nobody answered", "#b3b3b3"),
    _D.BUSY: Traits("the line was busy", "#e69f00"),
    _D.REJECTED: Traits("the call was declined", "#cc79a7", tally=Tally.REJECTED),
    _D.INVALID_NUMBER: Traits("there is no such number", "#d55e00", tally=Tally.INVALID, own_delay=False),
    _D.FAILED: Traits(
        "the carrier could not connect it", "#8b1a1a", tally=Tally.TECHNICAL, account=AccountHealth.BAD
    ),
    _D.CANCELED: Traits(
        "it was hung up before anybody answered", "#dddddd", attempt=Attempt.IF_RANG, account=AccountHealth.UNKNOWN
    ),
    _D.LOST: Traits(
        "nothing was known of it when its time was over", "#000000", account=AccountHealth.UNKNOWN, closed_by_us=True
    ),
    _D.NOT_SENT: Traits(
        "it provably never left, and counts for nothing", "#f0e442",
        sent=False, attempt=Attempt.NEVER, own_delay=False, account=AccountHealth.UNKNOWN, closed_by_us=True,
    ),
}  # fmt: skip
"""The colours are Okabe and Ito's, which people distinguish who see few; what nobody did anything wrong for is grey."""


class RunState(StrEnum):
    """Whether a run still governs its campaign."""

    OPEN = "open"
    ENDED = "ended"


class Reason(StrEnum):
    """Why a contact is out of a campaign's reach, or why it ended there."""

    NO_PHONE_NUMBER = "no_phone_number"
    INVALID_NUMBER = "invalid_number"
    DO_NOT_CALL = "do_not_call"
    DUPLICATE_NUMBER = "duplicate_number"
    BLOCKED = "blocked"
    REJECTED = "rejected"
    FAX = "fax"
    TECHNICAL = "technical"
    NEVER_AGAIN = "never_again"
    CAMPAIGN_ENDED = "campaign_ended"
    NO_COMMON_HOUR = "no_common_hour"
    NO_CONSENT = "no_consent"
    PROHIBITED = "prohibited"


@dataclass(frozen=True, slots=True)
class Bounds:
    """The lengths of time and sizes of batches the dialer works by; tests scale them down together.

    All durations are seconds of machine time except ``ring_seconds`` and ``longest_call_seconds``, which
    the callee experiences and which a sped-up clock therefore shortens.
    """

    ring_seconds: int = 30
    longest_call_seconds: int = 1800
    send_fence_seconds: float = 2.0
    request_seconds: float = 16.0
    gather_seconds: float = 0.25
    carrier_queue_seconds: float = 10.0
    longest_queue_seconds: float = 5.0
    provable_end_margin_seconds: float = 60.0
    closing_margin_seconds: float = 20.0
    redispatch_after_seconds: float = 10.0
    release_reserved_after_seconds: float = 120.0
    check_after_seconds: float = 15.0
    hang_up_tries: int = 10
    unknown_misses: int = 3
    unknown_after_seconds: float = 300.0
    event_overdue_seconds: float = 1.0
    verdict_wait_seconds: float = 10.0
    outcome_wait_seconds: float = 120.0
    number_busy_seconds: int = 30
    reconcile_every_seconds: float = 5.0
    slot_grace_seconds: float = 30.0
    rate_recovery_seconds: float = 60.0
    breaker_window: int = 50
    breaker_share: float = 0.5
    breaker_pause_seconds: float = 60.0
    breaker_longest_pause_seconds: float = 3600.0
    dial_batch: int = 25
    settle_batch: int = 200
    unknown_news_kept: int = 10_000
    news_raw_days: int = 30
    retention_calls_days: int = 0
    retention_events_days: int = 0
    retention_audit_days: int = 0


class EventKind(StrEnum):
    """What a carrier reports about a call, in the order of a life."""

    QUEUED = "queued"
    RINGING = "ringing"
    ANSWERED = "answered"
    MACHINE = "machine"  # a verdict on who answered; moves nothing by itself
    ENDED = "ended"
