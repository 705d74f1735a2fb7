"""Hours of several rules, against reading the clock at every minute."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta

import pytest
import pytz

from worker.domain.errors import Refused
from worker.domain.hours import ALWAYS, AllOf, Never, Weekly, all_of
from worker.domain.window import RULES_END, CallWindow

MINUTE = timedelta(minutes=1)
DAILY = ((480, 1260),)
STARTS = ["2026-03-06", "2026-10-30", "2026-03-27", "2026-10-23", "2026-04-03", "2026-10-02", "2026-12-30"]
ZONES = ["America/New_York", "Europe/Paris", "Australia/Lord_Howe", "Africa/Cairo", "Asia/Kolkata", "Etc/GMT+6"]


def week(spans: tuple[tuple[int, int], ...], *, weekend: bool = True) -> tuple[tuple[tuple[int, int], ...], ...]:
    return (*[spans] * 5, *[spans if weekend else ()] * 2)


def reads_open(hours: Weekly, at: datetime) -> bool:
    """What the clock and the calendar say, and nothing else."""
    read = at.astimezone(pytz.timezone(hours.zone))
    if (hours.since and read.date() < hours.since) or (hours.until and read.date() >= hours.until):
        return True
    minute = read.hour * 60 + read.minute
    return read.date() not in hours.closed and any(a <= minute < b for a, b in hours.week[read.weekday()])


def some_hours(dice: random.Random, start: date) -> Weekly:
    bounds = sorted(dice.sample(range(0, 1441, 15), dice.choice([2, 4])))
    spans = tuple(zip(bounds[::2], bounds[1::2], strict=True))
    closed = frozenset({start + timedelta(dice.randrange(5))})
    since, until = (dice.choice([None, start + timedelta(dice.randrange(1, 4))]) for _ in range(2))
    return Weekly(week(spans, weekend=dice.random() < 0.7), dice.choice(ZONES), closed, since, until)


@pytest.mark.parametrize("seed", range(12))
def test_they_agree_with_a_clock_that_is_read_at_every_minute(seed: int) -> None:
    dice = random.Random(seed)
    first = datetime.fromisoformat(dice.choice(STARTS)).replace(tzinfo=UTC)
    members = [some_hours(dice, first.date()) for _ in range(dice.choice([1, 2, 3]))]
    hours = all_of(members)
    minutes = [first + n * MINUTE for n in range(4 * 1440)]
    readings = [all(reads_open(each, at) for each in members) for at in minutes]
    for n in sorted(dice.sample(range(2 * 1440), 150)):
        assert hours.is_open(minutes[n]) is readings[n]
        for wanted, found in ((True, hours.next_open(minutes[n])), (False, hours.next_close(minutes[n]))):
            if wanted in readings[n:]:
                assert found == minutes[readings.index(wanted, n)]
            else:
                assert found is None or found > minutes[-1]


def test_a_window_of_a_campaign_is_one_of_them() -> None:
    both = AllOf((CallWindow("09:00", "22:00", "America/New_York"), Weekly(week(DAILY), "America/Los_Angeles")))
    at = datetime(2026, 12, 1, 5, tzinfo=UTC)
    assert both.next_open(at) == datetime(2026, 12, 1, 16, tzinfo=UTC)
    assert both.next_close(datetime(2026, 12, 1, 16, tzinfo=UTC)) == datetime(2026, 12, 2, 3, tzinfo=UTC)


def test_nothing_in_common_is_never_open() -> None:
    at = datetime(2026, 12, 1, tzinfo=UTC)
    apart = AllOf((CallWindow("09:00", "12:00", "UTC"), CallWindow("12:00", "15:00", "UTC")))
    assert apart.next_open(at) is None
    assert apart.next_close(at) == at
    assert apart.open_until(at) is None
    shut = Weekly(week(()), "UTC")
    assert (shut.next_open(at), shut.next_close(at), shut.is_open(at)) == (None, at, False)
    assert AllOf((Never(), CallWindow("09:00", "12:00", "UTC"))).next_open(at) is None


def test_what_is_never_open_for_a_year_is_looked_at_again() -> None:
    far = Weekly(week(()), "UTC", until=date(2028, 6, 1))
    hours = AllOf((far, Weekly(week(DAILY), "UTC")))
    at = datetime(2026, 12, 1, tzinfo=UTC)
    assert hours.next_open(at) is None
    assert hours.next_open(at + timedelta(days=300)) == datetime(2028, 6, 1, 8, tzinfo=UTC)


def test_no_rule_at_all_is_always_open() -> None:
    at = datetime(2026, 12, 1, tzinfo=UTC)
    assert (ALWAYS.is_open(at), ALWAYS.next_open(at), ALWAYS.next_close(at)) == (True, at, RULES_END)
    assert all_of([]).is_open(at)


def test_spans_that_meet_at_midnight_are_one() -> None:
    night = Weekly(week(((0, 360), (1320, 1440))), "Europe/Paris")
    at = datetime(2026, 12, 1, 22, tzinfo=UTC)
    assert night.next_close(at) == datetime(2026, 12, 2, 5, tzinfo=UTC)


def test_what_is_remembered_is_right_for_an_earlier_instant_too() -> None:
    hours = AllOf((Weekly(week(DAILY), "UTC"), Weekly(week(DAILY), "Europe/Paris")))
    noon = datetime(2026, 12, 1, 12, tzinfo=UTC)
    assert hours.is_open(noon)
    assert not hours.is_open(noon - timedelta(hours=12))
    assert hours.next_open(noon - timedelta(hours=12)) == datetime(2026, 12, 1, 8, tzinfo=UTC)
    assert hours.is_open(noon)


def test_instants_are_aware_and_have_rules() -> None:
    hours = AllOf((Weekly(week(DAILY), "UTC"),))
    with pytest.raises(ValueError, match="aware"):
        hours.is_open(datetime(2026, 1, 1))  # noqa: DTZ001
    with pytest.raises(Refused, match="after 2037"):
        hours.next_open(RULES_END)
