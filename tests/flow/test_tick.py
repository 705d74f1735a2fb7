"""No part of a tick is left out because another one failed, and no failure is kept quiet."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.world import World
from worker.domain.errors import Broken, Unavailable
from worker.flow import tick
from worker.flow.base import Dialer, Settle, Step, Stop
from worker.store import ticks

EVERY_SECOND = [work.__name__ for work in tick.WORK]
NOW_AND_THEN = ("_reconcile", "_forget")
PARTS = ["_reconcile", *EVERY_SECOND, "_forget"]


def watched(monkeypatch: pytest.MonkeyPatch, failing: dict[str, BaseException]) -> list[str]:
    """Let these parts fail, and note which are done."""
    done: list[str] = []

    def instead(name: str) -> Callable[[Dialer], list[Step]]:
        def work(dialer: Dialer) -> list[Step]:
            done.append(name)
            if name in failing:
                raise failing[name]
            return [Stop()] if name == PARTS[0] else [Settle()]

        work.__name__ = name
        return work

    monkeypatch.setattr(ticks, "claim_each", lambda conn, every: frozenset(every))  # every part is due
    monkeypatch.setattr(tick, "WORK", tuple(instead(name) for name in EVERY_SECOND))
    for name in NOW_AND_THEN:
        monkeypatch.setattr(tick, name, instead(name))
    return done


def test_a_part_that_breaks_leaves_the_others_done_and_is_loud(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PARTS:
        for error in (Broken("ours"), KeyError("ours"), RuntimeError("ours")):
            done, steps = watched(monkeypatch, {name: error}), []
            with pytest.raises(type(error), match="ours"):
                tick.tick_into(world.dialer, steps)
            assert done == PARTS
            assert len(steps) == len(PARTS) - 1


def test_a_service_that_is_away_is_no_failure(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    done = watched(monkeypatch, dict.fromkeys(PARTS, Unavailable("away")))
    assert tick.tick(world.dialer) == []
    assert done == PARTS


def test_parts_come_in_their_order_and_all_that_break_are_shown(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    failing = {PARTS[1]: Broken("first"), PARTS[3]: Broken("second")}
    done = watched(monkeypatch, failing)
    with pytest.raises(Broken, match="second"):
        tick.tick(world.dialer)
    logged = capsys.readouterr().out
    assert logged.count("tick_part_failed") == 2
    assert "first" in logged
    assert done == PARTS
