"""How many calls at once a carrier seems to allow an account, learned from its refusals; kept in the account's row.

``channels`` is how many calls were live when it said that these were all; where as many are, one more may be tried, and
if that is taken, ``channels`` grows by it. ``channel_refusals`` counts the refusals in a row, by which the pauses
between tries grow. Accounts that are the same at their carrier, because they are ``sharing`` its credentials, learn
together: it is written into the rows of them all. Nothing is lowered for good: the limit that people have set stands,
and is reached again a call at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from sqlalchemy import Connection, text

from worker.store.accounts import SAME
from worker.store.instants import is_over
from worker.store.shapes import shaped

ACCOUNT_LIMIT = "least(a.max_concurrent_calls, coalesce(a.channels, a.max_concurrent_calls) + 1)"
"""How many calls an account ``a`` may have at once now: as people have set it, or one more than its carrier took."""

LOCK = text(f"SELECT cardinality({SAME})")

READ = text(f"""
SELECT id, channel_refusals,
       (SELECT count(*) FROM calls k
        WHERE k.account_id = ANY({SAME}) AND k.ended_at IS NULL AND k.state NOT IN ('reserved', 'dialing')) AS live,
       channel_refusals > 0 AND NOT {is_over("rested_at", "resting_until")} AS is_resting
FROM carrier_accounts WHERE id = :id
""")

REFUSED = text(f"""
UPDATE carrier_accounts SET channels = :live, channel_refusals = :refusals WHERE id = ANY({SAME})
""")

TAKEN = text(f"""
UPDATE carrier_accounts
SET channel_refusals = 0, channels = CASE WHEN :live < max_concurrent_calls THEN greatest(channels, :live) END
WHERE id = ANY({SAME}) AND channels IS NOT NULL
  AND (channel_refusals > 0 OR channels < :live OR :live >= max_concurrent_calls)
""")

SHORT = text("""
SELECT id, name, channels, channel_refusals, resting_reason, max_concurrent_calls FROM carrier_accounts
WHERE channel_refusals > 0 AND enabled ORDER BY id
""")


@shaped(READ)
class Channels(Protocol):
    """An account: the ``live`` calls at the carrier of all that are the same there, those in doubt included, its
    refusals in a row, and whether it ``is_resting`` for one."""

    id: str
    channel_refusals: int
    live: int
    is_resting: bool


@shaped(SHORT)
class AccountWithoutChannels(Protocol):
    """An account whose carrier took no further call when it was last asked, and how many it took."""

    id: str
    name: str
    channels: int | None
    channel_refusals: int
    resting_reason: str | None
    max_concurrent_calls: int


def lock(conn: Connection, account_id: str, sharing: Sequence[str]) -> Channels:
    """The account, locked with those that are the same at its carrier."""
    values = {"id": account_id, "sharing": list(sharing)}
    conn.execute(LOCK, values)  # a statement of its own, so that the next one reads what others have written
    return conn.execute(READ, values).one()


def refused(conn: Connection, account_id: str, sharing: Sequence[str], *, live: int, refusals: int) -> None:
    """The carrier took no further call beside these."""
    values = {"id": account_id, "sharing": list(sharing)}
    conn.execute(REFUSED, values | {"live": live, "refusals": refusals})


def taken(conn: Connection, account_id: str, sharing: Sequence[str]) -> None:
    """The carrier took a call: it allows as many as are live now, and where that is all it may be, nothing is held."""
    row = lock(conn, account_id, sharing)
    conn.execute(TAKEN, {"id": account_id, "sharing": list(sharing), "live": row.live})


def short(conn: Connection) -> Sequence[AccountWithoutChannels]:
    """The accounts whose carrier took no further call when it was last asked."""
    return conn.execute(SHORT).all()
