"""Parts of a deployment that stand apart from its worker: a web process with a carrier that posts to it, and a network
to the servers."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import httpx2

from worker.dev.process import Child
from worker.dev.stack import Stack

Start = Callable[[str, list[str], Mapping[str, str]], Child]
"""Starts a process by a name, an argv and what it has in its environment besides ours."""
Wait = Callable[[Callable[[], bool], str], None]
"""Returns when something has come true."""


@dataclass(frozen=True, slots=True)
class Carrier:
    """Calls outside the worker (:mod:`tests.bench.courier`): ``path`` is where they are begun, ``ledger`` what really
    happened, in their own hand."""

    path: Path
    ledger: Path

    def tell(self, *words: object) -> None:
        """Give it an order; returns when it has it."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(self.path))
            connection.sendall(f"{' '.join(map(str, words))}\n".encode())
            assert connection.recv(64), f"the carrier did not take {words}"


def carrier_and_web(
    stack: Stack, name: str, environment: Mapping[str, str], start: Start, wait: Wait, *, connections: int
) -> Carrier:
    """A web process as deployed, and a carrier that posts to it over so many connections."""
    port = free_port()
    carrier = Carrier(stack.directory / f"{name}.courier", stack.directory / f"{name}.ledger")
    start("web", [sys.executable, "-m", "worker", "web", "--host", "127.0.0.1", "--port", str(port)], environment)
    argv = [sys.executable, "-m", "tests.bench.courier", str(carrier.path), str(port), str(carrier.ledger)]
    start("carrier", argv, {**environment, "BENCH_CONNECTIONS": str(connections)})

    def answers() -> bool:
        try:
            return carrier.path.exists() and httpx2.get(f"http://127.0.0.1:{port}/healthz").status_code == 200
        except httpx2.TransportError:
            return False

    wait(answers, "the web process and the carrier answer")
    return carrier


def network(stack: Stack, name: str, start: Start, wait: Wait, *, seconds: float) -> dict[str, str]:
    """A way to the servers that takes so long in each direction; the addresses at its near end."""
    near = stack.directory / f"{name}.net"
    near.mkdir(mode=0o755)
    postgres, valkey = near / ".s.PGSQL.5432", near / "valkey.sock"
    ways = [postgres, stack.postgres.socket_directory / postgres.name, valkey, stack.valkey.socket_path]
    start("network", [sys.executable, "-m", "tests.bench.delay", str(seconds), *map(str, ways)], {})
    wait(lambda: postgres.exists() and valkey.exists(), "the network is up")
    return {
        "DATABASE_URL": f"postgresql:///{name}?host={quote(str(near), safe='')}&port=5432&user=dialer",
        "REDIS_URL": f"unix://{valkey}",
        "CELERY_BROKER_URL": f"redis+socket://{valkey}",
    }


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
