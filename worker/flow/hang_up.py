"""Tell carriers to end what is to end: calls of ours, and calls that are none of ours.

Who tells a carrier has leased the row, and waits on the threads of the account's bulkhead: a carrier that hangs keeps
nobody from hanging up elsewhere, and no tick asks again for what is being asked. A request that fails makes the next
one wait twice as long, and after :attr:`~worker.domain.model.Bounds.hang_up_tries` of them a person is told and the
trying ends; the call stays live, and taken for live, until its carrier says that it is over or its provable end.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import groupby
from typing import Any

import structlog
from sqlalchemy import Connection, Row

from worker.bulkheads import REQUESTS_AT_ONCE, REQUESTS_WAITING, Bulkhead
from worker.carriers.base import CannotTell, Order
from worker.crashpoint import crashpoint
from worker.flow.back_off import back_off
from worker.flow.base import Dialer, Stop
from worker.flow.pacing import await_turn
from worker.store import audit, hangups
from worker.store.database import once, transact

log = structlog.get_logger()

FIRST_WAIT_SECONDS = 1.0
LONGEST_WAIT_SECONDS = 60.0
LEASE_REQUESTS = 3
"""A lease outlasts this many requests in a row, for a row may wait for others of its account."""

Answered = tuple[Row[Any], CannotTell | None]
"""A leased row (:func:`worker.store.hangups.take`), and why its carrier did not end the call."""


def hang_up(dialer: Dialer) -> None:
    """Begin to tell the carriers about calls that are to end, as far as their accounts have room."""
    bounds = dialer.bounds
    rows = transact(
        dialer.db,
        lambda conn: hangups.take(
            conn,
            rooms=dialer.bulkheads.rooms(),
            room=REQUESTS_AT_ONCE + REQUESTS_WAITING,
            tries=bounds.hang_up_tries,
            lease_seconds=LEASE_REQUESTS * bounds.request_seconds,
            recovery_seconds=bounds.rate_recovery_seconds,
            sharing=dialer.sharing,
        ),
    )
    for account, of_it in groupby(sorted(rows, key=_account_of), key=_account_of):
        batch = [row for row in of_it if row.carrier in dialer.carriers]
        bulkhead = dialer.bulkheads.of(account)
        bulkhead.has_more_to_hang_up = len(batch) >= bulkhead.room
        for row in batch:
            bulkhead.submit(partial(_ask, dialer, row))


def _account_of(row: Row[Any]) -> str:
    """Whose bulkhead is asked: the account's, or where nobody knows that, the carrier's."""
    return str(row.account_id or row.carrier)


def _ask(dialer: Dialer, row: Row[Any]) -> None:
    if not await_turn(dialer, row):
        return  # its lease lets it be taken again
    why = dialer.carriers[row.carrier].end(_order(dialer, row), row.carrier_call_id)
    crashpoint("stop.after_told")
    bulkhead = dialer.bulkheads.of(_account_of(row))
    bulkhead.hung_up.bring((row, why), partial(_write, dialer, bulkhead))


def _order(dialer: Dialer, row: Row[Any]) -> Order:
    if row.id is not None:
        return dialer.order(row)
    return Order(row.token, row.token, row.account_id or "", "", "", 0, 0, callback_url="")


def _write(dialer: Dialer, bulkhead: Bulkhead, answered: Sequence[Answered]) -> None:
    """Note whom the carrier was told about and whom not; there may be more to tell it about."""
    told = [row for row, why in answered if why is None]
    failed = [(row, why) for row, why in answered if why is not None]
    with dialer.bulkheads.at_database:
        if told:
            once(dialer.db, lambda conn: hangups.end_told(conn, told))
            log.info("calls_hung_up", calls=len(told))
        if failed:
            once(dialer.db, partial(_note_failures, failed=failed, tries=dialer.bounds.hang_up_tries))
            _rest(dialer, failed)
    if told and bulkhead.has_more_to_hang_up:
        bulkhead.has_more_to_hang_up = False
        dialer.follow_up([Stop()])


def _note_failures(conn: Connection, failed: Sequence[tuple[Row[Any], CannotTell]], tries: int) -> None:
    hangups.end_failed(conn, [(row, _wait_seconds(row.end_tries, why)) for row, why in failed])
    for row, why in failed:
        if row.end_tries + 1 < tries:
            log.warning("hang_up_failed", call_id=row.id, carrier_call_id=row.carrier_call_id, reason=why.reason)
            continue
        detail = {"carrier": row.carrier, "carrierCallId": row.carrier_call_id, "reason": why.reason, "tries": tries}
        audit.note(conn, row.team_id, "dialer", "give_up_hanging_up", row.id or row.carrier_call_id, detail)
        log.error("hang_up_given_up", call_id=row.id, **detail)


def _wait_seconds(failures: int, why: CannotTell) -> float:
    wait = min(FIRST_WAIT_SECONDS * 2.0**failures, LONGEST_WAIT_SECONDS)
    return max(wait, why.retry_after_seconds or 0.0)


def _rest(dialer: Dialer, failed: Sequence[tuple[Row[Any], CannotTell]]) -> None:
    """Back off, once an account, where its carrier was asked too fast."""
    too_fast = {row.account_id: why for row, why in failed if why.too_fast and row.account_id is not None}
    for account_id, why in sorted(too_fast.items()):
        back_off(dialer, account_id, why.retry_after_seconds, why.reason)
