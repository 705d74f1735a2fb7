"""How a call that has ended is written down: one place, whoever learned of the end."""

from __future__ import annotations

import random
from functools import lru_cache

from worker.domain.machines import MACHINES, machine_policy
from worker.domain.model import CallState, ContactStatus, Disposition, Reason, Tally
from worker.domain.retry import SIP_INTERMEDIARY_REJECTED, SIP_UNWANTED, Ended, RetryPolicy, decide
from worker.store.columns import RetryColumns
from worker.store.moves import Move

LOOK_UP = "look_up"
"""The cause of an end that a look-up at the carrier found."""


@lru_cache(maxsize=1024)
def _policy(attempts: int, delay: int, delays: tuple[tuple[str, int], ...], machine_completes: bool) -> RetryPolicy:
    return RetryPolicy(attempts, delay, dict(delays), machine_completes)


def _policy_of(row: RetryColumns) -> RetryPolicy:
    delays = tuple(sorted((row.settings.get("retryDelays") or {}).items()))
    machines = machine_policy(row.settings)
    completes = machines is not None and machines.completes
    return _policy(row.max_attempts_per_contact, row.retry_delay_minutes, delays, completes)


def delay_seconds(row: RetryColumns, disposition: Disposition) -> float:
    """How long the contact of this row waits after a call that ended so."""
    return _policy_of(row).delay_after(disposition).total_seconds()


def end(
    row: RetryColumns,
    disposition: Disposition,
    *,
    cause: str | None = None,
    carrier_call_id: str | None = None,
    sip_code: int | None = None,
    verdict: str | None = None,
    rang: bool = False,
    definite: bool = False,
    outcome_wait_seconds: float,
) -> tuple[Move, bool]:
    """The move that ends the call of this row, and whether the callee asked never to be called again. Where its
    assistant reports outcomes, whoever answered stays ``calling`` for ``outcome_wait_seconds``."""
    if disposition.traits.answered and verdict in MACHINES:
        disposition = Disposition.MACHINE
    tally = disposition.traits.tally
    technical = int(tally is Tally.TECHNICAL)
    rejected = int(tally is Tally.REJECTED and sip_code not in (SIP_UNWANTED, SIP_INTERMEDIARY_REJECTED))
    invalid = int(tally is Tally.INVALID)
    after = decide(
        _policy_of(row),
        Ended(
            disposition,
            attempts_used=row.attempts,
            technical_failures=row.technical_failures + technical,
            rejections=row.rejections + rejected,
            invalid_results=row.invalid_results + invalid,
            sip_code=sip_code,
            is_fax=verdict == "fax",
            definite=definite,
            rang=rang or row.rang,
        ),
        jitter=random.random(),
    )
    reports = row.outcomes is not None
    move = Move(
        call_id=row.id,
        state=CallState.ENDED,
        disposition=disposition,
        cause=cause if cause is not None or sip_code is None else f"sip {sip_code}",
        carrier_call_id=carrier_call_id,
        rang=rang,
        verdict=verdict,
        contact_status=ContactStatus.CALLING if reports and disposition.traits.answered else after.status,
        due_in_seconds=None if after.due_in is None else after.due_in.total_seconds(),
        reason=after.reason,
        counts=after.counts_attempt,
        technical=technical,
        rejected=rejected,
        invalid=invalid,
        outcome_wait_seconds=outcome_wait_seconds if reports else None,
    )
    return move, after.do_not_call


def release(call_id: str, cause: str) -> Move:
    """The move that ends a call which was only reserved: its contact waits as it did."""
    return Move(
        call_id=call_id,
        state=CallState.ENDED,
        at_most=CallState.RESERVED,
        disposition=Disposition.NOT_SENT,
        cause=cause,
        contact_status=ContactStatus.QUEUED,
        counts=False,
        reached=False,
    )


def not_sent(
    call_id: str,
    cause: str,
    due_in_seconds: float,
    *,
    technical: int = 0,
    gives_up: Reason | None = None,
) -> Move:
    """The move that ends a call which was dialed and provably never rang: nothing counts, and the contact is
    due again in a moment, unless ``gives_up`` says why it never will be."""
    return Move(
        call_id=call_id,
        state=CallState.ENDED,
        at_most=CallState.UNKNOWN,
        disposition=Disposition.NOT_SENT,
        cause=cause,
        contact_status=ContactStatus.FAILED if gives_up else ContactStatus.QUEUED,
        due_in_seconds=None if gives_up else due_in_seconds,
        reason=gives_up,
        counts=False,
        reached=False,
        technical=technical,
    )
