"""The simulator's own words, known to both halves; ``translation`` alone turns them into the dialer's."""

from __future__ import annotations

import hashlib
import hmac
from enum import StrEnum

TIMESTAMP_HEADER = "X-Simulator-Timestamp"
SIGNATURE_HEADER = "X-Simulator-Signature"


class Status(StrEnum):
    """Where a call is at the carrier; from ``completed`` on it is over."""

    QUEUED = "queued"
    RINGING = "ringing"
    IN_PROGRESS = "in-progress"
    COMPLETED = "completed"
    BUSY = "busy"
    NO_ANSWER = "no-answer"
    FAILED = "failed"
    CANCELED = "canceled"
    DECLINED = "declined"


LIVE = frozenset({Status.QUEUED, Status.RINGING, Status.IN_PROGRESS})


class Happening(StrEnum):
    """What a callback reports. Each happens at most once to a call, so call id and happening name the event."""

    INITIATED = "initiated"
    RINGING = "ringing"
    ANSWERED = "answered"
    MACHINE = "machine"
    ENDED = "ended"


class AnsweredBy(StrEnum):
    """Who picked up, as far as the carrier could detect."""

    HUMAN = "human"
    MACHINE = "machine"
    FAX = "fax"


MACHINES = frozenset({AnsweredBy.MACHINE, AnsweredBy.FAX})

SIP_CODE = {
    Status.COMPLETED: 200,
    Status.BUSY: 486,
    Status.NO_ANSWER: 480,
    Status.FAILED: 503,
    Status.CANCELED: 487,
    Status.DECLINED: 603,
}
"""The SIP status (RFC 3261 §21) a call ends with unless its life names another."""

REFUSALS = {
    "too_many_requests": 429,
    "unauthorized": 401,
    "account_suspended": 403,
    "caller_id_not_allowed": 422,
    "caller_id_flagged": 422,
    "invalid_number": 422,
    "blocked_number": 403,
    "country_not_allowed": 403,
    "unverified_number": 403,
    "no_channel": 403,
    "malformed": 400,
    "no_route": 422,
}
"""The codes a request to place a call can be refused with, and their HTTP status."""


def sign(secret: str, timestamp: str, body: bytes) -> str:
    """The hex HMAC-SHA256 of ``timestamp.body``. The timestamp is signed too, so that a callback that was
    overheard cannot be sent again later under a fresh one."""
    return hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
