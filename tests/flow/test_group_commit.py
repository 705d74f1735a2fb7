"""Callbacks that come at once are committed together, and each is answered by what became of it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from tests.patience import PATIENCE_SECONDS
from worker.domain.errors import Unavailable
from worker.flow.group_commit import GroupCommit


class Work:
    """Deals with numbers; the first group waits until it may go on, so that others come meanwhile."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self.began, self.may_go_on = threading.Event(), threading.Event()
        self.refuses: Callable[[list[int]], Exception | None] = lambda group: None

    def __call__(self, group: list[int]) -> str:
        self.groups.append(sorted(group))
        if len(self.groups) == 1:
            self.began.set()
            assert self.may_go_on.wait(PATIENCE_SECONDS)
        error = self.refuses(group)
        if error is not None:
            raise error
        return f"did {sorted(group)}"


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(16) as pool:
        yield pool


def bring(
    threads: ThreadPoolExecutor, work: Work, others: int = 10
) -> tuple[Future[str | None], list[Future[str | None]]]:
    """One is dealt with, and so many come meanwhile."""
    commits: GroupCommit[int, str] = GroupCommit()
    first = threads.submit(commits.commit, 0, work)
    assert work.began.wait(PATIENCE_SECONDS)
    rest = [threads.submit(commits.commit, n, work) for n in range(1, others + 1)]
    pause = threading.Event()
    while len(commits._waiting) < others:
        pause.wait(0.001)
    work.may_go_on.set()
    return first, rest


def test_who_comes_alone_is_dealt_with_at_once_and_who_comes_meanwhile_together(threads: ThreadPoolExecutor) -> None:
    work = Work()
    first, rest = bring(threads, work)
    assert first.result(PATIENCE_SECONDS) == "did [0]"
    answers = [each.result(PATIENCE_SECONDS) for each in rest]
    assert work.groups == [[0], list(range(1, 11))]
    assert sorted(answer or "" for answer in answers) == [""] * 9 + [f"did {list(range(1, 11))}"], "one has the answer"


def test_a_service_that_is_away_is_away_for_all_of_them(threads: ThreadPoolExecutor) -> None:
    work = Work()
    work.refuses = lambda group: Unavailable("away") if len(group) > 1 else None
    first, rest = bring(threads, work)
    assert first.result(PATIENCE_SECONDS) == "did [0]"
    for each in rest:
        with pytest.raises(Unavailable, match="away"):
            each.result(PATIENCE_SECONDS)
    assert len(work.groups) == 2, "nobody tries again for each by itself"


def test_what_cannot_be_committed_spoils_nobody_elses(threads: ThreadPoolExecutor) -> None:
    work = Work()
    work.refuses = lambda group: ValueError("five") if 5 in group else None
    _, rest = bring(threads, work)
    failed = [n for n, each in enumerate(rest, 1) if each.exception(PATIENCE_SECONDS) is not None]
    assert failed == [5]
    assert sorted(n for group in work.groups[2:] for n in group) == list(range(1, 11))


def test_the_first_of_those_who_come_while_others_wait_goes_on(threads: ThreadPoolExecutor) -> None:
    """Nobody is left waiting, whoever fails, and however many groups follow each other."""
    commits: GroupCommit[int, int] = GroupCommit()
    done: list[int] = []

    def work(group: list[int]) -> int:
        done.extend(group)
        if any(n % 7 == 0 for n in group):
            raise ValueError
        return len(group)

    results = [threads.submit(commits.commit, n, work) for n in range(500)]
    failed = {n for n, each in enumerate(results) if each.exception(PATIENCE_SECONDS) is not None}
    assert failed == set(range(0, 500, 7))
    assert set(done) == set(range(500))
