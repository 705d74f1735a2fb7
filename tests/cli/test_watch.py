"""``dialer campaigns watch``, as a person sees it and as a pipe reads it."""

from __future__ import annotations

import io
import re
import signal
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest
from rich.console import Console

from tests.at_work import AHEAD
from tests.cli.running import AWAY, Started, dialer, sentence, started, wait_until
from tests.cli.terminal import LEAVES_THE_SCREEN, SHOWS_THE_CURSOR, Terminal, terminal
from tests.world import World, make_world
from worker.carriers.simulated.protocol import Status
from worker.cli.screen import View, line, render
from worker.dev.stack import Stack
from worker.operations.watching import CampaignReading, read_watching
from worker.simulator.lives import Life
from worker.store.database import open_database
from worker.store.migrate import migrate
from worker.store.sqlstates import AWAY as NO_POSTGRESQL

WINDOW = {"callWindowStart": "09:00", "callWindowEnd": "17:00", "callWindowTimezone": "America/New_York"}


def settings_of(world: World) -> dict[str, str]:
    """What leads a command to this world."""
    url = world.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    socket = world.redis.connection_pool.connection_kwargs["path"]
    return {"DATABASE_URL": url, "REDIS_URL": f"unix://{socket}", "REDIS_PREFIX": "test"}


def watching(world: World, campaign: str, **size: int) -> Any:
    return terminal("dialer", "campaigns", "watch", campaign, **size, **settings_of(world))


def piped(world: World, campaign: str) -> AbstractContextManager[Started]:
    return started("campaigns", "watch", campaign, **settings_of(world))


@pytest.fixture
def campaign(world: World) -> str:
    """Two talk, one of them in Denver; one was busy; the rest waits, one for a window to open."""
    talks = [world.contact(first_name="Ada", last_name="Stone"), world.contact(timezone="America/Denver")]
    busy = world.contact(first_name="Bob", last_name="\x1b[31mRed")
    world.script({world.phone(busy): Life(0, 0, ending=Status.BUSY), "*": Life(5, 900)})
    contacts = [busy, *talks, world.contact(timezone="Asia/Tokyo"), world.contact(None)]
    made = world.campaign(contacts, name="Spring", maxConcurrentCalls=2, retryDelayMinutes=45, **WINDOW)
    world.run(made)
    world.advance(20)
    world.sql(f"UPDATE ticks SET last_at = clock_timestamp() + interval '{AHEAD}'")  # somebody goes on ticking
    return made


def seen(world: World, campaign: str) -> CampaignReading:
    return read_watching(world.dialer, world.team, campaign, broker_answers=lambda: True)


@pytest.mark.parametrize(("columns", "lines"), [(80, 24), (200, 40)])
def test_the_screen_shows_a_campaign_from_its_sentence_to_its_zones(
    world: World, campaign: str, columns: int, lines: int
) -> None:
    ada = world.phone(world.sql("SELECT id FROM contacts WHERE first_name = 'Ada'")[0].id)
    with watching(world, campaign, columns=columns, lines=lines) as screen:
        title = screen.line("Spring  running  12:00:20 America/New_York")
        assert campaign[:20] in title
        screen.shows("= Nobody whose call window is open is due before 12:45 New York, in 45 min.", "1/5 done 20 %")
        assert re.search(r"contacts 0 reached  0 not reached  1 cannot be called  4 left", screen.text)
        assert screen.line("outcomes").split() == ["outcomes", "busy", "1"]
        assert "campaign 2/2  team 2/100  An account 2/1000  +…0001 1/10  +…0002 1/10" in screen.line("slots")
        talking = screen.line("Ada Stone")
        assert re.search(rf"Ada Stone +\+…{ada[-4:]} +12:00 +1 +in progress +\d+[sm]", talking), talking
        assert ada not in screen.text
        assert re.search(r"cont_\d+ +\+…\d{4} +10:00 +1 +in progress", screen.text), "Denver's clock"
        assert re.search(r"Bob \\x1b\[31mRed +\+…\d{4} +busy +2 +12:45, in 44m", screen.text), screen.text
        assert re.search(r"America/New_York +12:00 +open +closes 17:00, in 4h59", screen.text)
        assert re.search(r"Asia/Tokyo +02:00 +shut +opens 09:00, in 6h59", screen.text)
        assert screen.lines[-1] == "" or "q leave" in screen.text
        screen.press("q")
        assert screen.ends() == 0


def test_keys_pause_resume_and_leave_and_the_terminal_is_as_before(world: World, campaign: str) -> None:
    with watching(world, campaign) as screen:
        before = screen.settings()
        screen.shows("p pause  r resume  q leave")
        assert screen.settings() != before, "keys come without Enter"
        screen.press("r")
        screen.shows("cannot become running:")
        screen.press("p")
        screen.shows("Paused; calls that ring or talk go on.", "The campaign is paused; resume it to go on. 2 calls")
        assert world.status(campaign) == "paused"
        screen.press("x")
        screen.press("R")
        screen.shows("Resumed.", "  running  ")
        assert world.status(campaign) == "running"
        screen.press("Q")
        assert screen.ends() == 0
        as_before(screen, before)
        screen.shows("12:00 New York  running    live   2/2")
    actors = {row.actor for row in world.sql("SELECT actor FROM audit_log WHERE action IN ('pause', 'resume')")}
    assert actors == {"cli"}


def as_before(screen: Terminal, settings: list[Any]) -> None:
    wait_until(lambda: SHOWS_THE_CURSOR in "".join(screen.written), "the cursor is back")
    written = "".join(screen.written)
    assert written.rindex(LEAVES_THE_SCREEN) > written.rindex("\x1b[?1049h")
    assert written.rindex(SHOWS_THE_CURSOR) > written.rindex("\x1b[?25l")
    assert screen.settings() == settings


@pytest.mark.parametrize("way", [signal.SIGTERM, signal.SIGINT])
def test_whoever_ends_it_gets_the_terminal_back(world: World, campaign: str, way: signal.Signals) -> None:
    with watching(world, campaign) as screen:
        before = screen.settings()
        screen.shows("q leave")
        screen.process.send_signal(way)
        assert screen.ends() == 0
        as_before(screen, before)


FAILS = """
from types import SimpleNamespace
from worker.store.sqlstates import AWAY as NO_POSTGRESQL
from worker.cli.watching import watch_on_screen
looks = []
def between():
    looks.append(1)
    watcher.failure = RuntimeError("nobody foresaw this") if len(looks) == 3 else None
watcher = SimpleNamespace(failure=None, view=lambda **_: None, version=1, trouble=None, seen=None)
input()
watch_on_screen(watcher, between=between)
"""


def test_an_error_nobody_foresaw_gives_the_terminal_back_too() -> None:
    with terminal("python", "-c", FAILS) as screen:
        before = screen.settings()
        screen.press("\n")
        assert screen.ends() == 1
        screen.shows("nobody foresaw this")
        as_before(screen, before)


def test_a_terminal_may_be_narrow_and_may_change(world: World, campaign: str) -> None:
    with watching(world, campaign, columns=20, lines=12) as screen:
        screen.shows("= Nobody whose call", "1/5 done")
        screen.resize(80, 24)
        screen.shows("Ada Stone", "Asia/Tokyo", "q leave")
        screen.resize(20, 6)
        screen.shows("Spring  running")
        screen.resize(200, 30)
        header = screen.line("Ada Stone")
        assert "Bob" in header, "side by side"
        screen.press("q")
        assert screen.ends() == 0
        assert "Traceback" not in "".join(screen.written)


@pytest.mark.parametrize("width", [1, 2, 10, 20, 39, 40, 79, 80, 139, 140, 200, 400])
def test_no_size_is_too_small_and_nothing_sticks_out(world: World, campaign: str, width: int) -> None:
    view = View(seen(world, campaign), trouble="PostgreSQL cannot be reached; start it.", notice="Paused.")
    for height in (1, 2, 3, 5, 8, 13, 24, 60):
        console = Console(file=io.StringIO(), width=width, height=height, force_terminal=True, color_system=None)
        lines = console.render_lines(render(view, width, height), pad=False)
        assert all(sum(segment.cell_length for segment in each) <= width for each in lines), (width, height)
        assert len(lines) <= max(height, 3), (width, height, len(lines))


def test_a_pipe_gets_a_line_a_second_until_the_end_and_no_colours(world: World) -> None:
    campaign = world.campaign(world.contacts(2))
    world.script({"*": Life(1, 30)})
    world.run(campaign)
    with piped(world, campaign) as process:
        first = process.stdout.readline()
        assert first.startswith(
            "17:00 UTC  running    live   2/3  0 reached, 0 not reached, 0 cannot be called, 2 left"
        )
        assert first.rstrip().endswith("No contact is waiting; 2 calls are still live.")
        world.until(campaign, "completed")
        answer = process.answer()
        assert (answer.returncode, answer.stderr) == (0, "")
        rest = answer.stdout
    last = rest.splitlines()[-1]
    assert " completed  live   0/3 " in last
    assert last.endswith("Every contact has been reached or used up.")
    assert "\x1b" not in first + rest
    assert line(seen(world, campaign)) in last


def test_watching_what_is_not_there_or_away_is_one_sentence(world: World, campaign: str) -> None:
    answer = dialer("campaigns", "watch", "camp_1", **settings_of(world))
    assert (answer.returncode, sentence(answer)) == (3, "No campaign with id camp_1; check the id and the team.")
    answer = dialer("campaigns", "watch", campaign, **{**settings_of(world), "DATABASE_URL": AWAY["DATABASE_URL"]})
    assert answer.returncode == 4
    assert sentence(answer).startswith("PostgreSQL cannot be reached")


@pytest.fixture
def own_stack() -> Iterator[Stack]:
    """Servers a test may kill."""
    with Stack() as stack:
        engine = open_database(stack.postgres.url)
        migrate(engine)
        engine.dispose()
        yield stack


@pytest.mark.slow
def test_a_database_that_goes_while_one_watches_is_shown_and_watching_goes_on(own_stack: Stack) -> None:
    for world in make_world(own_stack.postgres.url, own_stack.valkey.url):
        campaign = world.campaign(world.contacts(2))
        with watching(world, campaign) as screen, piped(world, campaign) as pipe:
            screen.shows("The campaign has not been started")
            pipe.stdout.readline()
            own_stack.postgres.kill()
            screen.shows(f"! {NO_POSTGRESQL}", "is old.")
            assert "The campaign has not been started" in screen.text, "what was seen last stays"
            line = next(line for line in pipe.stdout if not line.startswith("17:00 UTC  draft "))
            assert line == f"{NO_POSTGRESQL}\n"
            world.engine.dispose()
            own_stack.postgres.restart()
            wait_until(lambda: "is old" not in screen.text, lambda: screen.text)
            world.run(campaign)
            screen.shows("2 calls are still live")
            screen.press("q")
            assert screen.ends() == 0
            world.advance(60)
            answer = pipe.answer()
            assert (answer.returncode, answer.stderr) == (0, "")
            assert all(line.startswith("17:0") for line in answer.stdout.splitlines()), answer.stdout
            assert "completed" in answer.stdout.splitlines()[-1]
