"""Let a carrier account rest: when its carrier asks for a pause, whatever was asked of it, and for a moment after a
request that could not leave."""

from __future__ import annotations

import random

import structlog

from worker.flow.base import Dialer
from worker.store import accounts, breakers
from worker.store.database import once

log = structlog.get_logger()

BREATH_SECONDS = (1.0, 2.0)
"""How long an account rests after a request that could not leave, drawn anew each time."""
REST_SECONDS = (1.0, 30.0)
"""How long it rests when the carrier asks for a pause and does not say how long."""
LONGEST_REST_SECONDS = 3600.0


def breathe(dialer: Dialer, account_id: str, reason: str) -> None:
    """Rest for a moment."""
    _rest(dialer, account_id, random.uniform(*BREATH_SECONDS), reason)


def back_off(dialer: Dialer, account_id: str, seconds: float | None, code: str) -> None:
    """Rest as long as the carrier says, and go on half as fast."""
    rest = random.uniform(*REST_SECONDS) if seconds is None else min(seconds, LONGEST_REST_SECONDS)
    _rest(dialer, account_id, rest, f"the carrier asked for a pause ({code})")
    recovery = dialer.bounds.rate_recovery_seconds
    rate = once(dialer.db, lambda conn: breakers.slow(conn, account_id, recovery_seconds=recovery))
    if rate is not None:
        log.warning("account_slowed", account_id=account_id, calls_per_second=rate)


def _rest(dialer: Dialer, account_id: str, seconds: float, reason: str) -> None:
    once(dialer.db, lambda conn: accounts.rest_account(conn, account_id, seconds, reason))
    log.warning("account_rested", account_id=account_id, seconds=round(seconds, 1), reason=reason)
