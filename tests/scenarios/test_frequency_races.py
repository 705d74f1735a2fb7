"""Caps under contention: workers with sessions of their own, on two campaigns that share one number."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import pytest

from tests.patience import PATIENCE_SECONDS
from tests.world import World
from worker.bulkheads import Taken
from worker.carriers.base import Action, Rejected
from worker.flow import dial, fill
from worker.flow.base import Batch, Dial, Dialer, Fill
from worker.store.database import open_database

WORKERS, ROUNDS, CALLS = 8, 200, 3


class Unreachable:
    """A carrier that says at once of every number that it leads nowhere: the call counts, and is over."""

    shares_credentials = False

    def __init__(self) -> None:
        self.numbers: list[str] = []

    def place(self, request: Any) -> Rejected:
        self.numbers.append(request.to_number)
        return Rejected("404", Action.UNREACHABLE)


@dataclass
class Worker:
    """Who fills and dials; every other one lets calls leave as they are claimed."""

    dialer: Dialer
    can: bool = True

    def senders(self, account_id: str, most: int) -> Taken:
        permits = self.dialer.bulkheads.of(account_id).senders
        return Taken(permits, permits.take(most))

    def room(self, account_id: str) -> int:
        return 100

    def leave(self, batch: Batch) -> None:
        dial.place(self.dialer, batch)

    def work(self, team: str, campaigns: tuple[str, ...]) -> None:
        """Fill and dial until a fill finds nobody."""
        steps = [Fill(team, campaigns)]
        while steps:
            step = steps.pop()
            if isinstance(step, Fill):
                filled = fill.fill(self.dialer, team, campaigns)
                steps += [Fill(team, campaigns)] if filled.reserved else []
                steps += [each for each in filled.steps if isinstance(each, Dial)]
            else:
                dial.dial(self.dialer, step.call_ids)


@pytest.fixture
def workers(world: World, database_url: str) -> Iterator[tuple[Unreachable, list[Worker]]]:
    world.deploy(number_busy_seconds=0)
    engine, carrier = open_database(database_url, pool_size=WORKERS + 2), Unreachable()
    made = []
    for n in range(WORKERS):
        worker = Worker(replace(world.dialer, db=engine, carriers={"simulator": carrier}))
        if n % 2:
            worker.dialer = replace(worker.dialer, placing=lambda worker=worker: worker)
        else:
            worker.dialer = replace(worker.dialer, placing=lambda: None)
        made.append(worker)
    yield carrier, made
    engine.dispose()


@pytest.mark.slow
def test_two_campaigns_and_eight_workers_never_call_a_number_once_too_often(
    world: World, workers: tuple[Unreachable, list[Worker]]
) -> None:
    carrier, those = workers
    numbers = [f"+1202556{n:04d}" for n in range(ROUNDS)]
    pairs = [[world.contact(phone=number) for number in numbers] for _ in range(2)]
    rules = {"frequency": [{"calls": CALLS, "hours": 24}], "retryDelayMinutes": 0, "maxConcurrentCalls": 5}
    campaigns = tuple(world.campaign(contacts, **rules) for contacts in pairs)
    world.sql("UPDATE campaign_contacts SET due_at = '2030-01-01'")
    for campaign in campaigns:
        world.run(campaign)
    with ThreadPoolExecutor(WORKERS) as threads:
        for n, number in enumerate(numbers):
            due = "UPDATE campaign_contacts SET due_at = dialer_now() WHERE contact_id = :id"
            for contacts in pairs:
                world.sql(due, id=contacts[n])
            working = [threads.submit(worker.work, world.team, campaigns) for worker in those]
            for each in working:
                each.result(PATIENCE_SECONDS)
            those[0].work(world.team, campaigns)
            assert carrier.numbers.count(number) == CALLS, f"round {n}"
    assert len(carrier.numbers) == ROUNDS * CALLS
