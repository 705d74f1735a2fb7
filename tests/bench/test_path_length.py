"""The path of a refill, pinned: whoever makes it longer finds out here.

What else a process does meanwhile, such as a second worker's question or a watchdog's, may join in and make the path
of one refill longer, but none shorter: the shortest of them all is what a refill takes.
"""

from __future__ import annotations

import pytest

from tests.bench.path_length import refills, shortest
from worker.dev.stack import Stack

ROUND_TRIPS, COMMITS = 8, 2
"""What it takes today, in a row. These may only fall."""


@pytest.mark.slow
def test_a_refill_takes_no_more_round_trips_and_commits_than_it_did() -> None:
    with Stack() as stack:
        path = shortest(refills(stack))
    assert (path.round_trips, path.commits) <= (ROUND_TRIPS, COMMITS), "\n".join(path.lines())
    assert path.commits <= COMMITS
