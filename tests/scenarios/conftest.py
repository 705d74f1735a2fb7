"""A world with real carriers' accounts beside the stage."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from tests.carriers.peer import Peer
from tests.carriers.rigs import telnyx, twilio
from tests.world import World
from worker.store.crm import setup

STREAM = "wss://voice.example.com/stream"


@pytest.fixture
def there(world: World, peer: Peer) -> Iterator[World]:
    """A world whose team has an account with each carrier, at servers that do as they are scripted."""
    made: dict[str, Any] = {"twilio": twilio(peer.url, read_seconds=0.3), "telnyx": telnyx(peer.url, read_seconds=0.3)}
    world.dialer = replace(
        world.dialer, carriers={**world.dialer.carriers, **made}, public_base_url="https://dialer.example.com"
    )
    peer.replies()
    for n, carrier in enumerate(made):
        world.write(lambda conn, carrier=carrier: setup.account(conn, f"acct_{carrier}", world.team, carrier, carrier))
        number = f"+1202555090{n}"
        world.write(
            lambda conn, carrier=carrier, number=number: setup.number(
                conn, f"pn_{carrier}", world.team, f"acct_{carrier}", number
            )
        )
    world.sql("UPDATE assistants SET stream_url = :url", url=STREAM)
    yield world
    for carrier in made.values():
        carrier.close()
