"""Connections that fall silent without a word, on one of the deployment's ways to a server or on all.

``silent`` holds back what is sent meanwhile and passes it on afterwards, as where a route comes back; of what is
``lost`` nothing arrives, and the connections that lost any stay silent for ever, as behind a firewall that has
forgotten them. New connections fare no better until it is over.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from random import Random

from tests.chaos.faults import Undoing
from tests.chaos.harness import Chaos
from tests.tcp_relay import TcpRelay

SECONDS = (0.5, 1.5, 4.0)
REDIS = (("slots",), ("broker",), ("slots", "broker"))


def fall_silent(services: Sequence[Sequence[str]], half: bool, swallow: bool, chaos: Chaos, dice: Random) -> Undoing:
    """One of the groups of ``services``, for a while."""
    assert chaos.routes is not None, "this deployment goes straight to its servers"
    relays: list[TcpRelay] = []
    for service in dice.choice(services):
        ways = chaos.routes.relays[service]
        relays += [dice.choice(ways)] if half else ways
    for relay in relays:
        relay.fall_silent(swallow=swallow)

    def go_on() -> None:
        for relay in relays:
            relay.go_on()

    return dice.choice(SECONDS), go_on


def _each(name: str, services: Sequence[Sequence[str]]) -> dict[str, Callable[[Chaos, Random], Undoing]]:
    return {
        f"{name}: {word}, {whom}": partial(fall_silent, services, whom == "half", word == "lost")
        for word in ("silent", "lost")
        for whom in ("half", "all")
    }


FAULTS: Mapping[str, Callable[[Chaos, Random], Undoing]] = {
    **_each("postgresql", (("postgresql",),)),
    **_each("redis", REDIS),
}
