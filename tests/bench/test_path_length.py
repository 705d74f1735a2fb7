"""The path of a refill, pinned: whoever makes it longer learns it here."""

from __future__ import annotations

import pytest

from tests.bench.path_length import middle, refills
from worker.dev.stack import Stack

ROUND_TRIPS, COMMITS = 34, 6
"""What it takes today, in a row. These may only fall."""


@pytest.mark.slow
def test_a_refill_takes_no_more_round_trips_and_commits_than_it_did() -> None:
    with Stack() as stack:
        path = middle(refills(stack))
    assert (path.round_trips, path.commits) <= (ROUND_TRIPS, COMMITS), "\n".join(path.lines())
    assert path.commits <= COMMITS
