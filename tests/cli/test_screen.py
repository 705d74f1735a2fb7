"""What the screen says of calls that wait inside the workers."""

from __future__ import annotations

import io

from rich.console import Console

from tests.standing import nobody_places
from tests.world import World
from worker.cli.screen import View, render
from worker.operations.watching import read_watching


def shown(world: World, campaign: str) -> str:
    seen = read_watching(world.dialer, world.team, campaign, broker_answers=lambda: True)
    console = Console(file=io.StringIO(), width=220, height=40)
    console.print(render(View(seen), 220, 40))
    text = console.file
    assert isinstance(text, io.StringIO)
    return text.getvalue()


def test_calls_that_wait_to_be_placed_are_counted_and_what_stands_still_is_the_sentence(world: World) -> None:
    nobody_places(world)
    (campaign,) = {row.campaign_id for row in world.all_calls()}
    said = shown(world, campaign)
    assert "waiting  2 calls to be placed, the oldest for 4" in said
    assert "= 2 calls are reserved and not placed at the carrier account An account, the oldest for 4" in said
    world.tick()
    said = shown(world, campaign)
    assert "to be placed" not in said
    assert "not placed" not in said
