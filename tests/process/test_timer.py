"""Campaigns start at their instant by the timers alone: nothing ticks here."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta

import pytest

from tests.dev.observing import wait_until
from tests.patience import PATIENCE_SECONDS
from tests.world import MONDAY_NOON, World
from worker.flow.base import Fill, Step
from worker.operations import campaigns as campaign_operations
from worker.process import dispatch, timer

ASLEEP = "SELECT pid FROM pg_stat_activity WHERE state = 'idle' AND query LIKE '%scheduled_start_at > %'"
HOUR = timedelta(hours=1)


class Started:
    """What timers had carried out."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self._something = threading.Semaphore(0)

    def carry_out(self, steps: Sequence[Step]) -> None:
        self.steps += steps
        for _ in steps:
            self._something.release()

    def wait(self, count: int = 1) -> list[str]:
        """Wait until so many campaigns have started; their ids."""
        for _ in range(count):
            assert self._something.acquire(timeout=PATIENCE_SECONDS), "nothing starts"
        return [campaign for step in self.steps if isinstance(step, Fill) for campaign in step.campaign_ids]


@contextmanager
def keeping(world: World, monkeypatch: pytest.MonkeyPatch, timers: int = 1) -> Iterator[Started]:
    started, over = Started(), threading.Event()
    monkeypatch.setattr(dispatch, "carry_out", started.carry_out)
    threads = [threading.Thread(target=timer.keep_time, args=(world.dialer, over)) for _ in range(timers)]
    for thread in threads:
        thread.start()
    try:
        yield started
    finally:
        over.set()
        world.sql("NOTIFY campaign_scheduled")
        for thread in threads:
            thread.join(PATIENCE_SECONDS)
        assert not any(thread.is_alive() for thread in threads), "it does not end"


def fall_asleep(world: World, timers: int = 1) -> list[int]:
    """Wait until so many timers listen and wait; their sessions."""
    wait_until(lambda: len(world.sql(ASLEEP)) == timers, f"{timers} timers sleep")
    return [row.pid for row in world.sql(ASLEEP)]


def scheduled(world: World, at: datetime) -> str:
    return world.campaign(world.contacts(1), scheduledStartAt=at.isoformat())


def test_a_campaign_starts_when_its_instant_comes(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    campaign = scheduled(world, MONDAY_NOON + HOUR)
    with keeping(world, monkeypatch) as started:
        fall_asleep(world)
        world.sql("SELECT dialer_set_clock(dialer_now(), 7200)")  # half a second
        assert started.wait() == [campaign]
    assert world.status(campaign) == "running"


def test_a_campaign_ends_when_its_end_comes(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    campaign = world.campaign(world.contacts(1), scheduledEndAt=(MONDAY_NOON + HOUR).isoformat(), keepOpen=True)
    world.run(campaign)
    world.advance(60)
    with keeping(world, monkeypatch) as ended:
        fall_asleep(world)
        world.sql("SELECT dialer_set_clock(dialer_now(), 7200)")  # half a second
        ended.wait()
    assert world.status(campaign) == "completed"


def test_an_earlier_campaign_wakes_the_timer(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.sql("SELECT dialer_set_clock(dialer_now(), 1)")
    scheduled(world, MONDAY_NOON + HOUR)
    with keeping(world, monkeypatch) as started:
        fall_asleep(world)
        earlier = scheduled(world, world.now + timedelta(seconds=1))
        assert started.wait() == [earlier]


def test_a_campaign_that_was_moved_does_not_start_at_its_old_instant(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved, witness = scheduled(world, MONDAY_NOON + HOUR), scheduled(world, MONDAY_NOON + 2 * HOUR)
    with keeping(world, monkeypatch) as started:
        fall_asleep(world)
        campaign_operations.schedule(world.dialer, moved, (MONDAY_NOON + 3 * HOUR).isoformat(), actor="test")
        world.set_clock(MONDAY_NOON + 2 * HOUR)
        assert started.wait() == [witness]
        world.set_clock(MONDAY_NOON + 3 * HOUR)
        assert started.wait() == [witness, moved]


def test_a_timer_whose_session_is_ended_listens_anew(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timer, "AWAY_SECONDS", 0.0)
    campaign = scheduled(world, MONDAY_NOON + HOUR)
    with keeping(world, monkeypatch) as started:
        (session,) = fall_asleep(world)
        world.sql("SELECT pg_terminate_backend(:pid)", pid=session)
        # It is shown for a moment longer than it lives.
        wait_until(lambda: [row.pid for row in world.sql(ASLEEP)] not in ([], [session]), "the timer listens anew")
        world.set_clock(MONDAY_NOON + HOUR)
        assert started.wait() == [campaign]


def test_many_timers_start_each_of_many_campaigns_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    campaigns = [scheduled(world, MONDAY_NOON + HOUR) for _ in range(12)]
    with keeping(world, monkeypatch, timers=4) as started:
        fall_asleep(world, 4)
        world.set_clock(MONDAY_NOON + HOUR)
        assert sorted(started.wait(12)) == sorted(campaigns)
        fall_asleep(world, 4)
    assert len(started.steps) == 12
    assert world.sql("SELECT count(*) AS n FROM runs")[0].n == 12
