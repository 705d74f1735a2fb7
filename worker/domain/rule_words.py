"""A rule in words, for people: what it wants, and of whom."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from worker.law.rules import CapClause, ConsentClause, QuietClause, Rule, Span
from worker.law.words import CALLED_PARTY, Consent

_DAYS = (("Monday to Friday", 0), ("Saturday", 5), ("Sunday", 6))
WHOLE_DAY = 24 * 60


def wants(rule: Rule) -> str:
    """What the rule wants: ``calls Monday to Friday 09:00-20:00, Saturday none, Sunday none; at most 3 per 24
    hours``."""
    return "; ".join(_wants(rule)) or "; ".join(rule.duties) or "nothing that decides a call"


def source(rule: Rule) -> str:
    """Where it is written: the law, and where its text can be read, if it can be."""
    address = next((each for each in rule.sources if each.startswith("https://")), None)
    return f"{rule.law} ({address})" if address else rule.law


def consent_in_words(consent: Consent) -> str:
    """``written consent``."""
    return {Consent.NONE: "no consent", Consent.EXPRESS: "express consent", Consent.WRITTEN: "written consent"}[consent]


def _wants(rule: Rule) -> Iterator[str]:
    if rule.prohibited:
        yield "no such calls at all"
    if rule.hours is not None:
        yield _hours_in_words(rule)
    yield from map(_cap_in_words, rule.caps)
    yield from map(_quiet_in_words, rule.quiet)
    yield from map(_consent_in_words, rule.consent)


def _hours_in_words(rule: Rule) -> str:
    of_days = [f"{name} {_spans_in_words((rule.hours or ())[day])}" for name, day in _DAYS]
    if len({words.rpartition(" ")[2] for words in of_days}) == 1 and (rule.hours or ())[6]:
        of_days = [f"every day {_spans_in_words((rule.hours or ())[6])}"]
    closed = f", none on holidays ({rule.closed})" if rule.closed else ""
    others = [clock for clock in rule.clocks if clock != CALLED_PARTY]
    by = f", by the clock of {' and '.join(others)} as well" if others else ""
    return f"calls {', '.join(of_days)}{closed}{by}"


def _spans_in_words(spans: Sequence[Span]) -> str:
    return " and ".join(f"{_hour(start)}-{_hour(end)}" for start, end in spans) or "none"


def _hour(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


def _cap_in_words(cap: CapClause) -> str:
    of = f" ({', '.join(sorted(cap.purposes))})" if cap.purposes else ""
    return f"at most {cap.calls} per {cap.per}{of}"


def _quiet_in_words(quiet: QuietClause) -> str:
    return f"none after a {quiet.after}{f' for {quiet.days} days' if quiet.days else ', for good'}"


def _consent_in_words(clause: ConsentClause) -> str:
    of = [
        *sorted(clause.purposes),
        *([clause.voice] if clause.voice != "any" else []),
        *([f"to a {clause.line}"] if clause.line != "any" else []),
    ]
    return consent_in_words(clause.consent) + (f" ({', '.join(of)})" if of else "")
