from __future__ import annotations

import pytest
import pytz
from phonenumbers.tzdata import TIMEZONE_DATA

from worker.domain.addresses import read_address
from worker.domain.errors import Invalid
from worker.domain.places import Basis, Place, _clock, country_of_zone, expand, place_of
from worker.law.tables import area_codes

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


ADDRESSES = [
    ({"country": "AU", "region": "WA"}, ["AU-WA"], ["Australia/Eucla", "Australia/Perth"]),
    ({"country": "AU", "postal_code": "2898"}, ["AU-NSW"], ["Australia/Lord_Howe"]),
    ({"country": "AU", "postal_code": "2000"}, ["AU-NSW"], ["Australia/Sydney"]),
    ({"country": "ES", "postal_code": "35001"}, ["ES-CN"], ["Atlantic/Canary"]),
    ({"country": "ES", "postal_code": "28001"}, ["ES"], ["Europe/Madrid"]),
    ({"country": "PT", "postal_code": "9500-321"}, ["PT-20"], ["Atlantic/Azores"]),
    ({"country": "BR", "postal_code": "69900-000"}, ["BR"], ["America/Rio_Branco"]),
    ({"country": "BR", "region": "São Paulo"}, ["BR-SP"], ["America/Sao_Paulo"]),
    ({"country": "CA", "postal_code": "x0a 0h0"}, ["CA-NU"],
     ["America/Atikokan", "America/Edmonton", "America/Toronto", "America/Winnipeg"]),
    ({"country": "us", "postal_code": "96910"}, ["US-GU"], ["Pacific/Guam"]),
    ({"country": "US", "region": "indiana"}, ["US-IN"], [CHICAGO, NEW_YORK]),
    ({"country": "US", "region": "US-IN", "postal_code": "46320"}, ["US-IN"], [CHICAGO, NEW_YORK]),
    ({"country": "US", "postal_code": "46320-1234"}, ["US-IN"], [CHICAGO]),
    ({"country": "US", "postal_code": "86515"}, ["US-AZ"], [DENVER]),
    ({"country": "PR"}, ["US-PR"], ["America/Puerto_Rico"]),
    ({"country": "FR", "postal_code": "75001"}, ["FR"], ["Europe/Paris"]),
    ({"postal_code": "86515"}, [], []),
    ({"region": "IN"}, [], []),
    ({"country": "ZZ", "region": "IN"}, [], []),
]  # fmt: skip


@pytest.mark.parametrize(("known", "areas", "zones"), ADDRESSES)
def test_an_address_says_where_somebody_is_as_far_as_it_can_be_read(known: dict, areas: list, zones: list) -> None:
    place = place_of(None, **known)
    assert (list(place.areas), list(place.zones)) == (areas, zones)


BASES = [
    ({}, Basis.AREA_CODE),
    ({"country": "US"}, Basis.AREA_CODE),
    ({"country": "FR"}, Basis.AREA_CODE),
    ({"timezone": CHICAGO}, Basis.TIMEZONE),
    ({"timezone": CHICAGO, "region": "IN"}, Basis.REGION),
    ({"timezone": CHICAGO, "region": "IN", "postal_code": "46320"}, Basis.POSTAL_CODE),
    ({"timezone": CHICAGO, "timezone_confirmed": True, "postal_code": "46320"}, Basis.CONFIRMED_TIMEZONE),
    ({"timezone": "Mars/Olympus", "timezone_confirmed": True}, Basis.AREA_CODE),
    ({"timezone_confirmed": True}, Basis.AREA_CODE),
]


@pytest.mark.parametrize(("known", "basis"), BASES)
def test_the_most_exact_of_what_is_known_is_what_placed_somebody(known: dict, basis: Basis) -> None:
    place = place_of("+12195550123", **known)
    assert place.basis is basis
    assert set(place.zones) <= {CHICAGO, NEW_YORK, "Europe/Paris"}
    assert "US-IN" in place.areas


def test_what_says_less_adds_nothing_and_what_says_otherwise_is_added() -> None:
    assert place_of("+12125550123", country="US").areas == ("US-NY",)
    assert place_of("+18005550123", country="US", region="IN").areas == ("US-IN",)
    assert place_of("+12125550123", region="CA").areas == ("US-CA", "US-NY")
    assert place_of("+18005550123", region="IN").areas == ("US-IN",)
    assert place_of("+18005550123", postal_code="K1A 0B1").areas == ("CA-ON",)
    abroad = place_of("+12125550123", country="FR")
    assert (abroad.areas, abroad.zones) == (("FR", "US-NY"), (NEW_YORK, "Europe/Paris"))
    moved = place_of("+33612345678", timezone=DENVER)
    assert (moved.areas, moved.zones) == (("FR", "US"), (DENVER, "Europe/Paris"))


WRONG = (
    "1474",  # Saskatchewan keeps no Winnipeg time
    "1689",  # Orlando is not in the Central zone
    "1867",  # the Yukon keeps no Vancouver time
    "1879",  # Newfoundland is not Puerto Rico
    "1907",  # no part of Alaska keeps the time of Honolulu
    "262",  # of the numbers of Mayotte it knows themselves
    "7840",  # Abkhazia
)
"""Where the library is known to be wrong, or is not asked."""


def test_no_place_is_narrower_than_what_the_library_knows_of_a_number() -> None:
    for prefix, named in TIMEZONE_DATA.items():
        number = "+" + prefix.ljust(11 if prefix.startswith(("1", "61")) else 12, "2")
        place = place_of(number)
        if len(prefix) > 3 and place.areas and not prefix.startswith(WRONG):
            clocks = {*map(_clock, place.zones)}
            assert {_clock(zone) for zone in named} <= clocks, (number, named, place)


def test_every_area_code_has_a_place_that_its_code_expands_to() -> None:
    for area_code in area_codes():
        for known in ({}, {"country": "RU"}, {"timezone": "Asia/Kolkata"}, {"country": "AU", "postal_code": "6000"}):
            place = place_of(f"+1{area_code}5550123", **known)
            again = expand(place.code)
            assert place.areas
            assert place.zones
            assert (again.code, again.zones, again.areas) == (place.code, place.zones, place.areas)
            assert len(place.code) <= 100
            assert {*place.zones} <= pytz.all_timezones_set


@pytest.mark.parametrize(
    "code", [":", "*", ":*", "US-IN:Mars/Olympus", "XX:*", "US-IN", "::", "US-IN,:America/Chicago"]
)
def test_a_code_that_nobody_wrote_is_no_place_to_call(code: str) -> None:
    place = expand(code)
    assert place.code == code
    assert {*place.zones} <= pytz.all_timezones_set


@pytest.mark.parametrize("e164", [None, "", "12195550123", "+", "+1", "+12", "+0", "+999999999", "+800123456789", "x"])
def test_a_number_of_no_country_is_nowhere(e164: str | None) -> None:
    assert place_of(e164) == Place("", (), ())


@pytest.mark.parametrize(
    ("country", "region", "postal_code", "paths"),
    [
        ("US", "IN", "46320", []),
        ("us", " Indiana ", None, []),
        ("XX", None, None, ["country"]),
        ("Germany", "IN", "1", ["country"]),
        ("US", "ON", "46320", ["region"]),
        ("US", "IN", "SW1A 1AA", ["postalCode"]),
        ("US", "Ontario", "K1A 0B1", ["region", "postalCode"]),
        ("US", None, "00000", ["postalCode"]),
        ("US", None, "4632", ["postalCode"]),
        ("CA", None, "46320", ["postalCode"]),
        (None, None, "46320", []),
        ("FR", "Bretagne", "75001", []),
        ("FR", None, "SW1A 1AA", ["postalCode"]),
        ("GB", None, "75001", ["postalCode"]),
        ("GB", None, "sw1a 1aa", []),
        ("IE", None, "D02 AF30", []),
        ("", " ", "", []),
    ],
)
def test_what_is_wrong_with_an_address_is_said(
    country: str | None, region: str | None, postal_code: str | None, paths: list[str]
) -> None:
    try:
        read_address(country, region, postal_code)
        found = []
    except Invalid as error:
        found = [fault.path for fault in error.faults]
    assert found == paths


@pytest.mark.parametrize(
    ("zone", "country"),
    [
        (NEW_YORK, "US"), ("US/Eastern", "US"), ("Asia/Calcutta", "IN"), ("Europe/Kiev", "UA"), ("Japan", "JP"),
        ("America/Toronto", "CA"), ("Pacific/Guam", "US-GU"), ("UTC", None), ("EST", None), ("Etc/GMT+5", None),
        ("Mars/Olympus", None),
    ],
)  # fmt: skip
def test_a_zone_is_of_one_country_by_whatever_name_or_of_none(zone: str, country: str | None) -> None:
    assert country_of_zone(zone) == country
