"""Another reading of the facts: of ``facts.yaml`` itself, minute by minute, by zoneinfo and the package holidays. It
shares no code with the product, and knows nothing of packs, places or hours as it has them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import holidays
import pytz
import yaml

FACTS: list[dict[str, Any]] = yaml.safe_load(
    (Path(__file__).parents[2] / "worker" / "law" / "facts.yaml").read_text("utf-8")
)["rules"]
EUROPEAN = set("AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK".split())  # noqa: SIM905
LEVELS = {"none": 0, "express": 1, "prior": 1, "express_written": 2}
MINUTES = 24 * 60
LONGEST_WALK_DAYS = 12
"""No place is shut for longer, whatever the feasts."""


@dataclass(frozen=True)
class Call:
    """One call to be judged."""

    areas: tuple[str, ...]
    zones: tuple[str, ...]
    purpose: str
    voice: str
    line: str


def verdict(call: Call, consent: int, at: datetime) -> str:
    """``dial``, ``wait`` or ``never``."""
    if needed(call, at) > consent:
        return "never"
    return "dial" if is_open(call, at) else "wait"


def needed(call: Call, at: datetime) -> int:
    """The consent that is needed; 3 where none is enough."""
    dates = {at.astimezone(_clock(zone)).date() for zone in call.zones}
    return max((_level(fact, call) for fact in _about(call) if any(_holds(fact, day) for day in dates)), default=0)


def is_open(call: Call, at: datetime) -> bool:
    """Whether all the hours are open."""
    for zone in call.zones:
        reading = at.astimezone(_clock(zone))
        if reading.hour * 60 + reading.minute not in _allowed(call, reading.date()):
            return False
    central = at.astimezone(timezone(timedelta(hours=-6)))
    return central.hour * 60 + central.minute in _allowed_centrally(call, central.date())


def first_open(call: Call, at: datetime) -> datetime | None:
    """The first minute from ``at`` on at which they are, walked minute by minute; ``None``: not in these days."""
    at = at.replace(second=0, microsecond=0) + timedelta(minutes=1)
    for _ in range(LONGEST_WALK_DAYS * MINUTES):
        if is_open(call, at):
            return at
        at += timedelta(minutes=1)
    return None


@cache
def _allowed(call: Call, day: date) -> frozenset[int]:
    return _all_of(_about(call), day)


@cache
def _allowed_centrally(call: Call, day: date) -> frozenset[int]:
    return _all_of([fact for fact in _about(call) if "UTC-6" in str(fact.get("clock"))], day)


def _all_of(facts: Sequence[dict[str, Any]], day: date) -> frozenset[int]:
    left = set(range(MINUTES))
    for fact in facts:
        hours, closed = fact.get("hours"), fact.get("holidays")
        before = fact.get("before")
        if before and str(day) < before["until"]:
            hours, closed = before["hours"], None
        elif not _holds(fact, day):
            continue
        if not hours:
            continue
        spans = hours["mon-fri" if day.weekday() < 5 else "sat" if day.weekday() == 5 else "sun"]
        minutes = {n for span in spans for n in range(_minute(span[:5]), _minute(span[6:]))}
        if isinstance(closed, dict) and _is_holiday(closed["closed"], day):
            minutes = set()
        left &= minutes
    return frozenset(left)


def _minute(hh_mm: str) -> int:
    return int(hh_mm[:2]) * 60 + int(hh_mm[3:5])


@cache
def _about(call: Call) -> tuple[dict[str, Any], ...]:
    return tuple(_facts_about(call))


def _facts_about(call: Call) -> Iterator[dict[str, Any]]:
    for fact in FACTS:
        applies, place = fact["applies"], fact["place"]
        voice = applies.get("voice", "any")
        binds = fact["evidence"] in ("primary", "quoted") and fact.get("binding", True) is True
        is_there = any(
            area == place or area.startswith(place + "-") or place.startswith(area + "-") for area in call.areas
        ) or (place == "EU" and EUROPEAN & set(call.areas))
        purposes = applies.get("purpose", ["any"])
        if (
            binds
            and is_there
            and (purposes == ["any"] or call.purpose in purposes)
            and (voice == "any" or "for all" in voice or voice.startswith(call.voice))
            and (applies.get("line") != "mobile" or call.line == "mobile")
        ):
            yield fact


def _holds(fact: dict[str, Any], day: date) -> bool:
    return str(day) >= fact.get("in_force", {}).get("since", "")


def _level(fact: dict[str, Any], call: Call) -> int:
    """What this fact wants of consent."""
    if fact.get("prohibited") is True:
        return 3
    if fact.get("prohibited") == "unless solicited":
        return 1
    consent = fact.get("consent", {})
    if fact["id"] == "us.fcc.ai_voice":
        kind = consent["telemarketing" if call.purpose == "telemarketing" else "informational"]
        wanted = kind["mobile" if call.line == "mobile" else "residential"]
        if call.line == "mobile" and call.purpose in ("health", "fraud_alert"):
            return 0
        if call.line == "landline" and call.purpose in ("informational", "non_commercial", "nonprofit", "health"):
            return 0
        return _word(wanted)
    found = [0]
    if call.purpose == "telemarketing" and "telemarketing" in consent:
        found.append(_word(consent["telemarketing"]))
    if call.voice == "automated" and "automated" in consent:
        found.append(_word(consent["automated"]))
    return max(found)


def _word(text: str) -> int:
    return LEVELS[text.replace(":", " ").replace(",", " ").split()[0]]


@cache
def _clock(zone: str) -> ZoneInfo:
    path = Path(pytz.__file__).parent / "zoneinfo" / zone  # the same edition, read by another library
    with path.open("rb") as file:
        return ZoneInfo.from_file(file, zone)


@cache
def _days_off(calendar: str, year: int) -> frozenset[date]:
    country, _, state = calendar.partition("-")
    found: set[date] = set()
    for subdivision in [state or None] if country != "ES" else [None, *holidays.country_holidays("ES").subdivisions]:
        for observed in (True, False):
            years = (year, year + 1)
            found |= set(holidays.country_holidays(country, subdiv=subdivision, years=years, observed=observed))
    return frozenset(found)


def _is_holiday(closed: str, day: date) -> bool:
    calendar = "US-RI" if "US-RI" in closed else closed.split()[0]
    if day in _days_off(calendar, day.year):
        return True
    if calendar == "US-UT" and (day.month, day.day) == (7, 24):
        return True
    if calendar == "US-RI" and day.month == 8 and day.weekday() == 0 and 8 <= day.day <= 14:
        return True
    if calendar == "US-LA":
        easter = next(d for d, name in _us(day.year).items() if "Good Friday" in name) + timedelta(2)
        return day in (easter - timedelta(47), easter - timedelta(2), date(day.year, 11, 1))
    return False


@cache
def _us(year: int) -> dict[date, str]:
    return dict(holidays.country_holidays("US", subdiv="LA", years=year))
