"""The ways of a deployment's processes to its servers, each through a relay that can fall silent.

Two ways lead to each server, and processes of a role are dealt to them in turn: what befalls one way befalls half of
the deployment. Slots and broker have ways of their own, though one server is both.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from tests.tcp_relay import TcpRelay
from worker.dev.postgres import PORT, USER
from worker.dev.stack import Stack

WAYS = 2
ROLES = ("worker", "beat", "web")
"""Who takes them. The simulator knows no server, and whoever watches is to see what is there."""


@dataclass
class Routes:
    """``relays``: to ``postgresql``, ``slots`` and ``broker``, :data:`WAYS` each."""

    database: str
    relays: Mapping[str, tuple[TcpRelay, ...]]
    _taken: Counter[str] = field(default_factory=Counter)

    def next_of(self, role: str) -> dict[str, str]:
        """The environment of the next process of this role."""
        way = self._taken[role] % WAYS
        self._taken[role] += 1
        port = {service: relays[way].port for service, relays in self.relays.items()}
        return {
            "DATABASE_URL": f"postgresql://{USER}@127.0.0.1:{port['postgresql']}/{self.database}",
            "REDIS_URL": f"redis://127.0.0.1:{port['slots']}/0",
            "CELERY_BROKER_URL": f"redis://127.0.0.1:{port['broker']}/0",
        }


@contextlib.contextmanager
def routed(stack: Stack, database: str) -> Iterator[Routes]:
    """Ways to the servers of ``stack``; gone afterwards."""
    sockets = {
        "postgresql": stack.postgres.socket_directory / f".s.PGSQL.{PORT}",
        "slots": stack.valkey.socket_path,
        "broker": stack.valkey.socket_path,
    }
    with contextlib.ExitStack() as open_:
        relays = {
            service: tuple(open_.enter_context(TcpRelay(str(path))) for _ in range(WAYS))
            for service, path in sockets.items()
        }
        yield Routes(database, relays)
