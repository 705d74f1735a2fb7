"""Where the called party might be: every zone and every area of law that what is known of them names.

What is known may conflict: a number of New York, an address in California. A call is right when it is right in *all*
places the person might be (Reg F, comment 6(b)(1)(i)-2), so all count together; a stated zone does not beat the number,
unless the person is known to be in it (``timezone_confirmed``).

A place is kept as a code: areas, a colon, zones, such as ``US-IN:America/Chicago,America/New_York``; ``AU:*`` is every
zone of Australia, ``CA:`` a place in Canada nobody knows the zone of. A zone alone and ``''`` (unknown) are codes, too.
An area is a state of the United States (``US-IN``), a province of Canada, or a country (``FR``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import cache, lru_cache

import phonenumbers
import pytz
from phonenumbers import PhoneNumberType
from phonenumbers.phonenumberutil import UNKNOWN_REGION, is_number_type_geographical
from phonenumbers.tzdata import TIMEZONE_DATA, TIMEZONE_LONGEST_PREFIX

from worker.domain.addresses import postal_place, state_of
from worker.domain.window import zone_changes, zone_info
from worker.domain.zone_facts import places as best_known
from worker.domain.zone_facts import zones_of
from worker.law.tables import area_codes, beginnings, renamed, within, zones_of_states

MOST_LENGTH = 100
"""Characters of a code. What would be longer is widened to all zones of its areas, or to whole countries."""
EVERYWHERE = "*"
BEGINNING = 9
"""Characters of a number that say where it may be, the plus among them."""
NORTH_AMERICA = ("US", "CA")
"""Where a number without an area may be: the letters of no state are those of a province, and no codes are alike."""
RUSSIA_AND_KAZAKHSTAN = 7
_SINCE = datetime(2024, 1, 1, tzinfo=UTC)
"""Zones whose clocks are the same from here on are one."""


class Basis(StrEnum):
    """What placed somebody: the most exact of what is known."""

    CONFIRMED_TIMEZONE = "confirmed_timezone"
    POSTAL_CODE = "postal_code"
    REGION = "region"
    TIMEZONE = "timezone"
    AREA_CODE = "area_code"
    COUNTRY = "country"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Place:
    """Where somebody might be. ``code`` is the key it is kept by, ``zones`` the candidate zones, sorted, ``areas`` the
    candidate places of law, sorted; none: unknown. ``basis`` says what placed them."""

    code: str
    zones: tuple[str, ...]
    areas: tuple[str, ...]
    basis: Basis = Basis.UNKNOWN


Found = tuple[tuple[str, ...], tuple[str, ...], Basis]
"""Areas, zones, and by what."""
_NOWHERE: Found = ((), (), Basis.UNKNOWN)


def place_of(
    e164: str | None,
    *,
    timezone: str | None = None,
    timezone_confirmed: bool = False,
    country: str | None = None,
    region: str | None = None,
    postal_code: str | None = None,
) -> Place:
    """Where somebody with this number, and what else is known of them, might be. What cannot be read, such as a postal
    code of another country, is left out; :func:`worker.domain.addresses.read_address` says so."""
    areas, zones, basis = _by_number(e164)
    near = tuple(dict.fromkeys(map(_country, areas))) or (NORTH_AMERICA if (e164 or "").startswith("+1") else ())
    return _place_of(
        areas, zones, basis, timezone or "", timezone_confirmed, (country.upper(),) if country else near,
        (country or "").upper(), region or "", postal_code or "",
    )  # fmt: skip


@lru_cache(maxsize=16_384)
def _place_of(
    areas: tuple[str, ...], zones: tuple[str, ...], basis: Basis,
    timezone: str, is_confirmed: bool, countries: tuple[str, ...], country: str, region: str, postal_code: str,
) -> Place:  # fmt: skip
    """``countries``: of which the state and the postal code may be."""
    found = [(areas, zones, basis), *_by_address(countries, region, postal_code)]
    found += _by_country(country, [area for areas, _, _ in found for area in areas])
    stated = timezone if timezone in pytz.all_timezones_set else ""
    if stated:
        found.append(((), (stated,), Basis.CONFIRMED_TIMEZONE if is_confirmed else Basis.TIMEZONE))
    all_areas = _exact(area for areas, _, _ in found for area in areas)
    if stated and (there := country_of_zone(stated)) and there not in map(_country, all_areas):
        all_areas = _exact((*all_areas, there))
    all_zones = (stated,) if stated and is_confirmed else different(zone for _, zones, _ in found for zone in zones)
    order = list(Basis)
    best = min((by for _, _, by in found), key=order.index)
    return replace(expand(_code(all_areas, all_zones)), basis=best)


@lru_cache(maxsize=16_384)
def expand(code: str) -> Place:
    """The place that is kept by this code. What cannot be read is nowhere: nobody is called there."""
    if ":" not in code:
        zones = different(code.split(",")) if code else ()
        areas = _exact(area for area in map(country_of_zone, zones) if area)
    else:
        before, _, after = code.partition(":")
        areas = tuple(area for area in before.split(",") if area)
        zones = zones_of_areas(areas) if after == EVERYWHERE else different(after.split(",")) if after else ()
    if not set(zones) <= pytz.all_timezones_set:
        return Place(code, (), areas)
    return Place(code, tuple(sorted(zones)), areas)


def zones_of_areas(areas: Iterable[str]) -> tuple[str, ...]:
    """Every zone in which somebody in one of these areas may be."""
    return different(zone for area in areas for zone in _zones_of_area(area))


def areas_around(area: str) -> tuple[str, ...]:
    """The area, its country, and whatever larger place's law holds there, too: ``US-FL`` and ``US``, ``FR`` and
    ``EU``."""
    found = [area]
    for each in found:
        found += [whole for whole in (*within().get(each, ()), _country(each)) if whole not in found]
    return tuple(found)


@cache
def country_of_zone(zone: str) -> str | None:
    """The country, or the territory, that a zone lies in; ``None`` for one of no country, or of several."""
    named = _countries_by_zone().get(zone) or _countries_of_history(zone)
    return renamed().get(named[0], named[0]) if len(named) == 1 else None


def different(zones: Iterable[str]) -> tuple[str, ...]:
    """The zones, sorted, the best known only of those whose clocks are the same."""
    by_clock: dict[object, str] = {}
    for zone in sorted(zones, key=lambda zone: (_rank().get(zone, len(_rank())), zone)):
        by_clock.setdefault(_clock(zone), zone)
    return tuple(sorted(by_clock.values()))


def _code(areas: tuple[str, ...], zones: tuple[str, ...]) -> str:
    if not areas:
        return ",".join(zones) if len(",".join(zones)) <= MOST_LENGTH else ""
    head = ",".join(areas)
    code = f"{head}:{EVERYWHERE if zones and zones == zones_of_areas(areas) else ','.join(zones)}"
    if len(code) <= MOST_LENGTH:
        return code
    widened = f"{head}:{EVERYWHERE}"
    if set(map(_clock, zones)) <= set(map(_clock, zones_of_areas(areas))) and len(widened) <= MOST_LENGTH:
        return widened
    countries = tuple(sorted({*map(_country, areas), *filter(None, map(country_of_zone, zones))}))
    widened = f"{','.join(countries)}:{EVERYWHERE}"
    return widened if len(widened) <= MOST_LENGTH else f"{head[:2]}:"


def _by_number(e164: str | None) -> Found:
    if not e164 or not e164.startswith("+"):
        return _NOWHERE
    if e164.startswith("+1"):
        areas, zones = area_codes().get(e164[2:5], ((), ()))
        return areas, zones, Basis.AREA_CODE if areas else Basis.UNKNOWN
    return _by_beginning(e164[:BEGINNING], len(e164))


@lru_cache(maxsize=16_384)
def _by_beginning(beginning: str, length: int) -> Found:
    """Where a number outside North America may be: where its landlines are by libphonenumber; a mobile number anywhere
    in its country, unless mobile numbers have area codes there."""
    try:
        number = phonenumbers.parse(beginning.ljust(length, "5"))
    except phonenumbers.NumberParseException:
        return _NOWHERE
    region = phonenumbers.region_code_for_number(number)
    regions: tuple[str | None, ...]
    if number.country_code == RUSSIA_AND_KAZAKHSTAN:
        regions = (region,) if region else ("KZ", "RU")
    else:  # a number of Guernsey may be in England
        regions = (region, phonenumbers.region_code_for_country_code(number.country_code or 0))
    areas = _exact(each for each in regions if each and each.isalpha() and each != UNKNOWN_REGION)
    if not areas:
        return _NOWHERE
    kind = phonenumbers.number_type(number)
    is_geographical = kind != PhoneNumberType.UNKNOWN and is_number_type_geographical(kind, number.country_code or 0)
    known = beginning[1 : 1 + TIMEZONE_LONGEST_PREFIX]
    first_digits = [known[:n] for n in range(len(known), len(str(number.country_code)), -1)]
    sources: list[Mapping[str, tuple[str, ...]]] = [beginnings()]
    if is_geographical and kind != PhoneNumberType.MOBILE:
        sources.append(TIMEZONE_DATA)
    most_exact = [next((source[digits] for digits in first_digits if digits in source), ()) for source in sources]
    zones = different(zone for zones in most_exact for zone in zones)
    return (areas, zones, Basis.AREA_CODE) if zones else (areas, zones_of_areas(areas), Basis.COUNTRY)


def _by_address(countries: tuple[str, ...], region: str, postal_code: str) -> Iterator[Found]:
    """Where a stated state or postal code is: in the stated country, or else in that of the number."""
    for each in countries:
        if postal_code and (found := postal_place(each, postal_code)):
            yield (*found, Basis.POSTAL_CODE)
        if region and (state := state_of(each, region)):
            yield (state,), _zones_of_area(state), Basis.REGION


def _by_country(country: str, known: Sequence[str]) -> Iterator[Found]:
    """Anywhere in a stated country, unless something else says where in it."""
    there = renamed().get(country, country)
    if there and there not in (*known, *map(_country, known)) and _zones_of_area(there):
        yield (there,), _zones_of_area(there), Basis.COUNTRY


@cache
def _zones_of_area(area: str) -> tuple[str, ...]:
    if area in zones_of_states():
        return zones_of_states()[area]
    states = [state for state in zones_of_states() if state.startswith(f"{area}-") and state not in renamed().values()]
    if states:
        return different(zone for state in states for zone in zones_of_states()[state])
    return different(zones_of(area))


def _exact(areas: Iterable[str]) -> tuple[str, ...]:
    """The areas, sorted, without a country of which one of the others is a part: it says less."""
    named = set(areas)
    return tuple(sorted(area for area in named if not any(other.startswith(f"{area}-") for other in named)))


def _country(area: str) -> str:
    return area.partition("-")[0]


@cache
def _countries_by_zone() -> dict[str, Sequence[str]]:
    found: dict[str, list[str]] = {}
    for country, zones in pytz.country_timezones.items():
        for zone in zones:
            found.setdefault(zone, []).append(country)
    for zone in ("America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles", "America/Phoenix"):
        found[zone] = ["US"]
    return dict(found)


def _countries_of_history(zone: str) -> Sequence[str]:
    """The countries of the zones that have done all that this one has: ``US/Eastern`` is New York by another name."""
    history = _history(zone)
    if history is None:
        return ()
    countries = (_countries_by_zone()[each] for each in best_known() if _history(each) == history)
    return sorted({country for named in countries for country in named})


def _history(zone: str) -> object:
    """All that a clock has ever done; ``None`` for one that never changed, or that nobody knows."""
    info = zone_info(zone) if zone in pytz.all_timezones_set else None
    changes = getattr(info, "_utc_transition_times", None)
    return (changes, vars(type(info)).get("_transition_info")) if changes else None


@cache
def _rank() -> dict[str, int]:
    return {zone: n for n, zone in enumerate(best_known())}


@cache
def _clock(zone: str) -> object:
    """What tells two clocks apart: how far each is ahead of UTC, from the beginning of 2024 on."""
    if zone not in pytz.all_timezones_set:
        return zone
    offsets: list[tuple[datetime, timedelta | None]] = []
    for at in (_SINCE, *(change for change in zone_changes(zone)[:-1] if change > _SINCE)):
        offset = at.astimezone(zone_info(zone)).utcoffset()
        if not offsets or offsets[-1][1] != offset:
            offsets.append((at, offset))
    return tuple(offsets)
