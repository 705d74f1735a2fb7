"""``python -m tests.bench.delay SECONDS LISTEN TARGET [...]``: a network between processes of one machine.

Relays between unix sockets that pass everything on SECONDS later, in each direction. One process for all of them, that
computes as little as it can: the delay is the same for all, so what comes in first goes out first, and one queue with
one alarm is enough. ``select`` and no other poll, for it alone waits for less than a millisecond.
"""

from __future__ import annotations

import select
import socket
import sys
from collections import deque
from collections.abc import Sequence
from time import monotonic

CHUNK_BYTES = 262_144
PUNCTUALITY_SECONDS = 0.00015
"""So much too early is early enough: the machine needs as long to wake us."""


class Relays:
    """All relays of this process. What an end cannot take now is kept for it, in order."""

    def __init__(self, seconds: float, ways: Sequence[tuple[str, str]]) -> None:
        self._seconds = seconds
        self._targets: dict[socket.socket, str] = {}
        self._other: dict[socket.socket, socket.socket] = {}
        self._queue: deque[tuple[float, socket.socket, bytes]] = deque()
        self._kept: dict[socket.socket, bytearray] = {}
        self._ended: set[socket.socket] = set()
        for listen, target in ways:
            listener = socket.socket(socket.AF_UNIX)
            listener.bind(listen)
            listener.listen(128)
            self._targets[listener] = target

    def serve(self) -> None:
        """Pass on, for ever."""
        while True:
            wait = max(0.0, self._queue[0][0] - PUNCTUALITY_SECONDS - monotonic()) if self._queue else None
            sources = [*self._targets, *(end for end in self._other if end not in self._ended)]
            readable, writable, _ = select.select(sources, list(self._kept), (), wait)
            for ready in readable:
                if ready in self._targets:
                    self._accept(ready)
                elif ready in self._other:
                    self._take_in(ready)
            for ready in writable:
                if ready in self._kept:
                    self._send(ready, bytes(self._kept.pop(ready)))
            now = monotonic() + PUNCTUALITY_SECONDS
            while self._queue and self._queue[0][0] <= now:
                _, to, data = self._queue.popleft()
                if to in self._other:
                    self._give_out(to, data)

    def _accept(self, listener: socket.socket) -> None:
        client, _ = listener.accept()
        server = socket.socket(socket.AF_UNIX)
        try:
            server.connect(self._targets[listener])
        except OSError:
            client.close()
            server.close()
            return
        for one, other in ((client, server), (server, client)):
            one.setblocking(False)
            self._other[one] = other

    def _take_in(self, source: socket.socket) -> None:
        try:
            data = source.recv(CHUNK_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._ended.add(source)
        self._queue.append((monotonic() + self._seconds, self._other[source], data))

    def _give_out(self, to: socket.socket, data: bytes) -> None:
        if not data:  # the other end went away: so does this one
            self._close(to)
        elif to in self._kept:
            self._kept[to] += data
        else:
            self._send(to, data)

    def _send(self, to: socket.socket, data: bytes) -> None:
        try:
            sent = to.send(data)
        except BlockingIOError:
            sent = 0
        except OSError:
            self._close(to)
            return
        if sent < len(data):
            self._kept[to] = bytearray(data[sent:])

    def _close(self, end: socket.socket) -> None:
        for each in (end, self._other[end]):
            del self._other[each]
            self._kept.pop(each, None)
            self._ended.discard(each)
            each.close()


if __name__ == "__main__":
    given = sys.argv[2:]
    Relays(float(sys.argv[1]), list(zip(given[::2], given[1::2], strict=True))).serve()
