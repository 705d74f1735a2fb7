"""What ``dialer doctor`` finds, and how it asks: every question from a thread of its own and with an end, so that a
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
    """One thing looked at: what was found, and whether it is as it should be."""

    name: str
    found: str
    ok: bool
    offenders: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class Question:
    """Something to look at: ``ask`` returns a finding for everything that it saw, :class:`Unavailable` being one
    under ``name``, as is that no answer came in time from who is asked, ``of``."""

    name: str
    of: str
    ask: Callable[[Dialer], list[Finding]]


def answers(dialer: Dialer, questions: Sequence[Question], *, within_seconds: float) -> list[Finding]:
    """What was found, in the order of the questions, which are asked side by side."""
    asked = [(question, in_background("doctor", partial(question.ask, dialer))) for question in questions]
    until = monotonic() + within_seconds
    return [finding for question, answer in asked for finding in _read(question, answer, until, within_seconds)]


def _read(question: Question, answer: Future[list[Finding]], until: float, within_seconds: float) -> list[Finding]:
    try:
        return answer.result(max(0.0, until - monotonic()))
    except Unavailable as error:
        return [Finding(question.name, str(error), ok=False)]
    except TimeoutError:
        return [Finding(question.name, f"no answer from {question.of} within {within_seconds:.0f} s", ok=False)]
