"""Whoever dies is started again, less and less soon; what cannot live ends it all, with its last words."""

from __future__ import annotations

import pytest

from tests.cli.running import wait_until
from worker.cli.keeping import PAUSES_SECONDS, QUICK_SECONDS, Keeper, Record
from worker.dev.stack import Stack
from worker.domain.errors import Unavailable


def test_quick_deaths_in_a_row_are_given_longer_and_longer_pauses_and_then_up() -> None:
    record, now = Record(0.0), 0.0
    for pause in PAUSES_SECONDS:
        now += QUICK_SECONDS - 1
        assert record.has_ended(now) == pause
        assert record.due_at == now + pause
        now += pause
        record.is_started(now)
        assert record.due_at is None
    assert record.has_ended(now + QUICK_SECONDS - 1) is None


@pytest.mark.parametrize("lives", [[QUICK_SECONDS] * 20, [1.0, 1.0, 1.0, QUICK_SECONDS, 1.0]])
def test_who_has_lived_for_a_while_starts_over(lives: list[float]) -> None:
    record, now = Record(0.0), 0.0
    for life in lives:
        now += life
        pause = record.has_ended(now)
        assert pause is not None
        record.is_started(now)
    assert pause == PAUSES_SECONDS[0 if lives[-1] >= QUICK_SECONDS else 1]


def test_what_cannot_live_is_shown_with_its_last_words() -> None:
    printed: list[str] = []
    now = 0.0
    with Stack() as stack:
        stack.spawn("web", ["sh", "-c", "echo no such setting; exit 3"])
        keeper = Keeper(stack, printed.append, lambda: now)
        for pause in PAUSES_SECONDS:
            wait_until(lambda: stack.children[0].exit_code is not None, "it has ended")
            keeper.check()
            now += pause
            keeper.check()
        wait_until(lambda: stack.children[0].exit_code is not None, "it has ended")
        with pytest.raises(Unavailable, match=r"web ended 6 times within 30 s of its start; its last words: no such"):
            keeper.check()
    assert printed[0] == "web ended with code 3 (no such setting); it is started again."
    assert printed[1] == "web ended with code 3 (no such setting); it is started again in 1 s."
    assert len(printed) == len(PAUSES_SECONDS)
