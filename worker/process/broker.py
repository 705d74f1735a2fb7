"""The connection to the broker, made to outlive whatever the broker says and whatever is put into it.

kombu takes an answer such as READONLY, OOM or WRONGTYPE for a mistake of the program, and Celery ends the worker. Here
every answer that is an error is an error of the connection: it is closed, and opened again when the server can serve;
for a connection counts as open only when every key of the broker is of its type and a write has succeeded.

And queues are short: most messages say "look again", and more of those than workers can take say nothing new.
"""

from __future__ import annotations

from queue import Empty
from typing import Any

import structlog
from celery.app.amqp import AMQP
from kombu import Connection
from kombu.transport import redis as kombu_redis
from kombu.transport import virtual
from kombu.utils.json import dumps
from redis import Redis, RedisError

from worker.process.messages import fault_of

log = structlog.get_logger()

PROBE, PROBE_SECONDS = "probe", 5
OURS = "worker."
"""What the names of the product's tasks begin with."""
KEPT = frozenset({"worker.run_campaign"})
"""Those of them whose message says what no row does yet: the broker keeps it until it was carried out."""
MOST_WAITING = 50
"""Messages that say "look again" in one queue: a few for each thread of several workers."""
_PUSH_IF_ROOM = """
if redis.call('LLEN', KEYS[1]) < tonumber(ARGV[2]) then return redis.call('LPUSH', KEYS[1], ARGV[1]) end
return 0
"""
_UNPARSED = (ValueError, RecursionError)  # both of json's and those of the characters; nested too deeply
_BINDING = "_kombu.binding"
_SEPARATOR = b"\x06\x16"


def says_look_again(name: object) -> bool:
    """Whether a message for the task of this name says what rows say, too, so that it may be lost. By its name alone:
    a message is acknowledged also when the connection it came by is gone, and all that hung on it."""
    return isinstance(name, str) and name.startswith(OURS) and name not in KEPT


class _Credit(kombu_redis.QoS):
    """Makes room for the next message also where Redis did not take what became of this one. kombu (5.7) leaves the
    room taken then; once all of it is, the consumer reads nothing any more, and does not see that its connection is
    gone. The message stays with the broker, which delivers it again after the visibility timeout."""

    def ack(self, delivery_tag: str) -> None:
        try:
            super().ack(delivery_tag)
        except RedisError:
            virtual.QoS.ack(self, delivery_tag)
            raise

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:
        try:
            super().reject(delivery_tag, requeue)
        except RedisError:
            virtual.QoS.ack(self, delivery_tag)
            raise


class _Forgetting(_Credit):
    """Has the broker keep what a consumer has taken only where it is worth it: a task that is acknowledged late.

    The others say "look again", and are acknowledged when they begin. Between a message's arrival and that lie
    milliseconds, in which a worker that dies would lose it: the tick finds sooner what it stood for than the broker
    would deliver it again. Keeping each and forgetting it again were two of the exchanges between a call's end and the
    next request, and more than the publishing costs.
    """

    _delivered: Any

    def append(self, message: Any, delivery_tag: Any) -> None:
        if self._keeps(message):
            super().append(message, delivery_tag)
        else:
            virtual.QoS.append(self, message, delivery_tag)

    def ack(self, delivery_tag: Any) -> None:
        if self._keeps(self._delivered.get(delivery_tag)):
            super().ack(delivery_tag)
        else:
            virtual.QoS.ack(self, delivery_tag)

    def reject(self, delivery_tag: Any, requeue: bool = False) -> None:
        if requeue or self._keeps(self._delivered.get(delivery_tag)):
            super().reject(delivery_tag, requeue)
        else:
            virtual.QoS.ack(self, delivery_tag)

    def _keeps(self, message: Any) -> bool:
        """Also what is none of ours, and what is not known any more."""
        return message is None or not says_look_again(message.headers.get("task"))


class _Reading(kombu_redis.Channel):
    QoS = _Forgetting
    connection: Any
    global_keyprefix: str
    _q_for_pri: Any

    def _put(self, queue: str, message: Any, **kwargs: Any) -> None:
        """A message that says "look again" is not added to a queue in which there are enough: workers that get round
        to those look at everything, and the tick finds what is left. Whatever the backlog is, a broker holds no more
        than that; and a queue that is long does not grow because it is."""
        if not says_look_again(message["headers"].get("task")):
            super()._put(queue, message, **kwargs)
            return
        key = f"{self.global_keyprefix}{self._q_for_pri(queue, self._get_message_priority(message, reverse=False))}"
        command = (_PUSH_IF_ROOM, 1, key, dumps(message), MOST_WAITING)
        batch = kwargs.get("_publish_batch")
        if batch is not None:
            batch.add("eval", *command)
            return
        with self.conn_or_acquire() as client:
            client.eval(*command)

    def _brpop_read(self, **options: Any) -> Any:
        try:
            return super()._brpop_read(**options)  # type: ignore[misc]  # the stubs know only what is public
        except _UNPARSED as error:
            log.warning("message_dropped", fault="it is not JSON", error=type(error).__name__)
            raise Empty from error


class _SentinelReading(_Reading, kombu_redis.SentinelChannel):
    pass


class _Lasting(kombu_redis.Transport):
    client: Any
    _avail_channels: list[Any]
    Channel = _Reading
    connection_errors = (*kombu_redis.Transport.connection_errors, RedisError)

    def establish_connection(self) -> Any:
        established: Any = super().establish_connection()
        channel = self._avail_channels[-1]
        try:
            with channel.conn_or_acquire() as client, Redis(connection_pool=client.connection_pool) as plain:
                _repair(plain, channel, self.client.app.amqp.queues)
                plain.set(f"{channel.global_keyprefix}{PROBE}", "1", ex=PROBE_SECONDS)
        except RedisError:
            self.close_connection(established)
            raise
        return established

    def _deliver(self, message: Any, queue: str | None) -> None:
        task_queues = self.client.app.amqp.queues
        tasks = {name: task for name, task in self.client.app.tasks.items() if not name.startswith("celery.")}
        fault = fault_of(message, tasks) if queue in task_queues else None  # events of Celery's own are no tasks
        if fault is None:
            super()._deliver(message, queue)
        else:
            log.warning("message_dropped", queue=queue, fault=fault)


class _SentinelLasting(_Lasting, kombu_redis.SentinelTransport):
    Channel = _SentinelReading


class Persistent(Connection):
    """A connection that is tried again every other second at least while the broker is away. Left to itself the
    pause grows with every failure, to half a minute: that long dialing would wait for a Redis that is back."""

    def ensure_connection(self, *args: Any, **more: Any) -> Any:
        pauses = {"interval_start": 0.5, "interval_step": 0.5, "interval_max": 2.0}
        return super().ensure_connection(*args, **{**more, **pauses})

    def get_transport_cls(self) -> Any:
        plain = super().get_transport_cls()
        if issubclass(plain, kombu_redis.SentinelTransport):
            return _SentinelLasting
        return _Lasting if issubclass(plain, kombu_redis.Transport) else plain


class Broker(AMQP):
    """Celery's, with such connections, which know for whose tasks and queues they are."""

    def __init__(self, app: Any) -> None:
        super().__init__(app)
        self.Connection = type("Persistent", (Persistent,), {"app": app})


def _repair(client: Redis, channel: Any, queues: Any) -> None:
    """Delete what stands under a name of the broker's and is of another type than kombu makes it. Messages are lost
    with it as when the broker is emptied; the tick sends again what counts."""
    bindings = [f"{prefix}.{queue}" for queue in queues for prefix in (_BINDING, f"{_BINDING}_permanent")]
    expected = {
        **dict.fromkeys(queues, "list"),
        **dict.fromkeys(bindings, "set"),
        channel.unacked_key: "hash",
        channel.unacked_index_key: "zset",
        channel.unacked_mutex_key: "string",
    }
    for name, wanted in expected.items():
        key = f"{channel.global_keyprefix}{name}"
        found = _text(client.type(key))
        if found not in (wanted, "none"):
            client.delete(key)
            log.warning("redis_key_rebuilt", key=key, was=found, expected=wanted)
    for name in bindings:
        key = f"{channel.global_keyprefix}{name}"
        for member in client.smembers(key):
            if len(_bytes(member).split(_SEPARATOR)) != 3:
                client.srem(key, member)
                log.warning("redis_key_rebuilt", key=key, was="a member that is not a binding", expected="set")


def _text(answer: Any) -> str:
    return answer.decode() if isinstance(answer, bytes) else str(answer)


def _bytes(answer: Any) -> bytes:
    return answer if isinstance(answer, bytes) else str(answer).encode()
