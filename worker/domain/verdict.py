"""Whether one call is lawful at an instant, and why: what ``dialer policy explain`` answers.

Of a number's history nothing is known here: caps and times of quiet are named, and judged where the history is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from worker.domain.law import Calling, Consent, consent_of, hours_of, lawful_hours, rules_that_bind
from worker.domain.on_the_clock import weekday
from worker.domain.places import Place
from worker.domain.rule_words import consent_in_words, source, wants
from worker.domain.window import to_utc
from worker.law.rules import Rule

UNKNOWN_PLACE = "place.unknown"
NO_COMMON_HOUR = "hours.none_in_common"
_REG_F = "12 CFR 1006.6(b)(1)(i), comment 6(b)(1)(i)-2"


@dataclass(frozen=True, slots=True)
class Because:
    """One reason: the rule by its id, what it says of this call, and where it is written."""

    rule: str
    text: str
    source: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """``dial``, ``wait`` until an instant (``None``: until more is known), or ``never``."""

    verdict: Literal["dial", "wait", "never"]
    until: datetime | None
    because: tuple[Because, ...]


def decide(place: Place, calling: Calling, consent: Consent, at: datetime) -> Verdict:
    """Whether a call to somebody there may be placed at this instant, with this consent. Where its hours are to come,
    it must be lawful then, too."""
    now = to_utc(at)
    if not place.zones or not place.areas:
        return Verdict("wait", None, (_unknown(place),))
    if refusing := _refusing(place, calling, consent, now):
        return Verdict("never", None, refusing)
    hours = lawful_hours(place, calling)
    if hours.is_open(now):
        rules = rules_that_bind(place, calling, now)
        return Verdict(
            "dial", None, tuple(Because(rule.id, f"{rule.title}: {wants(rule)}", source(rule)) for rule in rules)
        )
    until = hours.next_open(now)
    if until is None:
        return Verdict("never", None, (_no_common_hour(place), *_shut(place, calling, now)))
    if refusing := _refusing(place, calling, consent, until):
        return Verdict("never", None, refusing)
    return Verdict("wait", until, _shut(place, calling, now))


def _refusing(place: Place, calling: Calling, consent: Consent, at: datetime) -> tuple[Because, ...]:
    """The rules that want a consent that is not there, or forbid the call."""
    rules = rules_that_bind(place, calling, at)
    found = [(rule, _lacks(rule, rules, calling, consent)) for rule in rules]
    return tuple(Because(rule.id, f"{rule.title}: {lacks}", source(rule)) for rule, lacks in found if lacks)


def _lacks(rule: Rule, rules: Sequence[Rule], calling: Calling, consent: Consent) -> str:
    if rule.prohibited:
        return f"no {calling.purpose} call, {calling.voice}, is allowed in {rule.place}."
    needed = consent_of(rule, rules, calling)
    if needed <= consent:
        return ""
    return f"a {calling.purpose} call needs {consent_in_words(needed)}; there is {consent_in_words(consent)}."


def _shut(place: Place, calling: Calling, now: datetime) -> tuple[Because, ...]:
    """The rules that are shut now, with what their clock reads."""
    found = []
    for rule in rules_that_bind(place, calling, now):
        shut = [hours.zone for hours in hours_of(rule, place.zones) if not hours.is_open(now)]
        if shut:
            text = f"{rule.title} ({rule.place}): {wants(rule)}; now it is {_clocks(shut, now)}."
            found.append(Because(rule.id, text, source(rule)))
    return tuple(found)


def _clocks(zones: Sequence[str], now: datetime) -> str:
    return ", ".join(weekday(now, zone) for zone in zones)


def _unknown(place: Place) -> Because:
    what = "which zone that is in" if place.areas else "in which country the called party is"
    return Because(
        UNKNOWN_PLACE, f"Nobody knows {what}; state a country, a state, a postal code or a time zone.", _REG_F
    )


def _no_common_hour(place: Place) -> Because:
    where = ", ".join(place.areas)
    return Because(NO_COMMON_HOUR, f"There is no hour within a year at which all of {where} may be called.", _REG_F)
