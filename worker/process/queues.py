"""What waits at the broker: how many messages in each queue, and since when the oldest does.

Every message carries the wall clock of whoever sent it, for people to read: whether workers keep up shows in how
long the oldest message waits, not by how many there are. Nothing in the product decides by that stamp, and clocks of
two machines that disagree show here as messages a little too old or too young.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from kombu.exceptions import OperationalError
from redis import RedisError

from worker.clock import wall
from worker.domain.errors import Unavailable
from worker.process.celery_app import CONTROL, DIAL, SENT_AT, app

MOST_LOOKED_AT = 200
"""Messages of a queue that are read, the oldest first: more than there are of those that may be lost."""


@dataclass(frozen=True, slots=True)
class QueueLength:
    """One queue: its messages, and for how many seconds the oldest has waited (``None`` where none does, or where
    its sender did not say when it was sent)."""

    messages: int
    oldest_seconds: float | None


def queue_lengths() -> Mapping[str, QueueLength]:
    """Every queue by name. Raises :class:`Unavailable` when the broker is away."""
    with _client() as (client, prefix):
        return {queue: _length(client, prefix, queue) for queue in (CONTROL, DIAL)}


def waiting_tasks() -> set[str]:
    """The names of the tasks that messages wait for. Raises :class:`Unavailable` when the broker is away."""
    with _client() as (client, prefix):
        return {
            name
            for queue in (CONTROL, DIAL)
            for message in client.execute_command("LRANGE", f"{prefix}{queue}", -MOST_LOOKED_AT, -1)
            if (name := _task_of(message)) is not None
        }


@contextmanager
def _client() -> Iterator[tuple[Any, str]]:
    try:
        with app.connection_for_read() as connection:
            channel: Any = connection.default_channel  # kombu's stubs know no virtual channel
            with channel.conn_or_acquire() as client:
                yield client, channel.global_keyprefix
    except (OperationalError, RedisError) as error:
        raise Unavailable(
            "The broker cannot be reached, or does not answer; start it or check CELERY_BROKER_URL, "
            "or where that is not set, REDIS_URL."
        ) from error


def _length(client: Any, prefix: str, queue: str) -> QueueLength:
    """kombu puts messages in on the left of a list and takes them out on the right; it prefixes the keys of the
    commands that it uses itself, and LINDEX is not one of them."""
    oldest = client.lindex(f"{prefix}{queue}", -1)
    return QueueLength(int(client.llen(queue)), None if oldest is None else _age_seconds(oldest))


def _task_of(message: bytes | str) -> str | None:
    try:
        name = json.loads(message)["headers"]["task"]
    except (ValueError, RecursionError, TypeError, LookupError):
        return None
    return name if isinstance(name, str) else None


def _age_seconds(message: bytes | str) -> float | None:
    try:
        sent_at = json.loads(message)["headers"][SENT_AT]
    except (ValueError, RecursionError, TypeError, LookupError):  # it is none of ours, and dropped when its turn comes
        return None
    return max(0.0, wall() - sent_at) if isinstance(sent_at, float) else None
