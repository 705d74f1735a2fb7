"""Campaigns through a carrier that is no stage, and its callbacks."""

from __future__ import annotations

from typing import Any

from tests.carriers.rigs import Callback
from tests.world import World
from worker.flow import receipt


def campaign_through(world: World, carrier: str, count: int = 1, **more: Any) -> str:
    return world.campaign(world.contacts(count), fromNumberIds=[f"pn_{carrier}"], **more)


def receive(world: World, carrier: str, callback: Callback) -> None:
    """A callback as it comes in."""
    steps = receipt.receive(world.dialer, carrier, callback.token, callback.url, callback.headers, callback.body)
    world.carry_out(steps)
