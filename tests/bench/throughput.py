"""What the dialer gets through: a round of calls, from the first to the last that is settled, each as it must be.

No more is left out than who rings the phones: every campaign has a call window, caller IDs of their own with limits,
the default log level; the news of a call goes through the inbox; beat ticks. All campaigns belong to one team, so that
they meet at its limit, which is the harder way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.bench.deployment import Deployment
from tests.bench.reference import Reference, more
from tests.bench.shape import STANDARD, Shape, begin, furnish, made, opened
from worker.operations import campaigns as campaign_operations
from worker.operations.examine import examine

WORST_CALLS_PER_SECOND = 20.0


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
    """The calls of one deployment, round after round: new campaigns over the same contacts. They are run by messages,
    and measured from those; or, where there are too many campaigns for that, by the tick, and measured from the first
    call that is reserved."""

    def __init__(
        self, deployment: Deployment, contact_count: int, shape: Shape = STANDARD, *, by_messages: bool = True
    ) -> None:
        self._there, self._shape, self._by_messages = deployment, shape, by_messages
        self._contacts = [f"cont_{n:07d}" for n in range(contact_count)]
        self._per_campaign = contact_count // shape.campaigns
        self._rounds = 0
        with deployment.dialer.db.begin() as conn:
            self._numbers = furnish(conn, self._contacts, shape)

    def round(self, reference: Reference) -> Round:
        """Call everybody once; raises ``AssertionError`` when anything is not as it must be."""
        there = self._there
        campaigns = self._campaigns()
        for (table,) in there.sql(CHANGED):
            there.sql(f"ANALYZE {table}")
        commands, computed = there.tally(), there.processor_seconds()
        began_at = there.sql("SELECT clock_timestamp()")[0][0]
        if self._by_messages:
            for campaign in campaigns:
                there.celery.send_task("worker.run_campaign", [campaign])
        else:
            begin(there, campaigns)
        patience = 30 + len(self._contacts) / WORST_CALLS_PER_SECOND
        there.wait(lambda: self._is_over(campaigns), "all campaigns completed", seconds=patience)
        computed = more(computed, there.processor_seconds())
        commands = more(commands, there.tally())
        if not self._by_messages:
            began_at = there.sql("SELECT min(reserved_at) FROM calls WHERE campaign_id = ANY(:ids)", ids=campaigns)[0][
                0
            ]
        seconds = self._check(campaigns, began_at)
        calls = self._per_campaign * self._shape.campaigns
        each = {part: amount / calls for part, amount in computed.items()}
        return Round(reference, calls / seconds, calls, commands, each)

    def _campaigns(self) -> list[str]:
        self._rounds += 1
        if not self._by_messages:
            return made(self._there, f"camp_{self._rounds}_", self._shape, each=self._per_campaign)
        return [self._campaign(n) for n in range(self._shape.campaigns)]

    def _campaign(self, n: int) -> str:
        numbers = self._numbers[n * self._shape.numbers : (n + 1) * self._shape.numbers]
        campaign = opened(self._there, numbers, limit=self._shape.slots)
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
        expected = self._per_campaign * self._shape.campaigns
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
        assert peak <= self._shape.slots, f"{peak} calls at once in a campaign of {self._shape.slots}"
        unbroken(self._there)
        ended = "SELECT extract(epoch FROM max(ended_at) - :began)::float FROM calls WHERE campaign_id = ANY(:ids)"
        return float(self._there.sql(ended, began=began_at, ids=campaigns)[0][0])


def unbroken(there: Deployment) -> None:
    """A run that breaks an invariant is void."""
    broken = {name: rows for name, rows in examine(there.dialer).items() if rows}
    assert not broken, f"invariants are broken: {broken}"


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
