"""The time zone a person means by a word, in the cell of a contact.

An IANA name of a place is what it says, in whatever case and spelling. Beside those, what people and Windows write is
read: a city, a country with one clock, ``Eastern Time``, ``EDT``, a Windows id, ``(UTC-05:00) Eastern Time (US &
Canada)``. Such words belong to countries: Eastern is New York in the United States, Toronto in Canada, and refused
where no country says which.

One rule stands above all: *by a clock that is not certain nobody is rung*. Words that may mean several clocks are
refused with the places they may mean, and so are names of clocks that are not put forward in summer (``EST``,
``GMT``, ``Etc/GMT+5``) wherever a place with such a clock puts it forward, for that is what most who write them mean.
What is such a name is computed from pytz (:mod:`worker.domain.zone_facts`). ``UTC`` is what it says, and ``HST``
Honolulu.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import cache, lru_cache

import pytz

from worker.domain.errors import Fault, Invalid
from worker.domain.windows_zones import WINDOWS_ZONES
from worker.domain.zone_facts import (
    clock_of,
    has_summer_time,
    lately_called,
    letters_of,
    offsets_of,
    one_of_each,
    places,
    places_by_letters,
    zones_of,
)
from worker.domain.zone_vocabulary import AREAS, IN, NAMED, SUMMER

Countries = tuple[str, ...]
Zones = Sequence[str]

MOST_CHOICES = 6
WORDS_REMEMBERED = 4096
LONGEST_SHOWN = 64

_UTC = frozenset({"UTC", "UCT", "Zulu", "Universal", "Etc/UTC", "Etc/UCT", "Etc/Zulu", "Etc/Universal"})
_HAWAII = "HST"
_GREENWICH = re.compile(r"(?:etc/)?(?:gmt(?:[+-]?0)?|greenwich)")
_OFFSET = re.compile(r"(etc/)?(?:utc|gmt)? ?([+-]) ?(\d{1,2})(?::?([0-5]\d))?")
_SHOWN = re.compile(r"\((?:utc|gmt)(?: ?([+-]) ?(\d{1,2}):?([0-5]\d))?\) ?(.*)")
_SEASONS = (" standard", " daylight", " summer", " winter")
_AREA_OF_COUNTRY = re.compile(r"(us|usa|u\.s\.|canada) (\w+)|(\w+) (us|usa|u\.s\.|canada)")
_TWICE = re.compile(r"([a-z]{2,4})/([a-z]{2,4})|([^(]+) \(([^()]+)\)")
_SEPARATOR = re.compile(r" ?[,;&] ?| - ")


def read_zone(written: str, path: str = "timezone", countries: Callable[[], Sequence[str]] = tuple) -> str:
    """The IANA name of the zone that is meant. ``countries`` (ISO 3166) are those the word may belong to, that of the
    number, that of the file; they are read only where the word alone does not say. Raises :class:`Invalid` with
    what may be meant."""
    if written in _taken_as_they_are():
        return written
    zone, message = _meant(written, tuple(dict.fromkeys(countries())))
    if zone is None:
        raise Invalid([Fault(path, message)])
    return zone


def meant_by(name: str) -> tuple[str, ...]:
    """The places with summer time that people often mean by an IANA name without; none for a name that is what it
    says."""
    found = one_of_each(_mistakable(name, ())) if name in pytz.all_timezones_set else []
    return tuple(filter(has_summer_time, found))[:MOST_CHOICES]


@cache
def _taken_as_they_are() -> frozenset[str]:
    return frozenset(name for name in pytz.all_timezones if name != _HAWAII and not _mistakable(name, ()))


@lru_cache(maxsize=WORDS_REMEMBERED)
def _meant(written: str, countries: Countries) -> tuple[str | None, str]:
    """The zone, or why there is none."""
    word = _plain(written)
    name = _names().get(word.replace(" ", "_"))
    if name == _HAWAII:
        return "Pacific/Honolulu", ""
    if name in _taken_as_they_are():
        return name, ""
    found = _candidates(word, countries) if name is None else _mistakable(name, countries)
    clocks = one_of_each(found)
    is_fixed = name is not None or _OFFSET.fullmatch(word) is not None
    if len(clocks) == 1 and not (is_fixed and has_summer_time(clocks[0])):
        return found[0], ""
    shown, may = f'"{written[:LONGEST_SHOWN]}"', " or ".join(clocks[:MOST_CHOICES])
    if not clocks:
        example = next((zone for country in countries for zone in zones_of(country)), "America/New_York")
        return None, f"Unknown time zone {shown}; use an IANA name, such as {example}."
    if is_fixed:
        return None, f"{shown} is a clock without summer time, and often one with it is meant; write {may}."
    return None, f"{shown} may mean several time zones; write {may}."


def _mistakable(name: str, countries: Countries) -> Zones:
    """The places that may be meant by an IANA name that is none; nothing where no such place has summer time, for the
    name is right all the year then."""
    if name in _UTC or name == _HAWAII or has_summer_time(name):
        return ()
    word = name.casefold()
    if _GREENWICH.fullmatch(word):
        word = "gmt"
    elif name not in letters_of(name) and not name.startswith("Etc/"):
        return ()
    anywhere = _by_letters(word, ()) or _by_offset(word, ())
    if not any(map(has_summer_time, anywhere)):
        return ()
    return (_by_letters(word, countries) or _by_offset(word, countries)) if countries else anywhere


def _candidates(word: str, countries: Countries) -> Zones:
    """The places a word may mean, those of its countries, or else of all the world."""
    shown = _SHOWN.fullmatch(word)
    if shown is not None:
        offset = _ahead(shown[1] or "+", shown[2] or "0", shown[3])
        return [zone for zone in _candidates(shown[4] or "utc", countries) if offset in offsets_of(zone)]
    for read in (_by_area, _by_windows_id, _by_letters, _by_place, _by_offset, _by_both, _by_list):
        found = read(word, countries)
        if found:
            return found
    return ()


def _by_area(word: str, countries: Countries) -> Zones:
    """``Eastern``, ``Eastern Time``, ``Eastern Standard Time``, ``Eastern Time (US & Canada)``."""
    area, where, is_time = _area_of(word)
    of_country = _AREA_OF_COUNTRY.fullmatch(area)
    if of_country is not None and where is None and word not in _windows():
        area, where = of_country[2] or of_country[3], of_country[1] or of_country[4]
    if where is not None and (word in _windows() or where not in IN):
        return ()
    everywhere = _of_area(area)
    within = _living_in(tuple(IN[where]) if where is not None else countries)
    found = [zone for zone in within if zone in everywhere]
    if found or word in _windows():
        return found
    return _abroad(everywhere, countries) if everywhere or not is_time else _by_place(area, countries)


def _area_of(word: str) -> tuple[str, str | None, bool]:
    """The area whose time a word names, where that is, if it says so in brackets, and whether it speaks of time."""
    head, _, where = word.removesuffix(")").rpartition(" (") if word.endswith(")") else (word, "", "")
    timed = head.removesuffix(" zone").removesuffix(" time")
    if timed in ("", head, head.removesuffix(" zone")):
        return word, None, False
    area = next((timed.removesuffix(season) for season in _SEASONS if timed.endswith(season)), timed)
    return (area, where if head != word else None, True) if area else (word, None, False)


@cache
def _of_area(area: str) -> Zones:
    """The places that call their winter's time so, and their summer's where the area has one."""

    def is_of_it(zone: str, winter: str) -> bool:
        return {winter, SUMMER.get(winter, winter)} <= lately_called(zone)

    return [zone for zone in places() if any(is_of_it(zone, winter) for winter in AREAS.get(area, ()))]


def _by_windows_id(word: str, countries: Countries) -> Zones:
    zone = _windows().get(word)
    if zone is None:
        return ()
    return [*(own for own in _living_in(countries) if clock_of(own) == clock_of(zone)), zone]


def _by_letters(word: str, countries: Countries) -> Zones:
    """``EDT``, ``CST``, ``AEST``."""
    everywhere = places_by_letters().get(word.upper(), ())
    return [zone for zone in _living_in(countries) if zone in everywhere] or _abroad(everywhere, countries)


def _by_place(word: str, countries: Countries) -> Zones:
    """A city, or another place with one clock; or a country."""
    zone = NAMED.get(word) or _cities().get(word.replace(" ", "_"))
    if zone is not None:
        return [zone]
    code = _country_codes().get(word, "")
    return zones_of(code) if code in countries else _abroad(zones_of(code), countries)


def _by_offset(word: str, countries: Countries) -> Zones:
    """Those that are so far ahead of UTC, in winter or in summer: ``UTC-5``, ``+01:00``, ``Etc/GMT+5``."""
    match = _OFFSET.fullmatch(word)
    if match is None:
        return ()
    # POSIX counts westward, and so do the names that begin with Etc/.
    sign = match[2] if match[1] is None else "+-"[match[2] == "+"]
    offset = _ahead(sign, match[3], match[4])
    found = [zone for zone in _living_in(countries) if offset in offsets_of(zone)]
    return found or _abroad(_at(offset), countries)


@cache
def _at(offset: timedelta) -> Zones:
    return [zone for zone in places() if offset in offsets_of(zone)]


def _by_both(word: str, countries: Countries) -> Zones:
    """What is said twice: ``EST/EDT``, ``Eastern (ET)``, ``America/New_York (EST)``, ``Pacific (US)``."""
    match = _TWICE.fullmatch(word)
    if match is None:
        return ()
    once, again = match[1] or match[3], match[2] or match[4]
    if again in IN:
        return _candidates(once, tuple(IN[again]))
    name = _names().get(once.replace(" ", "_"))
    clocks = {clock_of(zone) for zone in _candidates(again, countries)}
    first = [name] if name in _taken_as_they_are() else _candidates(once, countries)
    return [zone for zone in first if zone is not None and clock_of(zone) in clocks]


def _by_list(word: str, countries: Countries) -> Zones:
    """The cities of a list as Windows and calendars show them: ``Amsterdam, Berlin``, ``Eastern Time - New York``.
    Those the database does not know are known by their neighbours."""
    pieces = [piece.strip() for piece in _SEPARATOR.split(word)]
    return [zone for piece in pieces for zone in _by_place(piece, ())] if len(pieces) > 1 else []


def _abroad(zones: Zones, countries: Countries) -> Zones:
    """A word that says nothing in its own countries may be a slip for what they have."""
    return [*_living_in(countries), *zones] if zones and countries else zones


def _living_in(countries: Countries) -> Zones:
    return [zone for country in countries for zone in zones_of(country)]


def _ahead(sign: str, hours: str, minutes: str | None) -> timedelta:
    ahead = timedelta(hours=int(hours), minutes=int(minutes or 0))
    return ahead if sign == "+" else -ahead


def _plain(written: str) -> str:
    """Without accents, case and spare blanks; every dash a hyphen."""
    signs = [sign for sign in unicodedata.normalize("NFKD", written) if not unicodedata.combining(sign)]
    text = "".join("-" if sign == "−" or unicodedata.category(sign) == "Pd" else sign for sign in signs)
    return re.sub(r"[\s_]+", " ", text).strip().casefold()


@cache
def _names() -> dict[str, str]:
    return {name.casefold(): name for name in pytz.all_timezones}


@cache
def _cities() -> dict[str, str]:
    return {name.rpartition("/")[2].casefold(): name for name in reversed(places())}


@cache
def _windows() -> dict[str, str]:
    return {name.casefold(): zone for name, zone in WINDOWS_ZONES.items()}


@cache
def _country_codes() -> dict[str, str]:
    return {_plain(name): code for code, name in pytz.country_names.items()}
