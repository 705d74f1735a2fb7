"""At most one "events wait" message on its way at a time.

A thousand callbacks a second need one settling, not a thousand messages. The flag is a hint with an end: if
the message it stands for is lost, the next callback after it, or the tick, sends another.
"""

from __future__ import annotations

import structlog
from redis import Redis

from worker.slots.client import load_script, redis_errors

log = structlog.get_logger()

OUTSTANDING_SECONDS = 2
_IN_PLACE_OF_ANOTHER = 2
"""What the script returns where what it found was none of ours."""


class Nudge:
    """The flag of one deployment. Raises :class:`~worker.domain.errors.Unavailable` when Redis is away."""

    def __init__(self, client: Redis, prefix: str) -> None:
        self._redis = client
        self._key = f"{{{prefix}nudge}}:settle"
        self._take = load_script(client, "nudge")

    def take(self) -> bool:
        """Whether the caller is the one to send the message."""
        with redis_errors():
            taken = self._take([self._key], [OUTSTANDING_SECONDS * 1000])
        if taken == _IN_PLACE_OF_ANOTHER:
            log.warning("redis_key_rebuilt", key=self._key, was="a key of another type", expected="string")
        return bool(taken)

    def clear(self) -> None:
        """The message has arrived: news from here on needs another."""
        with redis_errors():
            self._redis.delete(self._key)
