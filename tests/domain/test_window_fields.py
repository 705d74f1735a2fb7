"""How a window is written: by callers, in the setting, and in rows that have gone bad."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import pytz

from worker.domain.errors import Invalid
from worker.domain.window import (
    CallWindow,
    Shut,
    parse_default_window,
    parse_window,
    window_or_shut,
)


@pytest.mark.parametrize(
    ("given", "paths"),
    [
        (("9h", "17:00", "UTC"), ["callWindowStart"]),
        (("09:00", "17:00:00", "UTC"), ["callWindowEnd"]),
        (("24:00", "17:00", "UTC"), ["callWindowStart"]),
        (("09:00", "24:01", "UTC"), ["callWindowEnd"]),
        (("09:60", "23:5\u0669", "UTC"), ["callWindowStart", "callWindowEnd"]),
        (("09:00\n", "", "UTC"), ["callWindowStart", "callWindowEnd"]),
        (("09:00", "09:00", "UTC"), ["callWindowEnd"]),
        (("09:00", "17:00", "Mars/Olympus"), ["callWindowTimezone"]),
        (("x", "x", "x"), ["callWindowStart", "callWindowEnd", "callWindowTimezone"]),
        (("09:00", None, None), ["callWindowEnd", "callWindowTimezone"]),
        ((None, "17:00", "UTC"), ["callWindowStart"]),
        (("09:00", "17:00", None), ["callWindowTimezone"]),
        ((None, None, "UTC"), ["callWindowEnd", "callWindowStart"]),
        ((None, "25:00", "Utc"), ["callWindowStart", "callWindowEnd", "callWindowTimezone"]),
    ],
)
def test_every_fault_of_a_window_is_named_at_once(
    given: tuple[str | None, str | None, str | None], paths: list[str]
) -> None:
    with pytest.raises(Invalid) as refusal:
        parse_window(*given)
    assert sorted(fault.path for fault in refusal.value.faults) == sorted(paths)
    assert isinstance(window_or_shut(*given), Shut)


@pytest.mark.parametrize(
    ("start", "end"), [("00:00", "24:00"), ("00:00", "23:59"), ("23:59", "00:00"), ("23:59", "24:00")]
)
def test_bounds_reach_from_midnight_to_midnight(start: str, end: str) -> None:
    assert parse_window(start, end, "UTC") == CallWindow(start, end, "UTC")


def test_an_hour_may_be_written_without_its_nought() -> None:
    assert parse_window("9:00", "9:30", "UTC") == CallWindow("09:00", "09:30", "UTC")
    assert parse_default_window("9:00-17:00 UTC") == CallWindow("09:00", "17:00", "UTC")


def test_three_fields_left_out_are_no_window() -> None:
    assert parse_window(None, None, None) is None


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("america/new_york", "America/New_York"),
        ("America/New York", "America/New_York"),
        ("new york", "America/New_York"),
        (" Europe/London", "Europe/London"),
        ("etc/gmt+5", "Etc/GMT+5"),
        ("etc/gmt-5", "Etc/GMT-5"),
        ("utc", "UTC"),
    ],
)
def test_a_misspelled_zone_is_refused_with_the_right_spelling(written: str, meant: str) -> None:
    with pytest.raises(Invalid) as refusal:
        CallWindow("09:00", "17:00", written)
    (fault,) = refusal.value.faults
    assert fault.path == "callWindowTimezone"
    assert fault.message.endswith(f"did you mean {meant}?")
    assert CallWindow("09:00", "17:00", meant).timezone == meant


def test_every_zone_of_the_database_is_known_by_its_name() -> None:
    at = datetime(2026, 7, 1, tzinfo=UTC)
    for zone in pytz.all_timezones:
        opens = CallWindow("09:00", "09:01", zone).next_open(at)
        assert opens is not None
        assert opens.astimezone(pytz.timezone(zone)).strftime("%H:%M") == "09:00"


def test_the_default_window_is_read_from_one_line() -> None:
    expected = CallWindow("09:00", "17:00", "America/New_York")
    assert parse_default_window("09:00-17:00 America/New_York") == expected
    assert parse_default_window("  09:00 - 17:00  America/New_York ") == expected
    assert parse_default_window(" ") is None


@pytest.mark.parametrize("text", ["09:00-17:00", "09:00 17:00 UTC", "09:00-17:00 New York City", "9-17 UTC"])
def test_a_default_window_that_cannot_be_read_names_the_setting(text: str) -> None:
    with pytest.raises(Invalid) as refusal:
        parse_default_window(text)
    assert {fault.path for fault in refusal.value.faults} == {"DEFAULT_CALL_WINDOW"}


def test_a_window_stored_with_an_unknown_zone_is_shut() -> None:
    at = datetime(2026, 7, 1, 12, tzinfo=UTC)
    shut = window_or_shut("09:00", "17:00", "Mars/Olympus")
    assert not shut.is_open(at)
    assert shut.next_open(at) is None
    assert shut.next_close(at) == at
    assert shut.open_until(at) is None
    assert not shut.in_zone("UTC").is_open(at)
    assert window_or_shut("09:00", "17:00", "UTC").is_open(at)
