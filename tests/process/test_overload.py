"""However much is left undone, the broker holds a few messages, each of them is needed, and each is answered by work.

A queue that grows with the calls that wait feeds itself: the longer it is, the later its messages come, and the more
of them look lost. So a message says that there is something to do, the rows say what, and there is no second one of its
kind while the first has not been taken, however late it is.
"""

from __future__ import annotations

import base64
import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from redis import Redis

from tests.world import World
from worker.flow.record import record
from worker.process import celery_app, tasks, wiring
from worker.process.settings import settings
from worker.slots import connect, nudge

QUEUES = (celery_app.CONTROL, celery_app.DIAL)
KINDS = 3
"""Of messages that such a backlog can ask for: dial, settle, wake. There is at most one of each for a worker."""
CALLS, CAMPAIGNS = 60, 20
TICKS, SECONDS_BETWEEN = 5, 12.0
"""After so long a call that is still reserved looks as if its message was lost; after all of them none is given up."""
LONG_SECONDS = 600
LATER = (
    "UPDATE calls SET reserved_at = reserved_at - :ago, rung_at = rung_at - :ago WHERE state = 'reserved'",
    "UPDATE call_events SET received_at = received_at - :ago WHERE outcome IS NULL",
)


@dataclass(frozen=True, slots=True)
class Broker:
    """The messages of a deployment whose only worker is the test."""

    redis: Redis
    prefix: str

    def waiting(self) -> Counter[str]:
        """How many messages wait for each task."""
        lists = [self.redis.lrange(f"{self.prefix}:{queue}", 0, -1) for queue in QUEUES]
        return Counter(json.loads(message)["headers"]["task"] for messages in lists for message in messages)

    def take(self) -> Callable[[], Any] | None:
        """The message that has waited longest, as the work it asks for; ``None`` where none waits."""
        for queue in QUEUES:
            if (message := self.redis.rpop(f"{self.prefix}:{queue}")) is not None:
                read = json.loads(message)
                arguments, *_ = json.loads(base64.b64decode(read["body"]))
                task = celery_app.app.tasks[read["headers"]["task"]]
                return lambda: task(*arguments)
        return None


@pytest.fixture
def broker(world: World, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Broker]:
    monkeypatch.setattr(nudge, "OUTSTANDING_SECONDS", LONG_SECONDS)  # what is lost is none of this; a test may be slow
    world.deploy(send_fence_seconds=LONG_SECONDS)
    world.places = False
    monkeypatch.setattr(wiring, "dialer", lambda: world.dialer)
    monkeypatch.setenv("REDIS_URL", redis_url)
    settings.cache_clear()
    celery_app.configure(celery_app.app, settings())
    with connect(redis_url) as redis:
        yield Broker(redis, settings().redis_prefix)
    settings.cache_clear()


def reserved_calls(world: World) -> None:
    """Calls are reserved, and whoever was to place them is gone."""
    world.reserve(_campaign(world, CALLS))


def undrained_events(world: World) -> None:
    """Calls have ended, and whoever received the news is gone before it said so."""
    world.do_all(world.reserve(_campaign(world, CALLS)))
    world.set_clock(world.stage.next_at or world.now)
    while events := world.stage.play():
        record(world.dialer, "simulator", events)
        world.set_clock(world.stage.next_at or world.now)


def due_fills(world: World) -> None:
    """Campaigns run and have slots free, and nobody has looked at them."""
    for _ in range(CAMPAIGNS):
        campaign = _campaign(world, 3)
        world.run(campaign, max_calls=1)
        world.sql("UPDATE runs SET max_calls = NULL WHERE campaign_id = :id", id=campaign)
        world.sql("UPDATE campaigns SET next_wake_at = dialer_now() WHERE id = :id", id=campaign)


def all_of_it(world: World) -> None:
    undrained_events(world)
    reserved_calls(world)
    due_fills(world)


@pytest.mark.parametrize(
    "backlog",
    [reserved_calls, undrained_events, due_fills, all_of_it],
)
def test_a_backlog_is_a_few_messages_and_each_is_answered_by_work(
    world: World, broker: Broker, backlog: Callable[[World], None]
) -> None:
    world.sql("UPDATE teams SET max_concurrent_calls = 1000")
    backlog(world)
    broker.redis.delete(*(f"{broker.prefix}:{queue}" for queue in QUEUES))  # what was sent by then is lost

    for _ in range(TICKS):
        for statement in LATER:
            world.sql(statement, ago=timedelta(seconds=SECONDS_BETWEEN))
        world.sql("DELETE FROM ticks WHERE name = 'tick'")
        tasks.tick_once()
        waiting = broker.waiting()
        assert waiting.total() <= KINDS, f"too many messages: {waiting}"
        assert max(waiting.values(), default=0) <= 1, f"doubled: {waiting}"

    assert broker.waiting(), "no message says that there is a backlog"
    while (work := broker.take()) is not None:
        before = _done(world)
        work()
        assert _done(world) > before, "a message was answered by no work"
        assert broker.waiting().total() <= KINDS
    assert not world.sql("SELECT FROM calls WHERE state = 'reserved'"), "calls are left for which there is no message"
    assert not world.sql("SELECT FROM call_events WHERE outcome IS NULL"), "news is left for which there is no message"


def _campaign(world: World, contacts: int) -> str:
    number = world.number(f"+1303555{next(world.counter):04d}", limit=100)
    return world.campaign(world.contacts(contacts), fromNumberIds=[number], maxConcurrentCalls=contacts)


def _done(world: World) -> int:
    """Grows with every call that is placed and every event that is settled."""
    return int(
        world.sql("""SELECT (SELECT count(*) FROM calls WHERE state <> 'reserved')
                          + (SELECT count(*) FROM call_events WHERE outcome IS NOT NULL)""")[0][0]
    )
