"""When somebody at a place may be called: by the campaign's window on every clock there may be, and by the rules of
every place of law there may be.

A campaign that goes by places has ``rules``: the purpose whose rules bind it, if any do, and what becomes of who is at
a place nobody knows. Such a contact is *held*: it waits until more is known of it; or it is called when it may be
called wherever in its country it is. Where a place is known and no hour is left that all allow, nobody there is ever
called."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from worker.domain.frequency import Frequency
from worker.domain.hours import Hours, all_of
from worker.domain.law import PACK_VERSION, Calling, Prohibited, caps_for, consent_needed, lawful_hours, rules_that_bind
from worker.domain.places import Place, expand, zones_of_areas
from worker.domain.team_policy import UnknownPlace
from worker.domain.week_window import FrozenWindows, week_window_or_shut
from worker.domain.window import Shut, window_or_shut
from worker.law.words import PURPOSES, Consent, Purpose

QUARTER_SECONDS = 900
"""Dates begin at a quarter of an hour of UTC, wherever."""


@dataclass(frozen=True, slots=True)
class Window:
    """A campaign's window as it is kept: the hours of every day, or several ``windows``, by the clock of ``zone``."""

    start: str
    end: str
    windows: FrozenWindows | None
    zone: str

    def on(self, zone: str) -> Hours:
        """The same hours by the clock of another zone."""
        if self.windows is not None:
            return week_window_or_shut(self.windows, zone)
        return window_or_shut(self.start, self.end, zone)


@dataclass(frozen=True, slots=True)
class Rules:
    """What a campaign goes by that goes by places: ``purpose`` is that whose rules bind, or ``None``; ``country`` is
    where a number belongs that is of no country, where its team is of one."""

    purpose: str | None
    unknown_place: str
    country: str | None

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> Rules:
        """As the rows have them (:data:`worker.store.rules.RULES`)."""
        return cls(stored["purpose"], stored["unknownPlace"], stored["country"])


@lru_cache(maxsize=16_384)
def whereabouts(key: str, rules: Rules) -> Place | None:
    """Where a contact with this key counts as being; ``None`` where it is held. A place is known when its clock is, and
    for rules whose law it is under."""
    place = expand(key)
    if place.zones and (place.areas or rules.purpose is None):
        return place
    areas = place.areas or ((rules.country,) if rules.country else ())
    zones = place.zones or zones_of_areas(areas)
    if rules.unknown_place != UnknownPlace.STRICTEST or not (areas and zones):
        return None
    return Place(place.code, zones, areas, place.basis)


@lru_cache(maxsize=16_384)
def hours_at(key: str, rules: Rules, window: Window | None, uses_own_zones: bool) -> Hours | None:
    """When contacts with this key are called; ``None``: at any time. Never where they are held, or the window cannot be
    read."""
    if window is None and rules.purpose is None:
        return None
    place = whereabouts(key, rules)
    if place is None:
        return Shut()
    hours: list[Hours] = []
    if window is not None:
        hours += [window.on(zone) for zone in (place.zones if uses_own_zones else (window.zone,))]
        if any(isinstance(each, Shut) for each in hours):
            return Shut()
    if rules.purpose is not None:
        calling = _calling(rules.purpose)
        if calling is None:
            return Shut()
        hours.append(lawful_hours(place, calling))
    return all_of(hours)


def is_never(hours: Hours | None, now: datetime) -> bool:
    """Whether these are hours that have no instant in common, and not merely none that is known."""
    if hours is None or isinstance(hours, Shut) or hours.is_open(now):
        return False
    return hours.next_open(now) is None


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the rules say of a call beside its hours: the consent it ``needs``, or that it is prohibited (``None``); and
    the evidence of what let it pass, as it is kept, but for the consent; ``laws`` is all of it, by the consent."""

    needs: Consent | None
    evidence: Mapping[str, Any]
    laws: Mapping[Consent, str]

    def law(self, consent: Consent, *others: Judgement) -> str:
        """What is kept with the call (``calls.law``): with the rules, zones and areas of the ``others`` it passes
        by."""
        if not others:
            return self.laws[consent]
        together = {
            name: list(dict.fromkeys(value for each in (self, *others) for value in each.evidence[name]))
            for name in ("rules", "zones", "areas")
        }
        return _law({**self.evidence, **together}, consent)


def assess(key: str, rules: Rules, now: datetime) -> Judgement | None:
    """By which rules a contact with this key would be called now; ``None`` where none bind."""
    if rules.purpose is None:
        return None
    at = datetime.fromtimestamp(now.timestamp() // QUARTER_SECONDS * QUARTER_SECONDS, now.tzinfo)
    return _assess(key, rules, at)


@lru_cache(maxsize=16_384)
def _assess(key: str, rules: Rules, at: datetime) -> Judgement | None:
    place, calling = whereabouts(key, rules), _calling(rules.purpose or "")
    if place is None or calling is None:
        return None
    needed = consent_needed(place, calling, at)
    binding = rules_that_bind(place, calling, at)
    evidence = {
        "pack": PACK_VERSION,
        "rules": [rule.id for rule in binding],
        "purpose": rules.purpose,
        "place": key,
        "zones": list(place.zones),
        "areas": list(place.areas),
    }
    laws = {consent: _law(evidence, consent) for consent in Consent}
    return Judgement(None if isinstance(needed, Prohibited) else needed, evidence, laws)


def _law(evidence: Mapping[str, Any], consent: Consent) -> str:
    return json.dumps({**evidence, "consent": consent.name.lower()})


def caps_at(key: str, rules: Rules, now: datetime, consent: Consent) -> Frequency:
    """How often a contact with this key, which has given this consent, may be called by the rules; by none, where none
    bind."""
    if rules.purpose is None:
        return Frequency()
    at = datetime.fromtimestamp(now.timestamp() // QUARTER_SECONDS * QUARTER_SECONDS, now.tzinfo)
    return _caps_at(key, rules, at, consent)


@lru_cache(maxsize=16_384)
def _caps_at(key: str, rules: Rules, at: datetime, consent: Consent) -> Frequency:
    place, calling = whereabouts(key, rules), _calling(rules.purpose or "")
    return Frequency() if place is None or calling is None else caps_for(place, calling, at, consent)


def _calling(purpose: str) -> Calling | None:
    """``None`` for a purpose that only a newer worker knows."""
    return Calling(Purpose(purpose)) if purpose in PURPOSES else None
