"""Commands on a terminal: narrow ones, plain ones, and one at which somebody can be asked."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import termios

from tests.cli.running import environment, forge
from tests.patience import PATIENCE_SECONDS
from tests.world import World


def on_a_terminal(*arguments: str, columns: int = 80, typed: str = "", **settings: str) -> tuple[int, str]:
    """How the command ends, and all that the terminal shows."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    inherited = environment(TERM="xterm", **settings)
    ours_alone = {name: value for name, value in inherited.items() if name not in ("COLUMNS", "LINES")}
    process = forge().spawn(arguments, env=ours_alone, streams=(theirs, theirs, theirs))
    os.close(theirs)
    os.write(ours, typed.encode())
    shown = b""
    while True:
        try:
            shown += os.read(ours, 65_536)
        except OSError:  # nobody holds the other end any more
            break
    os.close(ours)
    return process.wait(PATIENCE_SECONDS), shown.decode().replace("\r\n", "\n")


def test_twenty_columns_are_enough(world: World, here: dict[str, str]) -> None:
    campaign = world.campaign(world.contacts(2), name="A name that is longer than the terminal is wide")
    code, shown = on_a_terminal("campaigns", "list", columns=20, **here)
    assert code == 0
    assert f"id  {campaign}\n" in shown
    assert on_a_terminal("contacts", "list", campaign, columns=20, **here)[0] == 0


def test_an_id_is_never_broken_where_there_is_room_and_no_color_is_honoured(world: World, here: dict[str, str]) -> None:
    campaign = world.campaign(name="A name that is longer than what is left of a line of eighty columns")
    code, shown = on_a_terminal("campaigns", "list", NO_COLOR="1", **here)
    assert (code, shown.count(campaign)) == (0, 1)
    assert max(len(re.sub(r"\x1b\[[0-9;]*m", "", line)) for line in shown.splitlines()) <= 80
    assert not re.search(r"\x1b\[(3|4|9)[0-9]", shown)


def test_a_name_is_shown_and_not_obeyed(world: World, here: dict[str, str]) -> None:
    campaign = world.campaign(name="[bold]\x1b]0;gone\x07\nnew line")
    for words in (("campaigns", "list"), ("campaigns", "show", campaign)):
        code, shown = on_a_terminal(*words, columns=200, **here)
        assert code == 0
        assert r"[bold]\x1b]0;gone\x07\nnew line" in shown


def test_a_run_asks_before_it_takes_the_place_of_an_open_one(world: World, here: dict[str, str]) -> None:
    campaign = world.campaign(world.contacts(2), maxConcurrentCalls=1)
    world.run(campaign)
    run_id = world.campaign_row(campaign).run_id
    code, shown = on_a_terminal("campaigns", "run", campaign, columns=200, typed="n\n", **here)
    assert (code, world.campaign_row(campaign).run_id) == (1, run_id)
    assert f"has an open run, {run_id}, which a new one would replace. Replace it? [y/N]" in shown
    code, shown = on_a_terminal("campaigns", "run", campaign, columns=200, typed="y\n", **here)
    assert (code, world.campaign_row(campaign).run_id != run_id) == (0, True)
    assert f"replaced run {run_id}" in shown
    world.cancel(campaign, hang_up=True)
    world.finish_all()


def test_what_cannot_be_undone_is_asked_before_and_done_after_a_yes(world: World, here: dict[str, str]) -> None:
    campaign = world.campaign()
    code, shown = on_a_terminal("campaigns", "cancel", campaign, typed="n\n", **here)
    assert (code, world.status(campaign)) == (1, "draft")
    assert f"Cancel campaign {campaign} for good? Contacts that wait and are not called then: 0. [y/N]" in shown
    assert shown.endswith("dialer: Stopped.\n")
    code, shown = on_a_terminal("campaigns", "cancel", campaign, typed="y\n", **here)
    assert (code, world.status(campaign)) == (0, "cancelled")
