"""When a carrier account that fails is left alone, and how it comes back.

::

    closed ── more than half of the last 50 requests failed ──► open: no call
      ▲                                                           │ 1, 2, 4 … minutes later
      └── the probe worked ── half open: one call, the probe ◄────┘
                                 └── it failed too: open again, twice as long

A *technical failure* says something about the carrier and not about the callee: no connection, a request in doubt
(any 5xx included), a refusal that is not in the table, a call the network failed (SIP 5xx). A request that never
left because its fence had passed says nothing and is not counted; a request that was accepted is counted when its
call has ended, for only then is it known whether the network took it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

WELL, ILL = ".", "x"


@dataclass(frozen=True, slots=True)
class BreakerRules:
    """``window`` requests are looked at; more than ``share`` of them failed opens. Seconds of machine time."""

    window: int = 50
    share: float = 0.5
    pause_seconds: float = 60.0
    longest_pause_seconds: float = 3600.0


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one call says about its carrier account. With ``counts`` false it is no request's result, only a sign
    of life: somebody answered."""

    account_id: str
    call_id: str
    went_well: bool
    counts: bool = True


@dataclass(frozen=True, slots=True)
class Breaker:
    """``recent`` are the results of the latest requests, ``x`` for a failure; those before them went well.
    ``trips`` counts the pauses in a row, ``is_open`` is true from the first of them until a probe has worked, and
    ``probe`` is the call that was let through meanwhile."""

    recent: str = ""
    trips: int = 0
    is_open: bool = False
    probe: str | None = None


@dataclass(frozen=True, slots=True)
class BreakerStep:
    """The breaker as it is now; ``pause_seconds`` where it has just opened, after so many ``failures``."""

    breaker: Breaker
    pause_seconds: float | None = None
    failures: int = 0


def apply(breaker: Breaker, evidence: Sequence[Evidence], rules: BreakerRules) -> BreakerStep:
    """What the evidence makes of the breaker. While it is open only that of the probe counts: whatever else comes
    then was on its way before."""
    if breaker.is_open:
        for each in evidence:
            if each.call_id == breaker.probe:
                return BreakerStep(Breaker()) if each.went_well else _opened(breaker, rules, 1)
        return BreakerStep(breaker)
    results = "".join(WELL if each.went_well else ILL for each in evidence if each.counts)
    recent = (breaker.recent + results)[-rules.window :].lstrip(WELL)
    failures = recent.count(ILL)
    if failures > rules.share * rules.window:
        return _opened(breaker, rules, failures)
    return BreakerStep(replace(breaker, recent=recent), failures=failures)


def _opened(breaker: Breaker, rules: BreakerRules, failures: int) -> BreakerStep:
    pause = min(rules.pause_seconds * 2**breaker.trips, rules.longest_pause_seconds)
    return BreakerStep(Breaker(trips=min(breaker.trips + 1, 30), is_open=True), pause, failures)
