"""The nouns of the field, as values: what things are called and what states they can be in.

The states stand here in the order of a life, as they do in ``schema.sql``; which moves between them are
legal stands in :mod:`worker.domain.lifecycle`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


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


class Disposition(StrEnum):
    """How a call ended; ``not_sent`` provably never left and counts for nothing."""

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


class EventKind(StrEnum):
    """What a carrier reports about a call, in the order of a life."""

    QUEUED = "queued"
    RINGING = "ringing"
    ANSWERED = "answered"
    MACHINE = "machine"  # a verdict on who answered; moves nothing by itself
    ENDED = "ended"
