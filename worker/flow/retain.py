"""Keep no more than is meant to be kept, a batch with every tick."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from sqlalchemy import Connection

from worker.flow.base import Dialer, Step
from worker.store import past_calls, retention, ticks
from worker.store.database import single, transact

ANEW_EVERY_SECONDS = 86_400.0


def retain(dialer: Dialer) -> list[Step]:
    """Drop news of no call of ours beyond ``UNKNOWN_NEWS_KEPT`` or older than ``NEWS_RAW_DAYS``, and clear the bodies
    of all news that is as old; delete what is older than ``RETENTION_CALLS_DAYS`` and the like say, where these are not
    0. Each by itself: what one of them finds in its way does not keep the others."""
    bounds = dialer.bounds
    single(dialer.db, partial(retention.drop, kept=bounds.unknown_news_kept, days=bounds.news_raw_days))
    single(dialer.db, partial(retention.clear, days=bounds.news_raw_days))
    by_age = {
        past_calls.retire: bounds.retention_calls_days,
        retention.delete_events: bounds.retention_events_days,
        retention.delete_audit: bounds.retention_audit_days,
    }
    works: list[Callable[[Connection], object]] = [partial(work, days=days) for work, days in by_age.items() if days]
    if any(by_age.values()):
        works.append(_begin_anew)
    for work in works:
        transact(dialer.db, work)
    return []


def _begin_anew(conn: Connection) -> None:
    if ticks.claim(conn, "retain anew", every_seconds=ANEW_EVERY_SECONDS):
        retention.begin_anew(conn)
