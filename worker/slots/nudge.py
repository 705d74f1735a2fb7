"""At most one "events wait" message on its way at a time.

A thousand callbacks a second need one settling, not a thousand messages. The flag is a hint with an end: if
the message it stands for is lost, the next callback after it, or the tick, sends another.
"""

from __future__ import annotations

import structlog
from redis import Redis

from worker.slots.client import asking_redis

log = structlog.get_logger()

OUTSTANDING_SECONDS = 2
_HAS_NO_END = -1  # PTTL's word for it; -2: it is gone already


class Nudge:
    """The flag of one deployment. Raises :class:`~worker.domain.errors.Unavailable` when Redis is away."""

    def __init__(self, client: Redis, prefix: str) -> None:
        self._redis = client
        self._key = f"{{{prefix}nudge}}:settle"

    def take(self) -> bool:
        """Whether the caller is the one to send the message."""
        with asking_redis():
            pipeline = self._redis.pipeline(transaction=False)
            pipeline.set(self._key, "1", nx=True, ex=OUTSTANDING_SECONDS)
            pipeline.pttl(self._key)
            is_taken, ends_in_ms = pipeline.execute()
            if not is_taken and (ends_in_ms == _HAS_NO_END or ends_in_ms > OUTSTANDING_SECONDS * 1000):
                # None of ours: one without an end would keep every message from being sent.
                log.warning("redis_key_rebuilt", key=self._key, was="a key without its end", expected="string")
                return bool(self._redis.set(self._key, "1", ex=OUTSTANDING_SECONDS))
            return bool(is_taken)

    def clear(self) -> None:
        """The message has arrived: news from here on needs another."""
        with asking_redis():
            self._redis.delete(self._key)
