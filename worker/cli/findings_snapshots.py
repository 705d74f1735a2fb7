"""Findings about who keeps PostgreSQL from clearing away what dialing has replaced."""

from __future__ import annotations

from worker.cli.findings import Finding
from worker.flow.base import Dialer
from worker.store.database import once
from worker.store.reads import snapshots
from worker.store.reads.snapshots import HeldSnapshot

NAME = "oldest snapshot"
HELD_LONG_SECONDS = 900.0
HELD_OVER_TRANSACTIONS = 10_000
"""Where it is not known since when; that many are some ten thousand calls."""
COSTS = "until it ends no replaced row is cleared away, and every tick grows slower with every call"
END = {
    "session": "end it with SELECT pg_terminate_backend({handle}), and take long backups from a standby",
    "prepared": "end it with ROLLBACK PREPARED {handle}, or COMMIT PREPARED",
    "slot": "if nobody reads it any more: SELECT pg_drop_replication_slot({handle})",
}


def held_snapshots(dialer: Dialer) -> list[Finding]:
    """Who holds a snapshot for longer than a quarter of an hour; the oldest, where nobody does."""
    rows = once(dialer.db, snapshots.held)
    long = [row for row in rows if _is_long(row)]
    if long:
        return [
            Finding(NAME, f"{_who(row)}; {COSTS}: {END[row.kind].format(handle=row.handle)}", False) for row in long
        ]
    found = f"{_who(rows[0])}" if rows else "none is held"
    unseen = once(dialer.db, snapshots.unseen)
    if unseen:
        found += f"; {unseen} sessions of other users cannot be looked at without GRANT pg_read_all_stats"
    return [Finding(NAME, found, ok=True)]


def _is_long(row: HeldSnapshot) -> bool:
    if row.seconds is None:
        return row.transactions > HELD_OVER_TRANSACTIONS
    return row.seconds > HELD_LONG_SECONDS


def _who(row: HeldSnapshot) -> str:
    since = "" if row.seconds is None else f" for {_long(row.seconds)}"
    over = f"held{since} over {row.transactions} transactions"
    if row.kind == "session":
        who = f"{row.name} of {row.owner or 'the server'} from {row.place}"
        return f"{over} by {who}, pid {row.handle}, {row.state or 'busy'}"
    if row.kind == "prepared":
        return f"{over} by the prepared transaction {row.handle} of {row.owner}"
    return f"{over} by the replication slot {row.handle}, which is {row.state}"


def _long(seconds: float) -> str:
    minutes = int(seconds // 60)
    return f"{seconds:.0f} s" if minutes < 2 else f"{minutes} min" if minutes < 120 else f"{minutes // 60} h"
