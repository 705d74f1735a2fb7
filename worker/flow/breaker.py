"""Leave a carrier account alone that fails, and try it again with one call (:mod:`worker.domain.breaker`).

``dial``, ``settle`` and the look-ups tell what they have seen; the claim and the commit of ``dialing`` obey what is
in the row. What is told is lost if a worker dies in between: a few results of fifty.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any, assert_never

import structlog
from sqlalchemy import Connection, Row

from worker.carriers.base import Action, Ambiguous, NotSent, Outcome, Rejected
from worker.domain.breaker import Breaker, BreakerRules, Evidence, Heard
from worker.domain.breaker import hear as transition
from worker.domain.model import AccountHealth, Bounds, Disposition
from worker.flow.base import Dialer, Fill, Step
from worker.store import audit, breakers, campaigns
from worker.store.database import transact

log = structlog.get_logger()


def of_request(row: Row[Any], outcome: Outcome) -> Evidence | None:
    """What the answer to a request says about the carrier account. Nothing yet where the call was accepted, nothing
    at all where it was not sent for reasons of ours."""
    match outcome:
        case NotSent(_, connection=True) | Ambiguous() | Rejected(_, Action.FAILED):
            return Evidence(row.account_id, row.id, went_well=False)
        case Rejected(action=Action.CHANNELS):
            return None  # that there is no room for one more call is no news of how those fare that are taken
        case Rejected():
            return _good(row)
        case _:
            return None


def of_end(row: Row[Any], disposition: Disposition) -> Evidence | None:
    """What the end of a call says: nothing if it was in doubt before, for that has been counted; nothing if we ended
    it ourselves before anybody answered, or if nobody knows how it ended."""
    if row.cause is not None:
        return None
    match disposition.traits.account:
        case AccountHealth.GOOD:
            return _good(row)
        case AccountHealth.BAD:
            return Evidence(row.account_id, row.id, went_well=False)
        case AccountHealth.UNKNOWN:
            return None
        case never:
            assert_never(never)


def of_life(row: Row[Any]) -> Evidence | None:
    """What a call that was answered says: no result of a request yet, but a probe has worked. That it rings says
    less: to carriers that tell when they begin to dial, that is all it means."""
    return _good(row, counts=False)


def of_silence(row: Row[Any]) -> Evidence:
    """A call of which nothing is known though its request has had all its time."""
    return Evidence(row.account_id, row.id, went_well=False)


def _good(row: Row[Any], *, counts: bool = True) -> Evidence | None:
    return Evidence(row.account_id, row.id, went_well=True, counts=counts) if row.is_watched else None


def hear(dialer: Dialer, told: Iterable[Evidence | None]) -> list[Step]:
    """Weigh the evidence, account by account; returns the fills of an account that has come back."""
    by_account: dict[str, list[Evidence]] = {}
    for evidence in told:
        if evidence is not None:
            by_account.setdefault(evidence.account_id, []).append(evidence)
    steps: list[Step] = []
    for account_id, evidence_of_it in sorted(by_account.items()):
        work = partial(_hear, bounds=dialer.bounds, account_id=account_id, evidence=evidence_of_it)
        steps += transact(dialer.db, work)
    return steps


def _hear(conn: Connection, bounds: Bounds, account_id: str, evidence: list[Evidence]) -> list[Step]:
    rules = BreakerRules(
        bounds.breaker_window, bounds.breaker_share, bounds.breaker_pause_seconds, bounds.breaker_longest_pause_seconds
    )
    row = breakers.lock(conn, account_id)
    was = Breaker(row.recent_results, row.breaker_trips, row.is_open, row.breaker_probe)
    heard = transition(was, evidence, rules)
    now, reason = heard.breaker, _reason(was, heard, rules)
    if now != was:
        breakers.save(
            conn,
            account_id,
            recent=now.recent,
            trips=now.trips,
            is_open=now.is_open,
            probe=now.probe,
            pause_seconds=heard.pause_seconds,
            reason=reason,
        )
    if heard.pause_seconds is not None:
        detail = {"pause_seconds": heard.pause_seconds, "reason": reason}
        audit.note(conn, row.team_id, "dialer", "open_breaker", account_id, detail)
        log.error("breaker_opened", account_id=account_id, **detail)
    if was.is_open and not now.is_open:
        audit.note(conn, row.team_id, "dialer", "close_breaker", account_id)
        log.info("breaker_closed", account_id=account_id)
        running = tuple(campaign.id for campaign in campaigns.of_account(conn, account_id))
        return [Fill(row.team_id, running)] if running else []
    return []


def _reason(was: Breaker, heard: Heard, rules: BreakerRules) -> str | None:
    """Why the account rests, for people; ``None`` where it has not just begun to."""
    if heard.pause_seconds is None:
        return None
    if was.is_open:
        return "the call that tried the carrier account failed, too"
    return f"{heard.failures} of the last {rules.window} requests to the carrier failed"
