"""Stands where the carrier finds the web process, passes everything on, and remembers what was acknowledged.

What it answers 2xx the carrier never sends again; so that is what must not be lost.
"""

from __future__ import annotations

import http.client
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.chaos.evidence import Acked

LONGEST_WAIT_SECONDS = 12.0
OF_THE_HOP = ("connection", "host", "content-length", "transfer-encoding", "keep-alive")


class Relay(ThreadingHTTPServer):
    """A context manager that serves on a free port of this machine, in threads of its own."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, web_port: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.web_port = web_port
        self.acked: list[Acked] = []
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def __enter__(self) -> Relay:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """The carrier went away; it will come again."""


class _Handler(BaseHTTPRequestHandler):
    server: Relay
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        status, headers, answer = self._forward(body)
        if 200 <= status < 300:
            self._remember(body)
        self.send_response(status)
        for name, value in headers:
            if name.lower() not in OF_THE_HOP:
                self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)
        self.wfile.flush()

    do_GET = do_POST

    def _forward(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        headers = {name: value for name, value in self.headers.items() if name.lower() not in OF_THE_HOP}
        connection = http.client.HTTPConnection("127.0.0.1", self.server.web_port, timeout=LONGEST_WAIT_SECONDS)
        try:
            connection.request(self.command, self.path, body, headers)
            response = connection.getresponse()
            return response.status, response.getheaders(), response.read()
        except (OSError, http.client.HTTPException):
            return 503, [], b""
        finally:
            connection.close()

    def _remember(self, body: bytes) -> None:
        """Of the simulator's own callbacks; what other protocols send names its events otherwise."""
        try:
            message = json.loads(body)
        except ValueError:
            return
        if isinstance(message, dict) and "event_id" in message:
            token = self.path.rpartition("/")[2]
            self.server.acked.append(Acked(token, message["event_id"], message.get("event") == "ended"))

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing to say."""
