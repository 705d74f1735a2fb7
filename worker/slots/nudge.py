"""At most one message of a kind on its way at a time.

A thousand callbacks a second need one settling, not a thousand messages; and however late it is, a second one would
say nothing new. The flag is a hint with an end: the tick sees whether the message it stands for still waits
(:mod:`worker.process.dispatch`), and where nobody ticks it ends by itself, soon, for what is wanted next must not go
unsaid for long because a message was lost. So a late one may have a follower; the broker takes no more than a few.
"""

from __future__ import annotations

import structlog
from redis import Redis
from redis.client import Pipeline

from worker.slots.client import load_script, redis_errors

log = structlog.get_logger()

OUTSTANDING_SECONDS = 2
_IN_PLACE_OF_ANOTHER = 2
"""What the script returns where what it found was none of ours."""


class Nudge:
    """The flags of one deployment. Raises :class:`~worker.domain.errors.Unavailable` when Redis is away."""

    def __init__(self, client: Redis, prefix: str) -> None:
        self._redis = client
        self._root = f"{{{prefix}nudge}}:"
        self._take = load_script(client, "nudge")

    def take(self, kind: str) -> bool:
        """Whether the caller is the one to send the message of this kind."""
        key = f"{self._root}{kind}"
        with redis_errors():
            taken = self._take([key], [OUTSTANDING_SECONDS * 1000])
        if taken == _IN_PLACE_OF_ANOTHER:
            log.warning("redis_key_rebuilt", key=key, was="a key of another type", expected="string")
        return bool(taken)

    def clear(self, kind: str) -> bool:
        """The message has arrived, or is lost: what comes from here on needs another. Whether one was on its way."""
        with redis_errors():
            return bool(self._redis.delete(f"{self._root}{kind}"))

    def clear_by(self, pipeline: Pipeline, kind: str) -> None:
        """The same as one command of the caller's pipeline."""
        pipeline.delete(f"{self._root}{kind}")
