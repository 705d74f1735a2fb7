"""The breaker of a carrier account, and how far its rate is slowed: kept in the account's row.

Rows, not Redis: "may this call be placed" is a committed row like every other such question, and an emptied Redis
must not let a thousand calls run at a carrier that was just found dead. An account that is well costs nothing: its
results are only written down once one of the latest has failed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, text

IS_WATCHED = "(a.recent_results <> '' OR a.breaker_until IS NOT NULL)"
"""Whether good news about an account ``a`` matters, too."""

HALVINGS = "greatest(0, a.slowed_times - floor(extract(epoch FROM clock_timestamp() - a.slowed_at) / :recovery))"
RATE_NOW = f"a.calls_per_second / power(2, {HALVINGS})"
"""The calls per second of an account ``a`` as slowed as it is now; one halving is undone in each ``:recovery`` s."""

MAY_DIAL = """(a.resting_until IS NULL OR a.resting_until <= clock_timestamp())
      AND (n.resting_until IS NULL OR n.resting_until <= clock_timestamp())
      AND (a.breaker_until IS NULL OR a.breaker_until <= clock_timestamp() AND a.breaker_probe = k.id)"""
"""Whether a call ``k`` of an account ``a`` with a number ``n`` may leave: neither rests, and the breaker is closed or
this is the probe."""

IS_PROBED = "EXISTS (SELECT FROM calls p WHERE p.id = a.breaker_probe AND p.ended_at IS NULL)"
"""Whether one call of an account ``a`` is trying it now. A probe that ended and left the breaker open said nothing."""

LOCK = text("""
SELECT id, team_id, recent_results, breaker_trips, breaker_until IS NOT NULL AS is_open, breaker_probe
FROM carrier_accounts WHERE id = :id FOR NO KEY UPDATE
""")

SAVE = text("""
UPDATE carrier_accounts
SET recent_results = :recent, breaker_trips = :trips, breaker_probe = :probe,
    breaker_until = CASE WHEN CAST(:pause AS double precision) IS NOT NULL
                         THEN clock_timestamp() + :pause * interval '1 second'
                         WHEN :is_open THEN breaker_until END,
    resting_until = CASE WHEN CAST(:pause AS double precision) IS NULL THEN resting_until
                         ELSE greatest(resting_until, clock_timestamp() + :pause * interval '1 second') END,
    resting_reason = coalesce(:reason, resting_reason)
WHERE id = :id
""")

LOCK_TRIPPED = text("""
SELECT id FROM carrier_accounts WHERE id = ANY(:ids) AND breaker_until IS NOT NULL ORDER BY id FOR NO KEY UPDATE
""")

TAKE_PROBE = text(f"""
UPDATE carrier_accounts a SET breaker_probe = x.call_id
FROM unnest(CAST(:accounts AS text[]), CAST(:calls AS text[])) AS x (account_id, call_id)
WHERE a.id = x.account_id AND a.breaker_until <= clock_timestamp() AND NOT {IS_PROBED}
""")

SLOW = text(f"""
UPDATE carrier_accounts a SET slowed_times = least(:most, {HALVINGS} + 1), slowed_at = clock_timestamp()
WHERE id = :id AND calls_per_second IS NOT NULL
  AND (slowed_at IS NULL OR slowed_at <= clock_timestamp() - :burst * interval '1 second')
RETURNING {RATE_NOW} AS rate
""")

MOST_HALVINGS = 4
BURST_SECONDS = 1.0


RATES = text(f"SELECT a.id AS account_id, {RATE_NOW} AS account_rate FROM carrier_accounts a WHERE a.id = ANY(:ids)")


def rates(conn: Connection, account_ids: Sequence[str], *, recovery_seconds: float) -> dict[str, Row[Any]]:
    """Account → its ``account_id`` and its ``account_rate``, as slowed as it is now."""
    rows = conn.execute(RATES, {"ids": list(account_ids), "recovery": recovery_seconds})
    return {row.account_id: row for row in rows}


def lock(conn: Connection, account_id: str) -> Row[Any]:
    """The account's breaker, locked until the transaction ends."""
    return conn.execute(LOCK, {"id": account_id}).one()


def save(
    conn: Connection,
    account_id: str,
    *,
    recent: str,
    trips: int,
    is_open: bool,
    probe: str | None,
    pause_seconds: float | None,
    reason: str | None,
) -> None:
    """Write the breaker down. With a pause it has just opened, and the account rests as long for this reason."""
    values = {"id": account_id, "recent": recent, "trips": trips, "is_open": is_open, "probe": probe}
    conn.execute(SAVE, values | {"pause": pause_seconds, "reason": reason})


def take_probes(conn: Connection, firsts: Mapping[str, str]) -> None:
    """Let the call named for each account (account → call) be its probe, where the breaker is half open and no other
    call is it already. The lock is a statement of its own, so that the next one reads who was first."""
    conn.execute(LOCK_TRIPPED, {"ids": sorted(firsts)})
    accounts = sorted(firsts)
    conn.execute(TAKE_PROBE, {"accounts": accounts, "calls": [firsts[account] for account in accounts]})


def slow(conn: Connection, account_id: str, *, recovery_seconds: float) -> float | None:
    """Halve the account's calls per second, at most four times in a row, and once for refusals that come within a
    second of each other, for they were on their way together. The rate as it is then; ``None`` if nothing changed."""
    values = {"id": account_id, "most": MOST_HALVINGS, "burst": BURST_SECONDS, "recovery": recovery_seconds}
    row = conn.execute(SLOW, values).first()
    return None if row is None else float(row.rate)
