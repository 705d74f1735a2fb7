"""Keep to the channels that a carrier gives an account: as many calls at once as it takes, and no more.

A carrier shows its limit by refusing the call that is one too many, and nothing went wrong then: no attempt, no
evidence against the carrier, the contact waits. The account rests for 1, 2, 4, 8 s, longer each time one more call is
refused; a call that is taken begins the row anew. After the rest no more calls are reserved than the carrier took
before, and once these are live, a single one that tries for more (:mod:`worker.store.channels`), so that a campaign
with a higher limit neither hammers at the carrier's nor takes all its contacts through refusals.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial

import structlog
from sqlalchemy import Connection

from worker.carriers.base import Accepted, Action, Outcome, Rejected
from worker.flow.base import Dialer
from worker.store import accounts, channels
from worker.store.database import once
from worker.store.dialing import ReservedCall

log = structlog.get_logger()

FIRST_REST_SECONDS = 1.0
LONGEST_REST_SECONDS = 8.0
"""Short, for a channel that comes free meanwhile stands empty until the rest is over."""


def record_results(dialer: Dialer, results: Iterable[tuple[ReservedCall, Outcome]]) -> None:
    """Go by what a batch of requests came to; it has been written down, so that calls that were taken count as live."""
    refused: dict[str, Rejected] = {}
    taken: set[str] = set()
    held: set[str] = set()
    for row, outcome in results:
        if isinstance(outcome, Rejected) and outcome.action is Action.CHANNELS:
            refused.setdefault(row.account_id, outcome)
        elif isinstance(outcome, Accepted):
            taken.add(row.account_id)
            held |= {row.account_id} if row.is_held else set()
    for account_id, refusal in sorted(refused.items()):
        work = partial(
            _refused, sharing=dialer.sharing, account_id=account_id, refusal=refusal, anew=account_id in taken
        )
        once(dialer.db, work)
    for account_id in sorted(held - refused.keys()):
        once(dialer.db, partial(channels.taken, account_id=account_id, sharing=dialer.sharing))


def _refused(conn: Connection, sharing: Sequence[str], account_id: str, refusal: Rejected, *, anew: bool) -> None:
    """Let the account rest. Refusals that come while it does were on their way already: they say again how many calls
    it has, and lengthen nothing."""
    row = channels.lock(conn, account_id, sharing)
    if row.is_resting:
        channels.refused(conn, account_id, sharing, live=row.live, refusals=row.channel_refusals)
        return
    refusals = 1 if anew else min(row.channel_refusals + 1, 30)
    rest = min(FIRST_REST_SECONDS * 2 ** (refusals - 1), LONGEST_REST_SECONDS)
    seconds = max(rest, refusal.retry_after_seconds or 0.0)
    channels.refused(conn, account_id, sharing, live=row.live, refusals=refusals)
    accounts.rest_account(conn, account_id, seconds, reason(refusal.code, row.live), sharing=sharing)
    log.warning("channels_taken", account_id=account_id, live=row.live, refusals=refusals, seconds=seconds)


def reason(code: str, live: int) -> str:
    """Why the account rests, for people."""
    if live == 0:
        return f"the carrier has no channel free ({code}); no call of the dialer is live, so others use the account"
    return f"the carrier has no channel free ({code}); it seems to allow {live} call{'' if live == 1 else 's'} at once"
