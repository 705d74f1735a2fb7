"""P1, P2, P3: what the dialer gets through, against what Celery alone gets through on the same worker.

A round is the reference, then the calls: tasks that do nothing, consumed from a queue that was filled before
the clock starts; then 20 campaigns of 50 slots, opened by messages and measured until the last call is
settled. Both by the same process, so that what else the machine does meets both.

No more is left out than who rings the phones: every campaign has a call window, five caller IDs of the default
limit, the default log level; the news of a call goes through the inbox; beat ticks. All campaigns belong to
one team, so that they meet at its limit, which is the harder way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any

from sqlalchemy import Connection

from tests.bench.deployment import Deployment
from worker.operations import campaigns as campaign_operations
from worker.operations.examine import examine
from worker.store.crm import contacts, setup
from worker.store.crm.contacts import NewContact

CAMPAIGNS, SLOTS, NUMBERS = 20, 50, 5
WINDOW = {"callWindowStart": "00:00", "callWindowEnd": "24:00", "callWindowTimezone": "America/New_York"}
TEAM = "team_bench"
CHAINS = 100
WORST_CALLS_PER_SECOND = 20.0
POLL_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Reference:
    """Tasks that do nothing: how many a second, and what one of them had each part compute."""

    per_second: float
    processor_seconds: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Round:
    """One round: the reference and the calls that were settled a second, what was sent for them (see
    :class:`~tests.bench.tally.Tally`), and what one of them had each part compute."""

    reference: Reference
    calls_per_second: float
    calls: int
    commands: Mapping[str, float]
    processor_seconds: Mapping[str, float]

    @property
    def ratio(self) -> float:
        return self.calls_per_second / self.reference.per_second


class Workload:
    """The calls of one deployment, round after round: new campaigns over the same contacts."""

    def __init__(self, deployment: Deployment, contact_count: int) -> None:
        self._there = deployment
        self._contacts = [f"cont_{n:07d}" for n in range(contact_count)]
        self._per_campaign = contact_count // CAMPAIGNS
        with deployment.dialer.db.begin() as conn:
            self._numbers = furnish(conn, self._contacts)

    def round(self, reference: Reference) -> Round:
        """Call everybody once; raises ``AssertionError`` when anything is not as it must be."""
        there = self._there
        campaigns = [self._campaign(n) for n in range(CAMPAIGNS)]
        for (table,) in there.sql(CHANGED):
            there.sql(f"ANALYZE {table}")
        commands, computed = there.tally(), there.processor_seconds()
        began_at = there.sql("SELECT clock_timestamp()")[0][0]
        for campaign in campaigns:
            there.celery.send_task("worker.run_campaign", [campaign])
        patience = 30 + len(self._contacts) / WORST_CALLS_PER_SECOND
        there.wait(lambda: self._is_over(campaigns), "all campaigns completed", seconds=patience)
        computed = _more(computed, there.processor_seconds())
        commands = _more(commands, there.tally())
        seconds = self._check(campaigns, began_at)
        calls = self._per_campaign * CAMPAIGNS
        each = {part: amount / calls for part, amount in computed.items()}
        return Round(reference, calls / seconds, calls, commands, each)

    def _campaign(self, n: int) -> str:
        campaign = opened(self._there, self._numbers[n * NUMBERS : (n + 1) * NUMBERS], limit=SLOTS)
        own = self._contacts[n * self._per_campaign : (n + 1) * self._per_campaign]
        campaign_operations.add_contacts(self._there.dialer, campaign, own, actor="test")
        return campaign

    def _is_over(self, campaigns: Sequence[str]) -> bool:
        """Completed, the last of their news settled, the last of their slots given back."""
        running = self._there.sql(
            "SELECT 1 FROM campaigns WHERE id = ANY(:ids) AND status <> 'completed' LIMIT 1", ids=campaigns
        )
        if running:
            return False
        waiting = self._there.sql("SELECT 1 FROM call_events WHERE outcome IS NULL LIMIT 1")
        return not waiting and not self._there.dialer.slots.members()

    def _check(self, campaigns: Sequence[str], began_at: Any) -> float:
        """The seconds it took, by the database's clock; every contact called once and no more."""
        expected = self._per_campaign * CAMPAIGNS
        by_status = dict(
            self._there.sql(
                "SELECT status, count(*) FROM campaign_contacts WHERE campaign_id = ANY(:ids) GROUP BY status",
                ids=campaigns,
            )
        )
        assert by_status == {"completed": expected}, f"the contacts came to {by_status}"
        ends = dict(
            self._there.sql(
                "SELECT disposition, count(*) FROM calls WHERE campaign_id = ANY(:ids) GROUP BY disposition",
                ids=campaigns,
            )
        )
        assert ends.get("answered") == expected, f"the calls ended {ends}"
        assert ends.keys() <= {"answered", "not_sent"}, f"the calls ended {ends}"
        odd = self._there.sql(ODD_NEWS, ids=campaigns)
        assert not odd, f"calls with other than three events, all of them of one carrier call: {odd}"
        peak = self._there.sql(PEAK, ids=campaigns)[0][0]
        assert peak <= SLOTS, f"{peak} calls at once in a campaign of {SLOTS}"
        broken = {name: rows for name, rows in examine(self._there.dialer).items() if rows}
        assert not broken, f"invariants are broken: {broken}"
        ended = "SELECT extract(epoch FROM max(ended_at) - :began)::float FROM calls WHERE campaign_id = ANY(:ids)"
        return float(self._there.sql(ended, began=began_at, ids=campaigns)[0][0])


def opened(there: Deployment, numbers: Sequence[str], *, limit: int) -> str:
    """A new campaign with these caller IDs, and a call window that is open."""
    body = {
        "name": "Campaign",
        "assistantId": "asst_bench",
        "companyId": "comp_bench",
        "fromNumberIds": numbers,
        "maxConcurrentCalls": limit,
        **WINDOW,
    }
    return campaign_operations.create_campaign(there.dialer, TEAM, body, actor="bench")


# What autovacuum would look at by now. Of tables that were found empty, it would plan as if they stayed so.
CHANGED = "SELECT relid::regclass::text FROM pg_stat_user_tables WHERE n_mod_since_analyze > 50 + 0.1 * n_live_tup"

ODD_NEWS = """
SELECT k.id, count(e.id), count(DISTINCT e.carrier_call_id)
FROM calls k LEFT JOIN call_events e ON e.token = k.token
WHERE k.campaign_id = ANY(:ids) AND k.disposition = 'answered'
GROUP BY k.id HAVING count(e.id) <> 3 OR count(DISTINCT e.carrier_call_id) <> 1 LIMIT 5
"""

PEAK = """
SELECT max(live) FROM (
    SELECT sum(n) OVER (PARTITION BY campaign_id ORDER BY at, n) AS live
    FROM (SELECT campaign_id, reserved_at AS at, 1 AS n FROM calls WHERE campaign_id = ANY(:ids)
          UNION ALL SELECT campaign_id, ended_at, -1 FROM calls WHERE campaign_id = ANY(:ids)) AS moments) AS history
"""


def refer(there: Deployment, count: int, tasks_per_second: Callable[[Deployment, int], float]) -> Reference:
    """Measure ``count`` tasks that do nothing."""
    computed = there.processor_seconds()
    per_second = tasks_per_second(there, count)
    computed = _more(computed, there.processor_seconds())
    return Reference(per_second, {part: amount / count for part, amount in computed.items()})


def noops_per_second(there: Deployment, count: int) -> float:
    """Empty tasks a second, from a queue that was filled before."""
    prefilled = there.key("prefilled")
    if not there.redis.exists(prefilled):
        for _ in range(count):
            there.celery.send_task("bench.noop", queue="prefilled")
    return _drained(there, count, prefilled)


def chains_per_second(there: Deployment, count: int) -> float:
    """Empty tasks a second, each of which publishes the next; :data:`CHAINS` of them side by side."""
    length = max(1, count // CHAINS)
    started_at = monotonic()
    for _ in range(CHAINS):
        there.celery.send_task("bench.chain", [length])
    _await_empty(there, count)
    return CHAINS * length / (monotonic() - started_at)


def _drained(there: Deployment, count: int, prefilled: str) -> float:
    """The speed from the first look that sees the queue shrink, or from its filling where that look sees it gone
    already, to the one that sees all done."""
    left, began_at = count, monotonic()
    there.redis.copy(prefilled, there.key("control"))

    def shrinks() -> bool:
        nonlocal left
        left = there.redis.llen(there.key("control"))
        return left < count

    there.wait(shrinks, "the worker takes tasks", seconds=30, every=POLL_SECONDS)
    if left:
        count, began_at = left, monotonic()
    _await_empty(there, count)
    return count / (monotonic() - began_at)


def _await_empty(there: Deployment, count: int) -> None:
    def is_empty() -> bool:
        return not there.redis.exists(there.key("control"), there.key("unacked"))

    there.wait(is_empty, "all tasks were done", seconds=30 + count / WORST_CALLS_PER_SECOND, every=POLL_SECONDS)


def furnish(conn: Connection, contact_ids: Sequence[str]) -> list[str]:
    """A team with room for all campaigns, its contacts and its caller IDs; the ids of those. Country code 999
    belongs to nobody."""
    setup.team(conn, TEAM, "bench", "Bench", limit=CAMPAIGNS * SLOTS)
    setup.company(conn, "comp_bench", TEAM, "A company")
    setup.assistant(conn, "asst_bench", TEAM, "An assistant")
    setup.account(conn, "acct_bench", TEAM, "simulator", "An account", limit=CAMPAIGNS * SLOTS)
    numbers = [f"pn_bench{n:03d}" for n in range(CAMPAIGNS * NUMBERS)]
    for n, number in enumerate(numbers):
        setup.number(conn, number, TEAM, "acct_bench", f"+9991{n:06d}", limit=SLOTS // NUMBERS)
    made = (
        NewContact(contact, phone, phone, None)
        for contact, phone in ((c, f"+9992{n:08d}") for n, c in enumerate(contact_ids))
    )
    contacts.load(conn, TEAM, made)
    return numbers


def _more(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    return {what: amount - before.get(what, 0) for what, amount in after.items()}
