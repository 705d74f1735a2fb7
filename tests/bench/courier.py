"""``python -m tests.bench.courier SOCKET PORT LEDGER``: calls whose news goes over HTTP, as a carrier's does.

It listens at SOCKET, a line at a time: ``call CALL TOKEN NUMBER`` begins a call; ``lasts SHORTEST LONGEST`` says how
long those live that begin from now on; ``hold`` keeps all news back, and ``go`` lets it go at once. The news of a call
is posted one by one to the web process at PORT of loopback, over a few connections that are kept: the next of a call
when the one before was taken, and again after a moment where it was not, as carriers do. Calls and their ends are
written to LEDGER in the simulator's hand (:mod:`worker.simulator.ledger`).

A process of its own, so that neither posting nor waiting is on the interpreter of what is measured.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from time import time

from tests.bench.carrier import LIFE, LONGEST_SECONDS, SHORTEST_SECONDS
from worker.carriers.simulated.protocol import SIGNATURE_HEADER, TIMESTAMP_HEADER, Happening, Status, sign
from worker.domain.model import EventKind
from worker.simulator.ledger import Fact, LedgerWriter

CONNECTIONS = 8
AGAIN_SECONDS = 0.5
"""After how long news is posted again that was not taken."""
_WORDS: Mapping[EventKind, tuple[Happening, Status]] = {
    EventKind.RINGING: (Happening.RINGING, Status.RINGING),
    EventKind.ANSWERED: (Happening.ANSWERED, Status.IN_PROGRESS),
    EventKind.ENDED: (Happening.ENDED, Status.COMPLETED),
}


@dataclass(slots=True)
class _Call:
    """``posted`` of its news was taken; ``due_at`` are the instants at which each is to be posted."""

    id: str
    token: str
    number: str
    due_at: tuple[float, ...]
    posted: int = 0


@dataclass(slots=True)
class Courier:
    """Everything of this process, in one thread. ``post`` is done by each of its connections."""

    port: int
    secret: str
    ledger: LedgerWriter
    lasts: tuple[float, float] = (SHORTEST_SECONDS, LONGEST_SECONDS)
    _dice: random.Random = field(default_factory=lambda: random.Random(1))
    _due: asyncio.Queue[_Call] = field(default_factory=asyncio.Queue)
    _held: list[_Call] | None = None

    async def obey(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Do what the lines of one connection say; answer those that are not about a call, so that it is known."""
        commands: Mapping[str, Callable[..., None]] = {
            "call": self._begin,
            "lasts": self._set_lasts,
            "hold": self._hold,
            "go": self._go,
        }
        while line := await reader.readline():
            command, *words = line.decode().split()
            commands[command](*words)
            if command != "call":
                writer.write(b"done\n")
        writer.close()

    async def deliver(self) -> None:
        """Post what is due, over one connection, for ever."""
        loop = asyncio.get_running_loop()
        connection: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        while True:
            call = await self._due.get()
            try:
                connection = connection or await asyncio.open_connection("127.0.0.1", self.port)
                is_taken = await self._post(call, *connection)
            except (OSError, asyncio.IncompleteReadError):
                connection, is_taken = None, False
            if not is_taken:
                loop.call_later(AGAIN_SECONDS, self._due.put_nowait, call)
                continue
            call.posted += 1
            if call.posted < len(LIFE):
                self._wait(call)

    async def _post(self, call: _Call, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        kind = LIFE[call.posted][1]
        body, path = _body(call, kind), f"/carriers/simulator/events/{call.token}"
        at = str(int(time()))
        writer.write(
            f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\nContent-Type: application/json\r\n"
            f"{TIMESTAMP_HEADER}: {at}\r\n{SIGNATURE_HEADER}: {sign(self.secret, at, body)}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        length = head.partition("content-length:")[2].partition("\r\n")[0]
        if length.strip():
            await reader.readexactly(int(length))
        return head.split(maxsplit=2)[1] == "204"

    def _begin(self, call_id: str, token: str, number: str) -> None:
        lasts, now = self._dice.uniform(*self.lasts), asyncio.get_running_loop().time()
        call = _Call(call_id, token, number, tuple(now + part * lasts for part, _ in LIFE))
        more = {"attempt": 1, "extra": False, "callback_url": ""}
        self._write(Fact.PLACED, call, more)
        self._wait(call)

    def _wait(self, call: _Call) -> None:
        asyncio.get_running_loop().call_at(call.due_at[call.posted], self._post_next, call)

    def _post_next(self, call: _Call) -> None:
        if LIFE[call.posted][1] is EventKind.ENDED:
            self._write(Fact.ENDED, call, {"disposition": "completed", "answered_by": None, "sip_code": 200})
        if self._held is None:
            self._due.put_nowait(call)
        else:
            self._held.append(call)

    def _write(self, fact: Fact, call: _Call, more: dict[str, object]) -> None:
        known: dict[str, object] = {"call": call.id, "token": call.token, "from": "", "to": call.number, "account": ""}
        self.ledger.write(fact, known | more)

    def _set_lasts(self, shortest: str, longest: str) -> None:
        self.lasts = float(shortest), float(longest)

    def _hold(self) -> None:
        self._held = []

    def _go(self) -> None:
        held, self._held = self._held or [], None
        for call in held:
            self._due.put_nowait(call)


def _body(call: _Call, kind: EventKind) -> bytes:
    happening, status = _WORDS[kind]
    shown = {"id": call.id, "token": call.token, "status": status, "answered_by": None, "sip_code": None}
    event = {
        "event_id": f"{call.id}-{happening}",
        "event": happening,
        "occurred_at": datetime.now(UTC).isoformat(),
        "call": shown,
    }
    return json.dumps(event, separators=(",", ":")).encode()


async def serve(path: str, port: int, ledger: Path) -> None:
    courier = Courier(port, os.environ["SIMULATOR_SECRET"], LedgerWriter(ledger))
    connections = int(os.environ.get("BENCH_CONNECTIONS", CONNECTIONS))
    deliveries = [asyncio.create_task(courier.deliver()) for _ in range(connections)]
    await asyncio.start_unix_server(courier.obey, path)
    await asyncio.gather(*deliveries)


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])))
