from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

from worker.domain.callee_hours import warning
from worker.domain.places import place_of

AT = datetime(2027, 1, 5, 17, tzinfo=UTC)
"""Noon in New York, in winter."""


def warned(zone: str, *numbers: str, at: datetime = AT) -> str | None:
    return warning(Counter(place_of(number).zones for number in numbers), zone, at, of=f"{len(numbers)} contacts")


def test_numbers_that_cannot_be_in_the_campaigns_zone_are_counted_with_their_hour() -> None:
    numbers = ["+493023125012", "+4915112345678", "+33123456789", "+81312345678", "+12025550123", "+12125550123"]
    assert warned("America/New_York", *numbers) == (
        "4 of 6 contacts have numbers that cannot be in America/New_York, by whose clock they are called: "
        "3 in places such as Europe/Berlin, where it is 18:00 now, 1 in places such as Asia/Tokyo, where it is 02:00 "
        "now. Give them a timezone, or they may be called at such hours."
    )
    assert warned("America/New_York", "+12025550123", "+18005550123") is None
    assert warned("America/New_York") is None


def test_a_number_that_may_be_in_the_zone_is_not_counted_and_one_with_many_is_shown_from_first_to_last() -> None:
    assert warned("America/Denver", "+12025550123") is not None
    assert warned("America/Denver", "+18005550123") is None, "a number of no place may be in all of them"
    assert "where it is 01:00 to 04:00 now" in (warned("America/New_York", "+61412345678") or "")


def test_two_zones_with_one_clock_now_are_no_two_hours() -> None:
    summer = datetime(2027, 7, 5, 17, tzinfo=UTC)
    assert warned("America/Phoenix", "+13035550123") is None, "Denver, in winter"
    assert "11:00" in (warned("America/Phoenix", "+13035550123", at=summer) or "")


def test_the_places_of_most_numbers_are_named_and_the_others_counted() -> None:
    numbers = ["+81312345678"] * 4 + ["+493023125012"] * 3 + ["+911123456789"] * 2 + ["+61255501234", "+551131234567"]
    sentence = warned("America/New_York", *numbers) or ""
    assert sentence.startswith("11 of 11 contacts")
    assert "2 elsewhere" in sentence
    assert sentence.index("Asia/Tokyo") < sentence.index("Europe/Berlin") < sentence.index("Asia/Kolkata")
