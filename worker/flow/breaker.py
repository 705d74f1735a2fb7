"""Leave a carrier account alone that fails, and try it again with one call (:mod:`worker.domain.breaker`).

``dial``, ``settle`` and the look-ups record what they have seen; the claim and the commit of ``dialing`` obey what is
in the row. Evidence is lost if a worker dies in between: a few results of fifty.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import assert_never

import structlog
from sqlalchemy import Connection

from worker.carriers.base import Accepted, Action, Ambiguous, NotSent, Outcome, Rejected
from worker.domain.breaker import Breaker, BreakerRules, BreakerStep, Evidence, apply
from worker.domain.model import AccountHealth, Bounds, Disposition
from worker.flow.base import Dialer, Fill, Step
from worker.store import audit, breakers, campaigns
from worker.store.columns import EndedCall, WatchedCall
from worker.store.database import transact

log = structlog.get_logger()


def of_request(row: WatchedCall, outcome: Outcome) -> Evidence | None:
    """What the answer to a request says about the carrier account. Nothing yet where the call was accepted, nothing
    at all where it was not sent for reasons of ours."""
    match outcome:
        case Accepted():
            return None
        case NotSent(_, connection):
            return Evidence(row.account_id, row.id, went_well=False) if connection else None
        case Ambiguous():
            return Evidence(row.account_id, row.id, went_well=False)
        case Rejected(action=Action.FAILED):
            return Evidence(row.account_id, row.id, went_well=False)
        case Rejected(action=Action.CHANNELS):
            return None  # that there is no room for one more call says nothing of how those fare that are taken
        case Rejected():
            return _good(row)
        case _:
            assert_never(outcome)


def of_end(row: EndedCall, disposition: Disposition) -> Evidence | None:
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


def of_life(row: WatchedCall) -> Evidence | None:
    """What a call that was answered says: no result of a request yet, but a probe has worked. That it rings says
    less: from carriers that report when they begin to dial, that is all it means."""
    return _good(row, counts=False)


def of_silence(row: WatchedCall) -> Evidence:
    """A call of which nothing is known though its request has had all its time."""
    return Evidence(row.account_id, row.id, went_well=False)


def _good(row: WatchedCall, *, counts: bool = True) -> Evidence | None:
    return Evidence(row.account_id, row.id, went_well=True, counts=counts) if row.is_watched else None


def record_evidence(dialer: Dialer, evidence: Iterable[Evidence | None]) -> list[Step]:
    """Let the breakers go by this evidence, account by account; returns the fills of an account that has come back."""
    by_account: dict[str, list[Evidence]] = {}
    for each in evidence:
        if each is not None:
            by_account.setdefault(each.account_id, []).append(each)
    steps: list[Step] = []
    for account_id, evidence_of_it in sorted(by_account.items()):
        work = partial(_record, bounds=dialer.bounds, account_id=account_id, evidence=evidence_of_it)
        steps += transact(dialer.db, work)
    return steps


def _record(conn: Connection, bounds: Bounds, account_id: str, evidence: list[Evidence]) -> list[Step]:
    rules = BreakerRules(
        bounds.breaker_window, bounds.breaker_share, bounds.breaker_pause_seconds, bounds.breaker_longest_pause_seconds
    )
    row = breakers.lock(conn, account_id)
    was = Breaker(row.recent_results, row.breaker_trips, row.is_open, row.breaker_probe)
    step = apply(was, evidence, rules)
    now, reason = step.breaker, _reason(was, step, rules)
    if now != was:
        breakers.save(
            conn,
            account_id,
            recent=now.recent,
            trips=now.trips,
            is_open=now.is_open,
            probe=now.probe,
            pause_seconds=step.pause_seconds,
            reason=reason,
        )
    if step.pause_seconds is not None:
        detail = {"pause_seconds": step.pause_seconds, "reason": reason}
        audit.note(conn, row.team_id, "dialer", "open_breaker", account_id, detail)
        log.error("breaker_opened", account_id=account_id, **detail)
    if was.is_open and not now.is_open:
        audit.note(conn, row.team_id, "dialer", "close_breaker", account_id)
        log.info("breaker_closed", account_id=account_id)
        running = tuple(campaign.id for campaign in campaigns.of_account(conn, account_id))
        return [Fill(row.team_id, running)] if running else []
    return []


def _reason(was: Breaker, step: BreakerStep, rules: BreakerRules) -> str | None:
    """Why the account rests, for people; ``None`` where it has not just begun to."""
    if step.pause_seconds is None:
        return None
    if was.is_open:
        return "the call that tried the carrier account failed, too"
    return f"{step.failures} of the last {rules.window} requests to the carrier failed"
