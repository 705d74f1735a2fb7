"""The traits of dispositions (:class:`worker.domain.model.Traits`) as lists for statements: ``disposition IN (…)``."""

from __future__ import annotations

from collections.abc import Callable

from worker.domain.model import Attempt, Disposition, Tally, Traits


def those(have: Callable[[Traits], bool]) -> str:
    """The dispositions whose traits say so, in parentheses; a list of one is planned as ``=``, or ``<>``."""
    return "(" + ", ".join(f"'{each}'" for each in Disposition if have(each.traits)) + ")"


UNSENT = those(lambda traits: not traits.sent)
ANSWERED = those(lambda traits: traits.answered)
REJECTED = those(lambda traits: traits.tally is Tally.REJECTED)
PICKED_UP = those(lambda traits: traits.picked_up)
COUNTS_IF_IT_RANG = those(lambda traits: traits.attempt is Attempt.IF_RANG)
NEVER_COUNTS = those(lambda traits: traits.attempt is Attempt.NEVER)
