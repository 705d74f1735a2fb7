"""When the next campaign starts or ends by itself, and word that it may be an earlier one.

``schema.sql`` sends a notification whenever a campaign becomes scheduled, is moved, is given an end, or the clock is
set. A session that listens belongs to nobody else, so it is taken out of the pool. Poolers that share sessions by the
transaction receive nothing; then every campaign starts, or ends, at the next tick.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

import psycopg
from sqlalchemy import Connection, Engine, text

from worker.domain.errors import Unavailable
from worker.store.database import as_unavailable

LISTEN = text("LISTEN campaign_scheduled")
NOW = text("SELECT dialer_now(), current_setting('transaction_read_only')::bool")
NEXT = text("""
SELECT extract(epoch FROM least(
           (SELECT min(scheduled_start_at) FROM campaigns
            WHERE status = 'scheduled' AND deleted_at IS NULL AND scheduled_start_at > :after),
           (SELECT min(scheduled_end_at) FROM campaigns
            WHERE status IN ('running', 'paused') AND closing_at IS NULL AND deleted_at IS NULL
              AND scheduled_end_at IS NOT NULL AND scheduled_end_at > :after)
       ) - dialer_now())::float / nullif(coalesce((SELECT speed FROM clock), 1), 0)
""")


@dataclass(frozen=True, slots=True)
class Listener:
    """A session that is notified of every change to the schedule."""

    connection: Connection

    def now(self) -> datetime:
        """Business time. Raises :class:`Unavailable` on a server that takes no writes: it notifies of nothing."""
        at, is_read_only = self.connection.execute(NOW).one()
        if is_read_only:
            raise Unavailable("The session that listens for schedules is with a PostgreSQL that takes no writes.")
        return cast(datetime, at)

    def wait(self, after: datetime, at_most: float) -> None:
        """Return when the first campaign that starts or ends later than ``after`` is due, when the schedule has changed
        since this session was last read, or after ``at_most`` seconds."""
        left = self.connection.execute(NEXT, {"after": after}).scalar_one()
        seconds = at_most if left is None else min(max(left, 0.0), at_most)
        driver: Any = self.connection.connection.dbapi_connection
        for _ in driver.notifies(timeout=seconds, stop_after=1):
            pass


@contextmanager
def listening(engine: Engine) -> Iterator[Listener]:
    """A :class:`Listener` of its own session. Raises :class:`Unavailable` when that is lost."""
    try:
        with as_unavailable(), engine.connect() as connection:
            connection.execution_options(isolation_level="AUTOCOMMIT")
            connection.detach()
            connection.execute(LISTEN)
            yield Listener(connection)
    except psycopg.OperationalError as error:
        raise Unavailable("PostgreSQL has ended the session that listens for schedules.") from error
