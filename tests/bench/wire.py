"""What goes over the wire between processes and the services they use: relays of one process, and so by one clock.

Counting here and not in the processes takes in whatever a library sends of its own accord, such as BEGIN, and asks
nothing of the code under measurement: what has another structure tomorrow is counted the same way.
"""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Self

CHUNK_BYTES = 65_536
_START_OF_POSTGRES = 8
"""Bytes before the protocol number's end; a startup message has no type byte."""
_POST = re.compile(rb"POST (\S+) HTTP/1\.")


@dataclass(slots=True)
class Exchange:
    """Something was asked, and answered: one round trip, however much was asked at once. ``words`` say what;
    ``commits`` is how many transactions it ended, those that only read among them; the instants are of one clock."""

    service: str
    connection: int
    began_at: float
    ended_at: float = 0.0
    words: list[str] = field(default_factory=list)
    commits: int = 0


@dataclass(slots=True)
class Post:
    """An HTTP request, when its first byte passed."""

    to: str
    path: str
    at: float


class Wire:
    """A context manager: relays in a thread of their own, and what passed them."""

    def __init__(self) -> None:
        self.exchanges: list[Exchange] = []
        self.posts: list[Post] = []
        self._waiting: set[int] = set()  # connections on which a consumer waits for messages: none of the work's
        self._connections = 0
        self._servers: list[asyncio.Server] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="wire", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def postgres(self, listens: Path, target: Path) -> None:
        """Pass on a unix socket of PostgreSQL."""
        self._serve_unix("PostgreSQL", listens, target, _Postgres)

    def redis(self, listens: Path, target: Path) -> None:
        """Pass on a unix socket of Redis."""
        self._serve_unix("Redis", listens, target, _Redis)

    def http(self, name: str, target: int) -> int:
        """Pass on a port of loopback; returns the one to use instead."""

        async def serve() -> int:
            def connect() -> asyncio.Future[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
                return asyncio.ensure_future(asyncio.open_connection("127.0.0.1", target))

            server = await asyncio.start_server(self._relay(connect, lambda _: _Http(self, name)), "127.0.0.1", 0)
            self._servers.append(server)
            return int(server.sockets[0].getsockname()[1])

        return asyncio.run_coroutine_threadsafe(serve(), self._loop).result()

    def path(self, since: float, until: float) -> list[Exchange]:
        """The longest row of exchanges in this time of which none began before another had ended; those that wait for
        messages, and those that only keep a consumer's queue in order, are of no path."""
        found: list[Exchange] = []
        inside = [e for e in self.exchanges if since <= e.began_at and 0 < e.ended_at <= until]
        for exchange in sorted(inside, key=lambda e: e.ended_at):
            if exchange.connection in self._waiting:
                continue
            if not found or exchange.began_at >= found[-1].ended_at:
                found.append(exchange)
        return found

    def _serve_unix(
        self, service: str, listens: Path, target: Path, reader: Callable[[Wire, str, int], _Reader]
    ) -> None:
        async def serve() -> None:
            def connect() -> asyncio.Future[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
                return asyncio.ensure_future(asyncio.open_unix_connection(str(target)))

            relay = self._relay(connect, lambda number: reader(self, service, number))
            self._servers.append(await asyncio.start_unix_server(relay, str(listens)))
            listens.chmod(0o777)  # as the server's own is: the directory keeps others out

        asyncio.run_coroutine_threadsafe(serve(), self._loop).result()

    def _relay(
        self,
        connect: Callable[[], asyncio.Future[tuple[asyncio.StreamReader, asyncio.StreamWriter]]],
        reader: Callable[[int], _Reader],
    ) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], asyncio.Future[None]]:
        async def relay(client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
            self._connections += 1
            watched = reader(self._connections)
            try:
                server, to_server = await connect()
                await asyncio.gather(
                    _pass_on(client, to_server, watched.asked), _pass_on(server, to_client, watched.answered)
                )
            except ConnectionError:  # nobody listens there yet
                to_client.close()

        def begin(client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> asyncio.Future[None]:
            return asyncio.ensure_future(relay(client, to_client))

        return begin

    async def _close(self) -> None:
        for server in self._servers:
            server.close()
        relays = asyncio.all_tasks() - {asyncio.current_task()}
        for relay in relays:
            relay.cancel()
        await asyncio.gather(*relays, return_exceptions=True)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()


async def _pass_on(source: asyncio.StreamReader, to: asyncio.StreamWriter, watch: Callable[[bytes], None]) -> None:
    try:
        with suppress(ConnectionError):  # one end went away: so does the other
            while data := await source.read(CHUNK_BYTES):
                watch(data)
                to.write(data)
                await to.drain()
    finally:
        to.close()


class _Reader:
    """What one connection says, both ways."""

    def asked(self, data: bytes) -> None:
        raise NotImplementedError

    def answered(self, data: bytes) -> None:
        raise NotImplementedError


class _Http(_Reader):
    def __init__(self, wire: Wire, name: str) -> None:
        self._wire, self._name = wire, name

    def asked(self, data: bytes) -> None:
        if found := _POST.match(data):
            self._wire.posts.append(Post(self._name, found[1].decode(), monotonic()))

    def answered(self, data: bytes) -> None:
        """Nothing is made of it."""


class _Conversation(_Reader):
    """Questions and answers in turns; what is asked before an answer came belongs to one exchange."""

    def __init__(self, wire: Wire, service: str, number: int) -> None:
        self._wire, self._service, self.number = wire, service, number
        self._open: Exchange | None = None

    def asked(self, data: bytes) -> None:
        if self._open is None:
            self._open = Exchange(self._service, self.number, monotonic())
            self._wire.exchanges.append(self._open)
        self._open.words += self.words(data)

    def answered(self, data: bytes) -> None:
        if self._open is not None and self.ends(data):
            self._open.ended_at = monotonic()
            self._open.commits = self.commits()
            self._open = None

    def words(self, data: bytes) -> list[str]:
        raise NotImplementedError

    def ends(self, data: bytes) -> bool:
        raise NotImplementedError

    def commits(self) -> int:
        return 0


class _Redis(_Conversation):
    """The first word of every command; a reply ends the exchange."""

    def words(self, data: bytes) -> list[str]:
        found = [word.decode("latin-1") for word in re.findall(rb"\*\d+\r\n\$\d+\r\n([A-Za-z]+)\r\n", data)]
        if any(word.upper() in ("BRPOP", "BLPOP", "SUBSCRIBE", "PSUBSCRIBE") for word in found):
            self._wire._waiting.add(self.number)
        return found

    def ends(self, data: bytes) -> bool:
        return True


class _Postgres(_Conversation):
    """The statements by their text; ReadyForQuery ends the exchange, and says whether a transaction is open."""

    def __init__(self, wire: Wire, service: str, number: int) -> None:
        super().__init__(wire, service, number)
        self._to_server = self._to_client = b""
        self._has_started = False
        self._prepared: dict[bytes, str] = {}
        self._wrote = False
        self._commits = 0

    def words(self, data: bytes) -> list[str]:
        self._to_server += data
        found: list[str] = []
        while True:
            if not self._has_started:
                if len(self._to_server) < _START_OF_POSTGRES:
                    return found
                length = int.from_bytes(self._to_server[:4], "big")
                if len(self._to_server) < length:
                    return found
                code = int.from_bytes(self._to_server[4:8], "big")
                self._to_server = self._to_server[length:]
                self._has_started = code == 196_608  # what comes before is a question about TLS or GSSAPI
                found.append("start")
                continue
            if len(self._to_server) < 5 or len(self._to_server) < 1 + int.from_bytes(self._to_server[1:5], "big"):
                return found
            length = int.from_bytes(self._to_server[1:5], "big")
            kind, body = self._to_server[:1], self._to_server[5 : 1 + length]
            self._to_server = self._to_server[1 + length :]
            if kind == b"Q":
                found.append(_short(body.rstrip(b"\0")))
                if b"LISTEN" in body:
                    self._wire._waiting.add(self.number)
            elif kind == b"P":
                name, _, rest = body.partition(b"\0")
                self._prepared[name] = _short(rest.partition(b"\0")[0])
            elif kind == b"B":
                found.append(self._prepared.get(body.split(b"\0")[1], "?"))

    def ends(self, data: bytes) -> bool:
        self._to_client += data
        is_ready = False
        while len(self._to_client) >= 5:
            length = int.from_bytes(self._to_client[1:5], "big")
            if len(self._to_client) < 1 + length:
                break
            kind, body = self._to_client[:1], self._to_client[5 : 1 + length]
            self._to_client = self._to_client[1 + length :]
            if kind == b"C":
                self._wrote = self._wrote or body.startswith((b"INSERT", b"UPDATE", b"DELETE", b"MERGE", b"COPY"))
                if body.startswith(b"COMMIT"):
                    self._commits += 1
                    self._wrote = False
                elif body.startswith(b"ROLLBACK"):
                    self._wrote = False
            elif kind == b"Z":
                is_ready = True
                if body == b"I" and self._wrote:  # a statement that is a transaction of its own
                    self._commits += 1
                    self._wrote = False
        return is_ready

    def commits(self) -> int:
        done, self._commits = self._commits, 0
        return done


def _short(statement: bytes) -> str:
    return " ".join(statement.decode("utf-8", "replace").split())[:100]
