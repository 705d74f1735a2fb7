"""``dialer watch`` without a campaign: all of the team's, from which one is opened."""

from __future__ import annotations

import io
from datetime import timedelta
from typing import Any

import pytest
from rich.console import Console

from tests.at_work import AHEAD
from tests.cli.running import dialer, sentence
from tests.cli.terminal import terminal
from tests.cli.test_watch import settings_of
from tests.world import World
from worker.carriers.simulated.protocol import Status
from worker.cli.board import BoardView, lines_of, render_board
from worker.operations.board import Board, read_board
from worker.simulator.lives import Life

WINDOW = {"callWindowStart": "13:00", "callWindowEnd": "17:00", "callWindowTimezone": "America/New_York"}


@pytest.fixture
def team(world: World) -> World:
    """One campaign talks, one waits for its window, one starts in an hour, one is a draft, one is done."""
    world.script({"*": Life(1, 600)})
    done = world.campaign(world.contacts(2), name="Done", maxAttemptsPerContact=1)
    world.script({"*": Life(1, 0, Status.BUSY)})
    world.run(done)
    world.until(done, "completed")
    world.script({"*": Life(1, 600)})
    world.campaign(name="Draft")
    world.campaign(name="Later", scheduledStartAt=(world.now + timedelta(hours=1)).isoformat(), **WINDOW)
    world.run(world.campaign(world.contacts(3), name="Shut", **WINDOW))
    world.run(world.campaign(world.contacts(3), name="Open\x1b[31m", maxConcurrentCalls=2))
    world.advance(10)
    world.sql(f"UPDATE ticks SET last_at = clock_timestamp() + interval '{AHEAD}'")
    return world


def seen(world: World) -> Board:
    return read_board(world.dialer, world.team, broker_answers=lambda: True)


def drawn(view: BoardView, width: int, height: int) -> list[str]:
    console = Console(file=io.StringIO(), width=width, height=height, force_terminal=True, color_system=None)
    lines = console.render_lines(render_board(view, width, height), pad=False)
    return ["".join(segment.text for segment in line) for line in lines]


def watching(world: World, **size: int) -> Any:
    return terminal("dialer", "watch", **size, **settings_of(world))


def test_the_board_says_what_each_does_and_what_all_have_done_today(team: World) -> None:
    board = seen(team)
    found = {line.row.name: line for line in board.lines}
    assert list(found) == ["Open\x1b[31m", "Shut", "Later", "Draft", "Done"]
    assert found["Shut"].activity.message == "The call window is shut until 13:00 New York, in 1 h."
    assert found["Later"].activity.message == "The campaign starts: 13:00 New York, in 1 h."
    assert (found["Done"].reach["not_reached"], found["Done"].calls_today) == (2, 2)
    assert (found["Open\x1b[31m"].row.live, found["Open\x1b[31m"].reach["left"]) == (2, 3)
    assert board.count == 5
    team.finish_all()


def test_a_test_call_and_what_is_deleted_stand_on_no_board(team: World) -> None:
    team.sql("UPDATE campaigns SET test_of = id WHERE name = 'Draft'")
    team.sql("UPDATE campaigns SET deleted_at = clock_timestamp() WHERE name = 'Done'")
    board = seen(team)
    assert (board.count, len(board.lines)) == (3, 3)
    team.finish_all()


def test_a_pipe_gets_the_board_once(team: World) -> None:
    answer = dialer("watch", **settings_of(team))
    assert (answer.returncode, answer.stderr) == (0, "")
    *lines, last = answer.stdout.splitlines()
    assert len(lines) == 5
    assert "\x1b" not in answer.stdout
    assert "today 2/0  Done: Every contact has been reached or used up." in lines[-1]
    assert last == "5 of 5 campaigns; 2 live, 6 left; today 4 calls, 0 answered."
    assert lines_of(Board(0, ())) == ["No campaign yet; make one, and it is shown here."]
    team.finish_all()


def test_a_campaign_is_opened_from_the_board_and_left_again(team: World) -> None:
    with watching(team, columns=80, lines=24) as screen:
        screen.shows("5 campaigns", "2 live, 6 left; today 4 calls", "up/down choose  enter look at it")
        screen.press("\x1b[B")
        screen.shows("Shut: The call window is shut until 13:00 New York, in 1 h.")
        screen.press("\n")
        screen.shows("= The call window is shut until 13:00 New York", "esc back to the board")
        screen.press("\x1b")
        screen.shows("5 campaigns", "Shut: The call window is shut")
        screen.press("p")
        screen.shows("Paused; calls that ring or talk go on.", "Shut: The campaign is paused; resume it to go on.")
        screen.press("1")
        screen.shows("> 2 of 2 calls are live", "esc back to the board")
        screen.press("b")
        screen.shows("5 campaigns")
        screen.press("q")
        assert screen.ends() == 0
        assert "Traceback" not in "".join(screen.written)
    team.finish_all()


@pytest.mark.parametrize("width", [1, 20, 39, 40, 80, 120, 200])
def test_no_size_is_too_small_and_the_chosen_line_is_there(team: World, width: int) -> None:
    board = seen(team)
    for height in (3, 5, 8, 13, 24, 60):
        for chosen in range(len(board.lines)):
            lines = drawn(BoardView(board, chosen, "Paused.", "PostgreSQL cannot be reached."), width, height)
            assert all(len(line) <= width for line in lines), (width, height)
        if width >= 80 and height >= 8:
            assert any(line.startswith("5") and "Done" in line for line in lines)
            assert len(lines) <= height
    team.finish_all()


def test_a_board_of_nothing_and_a_team_that_is_not_there(world: World) -> None:
    assert dialer("watch", **settings_of(world)).stdout.startswith("No campaign yet")
    answer = dialer("watch", "--team", "nobody", **settings_of(world))
    assert answer.returncode == 3
    assert sentence(answer).startswith("No team with id nobody")
