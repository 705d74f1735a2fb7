"""Windows by weekday against an oracle that shares no code: another time zone library, read minute by minute."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from worker.domain.errors import Invalid
from worker.domain.week_window import DAYS, WeekWindow, frozen_windows, in_words, read_windows, week_window_or_shut
from worker.domain.window import RULES_END, Shut

MINUTE = timedelta(minutes=1)
ORACLE_DAYS = 11
SUNDAY = 6
MOVED = [
    ("America/New_York", datetime(2024, 3, 10, tzinfo=UTC)),  # an hour skipped
    ("America/New_York", datetime(2024, 11, 3, tzinfo=UTC)),  # an hour repeated
    ("Europe/London", datetime(2024, 10, 27, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2023, 10, 1, tzinfo=UTC)),  # half an hour skipped
    ("Africa/Cairo", datetime(2023, 4, 28, tzinfo=UTC)),  # midnight skipped
    ("Africa/Cairo", datetime(2023, 10, 26, tzinfo=UTC)),  # the hour before midnight repeated
    ("Pacific/Apia", datetime(2011, 12, 30, tzinfo=UTC)),  # a Friday skipped
    ("America/Sao_Paulo", datetime(2018, 11, 4, tzinfo=UTC)),
    ("Antarctica/Troll", datetime(2024, 3, 31, tzinfo=UTC)),  # two hours skipped
    ("UTC", datetime(2024, 1, 1, tzinfo=UTC)),
]  # fmt: skip
Windows = list[dict[str, Any]]


def hh_mm(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


some_days = st.lists(st.sampled_from(DAYS), min_size=1, unique=True).map(lambda days: sorted(days, key=DAYS.index))


@st.composite
def apart(draw: st.DrawFn) -> Windows:
    """Windows that do not overlap on any day, the last of which may cross midnight."""
    bounds = sorted(draw(st.sets(st.integers(0, 240) | st.integers(0, 1439), min_size=4, max_size=8)))
    if len(bounds) % 2:
        bounds.pop()
    if draw(st.booleans()):
        bounds = [*bounds[1:], bounds[0]]  # the last ends where the first would have begun, on the next day
    pairs = zip(bounds[::2], bounds[1::2], strict=True)
    return [{"days": draw(some_days), "start": hh_mm(start), "end": hh_mm(end)} for start, end in pairs]


@cache
def readings(zone: str, first: datetime) -> list[tuple[int, str]]:
    """The weekday and the time that a clock in the zone shows at ``first`` and every minute after it."""
    clock = ZoneInfo(zone)
    shown = ((first + step * MINUTE).astimezone(clock) for step in range(ORACLE_DAYS * 1440))
    return [(each.weekday(), each.strftime("%H:%M")) for each in shown]


def covers(window: dict[str, Any], weekday: int, time: str) -> bool:
    """Whether a window is open, compared as it is written."""
    today, yesterday = DAYS[weekday], DAYS[weekday - 1]
    start, end = window["start"], window["end"]
    if start < end:
        return today in window["days"] and start <= time < end
    return (today in window["days"] and time >= start) or (yesterday in window["days"] and time < end)


def first_minute(open_at: list[bool], wanted: bool, index: int) -> int | None:
    return next((n for n in range(index, len(open_at)) if open_at[n] is wanted), None)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(MOVED), apart(), st.integers(0, 3 * 1440), st.sampled_from([0, 1, 30_000_000, 59_999_999]))
def test_the_next_opening_is_that_of_a_clock_and_a_calendar_on_the_wall(
    day: tuple[str, datetime], windows: Windows, minute: int, microseconds: int
) -> None:
    zone, near = day
    first = near - timedelta(days=2)
    at = first + minute * MINUTE + timedelta(microseconds=microseconds)
    open_at = [any(covers(each, *reading) for each in windows) for reading in readings(zone, first)]
    window = WeekWindow(frozen_windows(read_windows(windows, "callWindows")), zone)

    assert window.is_open(at) is open_at[minute]
    for wanted, answer in ((True, window.next_open(at)), (False, window.next_close(at))):
        found = first_minute(open_at, wanted, minute)
        if found is None:
            assert answer is None or answer >= first + len(open_at) * MINUTE
        else:
            assert answer == (at if found == minute else first + found * MINUTE)
    assert (window.open_until(at, 0) is None) is not open_at[minute]


anywhere = st.builds(
    lambda days, start, length: {"days": days, "start": hh_mm(start), "end": hh_mm((start + length) % 1440)},
    some_days, st.integers(0, 1439), st.integers(1, 1439),
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.lists(anywhere, min_size=1, max_size=3))
def test_windows_are_refused_exactly_where_a_minute_of_the_week_is_in_two(windows: Windows) -> None:
    def times(window: dict[str, Any]) -> list[int]:
        start, end = (int(window[name][:2]) * 60 + int(window[name][3:]) for name in ("start", "end"))
        length = (end - start) % 1440
        return [(DAYS.index(day) * 1440 + start + n) % 10080 for day in window["days"] for n in range(length)]

    covered = [minute for window in windows for minute in times(window)]
    if len(set(covered)) == len(covered):
        assert read_windows(windows, "callWindows") == windows
    else:
        with pytest.raises(Invalid, match="overlaps"):
            read_windows(windows, "callWindows")


@pytest.mark.parametrize(
    ("given", "paths"),
    [
        ([], ["w"]),
        ("09:00", ["w"]),
        (["09:00"], ["w[0]"]),
        ([{"days": ["mon"]}], ["w[0].start", "w[0].end"]),
        ([{"days": ["monday", "tue"], "start": "9:60", "end": "24:00"}], ["w[0].start", "w[0].days[0]"]),
        ([{"days": ["mon", "mon"], "start": "24:00", "end": "x"}], ["w[0].start", "w[0].end", "w[0].days"]),
        ([{"days": [], "start": "09:00", "end": "12:00"}], ["w[0].days"]),
        ([{"start": "09:00", "end": "9:00"}], ["w[0].end"]),
        ([{"start": "09:00", "end": "12:00", "zone": "UTC"}], ["w[0].zone"]),
        ([{"start": "09:00", "end": "12:00"}, {"days": ["sat"], "start": "11:59", "end": "13:00"}], ["w[1]"]),
        ([{"days": ["sun"], "start": "22:00", "end": "02:00"}, {"days": ["mon"], "start": "01:00", "end": "03:00"}],
         ["w[1]"]),
    ],
)  # fmt: skip
def test_every_fault_of_windows_is_named_by_its_path(given: object, paths: list[str]) -> None:
    with pytest.raises(Invalid) as refusal:
        read_windows(given, "w")
    assert [fault.path for fault in refusal.value.faults] == paths


def test_windows_are_kept_as_clocks_are_read_and_said_in_a_line() -> None:
    given = [{"start": "9:00", "end": "12:00", "days": ["wed", "mon", "tue"]}, {"start": "13:00", "end": "24:00"}]
    kept = read_windows(given, "callWindows")
    assert kept[0] == {"days": ["mon", "tue", "wed"], "start": "09:00", "end": "12:00"}
    assert kept[1]["days"] == list(DAYS)
    assert in_words(kept) == "mon-wed 09:00-12:00, every day 13:00-24:00"


def test_windows_that_touch_close_for_nobody_and_a_whole_week_never() -> None:
    windows = [{"start": "09:00", "end": "12:00"}, {"start": "12:00", "end": "17:00"}]
    noon = datetime(2024, 5, 6, 12, tzinfo=UTC)
    touching = WeekWindow(frozen_windows(read_windows(windows, "w")), "UTC")
    assert touching.open_until(noon - MINUTE) == noon + timedelta(hours=5, seconds=-20)
    always = WeekWindow(frozen_windows(read_windows([{"start": "00:00", "end": "24:00"}], "w")), "UTC")
    assert always.next_close(noon) == RULES_END


@pytest.mark.parametrize("stored", [[], [{"days": ["mon"]}], [{"days": ["x"], "start": "09:00", "end": "10:00"}], [3]])
def test_windows_in_a_row_that_nobody_can_read_are_shut(stored: list[Any]) -> None:
    assert isinstance(week_window_or_shut(frozen_windows(stored), "UTC"), Shut)
    assert isinstance(week_window_or_shut((((*DAYS,), "09:00", "10:00"),), "Mars/Olympus"), Shut)
