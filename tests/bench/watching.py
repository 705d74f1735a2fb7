"""What is looked at again and again while something else is done: how long the broker's queues are, and how long news
waits to be settled."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from typing import Any, Self

import psycopg

from tests.bench.deployment import Deployment

EVERY_SECONDS = 0.02
NEWS_EVERY_SECONDS = 0.5
MOST_READ = 5000
"""So many messages of a queue are looked into, to say what they ask for."""
OLDEST = """
SELECT extract(epoch FROM clock_timestamp() - min(received_at))::float FROM call_events
WHERE outcome IS NULL AND (held_until IS NULL OR held_until < clock_timestamp())
"""


class Watch:
    """A context manager: looks until it is left. ``longest`` is how many messages each queue had at most, ``tasks``
    what they asked for then, as far as it was looked into; ``news`` are instants, in epoch seconds, and the seconds the
    oldest news had waited then."""

    def __init__(self, there: Deployment) -> None:
        self._there = there
        self.longest: dict[str, int] = dict.fromkeys(there.queues, 0)
        self.tasks: dict[str, Counter[str]] = {}
        self.news: list[tuple[float, float]] = []
        self._read_at: Counter[str] = Counter()
        self._over = threading.Event()
        self._threads = [threading.Thread(target=look, daemon=True) for look in (self._queues, self._news)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    @property
    def most(self) -> int:
        """The length of the queue that was longest."""
        return max(self.longest.values(), default=0)

    def __str__(self) -> str:
        said = []
        for queue, most in self.longest.items():
            asked = ", ".join(f"{n} {task}" for task, n in self.tasks.get(queue, Counter()).most_common(4))
            said.append(f"at most {most:,} in {queue}" + (f" ({asked})" if asked else ""))
        return "; ".join(said)

    def _queues(self) -> None:
        while not self._over.wait(EVERY_SECONDS):
            for queue in self.longest:
                length = int(self._there.redis.llen(self._there.key(queue)))
                if length <= self.longest[queue]:
                    continue
                self.longest[queue] = length
                if length > 1.2 * self._read_at[queue]:
                    self._read_at[queue] = length
                    messages = self._there.redis.lrange(self._there.key(queue), 0, MOST_READ)
                    self.tasks[queue] = Counter(map(_task, messages))

    def _news(self) -> None:
        with psycopg.connect(self._there.stack.postgres.url_of(self._there.name), autocommit=True) as session:
            while not self._over.wait(NEWS_EVERY_SECONDS):
                row = session.execute(OLDEST).fetchone()
                self.news.append((time.time(), row[0] or 0.0 if row else 0.0))


def _task(message: Any) -> str:
    return str(json.loads(message)["headers"]["task"]).removeprefix("worker.")
