"""A rule as a pack states it. Nothing here decides; see :mod:`worker.domain.law`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Literal, get_args

from worker.law.words import Consent

Span = tuple[int, int]
"""From when until when, in minutes since midnight, the end excluded: 08:00 to 21:00 is ``(480, 1260)``."""

After = Literal["conversation", "refusal"]
AFTER: tuple[str, ...] = get_args(After)


@dataclass(frozen=True, slots=True)
class CapClause:
    """At most ``calls`` in any ``hours``, to one number; ``per`` is the period in the rule's own words. For all
    purposes of the rule where none is named."""

    calls: int
    hours: int
    per: str = ""
    purposes: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class QuietClause:
    """No call for ``hours`` (``None``: for good) after a conversation, or after a refusal in one. ``days`` is the
    period as the rule has it."""

    after: After
    hours: int | None = None
    days: int | None = None


@dataclass(frozen=True, slots=True)
class ConsentClause:
    """The consent that is needed. No purposes, voice ``any`` and line ``any`` mean all that the rule applies to."""

    consent: Consent
    purposes: frozenset[str] = frozenset()
    voice: str = "any"
    line: str = "any"


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of one place (``US``, ``US-FL``, ``EU``). ``hours`` has the spans of each weekday, Monday first, on each
    of the ``clocks``; ``None`` where the rule has no hours. ``closed`` names a calendar of ``holidays.toml``. It holds
    from ``since`` until ``until`` (excluded), on the callee's own date. ``exempts`` is the rule whose consent need not
    be had for as long as the caps of this one are kept."""

    id: str
    place: str
    title: str
    law: str
    evidence: str
    binding: bool
    checked: date
    sources: tuple[str, ...]
    purposes: frozenset[str] = frozenset()
    voice: str = "any"
    line: str = "any"
    clocks: tuple[str, ...] = ()
    hours: tuple[tuple[Span, ...], ...] | None = None
    closed: str | None = None
    caps: tuple[CapClause, ...] = ()
    quiet: tuple[QuietClause, ...] = ()
    consent: tuple[ConsentClause, ...] = ()
    prohibited: bool = False
    exempts: str | None = None
    since: date | None = None
    until: date | None = None
    duties: tuple[str, ...] = ()

    @property
    def decides(self) -> bool:
        """Whether anything depends on it; what only tells of duties does not."""
        return bool(self.hours or self.caps or self.quiet or self.consent or self.prohibited)


@dataclass(frozen=True, slots=True)
class Law:
    """All packs together."""

    rules: tuple[Rule, ...]
    holidays: Mapping[str, frozenset[date]] = field(default_factory=dict)
