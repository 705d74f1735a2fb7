"""A jump of the database's clock is noticed for certain or not at all, and noted once."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection

from tests.world import World
from worker.clock import boot
from worker.flow.clock_jumps import SHARP_SECONDS, TOLERANCE_SECONDS, ClockWatch, Reading, steadily, watch_clock
from worker.store import clock_jumps
from worker.store.database import once


def reading(ahead: float, *, took: float = 0.01, at: float = 0.0, known: int = 0) -> Reading:
    """The server's clock found so far ahead of ours, by asking that took so long."""
    return Reading(ahead - took, ahead, at, known)


@pytest.mark.parametrize(
    ("first", "second", "jumped"),
    [
        (reading(100), reading(100, at=1), None),
        (reading(100), reading(100 + TOLERANCE_SECONDS - 1, at=1), None),
        (reading(100), reading(3700, at=1), 3600),
        (reading(100), reading(-3500, at=1), -3600),
        (reading(100), reading(100, took=600, at=600), None),  # we stood still, the clock did not
        (reading(100), reading(3700, took=600, at=600), 3600),  # we stood still, and it jumped
        (reading(100), reading(3700, took=4000, at=4000), None),  # who can tell
        (reading(100), reading(100 + 30, at=86_400), None),  # it was slewed for a day
        (reading(100), reading(100 + 600, at=86_400), 600),
        (reading(100, took=SHARP_SECONDS * 2), reading(3700, at=1), None),  # the first was no measure
    ],
)
def test_only_what_is_certain_is_a_jump(first: Reading, second: Reading, jumped: float | None) -> None:
    watch = ClockWatch()
    assert watch.jump(first) is None
    found = watch.jump(second)
    if jumped is None:
        assert found is None
    else:
        assert found is not None
        assert found[0] == pytest.approx(jumped, abs=0.1)


def test_small_steps_add_up_to_a_jump() -> None:
    watch = ClockWatch()
    found = [watch.jump(reading(2.0 * second, at=second)) for second in range(10)]
    assert any(each is not None for each in found)


def watching(behind: list[float]) -> ClockWatch:
    """A process whose machine's clock is set back by ``behind``, which looks as if the server's had jumped forward."""
    return ClockWatch(lambda: boot() - behind[0])


def jumps(world: World) -> list[int]:
    return [round(row.seconds, -1) for row in world.sql("SELECT seconds FROM clock_jumps ORDER BY number")]


def test_however_many_notice_a_jump_it_is_noted_once(world: World) -> None:
    behind = [0.0]
    several = [watching(behind) for _ in range(3)]
    for each in several:
        watch_clock(world.engine, each)
    for seconds, noted in ((3600.0, [3600]), (7200.0, [3600, 3600]), (0.0, [3600, 3600, -7200])):
        behind[0] = seconds
        for each in (*several, *several):
            watch_clock(world.engine, each)
        assert jumps(world) == noted


def test_who_comes_later_takes_the_clock_as_it_is(world: World) -> None:
    behind = [0.0]
    early, late = watching(behind), watching(behind)
    watch_clock(world.engine, early)
    behind[0] = 3600.0
    watch_clock(world.engine, late)  # starts after the jump, before anybody has noticed it
    watch_clock(world.engine, early)
    watch_clock(world.engine, late)
    assert jumps(world) == [3600]


def test_what_was_decided_by_a_clock_that_had_jumped_is_decided_anew(world: World) -> None:
    behind = [0.0]
    watch = watching(behind)
    watch_clock(world.engine, watch)
    known: list[int] = []

    def decide(conn: Connection) -> int:
        known.append(clock_jumps.read(conn)[1])
        behind[0] = 3600.0
        return known[-1]

    assert steadily(world.engine, watch, decide) == 1
    assert known == [0, 1]


def test_a_jump_is_shown_with_until_when_calls_are_held_for_it(world: World) -> None:
    behind = [0.0]
    watch = watching(behind)
    watch_clock(world.engine, watch)
    campaign = world.campaign(world.contacts(1))
    world.run(campaign)
    behind[0] = 3600.0
    watch_clock(world.engine, watch)
    (jump,) = once(world.engine, lambda conn: clock_jumps.latest(conn, within_seconds=60))
    call = world.call(campaign)
    assert round((jump.held_until - call.provable_end_at).total_seconds(), -1) == 3600
    world.finish_all()
    (jump,) = once(world.engine, lambda conn: clock_jumps.latest(conn, within_seconds=60))
    assert jump.held_until is None
