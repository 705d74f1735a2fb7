"""Which rules bind a call: those of every place where the called party might be, all of them together.

The rules are data (:mod:`worker.law`). Hours intersect, caps and times of quiet all hold, the strongest consent is
needed; each in every candidate zone and area. A rule that only secondary sources prove, or that is no law, warns and
does not bind. What has a beginning or an end has it on the callee's own date. Not legal advice.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache

from worker.domain.errors import Broken
from worker.domain.frequency import Cap, Frequency, Quiet
from worker.domain.hours import Hours, Never, Weekly, all_of
from worker.domain.places import Place, areas_around
from worker.domain.window import to_utc, zone_info
from worker.law import reading
from worker.law.rules import CapClause, ConsentClause, Law, Rule
from worker.law.version import PACK_VERSION
from worker.law.words import CALLED_PARTY, Consent, Line, Purpose, Voice

__all__ = ["PACK_VERSION", "Calling", "Consent", "Line", "Prohibited", "Purpose", "Rule", "Voice"]


@dataclass(frozen=True, slots=True)
class Calling:
    """What a call is: its purpose, who speaks, and what kind of line it rings. A campaign's calls are ``automated``: an
    AI voice is an artificial voice (FCC 24-17). A line nobody knows of counts as ``mobile``."""

    purpose: Purpose
    voice: Voice = "automated"
    line: Line = "mobile"


def law() -> Law:
    """The packs. Raises :class:`Broken` with the file and the line of a mistake: every process reads them when it
    starts, for without a rule it would let calls through."""
    try:
        return reading.law()
    except reading.PackMistake as mistake:
        raise Broken(f"The rules of calling cannot be read: {mistake}") from None


@dataclass(frozen=True, slots=True)
class Prohibited:
    """No consent makes the call lawful."""

    rules: tuple[Rule, ...]


def lawful_hours(place: Place, calling: Calling) -> Hours:
    """When a call may be placed: when every rule is open in every candidate zone and area. Where nobody knows the zone
    or the area, never."""
    return _lawful_hours(place.zones, place.areas, calling)


@lru_cache(maxsize=4096)
def _lawful_hours(zones: tuple[str, ...], areas: tuple[str, ...], calling: Calling) -> Hours:
    if not zones or not areas:
        return Never()
    binding = (rule for rule in _rules(areas, calling) if rule.binding)
    return all_of(hours for rule in binding for hours in hours_of(rule, zones))


def hours_of(rule: Rule, zones: Iterable[str]) -> list[Weekly]:
    """The hours of one rule on each of its clocks, none where it has no hours."""
    if rule.hours is None:
        return []
    clocks = [clock for each in rule.clocks for clock in (zones if each == CALLED_PARTY else (each,))]
    closed = law().holidays[rule.closed] if rule.closed else frozenset[date]()
    return [Weekly(rule.hours, clock, closed, rule.since, rule.until) for clock in clocks]


def caps_for(place: Place, calling: Calling, at: datetime, consent: Consent = Consent.NONE) -> Frequency:
    """How often the number may be called. The caps of an exemption from consent hold where it is used: where the
    ``consent`` that would be needed without it is not there."""
    rules = rules_that_bind(place, calling, at)
    binding = [rule for rule in rules if rule.exempts is None or _is_used(rule, rules, calling, consent)]
    caps = {Cap(cap.calls, cap.hours) for rule in binding for cap in rule.caps if _is_for(cap, calling)}
    quiet = {Quiet(each.after, each.hours) for rule in binding for each in rule.quiet}
    return Frequency(
        tuple(sorted(caps, key=lambda cap: (cap.hours, cap.calls))),
        tuple(sorted(quiet, key=lambda each: (each.after, each.hours or 0))),
    )


def consent_needed(place: Place, calling: Calling, at: datetime) -> Consent | Prohibited:
    """The strongest consent that a rule wants, or that none is enough."""
    rules = rules_that_bind(place, calling, at)
    if prohibiting := tuple(rule for rule in rules if rule.prohibited):
        return Prohibited(prohibiting)
    return max((consent_of(rule, rules, calling) for rule in rules), default=Consent.NONE)


def consent_of(rule: Rule, rules: Sequence[Rule], calling: Calling) -> Consent:
    """The consent that one of the ``rules`` wants, none where another of them exempts from it."""
    if any(other.exempts == rule.id for other in rules):
        return Consent.NONE
    return _wanted(rule, calling)


def rules_that_bind(place: Place, calling: Calling, at: datetime) -> Sequence[Rule]:
    """The rules by which the call is judged: the evidence of what let it pass."""
    return [rule for rule in _rules_at(place, calling, at) if rule.binding]


def rules_that_warn(place: Place, calling: Calling, at: datetime) -> Sequence[Rule]:
    """The rules that may hold, too, but are not well enough proven, or are no law."""
    return [rule for rule in _rules_at(place, calling, at) if not rule.binding]


def _rules_at(place: Place, calling: Calling, at: datetime) -> list[Rule]:
    dates = {to_utc(at).astimezone(zone_info(zone)).date() for zone in place.zones}
    return [rule for rule in _rules(place.areas, calling) if _is_in_force(rule, dates)]


def _is_in_force(rule: Rule, dates: set[date]) -> bool:
    """Whether it is on one of the dates that the called party may have; where there is none, it may be."""
    return not dates or any(
        (rule.since is None or day >= rule.since) and (rule.until is None or day < rule.until) for day in dates
    )


@lru_cache(maxsize=4096)
def _rules(areas: tuple[str, ...], calling: Calling) -> tuple[Rule, ...]:
    """All rules of these areas that are about such calls and decide something, whenever they hold."""
    around = {each for area in areas for each in areas_around(area)}
    return tuple(
        rule
        for rule in law().rules
        if rule.decides and (rule.place in around or rule.place.partition("-")[0] in areas) and _is_about(rule, calling)
    )


def _is_about(rule: Rule, calling: Calling) -> bool:
    return (
        (not rule.purposes or calling.purpose in rule.purposes)
        and rule.voice in ("any", calling.voice)
        and rule.line in ("any", calling.line)
    )


def _is_for(clause: CapClause | ConsentClause, calling: Calling) -> bool:
    return not clause.purposes or calling.purpose in clause.purposes


def _wanted(rule: Rule, calling: Calling) -> Consent:
    return max(
        (
            clause.consent
            for clause in rule.consent
            if _is_for(clause, calling)
            and clause.voice in ("any", calling.voice)
            and clause.line in ("any", calling.line)
        ),
        default=Consent.NONE,
    )


def _is_used(exemption: Rule, rules: Sequence[Rule], calling: Calling, consent: Consent) -> bool:
    return any(rule.id == exemption.exempts and _wanted(rule, calling) > consent for rule in rules)
