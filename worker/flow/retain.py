"""Keep of news no more than is meant to be kept, a batch with every tick."""

from __future__ import annotations

from sqlalchemy import Connection

from worker.flow.base import Dialer, Step
from worker.store import retention
from worker.store.database import single


def retain(dialer: Dialer) -> list[Step]:
    """Drop news of no call of ours beyond ``UNKNOWN_NEWS_KEPT`` or older than ``NEWS_RAW_DAYS``, and clear the bodies
    of all news that is as old. Each by itself: what one of them finds in its way does not keep the other."""
    bounds = dialer.bounds

    def drop(conn: Connection) -> None:
        retention.drop(conn, kept=bounds.unknown_news_kept, days=bounds.news_raw_days)

    def clear(conn: Connection) -> None:
        retention.clear(conn, days=bounds.news_raw_days)

    single(dialer.db, drop)
    single(dialer.db, clear)
    return []
