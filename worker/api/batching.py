"""What requests bring while a thread is at work waits, and is dealt with together when it is free.

A thread, a transaction and a message cost about the same for one callback as for ten. Who comes while nobody is at work
begins at once; nobody waits for company.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Generic, TypeVar

from worker.domain.errors import Unavailable

MOST_TOGETHER = 100
"""More are no cheaper each, and one transaction of all that a stopped process finds waiting would last too long."""
MOST_THREADS = 8
"""Of each kind one is at work at a time."""

T = TypeVar("T")
_Brought = list[tuple[T, "asyncio.Future[None]"]]
_Errors = Sequence[BaseException | None]


@dataclass
class _Kind(Generic[T]):
    """What waits of a kind in one event loop, while a thread is at work for it; ``alone`` are groups to be dealt with
    before it, each by itself."""

    name: str
    loop: asyncio.AbstractEventLoop
    waiting: _Brought[T] = field(default_factory=list)
    alone: deque[_Brought[T]] = field(default_factory=deque)


class Batching(Generic[T]):
    """``work`` is done on a thread for all that waits of a kind, each kind by itself; it says of each what went wrong
    with it, if anything did. Where it raises, a service is away for all, and anything else is of one of them: it is
    done again for each alone."""

    def __init__(self, work: Callable[[str, Sequence[T]], _Errors]) -> None:
        self._work = work
        self._threads = ThreadPoolExecutor(MOST_THREADS, thread_name_prefix="gathered")
        self._kinds: dict[tuple[asyncio.AbstractEventLoop, str], _Kind[T]] = {}  # those that a thread is at work for

    async def bring(self, kind: str, brought: T) -> None:
        """Have it dealt with; returns when it is. Raises what went wrong with it."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        busy = self._kinds.get((loop, kind))
        if busy is not None:
            busy.waiting.append((brought, done))
        else:
            begun = self._kinds[loop, kind] = _Kind(kind, loop)
            self._begin(begun, [(brought, done)])
        await done

    def _begin(self, kind: _Kind[T], group: _Brought[T]) -> None:
        work = self._threads.submit(self._work, kind.name, [brought for brought, _ in group])
        work.add_done_callback(partial(self._hand_back, kind, group))

    def _hand_back(self, kind: _Kind[T], group: _Brought[T], work: Future[_Errors]) -> None:
        if not kind.loop.is_closed():  # else the process ends, and nobody waits
            kind.loop.call_soon_threadsafe(self._finish, kind, group, work)

    def _finish(self, kind: _Kind[T], group: _Brought[T], work: Future[_Errors]) -> None:
        """Answer the group, and begin with what is next. In the event loop: what went on in the thread is over."""
        failure = work.exception()
        if failure is None:
            _answer(group, work.result())
        elif len(group) == 1 or isinstance(failure, Unavailable):
            _answer(group, [failure] * len(group))
        else:
            kind.alone.extend([each] for each in group)
        if kind.alone:
            self._begin(kind, kind.alone.popleft())
        elif kind.waiting:
            following, kind.waiting = kind.waiting[:MOST_TOGETHER], kind.waiting[MOST_TOGETHER:]
            self._begin(kind, following)
        else:
            del self._kinds[kind.loop, kind.name]


def _answer(group: _Brought[T], errors: _Errors) -> None:
    for (_, done), error in zip(group, errors, strict=True):
        if done.done():  # its request was given up
            continue
        if error is None:
            done.set_result(None)
        else:
            done.set_exception(error)
