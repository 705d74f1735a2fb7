"""The last thing that befalls a deployment: one carrier account hangs while another goes on, and nothing else is wrong.

Among hundreds of faults nobody can say which of them made a healthy account wait. So when all else is healed, both
accounts get campaigns with more to do than there is time for, and one worker does all of it. Then one of them hangs,
each has a campaign cancelled, and no carrier takes the requests to end its calls: one account's hang, the other's are
refused. What the healthy one places before and meanwhile is compared.
"""

from __future__ import annotations

import itertools
import math
import time
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from tests.chaos import outages
from tests.chaos.judgements_progress import Bulkhead, EndRequest
from tests.chaos.operators import Order
from tests.chaos.plan import CampaignPlan, Person, TeamPlan, Workload
from worker.simulator.ledger import Fact, Ledger, read_facts

if TYPE_CHECKING:
    from tests.chaos.trial import Trial

PEOPLE = 160
LIVES = {"goes_on": {"ring": 4, "talk": 12}, "stops": {"ring": 2, "talk": 90}}
"""Two seconds of the machine's at a trial's speed; and as long as a call may, so that there are some to hang up."""
HEALTHY_LIMITS, HANGING_LIMITS = {"goes_on": 12, "stops": 6}, {"goes_on": 14, "stops": 24}
FIRST_CALLS = 8
BEFORE_SECONDS, FILLS_IN_SECONDS, SINKS_IN_SECONDS, MEANWHILE_SECONDS = 5.0, 2.0, 3.0, 6.0
"""Before the hang, until there are calls to hang up, until what stands has piled up, and as long as they live."""
STEP_SECONDS = 0.2
REQUEST_SECONDS = "6"
"""A request that hangs holds whoever waits for it some ticks long, as in earnest, and not for one."""
SURE = next(n for n in itertools.count() if Random(n).random() < 0.5)
"""Dice by which an operator who cancels hangs up, too."""


def with_steady(workload: Workload) -> Workload:
    """The workload with campaigns that are created when all is healed: one of each team that goes on, and one that is
    to be cancelled while its calls cannot be hung up."""
    limits = zip(_healthy_and_hanging(workload), (HEALTHY_LIMITS, HANGING_LIMITS), strict=True)
    these = ((team, word, limit) for team, words in limits for word, limit in words.items())
    plans = tuple(_steady(team, n, word, limit) for n, (team, word, limit) in enumerate(these))
    lives = {
        phone: [LIVES[plan.key.removesuffix(f"_{plan.team.id}")]]
        for plan in plans
        for person in plan.everybody
        for phone in (person.phone, person.spare)
    }
    return replace(workload, campaigns=(*workload.campaigns, *plans), script={**workload.script, **lives})


def _healthy_and_hanging(workload: Workload) -> list[TeamPlan]:
    """The team with a rate, whose pace is therefore even, and the one without, which has the more to hang."""
    return sorted(workload.teams, key=lambda team: team.calls_per_second is None)


def _steady(team: TeamPlan, nth: int, word: str, limit: int) -> CampaignPlan:
    key, first = f"{word}_{team.id}", 1_000 * nth
    people = tuple(
        Person(f"cont_{key}_{n}", f"+1305{2_000_000 + first + n}", f"+1305{3_000_000 + first + n}")
        for n in range(PEOPLE)
    )
    return CampaignPlan(
        key=key, team=team, created_at=math.inf, starts_in=None, people=people, later=(),
        callers=tuple(team.numbers), limit=limit, attempts=2, delay=0,
    )  # fmt: skip


@dataclass
class HangingAccount:
    """Holds it, step by step; ``spans`` are what was before the hang and what was meanwhile, ``requested_at`` when
    there was something to do again, all by the machine's clock, as the ledger."""

    trial: Trial
    wait: Callable[[float], None]
    """Lets so many seconds pass."""
    requested_at: float = math.inf
    spans: list[tuple[float, float]] = field(default_factory=list)

    def hold(self, seconds: float) -> bool:
        """Whether it came about: within so many seconds both accounts must be at work again."""
        workload = self.trial.workload
        self.healthy, self.hanging = _healthy_and_hanging(workload)
        deadline = time.monotonic() + seconds
        self.trial.nemesis.leave_one_worker(REQUEST_SECONDS=REQUEST_SECONDS)
        if not self._create(deadline):
            return False
        self.requested_at = time.time()
        for team in workload.teams:
            self._submit("run", self._plan("goes_on", team))
        self.trial.operators.settle()
        while min(self._placed_by(team) for team in workload.teams) < FIRST_CALLS:
            if time.monotonic() > deadline:
                return False
            self.wait(STEP_SECONDS)
        if self.trial.terms.carrier == "simulator":  # the accounts of other carriers are one to their carrier
            self._let_one_hang()
        for plan in self._plans():
            self._submit("cancel", plan)
        return True

    def _let_one_hang(self) -> None:
        self._measure(BEFORE_SECONDS)
        for team in self.trial.workload.teams:
            self._submit("run", self._plan("stops", team))
        self.wait(FILLS_IN_SECONDS)
        hangs = {"hang_seconds": 60}
        chaos = self.trial.chaos
        ends = (
            outages.begin(chaos, self.hanging.account, place=hangs, end=hangs, look_up=hangs),
            outages.begin(chaos, self.healthy.account, end={"status": 500}),
        )
        try:
            for team in self.trial.workload.teams:
                self._submit("cancel", self._plan("stops", team))
            self.wait(SINKS_IN_SECONDS)
            self._measure(MEANWHILE_SECONDS)
        finally:
            for end in ends:
                end()

    def seen(self, ledger: Ledger) -> Sequence[Bulkhead]:
        """What the carrier's ledger says of it; nothing where it did not come about."""
        if len(self.spans) < 2:
            return ()
        placed = [call.placed_at for call in ledger.placed if call.account == self.healthy.account]
        before, meanwhile = ((sum(begun <= at < ended for at in placed), ended - begun) for begun, ended in self.spans)
        return [Bulkhead(self.healthy.account, self.hanging.account, *before, *meanwhile, self._most_at_once(ledger))]

    def _most_at_once(self, ledger: Ledger) -> int:
        """How many of the requests to place that hung were under way at once. Each is held by its client for all the
        time that a request may take; those that reached the carrier within half of it were, however late they came."""
        begun = sorted(
            it.at
            for it in ledger.not_placed
            if it.account == self.hanging.account and it.at >= self.spans[0][1] and it.status == 0
        )
        return max(
            (bisect_right(begun, at + self.trial.patience.request / 2) - n for n, at in enumerate(begun)), default=0
        )

    def resumed(self, ledger: Ledger) -> Mapping[str, float | None]:
        """Account → the seconds until it placed its first call of those; empty if none could be requested."""
        if math.isinf(self.requested_at):
            return {}
        going_on = [self._plan("goes_on", team) for team in self.trial.workload.teams]
        phones = {person.phone: plan.team.account for plan in going_on for person in plan.people}
        firsts: dict[str, float | None] = {team.account: None for team in self.trial.workload.teams}
        for call in ledger.placed:
            account = phones.get(call.to_number)
            if account is not None and firsts[account] is None:
                firsts[account] = call.placed_at - self.requested_at
        return firsts

    def _create(self, deadline: float) -> bool:
        for plan in self._plans():
            while not self.trial.factory.create(plan):
                if time.monotonic() > deadline:
                    return False
                self.wait(STEP_SECONDS)
        return True

    def _measure(self, seconds: float) -> None:
        begun = time.time()
        self.wait(seconds)
        self.spans.append((begun, time.time()))

    def _placed_by(self, team: TeamPlan) -> int:
        ids = [self.trial.factory.ids[plan.key] for plan in self._plans() if plan.team is team]
        (row,) = self.trial.chaos.sql(
            "SELECT count(*) FROM calls WHERE campaign_id = ANY(:ids) AND placed_at IS NOT NULL", ids=ids
        )
        return int(row[0])

    def _plans(self) -> list[CampaignPlan]:
        return [plan for plan in self.trial.workload.campaigns if math.isinf(plan.created_at)]

    def _plan(self, word: str, team: TeamPlan) -> CampaignPlan:
        return next(plan for plan in self._plans() if plan.key == f"{word}_{team.id}")

    def _submit(self, what: str, plan: CampaignPlan) -> None:
        self.trial.operators.submit(Order(0.0, what, self.trial.workload.campaigns.index(plan), SURE))


def end_requests(ledger_path: Path) -> list[EndRequest]:
    """Of the ledger's facts the requests to end a call that lived."""
    return [
        EndRequest(fact["call"], fact["at"], "refused_with" not in fact)
        for fact in read_facts(ledger_path)
        if fact["fact"] == Fact.END_REQUESTED and fact["live"]
    ]
