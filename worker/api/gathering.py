"""What requests bring while a thread is at work waits, and is dealt with together when it is free.

A thread, a transaction and a message cost about the same for one callback as for ten. Who comes while nobody is at work
begins at once; nobody waits for company.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

from worker.domain.errors import Unavailable

MOST_THREADS = 8
"""Of each kind one is at work at a time."""

T = TypeVar("T")
_Brought = list[tuple[T, "asyncio.Future[None]"]]
_Key = tuple[asyncio.AbstractEventLoop, str]


class Gathering(Generic[T]):
    """``work`` is done on a thread for all that waits of a kind, each kind by itself; it says of each what went wrong
    with it, if anything did. Where it raises, a service is away for all, and anything else is of one of them: it is
    done again for each alone."""

    def __init__(self, work: Callable[[str, Sequence[T]], Sequence[Exception | None]]) -> None:
        self._work = work
        self._threads = ThreadPoolExecutor(MOST_THREADS, thread_name_prefix="gathered")
        self._waiting: dict[_Key, _Brought[T]] = {}  # of what somebody deals with at the moment
        self._leaders: set[asyncio.Task[None]] = set()

    async def bring(self, kind: str, brought: T) -> None:
        """Have it dealt with; returns when it is. Raises what went wrong with it."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        waiting = self._waiting.get((loop, kind))
        if waiting is not None:
            waiting.append((brought, done))
        else:
            self._waiting[loop, kind] = []
            leader = loop.create_task(self._lead((loop, kind), [(brought, done)]))
            self._leaders.add(leader)
            leader.add_done_callback(self._leaders.discard)
        await done

    async def _lead(self, key: _Key, group: _Brought[T]) -> None:
        try:
            while group:
                await self._deal_with(key[1], group)
                group, self._waiting[key] = self._waiting[key], []
        finally:
            for _, done in (*group, *self._waiting.pop(key)):  # none, unless the loop comes to its end
                done.cancel()

    async def _deal_with(self, kind: str, group: _Brought[T]) -> None:
        brought = [each for each, _ in group]
        work = asyncio.get_running_loop().run_in_executor(self._threads, self._work, kind, brought)
        await asyncio.wait([work])
        failure = work.exception()
        if failure is not None and len(group) > 1 and not isinstance(failure, Unavailable):
            for alone in group:
                await self._deal_with(kind, [alone])
            return
        errors = work.result() if failure is None else [failure] * len(group)
        for (_, done), error in zip(group, errors, strict=True):
            if done.done():  # its request was given up
                continue
            if error is None:
                done.set_result(None)
            else:
                done.set_exception(error)
