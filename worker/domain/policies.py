"""The rules as they are listed, and which of them were checked too long ago."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from worker.domain.errors import Fault, Invalid
from worker.domain.places import areas_around
from worker.domain.rule_words import source, wants
from worker.law.reading import law
from worker.law.rules import Rule
from worker.law.version import PACK_VERSION
from worker.law.words import PURPOSES

CHECKED_WITHIN = timedelta(days=180)
"""A rule that nobody has looked at for longer may have changed."""
MEANING = {
    "telemarketing": "sells something, or leads to a sale",
    "informational": "of a commercial caller, and sells nothing: an appointment, a delivery",
    "non_commercial": "of no commercial purpose",
    "nonprofit": "by a tax-exempt organisation, or for one",
    "health": "by a health provider to a patient",
    "fraud_alert": "by a bank, of suspicious transactions",
    "debt": "collects a debt",
    "research": "an opinion poll or a survey",
}


def listing(place: str | None = None) -> dict[str, Any]:
    """Version, purposes and rules, by place; those of one place and of what is around it where one is named. Raises
    :class:`Invalid` for a place without a rule."""
    rules = sorted(law().rules, key=lambda rule: (rule.place, rule.id))
    if place is not None:
        around = areas_around(place.strip().upper())
        rules = [rule for rule in rules if rule.place in around]
        if not rules:
            known = ", ".join(sorted({rule.place for rule in law().rules}))
            raise Invalid([Fault("place", f"There is no rule of {place!r}; there are rules of {known}.")])
    return {
        "version": PACK_VERSION,
        "purposes": [{"name": name, "meaning": MEANING[name]} for name in PURPOSES],
        "rules": [_shown(rule) for rule in rules],
    }


def outdated(today: date) -> Sequence[Rule]:
    """The rules that were last checked too long ago."""
    return [rule for rule in law().rules if rule.checked + CHECKED_WITHIN < today]


def _shown(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.id,
        "place": rule.place,
        "title": rule.title,
        "wants": wants(rule),
        "applies": _applies(rule),
        "binding": rule.binding,
        "evidence": rule.evidence,
        "since": rule.since and rule.since.isoformat(),
        "until": rule.until and rule.until.isoformat(),
        "checked": rule.checked.isoformat(),
        "source": source(rule),
        "sources": list(rule.sources),
    }


def _applies(rule: Rule) -> str:
    said = [", ".join(sorted(rule.purposes)) or "any purpose"]
    said += [rule.voice] if rule.voice != "any" else []
    said += [f"{rule.line} lines"] if rule.line != "any" else []
    return "; ".join(said)
