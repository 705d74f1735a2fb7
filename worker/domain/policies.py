"""The rules as they are listed, and which of them were checked too long ago."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from worker.domain.errors import Fault, Invalid
from worker.domain.law import law
from worker.domain.places import areas_around
from worker.domain.rule_words import source, wants
from worker.law.rules import Rule
from worker.law.version import PACK_VERSION
from worker.law.words import MEANING, Purpose

AREA = re.compile("[A-Z]{2}(-[A-Z0-9]{1,3})?")
CHECKED_WITHIN = timedelta(days=180)
"""A rule that nobody has looked at for longer may have changed."""


def listing(place: str | None = None) -> dict[str, Any]:
    """Version, purposes and rules, by place; those of one place and of what is around it where one is named. Raises
    :class:`Invalid` for a place without a rule."""
    rules = sorted(law().rules, key=lambda rule: (rule.place, rule.id))
    if place is not None:
        named = place.strip().upper()
        around = areas_around(named) if AREA.fullmatch(named) else ()
        rules = [rule for rule in rules if rule.place in around]
        if not rules:
            known = ", ".join(sorted({rule.place for rule in law().rules}))
            raise Invalid([Fault("place", f"There is no rule of {place!r}; there are rules of {known}.")])
    return {
        "version": PACK_VERSION,
        "purposes": [{"name": each.value, "meaning": MEANING[each]} for each in Purpose],
        "rules": [_shown(rule) for rule in rules],
    }


def outdated(today: date) -> Sequence[Rule]:
    """The rules that were last checked too long ago."""
    return [rule for rule in law().rules if rule.checked + CHECKED_WITHIN < today]


def state_in_words(today: date) -> str:
    """How many rules there are, of which day, and what is to be looked at again."""
    old = len(outdated(today))
    again = f"; {old} checked more than {CHECKED_WITHIN.days} days ago: see dialer policy check" if old else ""
    return f"{len(law().rules)} of {PACK_VERSION}{again}"


def page_row(shown: dict[str, Any]) -> str:
    """A listed rule as a line of the table in the manual."""
    dates = [f"{word} {shown[word]}" for word in ("since", "until") if shown[word]]
    proof = ", ".join([shown["evidence"], *([] if shown["binding"] else ["warns only"]), *dates])
    return f"| {shown['id']} | {shown['place']} | {shown['wants']} | {shown['applies']} | {proof} |"


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
