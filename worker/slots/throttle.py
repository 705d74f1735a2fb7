"""How often a client of the API may send requests: so many requests a second, with room for a burst.

Machine time, counted on the server's clock over all web processes together. The keys expire by themselves; an
emptied Redis forgives everybody once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from redis import Redis

from worker.slots.client import load_script
from worker.slots.repair import repaired


@dataclass(frozen=True, slots=True)
class Allowance:
    """``per_second`` requests a second in the long run, ``burst`` of them at once; both more than 0."""

    per_second: float
    burst: int

    @property
    def interval_microseconds(self) -> int:
        """The time one request takes to drain, rounded up."""
        return max(1, math.ceil(1_000_000 / self.per_second))


class Throttle:
    """The allowances of one deployment. Safe to share between threads.

    Raises :class:`~worker.domain.errors.Unavailable` when Redis is away; whether that lets everybody in or
    nobody is for the caller to decide.
    """

    def __init__(self, client: Redis, prefix: str) -> None:
        self._redis = client
        self._root = f"{{{prefix}throttle}}:"
        self._throttle = load_script(client, "throttle")

    def take(self, kind: str, who: str, allowance: Allowance) -> float:
        """Let one request of ``who`` through: 0.0 when it may pass, else the seconds after which one may."""
        key, arguments = f"{self._root}{kind}:{who}", [allowance.interval_microseconds, allowance.burst]
        wait: int = repaired(self._redis, self._root, lambda key: "string", lambda: self._throttle([key], arguments))
        return wait / 1_000_000
