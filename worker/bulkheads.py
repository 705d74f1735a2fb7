"""A bulkhead for every carrier account: what hangs at one of them stops nobody else.

Requests to carriers wait, for seconds where a carrier is slow and for as long as they may where it hangs. They are made
by threads of their own (:mod:`worker.threads`), never by those that tick, settle or fill, and of each account only
so many at once: :attr:`Bulkhead.senders` for calls to be placed, :data:`REQUESTS_AT_ONCE` for hang-ups and look-ups,
so that neither keeps the other waiting. A call is committed to be placed only by who holds a sender's permit for it, or
its request might not leave before the send fence.

What is to be requested here stands in a row that is leased (``next_end_at``, ``next_check_at``): what this process has
no room for, or takes along into its death, is taken again when the lease is over.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Generic, TypeVar

from worker.threads import Work

T = TypeVar("T")

REQUESTS_AT_ONCE = 4
"""Hang-ups and look-ups of one account under way at once in one process."""
REQUESTS_WAITING = 4
"""How many more of them may wait for that; few, for their leases run."""


class Permits:
    """How many may do something at once. ``when_free`` is called after some were given back."""

    def __init__(self, count: int) -> None:
        self._count = self._free = count
        self._lock = threading.Condition(threading.Lock())
        self.when_free: Callable[[], None] = lambda: None

    @property
    def free(self) -> int:
        return self._free

    def take(self, most: int) -> int:
        """Take up to ``most``; returns how many there were."""
        with self._lock:
            taken = min(most, self._free)
            self._free -= taken
        return taken

    def give_back(self, count: int) -> None:
        if count:
            with self._lock:
                self._free += count
                self._lock.notify_all()
            self.when_free()

    def wait(self, seconds: float) -> bool:
        """Wait until all are back, so long at most; whether they are."""
        with self._lock:
            return self._lock.wait_for(lambda: self._free == self._count, max(0.0, seconds))

    @contextmanager
    def taken(self, most: int) -> Iterator[Taken]:
        """Take up to ``most`` for the block; what it did not :meth:`Taken.spend` is given back at its end."""
        taken = Taken(self, self.take(most))
        try:
            yield taken
        finally:
            self.give_back(taken.count)


class Taken:
    """Permits in hand: ``count`` of them."""

    def __init__(self, permits: Permits, count: int) -> None:
        self._permits, self.count = permits, count

    def keep(self, count: int) -> None:
        """Give back all but so many."""
        spare = max(0, self.count - count)
        self.count -= spare
        self._permits.give_back(spare)

    def spend(self) -> Callable[[], None]:
        """Leave one to somebody else; returns how that one gives it back."""
        self.count -= 1
        return partial(self._permits.give_back, 1)


class Together(Generic[T]):
    """Deal with what several threads bring, as much at a time as is there: who comes first deals with it, and with
    what others bring meanwhile."""

    def __init__(self) -> None:
        self._brought: list[T] = []
        self._is_dealt_with = False
        self._lock = threading.Lock()

    def bring(self, thing: T, deal: Callable[[list[T]], None]) -> None:
        """Leave it to the thread that is at it, or ``deal`` with all there is. Where that raises, the next takes
        over what is left."""
        with self._lock:
            self._brought.append(thing)
            if self._is_dealt_with:
                return
            self._is_dealt_with = True
        try:
            while brought := self._take():
                deal(brought)
        except BaseException:
            with self._lock:
                self._is_dealt_with = False
            raise

    def _take(self) -> list[T]:
        with self._lock:
            brought, self._brought = self._brought, []
            self._is_dealt_with = bool(brought)
        return brought


class Bulkhead:
    """The share that one carrier account has of this process; ``late``, ``looked_up`` and ``hung_up`` gather what its
    carrier answers to requests that nobody waits for."""

    def __init__(self, run: Callable[[Work], None], senders: int) -> None:
        self.run = run
        self.senders = Permits(senders)
        self.late: Together[Any] = Together()
        self.looked_up: Together[Any] = Together()
        self.hung_up: Together[Any] = Together()
        self.has_more_to_hang_up = False
        self._under_way = 0
        self._waiting: deque[Work] = deque()
        self._lock = threading.Lock()

    @property
    def room(self) -> int:
        """How many more hang-ups and look-ups it takes now."""
        with self._lock:
            return self._room()

    def submit(self, work: Work) -> bool:
        """Do this work, which waits on the carrier and places nothing, as soon as others of its kind let it; false,
        and not done, where too many wait already."""
        with self._lock:
            if not self._room():
                return False
            if self._under_way == REQUESTS_AT_ONCE:
                self._waiting.append(work)
                return True
            self._under_way += 1
        self.run(partial(self._serve, work))
        return True

    def _room(self) -> int:
        return REQUESTS_AT_ONCE - self._under_way + REQUESTS_WAITING - len(self._waiting)

    def _serve(self, work: Work) -> None:
        try:
            work()
        finally:
            with self._lock:
                follower = self._waiting.popleft() if self._waiting else None
                self._under_way -= follower is None
            if follower is not None:
                self.run(partial(self._serve, follower))


class Bulkheads:
    """Those of all accounts. ``run`` begins work on a thread of its own; ``senders`` an account may have as many
    requests to place calls under way; ``at_database`` threads at once may be at the database for what carriers answered
    and for what is to be placed, so that settling and filling find connections, however many accounts there are."""

    def __init__(self, run: Callable[[Work], None], *, senders: int = 100, at_database: int = 4) -> None:
        self._run, self._senders = run, senders
        self.at_database = threading.Semaphore(at_database)
        self._bulkheads: dict[str, Bulkhead] = {}
        self._lock = threading.Lock()

    def of(self, account: str) -> Bulkhead:
        """The bulkhead of an account, by its id."""
        with self._lock:
            found = self._bulkheads.get(account)
            if found is None:
                found = self._bulkheads[account] = Bulkhead(self._run, self._senders)
            return found

    def rooms(self) -> dict[str, int]:
        """Account → :attr:`Bulkhead.room`, of those that have been used; others have
        :data:`REQUESTS_AT_ONCE` + :data:`REQUESTS_WAITING`."""
        with self._lock:
            known = list(self._bulkheads.items())
        return {account: bulkhead.room for account, bulkhead in known}
