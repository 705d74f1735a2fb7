"""Have carriers end what is to end: calls of ours, and calls that none of ours stands for.

Who hangs a call up has leased its row, and waits on the threads of the account's bulkhead: a carrier that hangs keeps
nobody from hanging up elsewhere, and no tick sends again what is being sent. A request that fails makes the next one
wait twice as long, and after :attr:`~worker.domain.model.Bounds.hang_up_tries` of them the log and the audit say so
and the trying ends; the call stays live, and taken for live, until its carrier says that it is over or its provable
end.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import groupby
from typing import cast

import structlog
from sqlalchemy import Connection

from worker.bulkheads import REQUESTS_AT_ONCE, REQUESTS_WAITING, Bulkhead
from worker.carriers.base import CallRequest, CannotTell
from worker.crashpoint import crashpoint
from worker.flow.back_off import back_off
from worker.flow.base import Dialer, Stop
from worker.flow.pacing import await_turn
from worker.store import audit, hangups
from worker.store.columns import CallAtCarrier
from worker.store.database import once, single
from worker.store.hangups import LeasedCall

log = structlog.get_logger()

FIRST_WAIT_SECONDS = 1.0
LONGEST_WAIT_SECONDS = 60.0
LEASE_REQUESTS = 3
"""A lease outlasts this many requests in a row, for a row may wait for others of its account."""

HangUpResult = tuple[LeasedCall, CannotTell | None]
"""A leased row (:func:`worker.store.hangups.take`), and why its carrier did not end the call."""


def hang_up(dialer: Dialer) -> None:
    """Begin to hang up the calls that are to end, as far as their accounts have room."""
    bounds = dialer.bounds
    rows = single(
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


def _account_of(row: LeasedCall) -> str:
    """Whose bulkhead it waits on: the account's, or where nobody knows that, the carrier's."""
    return str(row.account_id or row.carrier)


def _ask(dialer: Dialer, row: LeasedCall) -> None:
    if not await_turn(dialer, row):
        return  # its lease lets it be taken again
    why = dialer.carriers[row.carrier].end(_call_request(dialer, row), row.carrier_call_id)
    crashpoint("stop.after_request")
    bulkhead = dialer.bulkheads.of(_account_of(row))
    bulkhead.hung_up.bring((row, why), partial(_write, dialer, bulkhead))


def _call_request(dialer: Dialer, row: LeasedCall) -> CallRequest:
    if row.id is not None:
        return dialer.call_request(cast(CallAtCarrier, row), row.dialing_at)
    return CallRequest(row.token, row.token, row.account_id or "", "", "", 0, 0, callback_url="")


def _write(dialer: Dialer, bulkhead: Bulkhead, answered: Sequence[HangUpResult]) -> None:
    """Note which requests the carrier took and which not; there may be more to hang up."""
    taken = [row for row, why in answered if why is None]
    failed = [(row, why) for row, why in answered if why is not None]
    with dialer.bulkheads.at_database:
        if taken:
            once(dialer.db, lambda conn: hangups.end_accepted(conn, taken))
            log.info("calls_hung_up", calls=len(taken))
        if failed:
            once(dialer.db, partial(_note_failures, failed=failed, tries=dialer.bounds.hang_up_tries))
            _rest(dialer, failed)
    if taken and bulkhead.has_more_to_hang_up:
        bulkhead.has_more_to_hang_up = False
        dialer.follow_up([Stop()])


def _note_failures(conn: Connection, failed: Sequence[tuple[LeasedCall, CannotTell]], tries: int) -> None:
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


def _rest(dialer: Dialer, failed: Sequence[tuple[LeasedCall, CannotTell]]) -> None:
    """Back off, once an account, where its carrier was asked too fast."""
    too_fast = {row.account_id: why for row, why in failed if why.too_fast and row.account_id is not None}
    for account_id, why in sorted(too_fast.items()):
        back_off(dialer, account_id, why.retry_after_seconds, why.reason)
