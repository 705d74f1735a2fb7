"""Stands between a client and a server of this machine, and does to their connections what networks do.

A reset is what everybody tries. What is met in practice is silence: the route is gone, a firewall has forgotten the
connection, the host is frozen, and whoever waits for an answer gets nothing. The kernels at both ends go on
acknowledging here, as a proxy's does, so that only a bound of the client's own ends the wait.
"""

from __future__ import annotations

import selectors
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self

CHUNK_BYTES = 65_536
MOST_WAITING_BYTES = 1_000_000
"""So much waits in one direction before its sender is made to wait, as by any network."""
_READ, _WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE


@dataclass(slots=True)
class _End:
    """One side of a connection. ``waiting`` goes out to it, each piece when its time has come; empty bytes are the
    end of the stream."""

    socket: socket.socket
    waiting: deque[tuple[float, bytes]] = field(default_factory=deque)
    has_ended: bool = False

    @property
    def is_backed_up(self) -> bool:
        return sum(len(data) for _, data in self.waiting) > MOST_WAITING_BYTES


@dataclass(slots=True, eq=False)
class _Pair:
    """A client's connection and ours to the server. One that has lost bytes is silent for good."""

    client: _End
    server: _End
    has_lost: bool = False

    def other(self, end: _End) -> _End:
        return self.server if end is self.client else self.client


class TcpRelay:
    """A context manager that listens on ``port`` of loopback and passes everything on to ``target``, a port of
    loopback or the path of a unix socket, in one thread that ends with it. What a method does has happened when it
    returns."""

    def __init__(self, target: int | str) -> None:
        self._target = target
        self._lock = threading.Lock()
        self._pairs: list[_Pair] = []
        self._silence: str | None = None
        self._to_server_seconds = self._to_client_seconds = 0.0
        self._watched_at = 0.0
        self._is_over = False
        self._selector = selectors.DefaultSelector()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self._listener.setblocking(False)
        self._wake, self._woken = socket.socketpair()
        self._woken.setblocking(False)
        self._thread = threading.Thread(target=self._run, name="tcp-relay", daemon=True)

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    @property
    def connections(self) -> int:
        """How many there are now."""
        with self._lock:
            return len(self._pairs)

    @property
    def has_swallowed(self) -> bool:
        """Whether a connection has lost bytes, and is silent for good."""
        with self._lock:
            return any(pair.has_lost for pair in self._pairs)

    def fall_silent(self, *, swallow: bool = False) -> None:
        """Pass nothing on, in either direction, and answer nothing on new connections either, until :meth:`go_on`.

        What is sent meanwhile waits, as where a route comes back; or, swallowed, is lost, and the connections that
        lost any stay silent for ever.
        """
        self._do(lambda: setattr(self, "_silence", "swallow" if swallow else "hold"))

    def go_on(self) -> None:
        """End the silence, and the delays."""

        def do() -> None:
            self._silence = None
            self._to_server_seconds = self._to_client_seconds = 0.0

        self._do(do)

    def delay(self, *, to_server_seconds: float = 0.0, to_client_seconds: float = 0.0) -> None:
        """Pass on so much later what comes in from now on."""

        def do() -> None:
            self._to_server_seconds, self._to_client_seconds = to_server_seconds, to_client_seconds

        self._do(do)

    def reset(self) -> None:
        """Break every connection there is, both ways."""
        self._do(lambda: [self._break(pair) for pair in list(self._pairs)])

    def __enter__(self) -> Self:
        self._selector.register(self._listener, _READ)
        self._selector.register(self._woken, _READ)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.reset()
        self._is_over = True
        self._wake.send(b"!")
        self._thread.join()
        for pair in list(self._pairs):
            self._break(pair)
        for each in (self._listener, self._wake, self._woken):
            each.close()
        self._selector.close()

    def _do(self, change: Callable[[], object]) -> None:
        with self._lock:
            change()
            self._watch_all()
        self._wake.send(b"!")

    def _run(self) -> None:
        while not self._is_over:
            ready = self._selector.select(self._seconds_to_next())
            with self._lock:
                for key, _ in ready:
                    if key.fileobj is self._woken:
                        self._woken.recv(CHUNK_BYTES)
                    elif key.fileobj is self._listener:
                        self._accept()
                for key, events in ready:
                    if key.data and key.data[0] in self._pairs and events & _READ:
                        self._take_in(*key.data)
                for pair in list(self._pairs):
                    self._give_out(pair)
                self._watch_all()

    def _seconds_to_next(self) -> float | None:
        with self._lock:
            if self._silence:
                return None
            due = [end.waiting[0][0] for pair in self._pairs for end in (pair.client, pair.server) if end.waiting]
            later = [at for at in due if at > self._watched_at]  # for the others we wait until they can be sent
        return max(0.0, min(later) - time.monotonic()) if later else None

    def _accept(self) -> None:
        try:
            client, _ = self._listener.accept()
        except BlockingIOError:
            return
        server = socket.socket(socket.AF_UNIX if isinstance(self._target, str) else socket.AF_INET)
        try:
            server.connect(self._target if isinstance(self._target, str) else ("127.0.0.1", self._target))
        except OSError:
            server.close()
            _reset(client)
            return
        for each in (client, server):
            each.setblocking(False)
            if each.family == socket.AF_INET:
                each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._pairs.append(_Pair(_End(client), _End(server)))

    def _take_in(self, pair: _Pair, end: _End) -> None:
        try:
            data = end.socket.recv(CHUNK_BYTES)
        except BlockingIOError:
            return
        except OSError:
            self._break(pair)
            return
        end.has_ended = not data
        if self._silence == "swallow" or pair.has_lost:
            pair.has_lost = True
        else:
            seconds = self._to_server_seconds if end is pair.client else self._to_client_seconds
            pair.other(end).waiting.append((time.monotonic() + seconds, data))
        if pair.has_lost and end.has_ended and end is pair.client:
            self._break(pair)

    def _give_out(self, pair: _Pair) -> None:
        if self._silence or pair.has_lost:
            return
        for end in (pair.client, pair.server):
            while end.waiting and end.waiting[0][0] <= time.monotonic():
                at, data = end.waiting.popleft()
                try:
                    if not data:
                        end.socket.shutdown(socket.SHUT_WR)
                    elif (sent := end.socket.send(data)) < len(data):
                        end.waiting.appendleft((at, data[sent:]))
                        break
                except BlockingIOError:
                    end.waiting.appendleft((at, data))
                    break
                except OSError:
                    self._break(pair)
                    return
        if all(end.has_ended and not end.waiting for end in (pair.client, pair.server)):
            self._break(pair)

    def _watch_all(self) -> None:
        """Listen for what can be dealt with now, and for nothing else."""
        self._watched_at = time.monotonic()
        for pair in self._pairs:
            for end in (pair.client, pair.server):
                self._watch(end, self._wanted(pair, end), (pair, end))

    def _wanted(self, pair: _Pair, end: _End) -> int:
        reads = self._silence != "hold" and not end.has_ended and not pair.other(end).is_backed_up
        due = bool(end.waiting) and end.waiting[0][0] <= self._watched_at
        writes = due and not self._silence and not pair.has_lost
        return (_READ if reads else 0) | (_WRITE if writes else 0)

    def _watch(self, end: _End, events: int, data: tuple[_Pair, _End]) -> None:
        is_watched = end.socket in self._selector.get_map()
        if not events:
            if is_watched:
                self._selector.unregister(end.socket)
        elif is_watched:
            self._selector.modify(end.socket, events, data)
        else:
            self._selector.register(end.socket, events, data)

    def _break(self, pair: _Pair) -> None:
        self._pairs.remove(pair)
        for end in (pair.client, pair.server):
            if end.socket in self._selector.get_map():
                self._selector.unregister(end.socket)
            if end.has_ended and not end.waiting:
                end.socket.close()
            else:
                _reset(end.socket)


def _reset(connection: socket.socket) -> None:
    """Close at once, with an RST instead of a FIN."""
    if connection.family == socket.AF_INET:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
