"""When many 603 of one caller ID are a network's block, and when they are callees who decline."""

from __future__ import annotations

import pytest

from worker.domain.network_blocks import CALLS, LEAST, is_blocked


def ends(declined: int, others: int, *, callees: int | None = None) -> list[tuple[str, bool]]:
    """So many calls that ended in 603, to so many different callees (``None``: each to another), and others."""
    given = [(f"+1202555{i % (callees or CALLS):04}", True) for i in range(declined)]
    return [*given, *((f"+1303555{i:04}", False) for i in range(others))]


@pytest.mark.parametrize(
    ("known", "blocked"),
    [
        (ends(0, 0), False),
        (ends(LEAST - 1, 0), False),
        (ends(LEAST, 0), True),
        (ends(LEAST, LEAST), True),
        (ends(LEAST, LEAST + 1), False),
        (ends(CALLS // 2, CALLS // 2), True),
        (ends(CALLS // 2 - 1, CALLS // 2 + 1), False),
        (ends(CALLS, 0), True),
        (ends(CALLS, 0, callees=LEAST), True),
        (ends(CALLS, 0, callees=LEAST - 1), False),
        (ends(0, CALLS), False),
    ],
)
def test_at_least_five_callees_and_at_least_half_of_the_calls(known: list[tuple[str, bool]], blocked: bool) -> None:
    assert is_blocked(known) is blocked
    assert is_blocked(reversed(known)) is blocked
