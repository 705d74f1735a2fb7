"""A time without an offset is what the clock of the campaign's zone reads, where it reads it once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from worker.domain.campaign import parse_campaign, parse_instant
from worker.domain.errors import Invalid
from worker.domain.local_times import readings
from worker.domain.window import CallWindow

NOW = datetime(2026, 1, 1, tzinfo=UTC)
NEW_YORK = "America/New_York"
MINUTE = timedelta(minutes=1)


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(["America/New_York", "Europe/London", "Australia/Lord_Howe", "Africa/Cairo", "Asia/Tokyo"]),
    st.integers(0, 366 * 24 * 60),
)
def test_the_instants_are_those_at_which_another_clock_reads_so(zone: str, minute: int) -> None:
    first = datetime(2023, 1, 1) + minute * MINUTE  # noqa: DTZ001 - as it is written
    clock = ZoneInfo(zone)
    near = (first.replace(tzinfo=UTC) + step * 30 * MINUTE for step in range(-30, 31))
    found = [at for at in near if at.astimezone(clock).replace(tzinfo=None) == first]
    assert readings(first, zone) == found


def test_a_time_is_read_by_the_clock_of_the_zone() -> None:
    assert parse_instant("2026-07-01T09:00", "x", NOW, NEW_YORK) == datetime(2026, 7, 1, 13, tzinfo=UTC)
    assert parse_instant("2026-07-01T09:00Z", "x", NOW, NEW_YORK) == datetime(2026, 7, 1, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("written", "zone", "says"),
    [
        ("2026-03-08T02:30:00", NEW_YORK, "give 2026-03-08T01:30:00-05:00 or 2026-03-08T03:30:00-04:00."),
        ("2026-11-01T01:30:00", NEW_YORK, "give 2026-11-01T01:30:00-04:00 or 2026-11-01T01:30:00-05:00."),
        ("2026-11-01T01:30:00", None, "has no offset; add Z or an offset such as -05:00"),
        ("2026-11-01", NEW_YORK, "has no time of day"),
        ("0001-01-01T00:00:00", NEW_YORK, "is in the past"),
        ("9999-12-31T23:59:59", NEW_YORK, "is after 2037"),
        ("2025-06-01T00:00:00", NEW_YORK, "is in the past"),
    ],
)
def test_a_time_that_is_not_one_instant_is_refused_with_those_it_may_be(
    written: str, zone: str | None, says: str
) -> None:
    with pytest.raises(Invalid) as refusal:
        parse_instant(written, "x", NOW, zone)
    assert says in refusal.value.faults[0].message


NEW = {"teamId": "t", "assistantId": "a", "companyId": "c", "fromNumberIds": ["n"], "name": "x"}
AT_NINE = NEW | {"scheduledStartAt": "2026-07-01T09:00:00"}
WINDOW = {"callWindowStart": "9:00", "callWindowEnd": "17:00", "callWindowTimezone": NEW_YORK}


def test_the_zone_is_that_of_the_window_given_or_of_the_deployment() -> None:
    nine = datetime(2026, 7, 1, 13, tzinfo=UTC)
    assert parse_campaign(AT_NINE | WINDOW, now=NOW)["scheduled_start_at"] == nine
    default = CallWindow("09:00", "17:00", NEW_YORK)
    assert parse_campaign(AT_NINE, now=NOW, default_window=default)["scheduled_start_at"] == nine
    with pytest.raises(Invalid, match="has no offset"):
        parse_campaign(AT_NINE, now=NOW)
