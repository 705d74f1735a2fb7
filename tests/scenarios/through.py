"""Campaigns through a carrier that is no stage, and its callbacks."""

from __future__ import annotations

from typing import Any

from tests.carriers.rigs import Callback
from tests.world import World
from worker.flow import record


def campaign_through(world: World, carrier: str, count: int = 1, **more: Any) -> str:
    return world.campaign(world.contacts(count), fromNumberIds=[f"pn_{carrier}"], **more)


def hear(world: World, carrier: str, told: Callback) -> None:
    """A callback as it comes in."""
    world.carry_out(record.receive(world.dialer, carrier, told.token, told.url, told.headers, told.body))
