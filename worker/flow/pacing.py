"""When a request may leave for a carrier, by the rate of its account: whatever it is for, they share one."""

from __future__ import annotations

from worker.clock import pause
from worker.flow.base import Dialer
from worker.slots import Credentials, Kind, Rate, Scope
from worker.store.columns import RatedAccount

ASKED_WITHIN_SECONDS = 10.0
"""Hang-ups and look-ups take a place this far ahead, calls to be placed only in the next second: they go first."""


def rates_of_account(row: RatedAccount) -> list[Rate]:
    """The rates a request of this row's account falls under: its own, and where others are the same account at the
    carrier, that of all of them."""
    rates = []
    if row.account_rate is not None and row.account_id is not None:
        rates.append(Rate(Scope(Kind.ACCOUNT, row.account_id), row.account_rate))
    if row.credentials_rate is not None:
        rates.append(Rate(Credentials(row.carrier), row.credentials_rate))
    return rates


def await_turn(dialer: Dialer, row: RatedAccount) -> bool:
    """Wait until a hang-up or a look-up for this row may leave; false where that is too long from now."""
    wait = dialer.rates.take([rates_of_account(row)], ASKED_WITHIN_SECONDS)[0]
    if wait is not None:
        pause(wait)
    return wait is not None
