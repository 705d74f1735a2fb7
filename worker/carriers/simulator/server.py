"""The simulator's HTTP side.

::

    POST /v1/calls              {from, to, token, callback_url, ring_seconds, longest_call_seconds, account}
                                201 {id, queued_for_ms}, unless the call's life has it otherwise
    GET  /v1/calls?token=…      200 {calls: […]}
    GET  /v1/calls/{id}         200 the call · 404 unknown_call
    POST /v1/calls/{id}/end     200 the call, also when it was over · 404 unknown_call
    GET  /v1/stats              200 {live, peak, placed, callbacks: {delivered, given_up, tries, waiting}}
    GET  /healthz               200 {ok: true}, the only path without ``Authorization: Bearer {secret}``

A refusal is ``{"error": {"code", "message"}}``. One thread per connection, kept open: a client has a handful
of connections, and a life that answers late, never, or with a reset needs thread and socket to itself.
"""

from __future__ import annotations

import hmac
import json
import os
import re
import select
import socket
import struct
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from worker.carriers.simulator.courier import Courier
from worker.carriers.simulator.exchange import Call, Exchange, Request, queued_for_ms
from worker.carriers.simulator.lives import Callbacks, Refusal, Reply
from worker.carriers.simulator.words import REFUSALS

MAX_BODY_BYTES = 64 * 1024
HOLD_SECONDS = 120.0
FIRST_CALLBACK_WITHIN_SECONDS = 10.0
RESET_ON_CLOSE = struct.pack("ii", 1, 0)
E164 = re.compile(r"\+[1-9][0-9]{1,14}")


class SimulatorServer(ThreadingHTTPServer):
    """Listens from the moment it is made; serves until :meth:`close`."""

    daemon_threads = True
    request_queue_size = 1024

    def __init__(self, address: tuple[str, int], secret: str, exchange: Exchange, courier: Courier) -> None:
        super().__init__(address, Handler)
        self.secret = secret
        self.exchange = exchange
        self.courier = courier
        self.closing = threading.Event()

    def close(self) -> None:
        """Take no more connections; answers that are held back go out now."""
        self.closing.set()
        self.shutdown()
        self.server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is its own business; anything else is ours and is shown."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class Malformed(Exception):
    """The request cannot be read; the message says why."""


class Handler(BaseHTTPRequestHandler):
    """One connection. Each answer leaves in one write, or the kernel delays its second half by 40 ms."""

    server: SimulatorServer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    timeout = 300

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        if url.path == "/healthz":
            return self._answer(200, {"ok": True})
        if not self._is_authorized():
            return self._refuse(Refusal(401, "unauthorized"))
        exchange = self.server.exchange
        if url.path == "/v1/stats":
            return self._answer(200, {**exchange.counts(), "callbacks": self.server.courier.counts()})
        if url.path == "/v1/calls":
            token = parse_qs(url.query).get("token", [""])[0]
            return self._answer(200, {"calls": exchange.by_token(token)})
        match url.path.split("/"):
            case ["", "v1", "calls", call_id]:
                view = exchange.by_id(call_id)
                return self._refuse(Refusal(404, "unknown_call")) if view is None else self._answer(200, view)
        return self._refuse(Refusal(404, "no_such_path"))

    def do_POST(self) -> None:
        try:
            body = self._body()
        except Malformed as error:
            self.close_connection = True
            return self._refuse(Refusal(400, "malformed"), str(error))
        if not self._is_authorized():
            return self._refuse(Refusal(401, "unauthorized"))
        match urlsplit(self.path).path.split("/"):
            case ["", "v1", "calls"]:
                return self._place(body)
            case ["", "v1", "calls", call_id, "end"]:
                call = self.server.exchange.end(call_id)
                return self._refuse(Refusal(404, "unknown_call")) if call is None else self._answer(200, call.view())
        return self._refuse(Refusal(404, "no_such_path"))

    def _place(self, body: bytes) -> None:
        try:
            request = read_request(body)
        except Malformed as error:
            return self._refuse(Refusal(REFUSALS["malformed"], "malformed"), str(error))
        placed = self.server.exchange.place(request)
        if isinstance(placed, Refusal):
            return self._refuse(placed)
        life = placed[0].life
        begins_first = life.reply is not Reply.NORMAL or life.callbacks is Callbacks.BEFORE_ANSWER
        if begins_first:
            self.server.exchange.begin(placed)
        try:
            self._answer_placed(placed)
        finally:
            if not begins_first:
                self.server.exchange.begin(placed)
        return None

    def _answer_placed(self, calls: tuple[Call, ...]) -> None:
        call = calls[0]
        if call.outbox.settled is not None:
            call.outbox.settled.wait(FIRST_CALLBACK_WITHIN_SECONDS)
        match call.life.reply:
            case Reply.ERROR:
                return self._refuse(Refusal(call.life.reply_status))
            case Reply.NO_ID:
                return self._answer(201, {})
            case Reply.RESET:
                return self._reset()
            case Reply.TIMEOUT:
                return self._never_answer()
            case Reply.LATE:
                self.server.closing.wait(call.life.reply_late_seconds)
        return self._answer(201, {"id": call.id, "queued_for_ms": queued_for_ms(calls)})

    def _never_answer(self) -> None:
        """Hold the request until the client gives up."""
        self.close_connection = True
        select.select([self.connection], [], [], HOLD_SECONDS)

    def _reset(self) -> None:
        """Close with RST instead of FIN: the descriptor must go before the server says goodbye politely."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        os.close(self.connection.detach())

    def _is_authorized(self) -> bool:
        given = self.headers.get("Authorization", "").encode("latin-1", "replace")
        return hmac.compare_digest(given, f"Bearer {self.server.secret}".encode())

    def _body(self) -> bytes:
        length = self.headers.get("Content-Length", "0")
        if not length.isascii() or not length.isdigit() or int(length) > MAX_BODY_BYTES:
            raise Malformed(f"Content-Length up to {MAX_BODY_BYTES} is expected.")
        return self.rfile.read(int(length))

    def _refuse(self, refusal: Refusal, message: str = "") -> None:
        pause = refusal.retry_after_seconds
        headers = {} if pause is None else {"Retry-After": f"{pause:g}"}
        error = {"code": refusal.code, "message": message} if refusal.code else {}
        self._answer(refusal.status, {"error": error}, headers)

    def _answer(self, status: int, document: dict[str, Any], headers: dict[str, str] | None = None) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, format: str, *args: Any) -> None:
        """The ledger is the record; an access log beside it says nothing more."""


def read_request(body: bytes) -> Request:
    """Read the body of a request to place a call. Raises :class:`Malformed`."""
    try:
        fields = json.loads(body)
    except ValueError:
        raise Malformed("The body is not JSON.") from None
    if not isinstance(fields, dict):
        raise Malformed("The body is not an object.")
    callback_url = _text(fields, "callback_url")
    if not _is_web_address(callback_url):
        raise Malformed("callback_url is not an http(s) address.")
    return Request(
        from_number=_number(fields, "from"),
        to_number=_number(fields, "to"),
        token=_text(fields, "token"),
        callback_url=callback_url,
        ring_seconds=_seconds(fields, "ring_seconds"),
        longest_call_seconds=_seconds(fields, "longest_call_seconds"),
        account=_text(fields, "account"),
    )


def _text(fields: dict[str, Any], name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str) or not value:
        raise Malformed(f"{name} is missing.")
    return value


def _number(fields: dict[str, Any], name: str) -> str:
    value = _text(fields, name)
    if not E164.fullmatch(value):
        raise Malformed(f"{name} is not a number in E.164.")
    return value


def _seconds(fields: dict[str, Any], name: str) -> float:
    value = fields.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e6:
        raise Malformed(f"{name} is not a number of seconds above zero.")
    return float(value)


def _is_web_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
