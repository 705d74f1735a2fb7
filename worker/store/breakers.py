"""The breaker of a carrier account, and how far its rate is slowed: kept in the account's row.

Rows, not Redis: "may this call be placed" is a committed row like every other such question, and an emptied Redis
must not let a thousand calls run at a carrier that was just found dead. An account that is well costs nothing: its
results are only written down once one of the latest has failed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy import Connection, text

from worker.store.accounts import SAME
from worker.store.batches import Batch
from worker.store.carriers import known
from worker.store.columns import RatedAccount
from worker.store.instants import has_waited, is_over
from worker.store.shapes import shaped

IS_WATCHED = "(a.recent_results <> '' OR a.breaker_until IS NOT NULL)"
"""Whether good news about an account ``a`` matters, too."""

HALVINGS = """CASE WHEN a.slowed_at > clock_timestamp() THEN 0   -- the clock was set back since
     ELSE greatest(0, a.slowed_times - floor(extract(epoch FROM clock_timestamp() - a.slowed_at) / :recovery)) END"""
RATE_NOW = f"a.calls_per_second / power(2, {HALVINGS})"
"""The calls per second of an account ``a`` as slowed as it is now; one halving is undone in each ``:recovery`` s."""

SHARED_RATES = f"""
    SELECT a.carrier,
           CASE WHEN count(*) > 1 AND bool_and(a.calls_per_second IS NOT NULL) THEN max({RATE_NOW}) END AS rate
    FROM carrier_accounts a WHERE a.enabled AND a.carrier = ANY({known("sharing")}) GROUP BY a.carrier
"""
"""Of accounts that are one at their carrier the fastest gives the pace of all together."""

RESTS_NOT = f"{is_over('a.rested_at', 'a.resting_until')} AND {is_over('n.rested_at', 'n.resting_until')}"
"""Whether neither an account ``a`` nor a number ``n`` of it rests."""

IS_PAUSE_OVER = is_over("a.breaker_opened_at", "a.breaker_until")
"""Whether the breaker of an account ``a`` is half open, or closed."""

MAY_DIAL = f"""{RESTS_NOT}
      AND (a.breaker_until IS NULL OR {IS_PAUSE_OVER} AND a.breaker_probe = k.id)"""
"""Whether a call ``k`` of an account ``a`` with a number ``n`` may leave: neither rests, and the breaker is closed or
this is the probe."""

IS_PROBED = "EXISTS (SELECT FROM calls p WHERE p.id = a.breaker_probe AND p.ended_at IS NULL)"
"""Whether one call of an account ``a`` is trying it now. A probe that ended and left the breaker open said nothing."""

LOCK = text("""
SELECT id, team_id, recent_results, breaker_trips, breaker_until IS NOT NULL AS is_open, breaker_probe
FROM carrier_accounts WHERE id = :id FOR NO KEY UPDATE
""")

SAVE = text(f"""
UPDATE carrier_accounts
SET recent_results = :recent, breaker_trips = :trips, breaker_probe = :probe,
    breaker_until = CASE WHEN CAST(:pause AS double precision) IS NOT NULL
                         THEN clock_timestamp() + :pause * interval '1 second'
                         WHEN :is_open THEN breaker_until END,
    breaker_opened_at = CASE WHEN CAST(:pause AS double precision) IS NOT NULL THEN clock_timestamp()
                             WHEN :is_open THEN breaker_opened_at END,
    rested_at = CASE WHEN CAST(:pause AS double precision) IS NULL THEN rested_at ELSE clock_timestamp() END,
    resting_until = CASE WHEN CAST(:pause AS double precision) IS NULL THEN resting_until
                         ELSE greatest(CASE WHEN NOT {is_over("rested_at", "resting_until")} THEN resting_until END,
                                       clock_timestamp() + :pause * interval '1 second') END,
    resting_reason = coalesce(:reason, resting_reason)
WHERE id = :id
""")


@dataclass(frozen=True, slots=True)
class Probe:
    """A call that is to try its account while the breaker is half open."""

    account_id: str
    call_id: str


PROBES = Batch(Probe)

LOCK_TRIPPED = text("""
SELECT id FROM carrier_accounts WHERE id = ANY(:ids) AND breaker_until IS NOT NULL ORDER BY id FOR NO KEY UPDATE
""")

TAKE_PROBE = text(f"""
UPDATE carrier_accounts a SET breaker_probe = x.call_id
FROM {PROBES}
WHERE a.id = x.account_id AND a.breaker_until IS NOT NULL AND {IS_PAUSE_OVER} AND NOT {IS_PROBED}
""")

SLOW = text(f"""
UPDATE carrier_accounts a SET slowed_times = least(:most, ({HALVINGS}) + 1), slowed_at = clock_timestamp()
WHERE id = ANY({SAME}) AND calls_per_second IS NOT NULL
  AND (slowed_at IS NULL OR {has_waited("slowed_at", ":burst")})
RETURNING {RATE_NOW} AS rate, id = :id AS is_it
""")

MOST_HALVINGS = 4
BURST_SECONDS = 1.0


RATES = text(f"""
WITH shared AS MATERIALIZED ({SHARED_RATES})
SELECT a.id AS account_id, a.carrier, {RATE_NOW} AS account_rate,
       (SELECT s.rate FROM shared s WHERE s.carrier = a.carrier) AS credentials_rate
FROM carrier_accounts a WHERE a.id = ANY(:ids)
""")


@shaped(LOCK)
class BreakerRow(Protocol):
    """A breaker as :class:`worker.domain.breaker.Breaker` has it, and whose account it is of."""

    id: str
    team_id: str
    recent_results: str
    breaker_trips: int
    is_open: bool
    breaker_probe: str | None


@shaped(RATES)
class AccountRates(RatedAccount, Protocol):
    """An account and its rates."""

    account_id: str


def rates(
    conn: Connection, account_ids: Sequence[str], *, recovery_seconds: float, sharing: Sequence[str] = ()
) -> dict[str, AccountRates]:
    """Account → what it is at its carrier, its ``account_rate``, as slowed as it is now, and ``credentials_rate``, of
    a carrier among those ``sharing`` them, that of all its accounts together."""
    rows = conn.execute(RATES, {"ids": list(account_ids), "recovery": recovery_seconds, "sharing": list(sharing)})
    return {row.account_id: row for row in rows}


def lock(conn: Connection, account_id: str) -> BreakerRow:
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


def take_probes(conn: Connection, probes: Sequence[Probe]) -> None:
    """Let these calls, one an account, be the probes of their accounts, where the breaker is half open and no other
    call is it already. The lock is a statement of its own, so that the next one reads who was first."""
    conn.execute(LOCK_TRIPPED, {"ids": sorted(probe.account_id for probe in probes)})
    conn.execute(TAKE_PROBE, PROBES.bind(probes))


def slow(conn: Connection, account_id: str, *, recovery_seconds: float, sharing: Sequence[str] = ()) -> float | None:
    """Halve the calls per second of the account, and of any that is the same at a carrier ``sharing`` credentials: at
    most four times in a row, and once for refusals that come within a second of each other, for they were on their way
    together. The account's rate as it is then; ``None`` if nothing changed."""
    values = {"id": account_id, "most": MOST_HALVINGS, "burst": BURST_SECONDS, "recovery": recovery_seconds}
    rows = conn.execute(SLOW, values | {"sharing": list(sharing)})
    return next((float(row.rate) for row in rows if row.is_it), None)
