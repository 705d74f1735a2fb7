"""An instant for a person: the wall clock, the day, how far away."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from worker.domain.clock_words import on_the_wall

NOON = datetime(2027, 3, 1, 17, tzinfo=UTC)  # a Monday in New York


@pytest.mark.parametrize(
    ("at", "zone", "words"),
    [
        (datetime(2027, 3, 1, 22, tzinfo=UTC), "America/New_York", "17:00 New York, in 5 h"),
        (datetime(2027, 3, 2, 14, tzinfo=UTC), "America/New_York", "09:00 New York on Tue 2 Mar, in 21 h"),
        (datetime(2027, 3, 1, 17, 0, 20, tzinfo=UTC), "America/New_York", "12:00 New York"),
        (datetime(2027, 3, 1, 16, 15, tzinfo=UTC), "Asia/Tokyo", "01:15 Tokyo, 45 min ago"),
        (datetime(2027, 3, 4, 17, tzinfo=UTC), "", "17:00 UTC on Thu 4 Mar, in 3 d"),
        (datetime(2028, 1, 1, 12, tzinfo=UTC), "Mars/Olympus", "12:00 UTC on Sat 1 Jan 2028, in 306 d"),
        (datetime(2040, 1, 1, 12, tzinfo=UTC), "Asia/Tokyo", "12:00 UTC on Sun 1 Jan 2040, in 4689 d"),
    ],
)
def test_an_instant_reads_as_on_the_wall(at: datetime, zone: str, words: str) -> None:
    assert on_the_wall(at, zone, NOON) == words
