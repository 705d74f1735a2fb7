"""A carrier's server that does as it is scripted: keeps the requests it gets, and answers them from a script."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.patience import PATIENCE_SECONDS

RESET_ON_CLOSE = struct.pack("ii", 1, 0)


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer; without a ``status`` there is none, and the connection is closed as ``how`` says."""

    status: int | None = 200
    document: Any = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    how: str = "reset"


SILENCE = Reply(None, how="silence")
RESET = Reply(None, how="reset")


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as it came in."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, list[str]]:
        return parse_qs(urlsplit(self.target).query)

    @property
    def form(self) -> dict[str, list[str]]:
        return parse_qs(self.body.decode(), keep_blank_values=True)

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Peer:
    """Listens on a free port. The replies given are used up in order; after the last it answers 500."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self._replies: list[Reply] = []
        self._closing = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def replies(self, *replies: Reply) -> None:
        """What the next requests are answered with; forgets those before."""
        self.asked.clear()
        self._replies[:] = replies

    def close(self) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()

    def _answer(self, asked: Asked) -> Reply:
        self.asked.append(asked)
        return self._replies.pop(0) if self._replies else Reply(500)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        answer, closing = self._answer, self._closing

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True
            wbufsize = -1

            def _do(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                reply = answer(Asked(self.command, self.path, dict(self.headers), body))
                if reply.status is None:
                    self._leave(reply.how)
                    return
                sent = reply.document if isinstance(reply.document, bytes) else json.dumps(reply.document).encode()
                self.send_response(reply.status)
                for name, value in {"Content-Length": str(len(sent)), **reply.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(sent)

            do_GET = do_POST = _do

            def _leave(self, how: str) -> None:
                self.close_connection = True
                if how == "silence":
                    closing.wait(PATIENCE_SECONDS)
                    return
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
                socket.close(self.connection.detach())

            def log_message(self, format: str, *args: Any) -> None:
                pass

        return Handler
