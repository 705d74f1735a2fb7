"""End a web process that answers nobody any more; see :mod:`worker.process.watchdog`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from anyio.to_thread import current_default_thread_limiter

from worker.clock import monotonic
from worker.domain.stuck import STUCK_SECONDS, WebSight, why_web_is_stuck
from worker.process import wiring
from worker.process.watchdog import answered, guard
from worker.store import probe

NOTE_EVERY_SECONDS = 5.0


class Pulse:
    """What the event loop notes about the threads that requests wait in, every few seconds: how many are taken, and
    since when by the same requests."""

    def __init__(self, now: Callable[[], float] = monotonic) -> None:
        self._now = now
        self._busy, self._threads = 0, 1
        self._requests: frozenset[object] = frozenset()
        self._moved_at = self._turned_at = now()

    def note(self, requests: frozenset[object], threads: int) -> None:
        """These are in the threads now, of which there are so many."""
        self._turned_at = self._now()
        if len(requests) < threads or not self._requests <= requests:
            self._moved_at = self._turned_at
        self._requests, self._busy, self._threads = requests, len(requests), threads

    def why_stuck(self, services_answer: Callable[[], bool]) -> str | None:
        """Why the process must end, if it must. Services are queried only where there is a suspicion."""
        same_for, loop_silent_for = self._now() - self._moved_at, self._now() - self._turned_at
        if max(same_for, loop_silent_for) < STUCK_SECONDS:
            return None
        answer = services_answer()
        if not answer:
            self._moved_at = self._now()  # when they are back, whoever waited has as long again
        return why_web_is_stuck(WebSight(answer, self._busy, self._threads, same_for, loop_silent_for))


async def beat(pulse: Pulse) -> None:
    """Note what there is to note, for ever."""
    limiter = current_default_thread_limiter()
    while True:
        pulse.note(frozenset(limiter.statistics().borrowers), int(limiter.total_tokens))
        await asyncio.sleep(NOTE_EVERY_SECONDS)


def watch(pulse: Pulse) -> None:
    """Begin to watch this process."""
    guard("web_stuck", lambda: pulse.why_stuck(lambda: answered(_may_write) is True))


def _may_write() -> bool:
    with probe.fresh(wiring.dialer().db) as own:
        probe.write(own, "watchdog")
    return True
