"""A worker sees that its broker is gone, in whatever state it consumes and whatever it sends meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import pytest
from kombu import Consumer
from kombu.asynchronous import Hub
from kombu.utils import symbol_by_name
from redis import RedisError

from tests.patience import PATIENCE_SECONDS
from worker.background import in_background
from worker.celery import app
from worker.dev.valkey import EmbeddedValkey
from worker.process.broker import KEPT, OURS, Persistent
from worker.process.celery_app import CONTROL
from worker.slots import connect

STEPS = 200
"""Of the event loop, each a second at most; three are enough."""


@pytest.fixture
def valkey() -> Iterator[EmbeddedValkey]:
    with EmbeddedValkey(durable=False) as server:
        yield server


@pytest.fixture
def consuming(valkey: EmbeddedValkey) -> Iterator[Consuming]:
    with type("OfTest", (Persistent,), {"app": app})(valkey.broker_url) as broker:
        consuming = Consuming(broker)
        yield consuming
        consuming.close()


class Consuming:
    """The event loop of a worker that takes one message at a time."""

    def __init__(self, broker: Any) -> None:
        self.broker, self.channel = broker, broker.default_channel
        self.taken: list[Any] = []
        self._hub = _hub(broker.connection_errors)
        broker.register_with_event_loop(self._hub)
        self.channel.basic_qos(0, 1, False)
        self._consumer = Consumer(self.channel, [app.amqp.queues[CONTROL]], on_message=self.taken.append)
        self._consumer.consume()
        self._hub.run_once()

    def close(self) -> None:
        self._hub.close()

    def step_until(self, condition: Callable[[], object]) -> None:
        for _ in range(STEPS):
            if condition():
                return
            self._hub.run_once()
        raise AssertionError(f"it did not come true in {STEPS} steps of the event loop")

    def take(self) -> Any:
        """The next message, not acknowledged yet: there is no room for another."""
        before = len(self.taken)
        send(self.broker)
        self.step_until(lambda: len(self.taken) > before)
        return self.taken[-1]


def _hub(errors: Any) -> Any:  # the stubs know only a part of it
    hub: Any = Hub()
    hub.propagate_errors = errors
    return hub


def send(broker: Persistent) -> None:
    with broker.clone() as other:
        app.send_task("worker.run_campaign", ["camp_a"], connection=other)  # what the broker keeps until it is done


def idle(consuming: Consuming) -> Callable[[], object]:
    return lambda: None


def acknowledged(consuming: Consuming) -> Callable[[], object]:
    consuming.take().ack()
    return lambda: None


def acknowledges(consuming: Consuming) -> Callable[[], object]:
    return consuming.take().ack


def rejects(consuming: Consuming) -> Callable[[], object]:
    return consuming.take().reject


def puts_back(consuming: Consuming) -> Callable[[], object]:
    return consuming.take().requeue


def holds_a_reply_back(consuming: Consuming) -> Callable[[], object]:
    """It has asked for a message when another took the room."""
    send(consuming.broker)
    message = consuming.channel.basic_get(CONTROL) or consuming.take()
    consuming.step_until(lambda: consuming.broker.transport.cycle._paused_brpop or consuming.taken)
    return message.ack


STATES = [idle, acknowledged, acknowledges, rejects, puts_back, holds_a_reply_back]


@pytest.mark.parametrize("state", STATES)
def test_a_consumer_sees_that_its_broker_is_gone(
    valkey: EmbeddedValkey, consuming: Consuming, state: Callable[[Consuming], Callable[[], object]]
) -> None:
    end_task = state(consuming)
    valkey.kill()
    with suppress(*consuming.broker.connection_errors):  # Celery says it in a line
        in_background("pool", end_task).result(PATIENCE_SECONDS)
    with pytest.raises(consuming.broker.connection_errors):
        consuming.step_until(lambda: False)


@pytest.mark.parametrize("state", [acknowledges, rejects, puts_back])
def test_a_consumer_goes_on_where_redis_refused_what_became_of_a_message(
    valkey: EmbeddedValkey, consuming: Consuming, state: Callable[[Consuming], Callable[[], object]]
) -> None:
    end_task = state(consuming)
    with connect(valkey.url) as redis:
        unacked = redis.hgetall("unacked")
        redis.delete("unacked")
        redis.set("unacked", "not a hash")
        with pytest.raises(RedisError):
            end_task()
        redis.delete("unacked")
        redis.hset("unacked", mapping=unacked)
    consuming.take().ack()


@pytest.mark.parametrize("options", [{}, {"task_events": True}, {"without_gossip": False, "without_mingle": False}])
def test_a_worker_sends_nothing_from_the_thread_that_consumes(options: dict[str, bool]) -> None:
    """Celery's heartbeats and greetings are tried again without an end there, and without a word."""
    consumer = symbol_by_name(app.conf.worker_consumer)(
        print, app=app, controller=SimpleNamespace(use_eventloop=True), worker_options=options
    )
    steps = {step.name.rpartition(".")[2] for step in consumer.steps}
    assert steps - {"Events"} == {"Connection", "Tasks", "Evloop"}


def test_what_the_broker_keeps_is_what_is_acknowledged_late() -> None:
    late = {name for name, task in app.tasks.items() if name.startswith(OURS) and task.acks_late}
    assert late == KEPT


@pytest.mark.parametrize("task", ["worker.tick", "worker.run_campaign"])
def test_a_message_is_acknowledged_though_its_connection_is_gone(consuming: Consuming, task: str) -> None:
    """What fails then is an error of the connection, which Celery knows, and not the end of the worker."""
    with consuming.broker.clone() as other:
        app.send_task(task, ["camp_a"] if task in KEPT else [], connection=other)
    consuming.step_until(lambda: consuming.taken)
    message = consuming.taken[-1]
    consuming.broker.close()
    with suppress(*consuming.broker.connection_errors):
        message.ack()
