from __future__ import annotations

import pytest

from worker.domain.places import Basis, Place, expand, place_of

NEW_YORK, CHICAGO, DENVER, LOS_ANGELES = "America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles"

NUMBERS = [
    ("+16895551234", ["US-FL"], [NEW_YORK]),
    ("+12195551234", ["US-IN"], [CHICAGO, NEW_YORK]),
    ("+18505551234", ["US-FL"], [CHICAGO, NEW_YORK]),
    ("+14485551234", ["US-FL"], [CHICAGO, NEW_YORK]),
    ("+12705551234", ["US-KY"], [CHICAGO, NEW_YORK]),
    ("+13645551234", ["US-KY"], [CHICAGO, NEW_YORK]),
    ("+18125551234", ["US-IN"], [CHICAGO, NEW_YORK]),
    ("+19305551234", ["US-IN"], [CHICAGO, NEW_YORK]),
    ("+13085551234", ["US-NE"], [CHICAGO, DENVER]),
    ("+15415551234", ["US-OR"], [DENVER, LOS_ANGELES]),
    ("+14585551234", ["US-OR"], [DENVER, LOS_ANGELES]),
    ("+14235551234", ["US-TN"], [CHICAGO, NEW_YORK]),
    ("+19065551234", ["US-MI"], [CHICAGO, NEW_YORK]),
    ("+19285551234", ["US-AZ"], [DENVER, "America/Phoenix"]),
    ("+16025551234", ["US-AZ"], ["America/Phoenix"]),
    ("+19075551234", ["US-AK"], ["America/Adak", "America/Anchorage"]),
    ("+18675551234", ["CA-NT", "CA-NU", "CA-YT"],
     ["America/Atikokan", "America/Edmonton", "America/Toronto", "America/Whitehorse", "America/Winnipeg"]),
    ("+18075551234", ["CA-ON"], ["America/Atikokan", "America/Toronto", "America/Winnipeg"]),
    ("+12505551234", ["CA-BC"], ["America/Creston", "America/Edmonton", "America/Vancouver"]),
    ("+17095551234", ["CA-NL"], ["America/Halifax", "America/St_Johns"]),
    ("+18005551234", [], []),
    ("+16005551234", [], []),
    ("+17875551234", ["US-PR"], ["America/Puerto_Rico"]),
    ("+16715551234", ["US-GU"], ["Pacific/Guam"]),
    ("+61412345678", ["AU"],
     ["Australia/Adelaide", "Australia/Brisbane", "Australia/Darwin", "Australia/Eucla", "Australia/Lord_Howe",
      "Australia/Perth", "Australia/Sydney"]),
    ("+61891234567", ["AU"], ["Australia/Adelaide", "Australia/Darwin", "Australia/Eucla", "Australia/Perth"]),
    ("+34612345678", ["ES"], ["Atlantic/Canary", "Europe/Madrid"]),
    ("+351912345678", ["PT"], ["Atlantic/Azores", "Europe/Lisbon"]),
    ("+628123456789", ["ID"], ["Asia/Jakarta", "Asia/Jayapura", "Asia/Makassar"]),
    ("+447911123456", ["GB", "GG"], ["Europe/London"]),
    ("+33612345678", ["FR"], ["Europe/Paris"]),
]  # fmt: skip


@pytest.mark.parametrize(("number", "areas", "zones"), NUMBERS)
def test_a_number_may_be_wherever_it_is_given_out(number: str, areas: list[str], zones: list[str]) -> None:
    place = place_of(number)
    assert (list(place.areas), list(place.zones)) == (areas, zones)


def test_a_mobile_number_of_russia_may_be_in_any_of_its_zones() -> None:
    assert {"Europe/Kaliningrad", "Europe/Moscow", "Asia/Kamchatka"} <= {*place_of("+79161234567").zones}


def test_the_code_of_a_place_expands_to_it() -> None:
    for number, _, _ in NUMBERS:
        for zone in (None, "Pacific/Honolulu", "Europe/Berlin", "Australia/Lord_Howe"):
            place = place_of(number, timezone=zone)
            assert len(place.code) <= 100
            again = expand(place.code)
            assert (again.code, again.zones, again.areas) == (place.code, place.zones, place.areas)


def test_the_stated_zone_and_that_of_the_number_both_count_unless_it_is_confirmed() -> None:
    both = place_of("+12125550123", timezone=LOS_ANGELES)
    assert (both.zones, both.areas, both.basis) == ((LOS_ANGELES, NEW_YORK), ("US-NY",), Basis.TIMEZONE)
    one = place_of("+12125550123", timezone=LOS_ANGELES, timezone_confirmed=True)
    assert (one.zones, one.areas, one.basis) == ((LOS_ANGELES,), ("US-NY",), Basis.CONFIRMED_TIMEZONE)


def test_a_zone_alone_and_nothing_are_codes_too() -> None:
    assert expand("America/Chicago").zones == ("America/Chicago",)
    assert expand("") == Place("", (), (), Basis.UNKNOWN)
    assert expand("GB").zones == ("GB",)
    assert expand("Mars/Olympus").zones == ()


def test_in_the_navajo_nation_there_is_summer_time() -> None:
    assert place_of(None, country="US", postal_code="86515").zones == (DENVER,)
    assert place_of(None, country="US", postal_code="85001").zones == ("America/Phoenix",)
