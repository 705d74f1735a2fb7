"""What requests bring while a thread is at work is dealt with together, and each is answered by what became of its."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.patience import PATIENCE_SECONDS
from worker.api.batching import MOST_TOGETHER, Batching
from worker.domain.errors import Unavailable


class Work:
    """Deals with numbers; the first group waits until it may go on, so that others come meanwhile."""

    def __init__(self, error_of: Callable[[int], Exception | None] = lambda number: None) -> None:
        self.groups: list[list[int]] = []
        self.began, self.may_go_on = threading.Event(), threading.Event()
        self._error_of = error_of

    def __call__(self, kind: str, group: Sequence[int]) -> list[Exception | None]:
        self.groups.append(list(group))
        if len(self.groups) == 1:
            self.began.set()
            assert self.may_go_on.wait(PATIENCE_SECONDS)
        return [self._error_of(number) for number in group]


async def bring(work: Work, others: int, given_up: Sequence[int] = ()) -> list[object]:
    """One is dealt with, and so many come meanwhile; what became of each, the error if there was one."""
    batching = Batching(work)
    first = asyncio.create_task(batching.bring("a", 0))
    await asyncio.to_thread(work.began.wait, PATIENCE_SECONDS)
    rest = [asyncio.create_task(batching.bring("a", n)) for n in range(1, others + 1)]
    await asyncio.sleep(0)  # all of them have come
    for n in given_up:
        rest[n - 1].cancel()
    work.may_go_on.set()
    return await asyncio.wait_for(asyncio.gather(first, *rest, return_exceptions=True), PATIENCE_SECONDS)


def test_who_comes_alone_is_dealt_with_at_once_and_who_comes_meanwhile_together() -> None:
    work = Work()
    assert asyncio.run(bring(work, 10)) == [None] * 11
    assert work.groups == [[0], list(range(1, 11))]


def test_a_crowd_is_dealt_with_in_parts() -> None:
    work, crowd = Work(), 2 * MOST_TOGETHER + 1
    assert asyncio.run(bring(work, crowd)) == [None] * (crowd + 1)
    assert [len(group) for group in work.groups] == [1, MOST_TOGETHER, MOST_TOGETHER, 1]


def test_each_is_answered_by_what_became_of_its_own() -> None:
    errors = {n: ValueError(n) for n in (0, 3, 7)}
    assert asyncio.run(bring(Work(errors.get), 10)) == [errors.get(n) for n in range(11)]


class Fails(Work):
    """The same, and refuses a group as a whole."""

    def __init__(self, refuses: Callable[[Sequence[int]], Exception | None]) -> None:
        super().__init__()
        self._refuses = refuses

    def __call__(self, kind: str, group: Sequence[int]) -> list[Exception | None]:
        became = super().__call__(kind, group)
        if error := self._refuses(group):
            raise error
        return became


def test_a_service_that_is_away_is_away_for_all_of_them() -> None:
    away = Unavailable("away")
    work = Fails(lambda group: away if len(group) > 1 else None)
    assert asyncio.run(bring(work, 3)) == [None, away, away, away]
    assert work.groups == [[0], [1, 2, 3]], "nobody tries again for each by itself"


@pytest.mark.parametrize("bad", [{0}, {3}, {1, 2, 3, 4}, {2, 4}])
def test_what_fails_spoils_nobody_elses(bad: set[int]) -> None:
    error = LookupError("one of these")
    work = Fails(lambda group: error if bad & set(group) else None)
    assert asyncio.run(bring(work, 4)) == [error if n in bad else None for n in range(5)]
    alone = [[n] for n in range(1, 5)] if bad - {0} else []
    assert work.groups == [[0], [1, 2, 3, 4], *alone]


def test_what_holds_up_one_kind_holds_up_no_other() -> None:
    work = Work()

    async def two_kinds() -> None:
        batching = Batching(work)
        first = asyncio.create_task(batching.bring("a", 0))
        await asyncio.to_thread(work.began.wait, PATIENCE_SECONDS)
        await asyncio.wait_for(batching.bring("b", 1), PATIENCE_SECONDS)
        assert not first.done()
        work.may_go_on.set()
        await asyncio.wait_for(first, PATIENCE_SECONDS)
        assert not batching._kinds, "nothing is kept of a kind that nobody brings"

    asyncio.run(two_kinds())


def test_a_request_that_is_given_up_is_dealt_with_and_holds_up_nobody() -> None:
    work = Work()
    became = asyncio.run(bring(work, 3, given_up=[2]))
    assert [type(each) for each in became] == [type(None), type(None), asyncio.CancelledError, type(None)]
    assert work.groups == [[0], [1, 2, 3]], "it may be a callback that was read: its carrier counts on it"


@pytest.mark.parametrize("loops", [1, 3])
def test_every_event_loop_is_served(loops: int) -> None:
    work = Work()
    work.may_go_on.set()
    batching = Batching(work)
    with ThreadPoolExecutor(loops) as pool:
        for n in range(3):  # one loop after the other, and several at once
            list(pool.map(lambda each: asyncio.run(batching.bring("a", each)), range(n * loops, (n + 1) * loops)))
    assert sorted(number for group in work.groups for number in group) == list(range(3 * loops))
