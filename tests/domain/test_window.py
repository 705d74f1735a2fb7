"""The window against an oracle that knows no arithmetic: it reads the clock on the wall, minute by minute."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise

import pytest
import pytz
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from worker.domain.errors import Invalid, Refused
from worker.domain.window import RULES_END, TZDB_VERSION, CallWindow

MINUTE = timedelta(minutes=1)
ORACLE_DAYS = 4

NASTY_DAYS = [
    ("America/New_York", datetime(2026, 3, 8, tzinfo=UTC)),  # an hour skipped
    ("America/New_York", datetime(2026, 11, 1, tzinfo=UTC)),  # an hour repeated
    ("Europe/London", datetime(2026, 3, 29, tzinfo=UTC)),
    ("Europe/London", datetime(2026, 10, 25, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2026, 4, 4, tzinfo=UTC)),  # half an hour repeated
    ("Australia/Lord_Howe", datetime(2026, 10, 3, tzinfo=UTC)),  # half an hour skipped
    ("Africa/Cairo", datetime(2026, 4, 23, tzinfo=UTC)),  # midnight skipped
    ("Africa/Cairo", datetime(2026, 10, 29, tzinfo=UTC)),  # the hour before midnight repeated
    ("Pacific/Apia", datetime(2011, 12, 30, tzinfo=UTC)),  # a day skipped
    ("Pacific/Kwajalein", datetime(1993, 8, 21, tzinfo=UTC)),  # a day skipped, from -12 to +12
    ("America/Sao_Paulo", datetime(2018, 11, 4, tzinfo=UTC)),  # midnight skipped
    ("America/Sao_Paulo", datetime(2018, 2, 18, tzinfo=UTC)),
    ("America/St_Johns", datetime(2009, 3, 8, tzinfo=UTC)),  # changed at one minute past midnight
    ("America/St_Johns", datetime(2009, 11, 1, tzinfo=UTC)),
    ("Antarctica/Troll", datetime(2026, 3, 29, tzinfo=UTC)),  # two hours skipped
    ("Antarctica/Troll", datetime(2026, 10, 25, tzinfo=UTC)),
    ("Africa/Casablanca", datetime(2026, 2, 15, tzinfo=UTC)),  # two changes in a few weeks
    ("Asia/Kathmandu", datetime(1985, 12, 31, tzinfo=UTC)),  # moved by a quarter of an hour
    ("Asia/Pyongyang", datetime(2018, 5, 4, tzinfo=UTC)),  # half an hour skipped before midnight
    ("UTC", datetime(2026, 1, 1, tzinfo=UTC)),
    ("Etc/GMT+5", datetime(2026, 1, 1, tzinfo=UTC)),
]

minutes = st.integers(0, 1439).map(lambda minute: f"{minute // 60:02}:{minute % 60:02}")
odd_microseconds = st.sampled_from([0, 1, 999_999, 30_000_000, 59_999_999])


@st.composite
def bounds(draw: st.DrawFn) -> tuple[str, str]:
    """Any two bounds, half of them in the small hours, when clocks are moved."""
    small = st.integers(0, 195).map(lambda minute: f"{minute // 60:02}:{minute % 60:02}")
    start = draw(small | minutes)
    end = draw(small | minutes | st.just("24:00"))
    assume(start != end)
    return start, end


@st.composite
def changes_of_common_zones(draw: st.DrawFn) -> tuple[str, datetime]:
    """A zone, and an instant since 1980 at which its clocks were moved, if they ever were."""
    zone = draw(st.sampled_from(pytz.common_timezones))
    moved = [at for at in getattr(pytz.timezone(zone), "_utc_transition_times", []) if at.year >= 1980]
    at = draw(st.sampled_from(moved)) if moved else datetime(2026, 1, 1)  # noqa: DTZ001
    return zone, at.replace(tzinfo=UTC)


@cache
def wall_minutes(zone: str, first: datetime) -> list[str]:
    """What a clock in the zone reads at ``first`` and at every minute of the days after it."""
    clock = pytz.timezone(zone)
    steps = range(ORACLE_DAYS * 24 * 60)
    return [(first + step * MINUTE).astimezone(clock).strftime("%H:%M") for step in steps]


@cache
def open_minutes(zone: str, first: datetime, start: str, end: str) -> list[bool]:
    """Whether what the clock reads lies in ``[start, end)``, compared as it is written."""
    if start < end:
        return [start <= reading < end for reading in wall_minutes(zone, first)]
    return [reading >= start or reading < end for reading in wall_minutes(zone, first)]


def first_reading(readings: list[bool], wanted: bool, at: datetime, first: datetime) -> datetime | None:
    """The first instant from ``at`` on when the oracle's clock reads as wanted; None: not in these days."""
    index = (at - first) // MINUTE
    if readings[index] is wanted:
        return at
    later = readings[index + 1 :]
    return first + (index + 1 + later.index(wanted)) * MINUTE if wanted in later else None


def check_against_the_oracle(zone: str, near: datetime, hours: tuple[str, str], at: datetime) -> None:
    window = CallWindow(*hours, zone)
    first = near.replace(hour=0, minute=0, second=0) - timedelta(days=1)
    readings = open_minutes(zone, first, *hours)

    assert window.is_open(at) is readings[(at - first) // MINUTE]
    horizon = first + ORACLE_DAYS * timedelta(days=1)
    for wanted, answer in ((True, window.next_open(at)), (False, window.next_close(at))):
        expected = first_reading(readings, wanted, at, first)
        if expected is None:
            assert answer is not None
            assert answer >= horizon
        else:
            assert answer == expected
            assert answer.tzinfo is UTC


@settings(max_examples=250, deadline=None)
@given(st.sampled_from(NASTY_DAYS), bounds(), st.integers(0, 2 * 1440), odd_microseconds)
def test_on_the_days_clocks_move_the_window_agrees_with_a_clock_on_the_wall(
    day: tuple[str, datetime], hours: tuple[str, str], minute: int, microseconds: int
) -> None:
    zone, near = day
    at = near - timedelta(days=1) + minute * MINUTE + timedelta(microseconds=microseconds)
    check_against_the_oracle(zone, near, hours, at)


@settings(max_examples=150, deadline=None)
@given(changes_of_common_zones(), bounds(), st.integers(-1440, 1440), odd_microseconds)
def test_in_every_zone_the_window_agrees_with_a_clock_on_the_wall(
    change: tuple[str, datetime], hours: tuple[str, str], minutes_off: int, microseconds: int
) -> None:
    zone, near = change
    at = near.replace(second=0) + minutes_off * MINUTE + timedelta(microseconds=microseconds)
    assume(at >= near.replace(hour=0, minute=0, second=0) - timedelta(days=1))
    check_against_the_oracle(zone, near, hours, at)


@pytest.mark.parametrize(("zone", "near"), NASTY_DAYS)
@pytest.mark.parametrize("hours", [("09:00", "17:00"), ("22:00", "06:00"), ("00:00", "24:00")])
def test_usual_hours_open_and_close_to_the_minute_on_a_nasty_day(
    zone: str, near: datetime, hours: tuple[str, str]
) -> None:
    for step in range(3 * 24 * 2):
        check_against_the_oracle(zone, near, hours, near - timedelta(days=1) + step * 30 * MINUTE)


def openings(window: CallWindow, start: str, days: int) -> list[str]:
    """Every opening and closing from ``start`` (UTC), as ``from/to`` in UTC, for so many days."""
    at = datetime.fromisoformat(start).replace(tzinfo=UTC)
    horizon = at + timedelta(days=days)
    found = []
    while (opens := window.next_open(at)) is not None and opens < horizon:
        at = window.next_close(opens)
        found.append(f"{opens:%d %H:%M}/{at:%d %H:%M}")
    return found


@pytest.mark.parametrize(
    ("window", "start", "expected"),
    [
        pytest.param(
            CallWindow("02:00", "02:30", "America/New_York"),
            "2026-03-07",
            ["07 07:00/07 07:30", "09 06:00/09 06:30"],
            id="a skipped half hour stays shut that day",
        ),
        pytest.param(
            CallWindow("02:30", "03:30", "America/New_York"),
            "2026-03-08",
            ["08 07:00/08 07:30", "09 06:30/09 07:30"],
            id="a half skipped hour opens when the clock jumps into it",
        ),
        pytest.param(
            CallWindow("01:00", "01:30", "America/New_York"),
            "2026-11-01",
            ["01 05:00/01 05:30", "01 06:00/01 06:30", "02 06:00/02 06:30"],
            id="a repeated half hour opens twice",
        ),
        pytest.param(
            CallWindow("01:30", "01:45", "Australia/Lord_Howe"),
            "2026-04-04",
            ["04 14:30/04 14:45", "04 15:00/04 15:15"],
            id="half an hour is repeated on Lord Howe",
        ),
        pytest.param(
            CallWindow("00:15", "01:30", "Africa/Cairo"),
            "2026-04-23",
            ["23 22:00/23 22:30", "24 21:15/24 22:30"],
            id="Cairo skips midnight",
        ),
        pytest.param(
            CallWindow("22:00", "24:00", "Africa/Cairo"),
            "2026-04-23",
            ["23 20:00/23 22:00", "24 19:00/24 21:00"],
            id="24:00 is the end of the day even when 00:00 is skipped",
        ),
        pytest.param(
            CallWindow("23:30", "23:45", "Africa/Cairo"),
            "2026-10-29",
            ["29 20:30/29 20:45", "29 21:30/29 21:45", "30 21:30/30 21:45"],
            id="Cairo repeats the last hour of the day",
        ),
        pytest.param(
            CallWindow("09:00", "10:00", "Pacific/Apia"),
            "2011-12-29",
            ["29 19:00/29 20:00", "30 19:00/30 20:00"],
            id="Apia goes from Thursday to Saturday, and no window goes missing",
        ),
        pytest.param(
            CallWindow("00:00", "00:30", "America/Sao_Paulo"),
            "2018-11-03",
            ["03 03:00/03 03:30", "05 02:00/05 02:30"],
            id="Sao Paulo had no midnight that Sunday",
        ),
        pytest.param(
            CallWindow("22:00", "06:00", "Europe/London"),
            "2026-10-24T12:00",
            ["24 21:00/25 06:00", "25 22:00/26 06:00"],
            id="a night with a repeated hour is an hour longer",
        ),
        pytest.param(
            CallWindow("02:59", "03:00", "Antarctica/Troll"),
            "2026-03-28",
            ["28 02:59/28 03:00", "30 00:59/30 01:00"],
            id="Troll skips two hours",
        ),
        pytest.param(
            CallWindow("09:00", "17:00", "Asia/Kathmandu"),
            "2026-05-01",
            ["01 03:15/01 11:15"],
            id="three quarters of an hour off",
        ),
    ],
)
def test_the_window_opens_and_closes_as_the_clock_reads(window: CallWindow, start: str, expected: list[str]) -> None:
    assert openings(window, start, days=3)[: len(expected)] == expected


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(NASTY_DAYS), bounds(), st.integers(0, 2 * 86400), st.sampled_from([0.5, 20, 90]))
def test_a_call_is_committed_only_if_the_window_is_open_now_and_a_margin_later(
    day: tuple[str, datetime], hours: tuple[str, str], second: int, margin: float
) -> None:
    zone, near = day
    window = CallWindow(*hours, zone)
    at = near - timedelta(days=1) + timedelta(seconds=second)
    later = timedelta(seconds=margin)
    until = window.open_until(at, margin)
    if until is None:
        assert not window.is_open(at) or window.next_close(at) <= at + later
    else:
        last = until - timedelta(microseconds=1)
        for moment in (at, at + (last - at) / 2, last):
            assert window.is_open(moment)
            assert window.is_open(moment + later)
        assert until + later == RULES_END or not window.is_open(until + later)


def test_the_margin_is_twenty_seconds_unless_set_otherwise() -> None:
    window = CallWindow("09:00", "17:00", "UTC")
    assert window.open_until(datetime(2026, 5, 1, 12, tzinfo=UTC)) == datetime(2026, 5, 1, 16, 59, 40, tzinfo=UTC)
    assert window.open_until(datetime(2026, 5, 1, 16, 59, 39, tzinfo=UTC)) is not None
    assert window.open_until(datetime(2026, 5, 1, 16, 59, 40, tzinfo=UTC)) is None
    assert window.open_until(datetime(2026, 5, 1, 8, 59, 59, tzinfo=UTC)) is None


def test_the_whole_day_never_closes() -> None:
    window = CallWindow("00:00", "24:00", "America/New_York")
    at = datetime(2026, 3, 8, 6, 59, tzinfo=UTC)
    assert window.next_open(at) == at
    assert window.next_close(at) == RULES_END
    assert window.open_until(at) == RULES_END - timedelta(seconds=20)


def test_the_same_hours_are_read_on_a_contacts_own_clock() -> None:
    window = CallWindow("09:00", "17:00", "America/New_York")
    at = datetime(2026, 7, 1, 22, tzinfo=UTC)
    assert not window.is_open(at)
    assert window.in_zone("America/Los_Angeles").is_open(at)
    with pytest.raises(Invalid):
        window.in_zone("america/los_angeles")


def test_instants_may_come_in_any_zone() -> None:
    window = CallWindow("09:00", "17:00", "America/New_York")
    at = datetime(2026, 7, 1, 12, tzinfo=UTC)
    tokyo = at.astimezone(pytz.timezone("Asia/Tokyo"))
    assert window.next_open(tokyo) == window.next_open(at) == datetime(2026, 7, 1, 13, tzinfo=UTC)


@pytest.mark.parametrize("question", ["is_open", "next_open", "next_close", "open_until"])
def test_a_naive_instant_and_one_without_rules_are_refused(question: str) -> None:
    ask = getattr(CallWindow("09:00", "17:00", "Europe/London"), question)
    with pytest.raises(ValueError, match="aware"):
        ask(datetime(2026, 1, 1))  # noqa: DTZ001
    with pytest.raises(Refused, match="after 2037"):
        ask(RULES_END)
    ask(RULES_END - timedelta(microseconds=1))


def test_there_is_no_opening_after_the_rules_end() -> None:
    window = CallWindow("09:00", "17:00", "UTC")
    assert window.next_open(datetime(2037, 12, 31, 17, tzinfo=UTC)) is None
    assert window.next_open(datetime(2037, 12, 31, 16, 59, tzinfo=UTC)) is not None


def test_the_changes_of_a_zone_can_be_read_and_end_before_the_rules_do() -> None:
    """pytz publishes no accessor for them; should it rename them, this says so before a window is wrong."""
    changes = getattr(pytz.timezone("America/New_York"), "_utc_transition_times", [])
    assert all(earlier < later for earlier, later in pairwise(changes))
    assert datetime(2026, 3, 8, 7) in changes  # noqa: DTZ001
    assert changes[-1].year == 2037
    assert TZDB_VERSION >= "2026"
