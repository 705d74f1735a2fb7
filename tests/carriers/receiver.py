"""A tiny receiver of callbacks: keeps what it gets, answers as it is set to, and can be waited for."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl

from tests.patience import PATIENCE_SECONDS


@dataclass(frozen=True, slots=True)
class Received:
    """One callback as it came in."""

    token: str
    headers: Mapping[str, str]
    body: bytes
    url: str = ""

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True))

    @property
    def message(self) -> dict[str, Any]:
        return json.loads(self.body)

    @property
    def event(self) -> str:
        return self.message["event"]

    @property
    def call_id(self) -> str:
        return self.message["call"]["id"]


class Receiver:
    """Listens on a free port from :meth:`start`, which may come late: until then connections are refused.

    ``status`` decides the answer to each callback; zero closes the connection without one. ``answer`` is its body.
    """

    def __init__(self) -> None:
        self.status: Callable[[Received], int] = lambda _: 204
        self.answer: Callable[[Received], bytes] = lambda _: b""
        self._received: list[Received] = []
        self._changed = threading.Condition()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler(), bind_and_activate=False)
        self._server.daemon_threads = True
        self._server.request_queue_size = 1024
        self._server.server_bind()
        self._started = False
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def start(self) -> Receiver:
        self._server.server_activate()
        serve = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        serve.start()
        self._started = True
        return self

    def close(self) -> None:
        if self._started:
            self._server.shutdown()
        self._server.server_close()

    def callback_url(self, token: str) -> str:
        return f"{self.url}/carriers/simulator/events/{token}"

    def about(self, token: str) -> list[Received]:
        """What has come in for a token so far."""
        with self._changed:
            return [received for received in self._received if received.token == token]

    def wait_for(self, token: str, count: int) -> list[Received]:
        """The callbacks of a token, once there are ``count`` of them."""
        self._wait(lambda: sum(received.token == token for received in self._received) >= count)
        return self.about(token)

    def wait_for_end(self, token: str) -> list[Received]:
        """The callbacks of a token, once one of them reported the end."""
        self._wait(lambda: any(seen.token == token and seen.event == "ended" for seen in self._received))
        return self.about(token)

    def wait_for_event(self, token: str, event: str) -> Received:
        """The first callback of a token that reports ``event``."""
        self._wait(lambda: any(seen.token == token and seen.event == event for seen in self._received))
        return next(seen for seen in self.about(token) if seen.event == event)

    def wait_until(self, token: str, is_so: Callable[[list[Received]], bool]) -> list[Received]:
        """The callbacks of a token, once they are as they should be; in whatever words they are."""
        self._wait(lambda: is_so([received for received in self._received if received.token == token]))
        return self.about(token)

    def _wait(self, is_there: Callable[[], bool]) -> None:
        with self._changed:
            assert self._changed.wait_for(is_there, PATIENCE_SECONDS), (
                f"The callback did not come; so far: {[(seen.token, seen.body) for seen in self._received]}"
            )

    def _take(self, received: Received) -> int:
        with self._changed:
            self._received.append(received)
            self._changed.notify_all()
        return self.status(received)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        take, here, answer = self._take, lambda: self.url, lambda received: self.answer(received)

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True
            wbufsize = -1

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                received = Received(self.path.rsplit("/", 1)[1], dict(self.headers), body, f"{here()}{self.path}")
                status = take(received)
                if status == 0:
                    self.close_connection = True
                    return
                self.send_response(status)
                content = answer(received)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        return Handler
