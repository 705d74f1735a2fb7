"""What ``dialer doctor`` finds, and how: every check runs in a thread of its own and with an end, so that a
service which takes a connection and then says nothing is a finding like any other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import Any

from worker.background import in_background
from worker.clock import monotonic
from worker.domain.errors import Unavailable
from worker.flow.base import Dialer


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was checked: what was found, and whether it is as it should be."""

    name: str
    found: str
    ok: bool
    offenders: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class Check:
    """Something to check: ``run`` returns a finding for everything that it saw, :class:`Unavailable` being one
    under ``name``, as is that no answer came in time from the service it is ``of``."""

    name: str
    of: str
    run: Callable[[Dialer], list[Finding]]


def run_checks(dialer: Dialer, checks: Sequence[Check], *, within_seconds: float) -> list[Finding]:
    """What was found, in the order of the checks, which run side by side."""
    running = [(check, in_background("doctor", partial(check.run, dialer))) for check in checks]
    until = monotonic() + within_seconds
    return [finding for check, answer in running for finding in _read(check, answer, until, within_seconds)]


def _read(check: Check, answer: Future[list[Finding]], until: float, within_seconds: float) -> list[Finding]:
    try:
        return answer.result(max(0.0, until - monotonic()))
    except Unavailable as error:
        return [Finding(check.name, str(error), ok=False)]
    except TimeoutError:
        return [Finding(check.name, f"no answer from {check.of} within {within_seconds:g} s", ok=False)]
