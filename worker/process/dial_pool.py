"""Calls that wait in a worker to be placed, account by account.

What a task has just reserved is handed to the worker's own pool: by way of the broker the same calls come some
milliseconds later, and a message costs as much as the calls in it. Only what the pool has no room for becomes a
message, for any worker to take. Each account has its own queue and its own few threads that prepare its calls; they
begin nothing while all senders of their account (:mod:`worker.bulkheads`) are at work, so that a carrier that hangs
holds up what waits for it, and nothing else.

What waits here when the process ends is still ``reserved`` in the rows, and is sent again.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial

from worker.bulkheads import Bulkhead, Bulkheads, Taken
from worker.clock import monotonic


@dataclass
class _Queue:
    """What waits for one account, in the order it came; ``preparing`` threads are at it, and ``leaving`` at what did
    not have to wait."""

    bulkhead: Bulkhead
    moved_at: float
    waiting: deque[tuple[str, ...]] = field(default_factory=deque)
    known: set[str] = field(default_factory=set)
    preparing: int = 0
    leaving: int = 0


class DialPool:
    """At most ``preparing`` threads an account that ``place`` calls, up to ``together`` of what waits at a time: the
    more that waits, the fewer transactions a call costs. ``place`` is given the permits of as many senders, and returns
    without waiting for a carrier that hangs."""

    def __init__(
        self,
        bulkheads: Bulkheads,
        place: Callable[[tuple[str, ...], Taken], None],
        *,
        preparing: int = 4,
        together: int,
        now: Callable[[], float] = monotonic,
    ) -> None:
        self._bulkheads, self._place, self._now = bulkheads, place, now
        self._preparing, self._together = preparing, together
        self._room = preparing * together
        self._queues: dict[str, _Queue] = {}
        self._is_open = True
        self._lock = threading.Condition(threading.Lock())

    def senders(self, account: str, most: int) -> Taken:
        """Permits for up to so many calls of the account that are to leave at once: none while others wait for one, and
        none once the pool is closed. They are for :meth:`run`."""
        with self._lock:
            queue = self._of(account)
            permits = queue.bulkhead.senders
            return Taken(permits, permits.take(most) if self._is_open and not queue.waiting else 0)

    def room(self, account: str) -> int:
        """How many more calls of the account may wait here."""
        with self._lock:
            return max(0, self._room - len(self._of(account).known)) if self._is_open else 0

    def run(self, account: str, work: Callable[[], None]) -> None:
        """Let calls leave for which :meth:`senders` were taken, on a thread of the account."""
        with self._lock:
            queue = self._of(account)
            queue.leaving += 1
        queue.bulkhead.run(partial(self._serve, queue, work))

    def _serve(self, queue: _Queue, work: Callable[[], None]) -> None:
        try:
            work()
        finally:
            with self._lock:
                queue.leaving -= 1
                self._lock.notify_all()

    def take(self, account: str, call_ids: Iterable[str]) -> bool:
        """Take these calls, however many wait; false if the pool is closed. Those that wait already wait once."""
        with self._lock:
            queue = self._of(account)
            if not self._is_open:
                return False
            fresh = tuple(call_id for call_id in dict.fromkeys(call_ids) if call_id not in queue.known)
            if fresh:
                if not queue.waiting:
                    queue.moved_at = self._now()
                queue.waiting.append(fresh)
                queue.known.update(fresh)
        self._begin(queue)
        return True

    def stands_still(self, seconds: float) -> bool:
        """Whether calls wait for nobody but this process, and for so long none of their account were begun."""
        with self._lock:
            return any(
                queue.waiting and queue.bulkhead.senders.free and self._now() - queue.moved_at >= seconds
                for queue in self._queues.values()
            )

    def close(self) -> int:
        """Take no more, and let go of what waits; returns how many calls that were."""
        with self._lock:
            self._is_open = False
            dropped = sum(len(queue.known) for queue in self._queues.values())
            for queue in self._queues.values():
                queue.waiting.clear()
                queue.known.clear()
        return dropped

    def wait(self, seconds: float) -> bool:
        """Wait until what was begun is placed and its answers are written down, so long at most; whether they are."""
        over_at = self._now() + seconds
        with self._lock:
            queues = list(self._queues.values())
        is_done = all(queue.bulkhead.senders.wait(over_at - self._now()) for queue in queues)
        with self._lock:
            is_idle = self._lock.wait_for(
                lambda: not any(queue.preparing or queue.leaving for queue in queues), max(0.0, over_at - self._now())
            )
        return is_done and is_idle

    def _of(self, account: str) -> _Queue:
        queue = self._queues.get(account)
        if queue is None:
            queue = self._queues[account] = _Queue(self._bulkheads.of(account), self._now())
            queue.bulkhead.senders.when_free = partial(self._begin, queue)
        return queue

    def _begin(self, queue: _Queue) -> None:
        """Let one more thread prepare what waits, if there is any use in it."""
        with self._lock:
            if not queue.waiting or not queue.bulkhead.senders.free or queue.preparing >= self._preparing:
                return
            queue.preparing += 1
        queue.bulkhead.run(partial(self._prepare, queue))

    def _prepare(self, queue: _Queue) -> None:
        try:
            while call_ids := self._next(queue):
                with queue.bulkhead.senders.taken(len(call_ids)) as senders:
                    self._place(call_ids, senders)
        except BaseException:
            with self._lock:
                queue.preparing -= 1
                self._lock.notify_all()
            self._begin(queue)
            raise

    def _next(self, queue: _Queue) -> tuple[str, ...]:
        """What to place next, no more than there are senders free; none ends the thread's work, decided under the lock,
        so that nobody leaves calls to a thread that has just gone."""
        together: list[str] = []
        with self._lock:
            room = min(self._together, queue.bulkhead.senders.free)
            while queue.waiting and len(together) < room:
                first, more = queue.waiting.popleft(), room - len(together)
                together += first[:more]
                if first[more:]:
                    queue.waiting.appendleft(first[more:])
            queue.known.difference_update(together)
            queue.moved_at = self._now()
            if not together:
                queue.preparing -= 1
                self._lock.notify_all()
        return tuple(together)
