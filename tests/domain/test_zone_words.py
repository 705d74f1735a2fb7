from __future__ import annotations

import re
from collections.abc import Sequence

import pytest
import pytz

from worker.domain.campaign_warnings import warnings_of
from worker.domain.errors import Invalid
from worker.domain.windows_zones import WINDOWS_ZONES
from worker.domain.zone_facts import clock_of, has_summer_time, letters_of, places, zones_of
from worker.domain.zone_vocabulary import AREAS, NAMED
from worker.domain.zone_words import meant_by, read_zone


def reading(word: str, *countries: str) -> str | list[str]:
    """The zone, or those it is refused with."""
    try:
        return read_zone(word, countries=lambda: countries)
    except Invalid as error:
        (fault,) = error.faults
        assert fault.path == "timezone"
        return choices_in(fault.message)


def choices_in(message: str) -> list[str]:
    return re.findall(r"[A-Z]\w+(?:/[\w+-]+)+", message.partition("write ")[2])


def test_every_name_of_the_database_is_taken_as_it_is_or_refused_with_the_places_it_may_mean() -> None:
    for name in pytz.all_timezones:
        read = reading(name)
        if name == "HST":
            assert read == "Pacific/Honolulu"
        elif isinstance(read, str):
            assert read == name
            assert reading(name.lower().replace("_", " ")) == name
        else:
            assert not has_summer_time(name)
            assert set(read) <= set(places())
            assert any(map(has_summer_time, read))
            assert set(meant_by(name)) & set(read)


def test_names_without_summer_time_are_refused_where_places_with_such_a_clock_have_it() -> None:
    refused = {name for name in pytz.all_timezones if not isinstance(reading(name), str)}
    assert {"EST", "MST", "GMT", "Etc/GMT+5", "Etc/GMT-1", "Etc/GMT", "Greenwich"} <= refused
    assert not refused & {
        "UTC",
        "CET",
        "EET",
        "WET",
        "EST5EDT",
        "PST8PDT",
        "America/Phoenix",
        "Asia/Kolkata",
        "Jamaica",
    }
    assert all("/" not in name or name.startswith("Etc/") for name in refused)


def test_every_windows_id_is_the_clock_it_names() -> None:
    for windows_id, zone in WINDOWS_ZONES.items():
        assert zone in pytz.all_timezones_set
        for word in (windows_id, windows_id.lower(), f" {windows_id} "):
            assert reading(word) == zone
        for home in (code for code in pytz.country_timezones if zone in zones_of(code)):
            assert clock_of(reading(windows_id, home)) == clock_of(zone)


def test_what_people_call_places_are_zones_of_the_database() -> None:
    assert set(NAMED.values()) <= pytz.all_timezones_set
    for word, zone in NAMED.items():
        assert reading(word.upper()) == reading(f"{word} Time") == zone
    letters = {each for place in places() for each in letters_of(place)}
    assert {winter for winters in AREAS.values() for winter in winters} <= letters


@pytest.mark.parametrize(
    ("countries", "words", "zone"),
    [
        ("US", "Eastern|eastern time|ET|EDT|Eastern Daylight Time|new york", "America/New_York"),
        ("US", "Central|CT|CST|CDT|Central Standard Time|(GMT-06:00) Central Time", "America/Chicago"),
        ("US", "Mountain|MT|MDT|Mountain Time", "America/Denver"),
        ("US", "Pacific|PT|PST|Pacific Standard Time|Los_Angeles|america/los angeles", "America/Los_Angeles"),
        ("US", "HST|Hawaii|Hawaiian Standard Time", "Pacific/Honolulu"),
        ("US", "Arizona|(UTC-07:00) Arizona|US Mountain Standard Time", "America/Phoenix"),
        ("CA", "Eastern|ET|EDT", "America/Toronto"),
        ("CN", "CST|China Standard Time|UTC+8|Beijing", "Asia/Shanghai"),
        ("CU", "CST|CDT", "America/Havana"),
        ("PA", "EST|Etc/GMT+5|UTC-5", "America/Panama"),
        ("GH", "GMT|Greenwich Mean Time|+00:00", "Africa/Accra"),
        ("DE", "CEST|MEZ|Central European Time|W. Europe Standard Time|Germany|Berlin", "Europe/Berlin"),
        ("AT", "W. Europe Standard Time", "Europe/Vienna"),
        ("GB", "BST|British Summer Time|GMT Standard Time|London", "Europe/London"),
        ("IN", "IST|India Standard Time|UTC+5:30|GMT+05:30|Mumbai", "Asia/Kolkata"),
        ("IL", "IST|Israel Standard Time", "Asia/Jerusalem"),
        ("IE", "IST|Dublin", "Europe/Dublin"),
        ("AU", "AEDT|AUS Eastern Standard Time", "Australia/Sydney"),
        ("BR", "São Paulo|Brasília", "America/Sao_Paulo"),
        ("", "EDT|(GMT-04:00) Eastern Time - New York", "America/New_York"),
        ("", "(UTC-05:00) Eastern Time (US & Canada)|(UTC-05:00) Eastern Time (US and Canada)", "America/New_York"),
        ("", "(UTC+01:00) Amsterdam, Berlin, Bern, Rome, Stockholm, Vienna", "Europe/Amsterdam"),
        ("", "(UTC+08:00) Beijing, Chongqing, Hong Kong, Urumqi", "Asia/Shanghai"),
        ("", "(UTC) Coordinated Universal Time", "UTC"),
        ("", "U.S. Eastern|Eastern US|EST/EDT|Eastern (US)|America/New_York (EST)|EST (New York)", "America/New_York"),
    ],
)  # fmt: skip
def test_words_are_read_with_the_country(countries: str, words: str, zone: str) -> None:
    for word in words.split("|"):
        assert reading(word, *filter(None, [countries])) == zone, word


@pytest.mark.parametrize(
    ("word", "countries", "choices"),
    [
        ("EST", ["US"], ["America/New_York"]),
        ("MST", ["US"], ["America/Denver", "America/Phoenix"]),
        ("UTC-5", ["US"], ["America/New_York", "America/Chicago"]),
        ("GMT", ["GB"], ["Europe/London"]),
        ("GMT+1", ["DE"], ["Europe/Berlin"]),
        ("CST", ["MX"], ["America/Mexico_City", "America/Matamoros"]),
        ("CST", ["CN", "US"], ["Asia/Shanghai", "America/Chicago"]),
        ("IST", [], ["Asia/Kolkata", "Asia/Jerusalem", "Europe/Dublin"]),
        ("PST", [], ["America/Los_Angeles", "Asia/Manila"]),
        ("Eastern", ["AU"], ["Australia/Sydney", "Australia/Brisbane"]),
        ("BST", ["BD"], ["Asia/Dhaka", "Europe/London"]),
        ("EDT", ["GB"], ["Europe/London", "America/New_York"]),
        ("Georgia", ["GE", "US"], None),
        ("(UTC-08:00) Eastern Time (US & Canada)", [], []),
        ("Mars", ["US"], []),
    ],
)
def test_what_may_be_several_clocks_is_refused_with_them(
    word: str, countries: Sequence[str], choices: list[str] | None
) -> None:
    read = reading(word, *countries)
    assert read == "Asia/Tbilisi" if choices is None else read == choices


def test_with_a_country_a_word_is_a_clock_of_it_or_refused_with_what_it_has() -> None:
    """But for the ids of Windows, which mean one clock wherever they are written."""
    areas = {f"{area}{end}" for area in AREAS for end in ("", " time", " standard time")}
    ids = {windows_id.lower() for windows_id in WINDOWS_ZONES}
    for country in pytz.country_timezones:
        own = {clock_of(zone) for zone in zones_of(country)}
        for word in {"EST", "MST", "GMT", "CST", "PST", "IST", "BST", "UTC+2", "Etc/GMT+5", *areas} - ids:
            read = reading(word, country)
            assert own & {clock_of(zone) for zone in ([read] if isinstance(read, str) else read)}, (word, country, read)


def test_a_campaign_in_a_zone_without_summer_time_is_warned_of_where_another_may_be_meant() -> None:
    for name in pytz.all_timezones:
        warned = warnings_of({"callWindowTimezone": name})
        assert len(warned) == (1 if meant_by(name) else 0)
        assert all(choice in warned[0] and has_summer_time(choice) for choice in meant_by(name))
    assert "America/New_York" in warnings_of({"callWindowTimezone": "EST"})[0]
    assert (
        warnings_of({"callWindowTimezone": "HST"}) == warnings_of({"callWindowTimezone": None}) == warnings_of({}) == []
    )
