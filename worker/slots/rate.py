"""Calls per second: when a request may leave for the carrier, taken at send time.

A carrier allows an account, and sometimes a number, so many new calls a second. Requests are evenly paced
(burst 1): at 2 a second one leaves every 500 ms, counted on the server's clock over all workers together.
This is machine time and pacing only; the keys may expire, and an emptied Redis costs one request sent early.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from redis import Redis

from worker.slots.client import load_script
from worker.slots.repair import repaired
from worker.slots.scope import Credentials, Scope

LONGEST_HORIZON_SECONDS = 60.0

_LONGEST_INTERVAL_MICROSECONDS = 10**15  # 30 years: whatever a row says, the server can reckon with it


@dataclass(frozen=True, slots=True)
class Rate:
    """At most ``per_second`` requests a second in ``scope``; more than 0, fractions allowed. An edited rate
    counts from the next request on."""

    scope: Scope | Credentials
    per_second: float

    def __post_init__(self) -> None:
        if not self.per_second > 0:
            raise ValueError(f"a rate is more than 0 a second, not {self.per_second}")

    @property
    def interval_microseconds(self) -> int:
        """The time between two requests, rounded up: never faster than the carrier allows."""
        return max(1, math.ceil(min(1_000_000 / self.per_second, _LONGEST_INTERVAL_MICROSECONDS)))


class Rates:
    """The rates of one deployment. Safe to share between threads."""

    def __init__(self, client: Redis, prefix: str) -> None:
        self._redis = client
        self._root = f"{{{prefix}rates}}:"
        self._gcra = load_script(client, "gcra")

    def take(self, requests: Sequence[Sequence[Rate]], horizon_seconds: float = 1.0) -> list[float | None]:
        """For each request, in order, the seconds from now after which it may be sent; one command.

        0.0 is *now*; ``None`` is *not within the horizon*: nothing was taken, try again later. A request
        names all the rates it falls under (account and number, or none) and takes its place in each of them
        or in none. A place that is taken and not used is lost; it passes by itself.

        Not guaranteed: the best use of a shared rate. A request that waits for its number takes its place in
        the account at that later instant, and those after it queue behind; mix the numbers within a batch.

        Raises :class:`~worker.domain.errors.Unavailable` when Redis is away.
        """
        if not 0 <= horizon_seconds <= LONGEST_HORIZON_SECONDS:
            raise ValueError(f"a horizon is 0 to {LONGEST_HORIZON_SECONDS:g} s long, not {horizon_seconds}")
        if not any(requests):
            return [0.0] * len(requests)
        index: dict[str, int] = {}
        arguments = [round(horizon_seconds * 1_000_000), round(LONGEST_HORIZON_SECONDS * 1_000_000)]
        for rates in requests:
            arguments.append(len(rates))
            for rate in rates:
                key = f"{self._root}{rate.scope.kind}:{rate.scope.id}"
                arguments += [index.setdefault(key, len(index) + 1), rate.interval_microseconds]
        waits = repaired(self._redis, self._root, lambda key: "string", lambda: self._gcra(list(index), arguments))
        return [None if wait < 0 else wait / 1_000_000 for wait in waits]
