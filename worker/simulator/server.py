"""The simulator's HTTP side: finds the protocol that is spoken, and answers as the call's life has it.

Besides what the protocols (:mod:`.protocols`) answer::

    GET  /v1/stats              200 {live, peak, placed, callbacks: {delivered, given_up, tries, waiting}}
    POST /faults                200 {}; see :mod:`.outages`
    GET  /healthz               200 {ok: true}, the only path without authorization

One thread per connection, kept open: a client has a handful of connections, and a life that answers late, never,
or with a reset needs thread and socket to itself.
"""

from __future__ import annotations

import json
import os
import select
import socket
import struct
import sys
import threading
import time
from collections.abc import Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, assert_never
from urllib.parse import parse_qs, unquote, urlsplit

from worker.simulator.calls import Call, Request
from worker.simulator.courier import Courier
from worker.simulator.exchange import Exchange
from worker.simulator.lives import Callbacks, Refusal, Reply
from worker.simulator.outages import Outage, Outages, RequestKind, account_of, kind_of
from worker.simulator.protocols.base import HttpAnswer, HttpRequest, Malformed, ServedProtocol

MAX_BODY_BYTES = 64 * 1024
HOLD_SECONDS = 120.0
FIRST_CALLBACK_WITHIN_SECONDS = 10.0
RESET_ON_CLOSE = struct.pack("ii", 1, 0)
LOOK_EVERY_SECONDS = 0.05
UNANSWERED = Refusal(0, "unanswered")


class SimulatorServer(ThreadingHTTPServer):
    """Listens from the moment it is made; serves until :meth:`close`."""

    daemon_threads = True
    request_queue_size = 1024

    def __init__(
        self, address: tuple[str, int], protocols: Iterable[ServedProtocol], exchange: Exchange, courier: Courier
    ) -> None:
        super().__init__(address, Handler)
        self.protocols = {protocol.root: protocol for protocol in protocols}
        self.exchange = exchange
        self.courier = courier
        self.outages = Outages()
        self.closing = threading.Event()

    def close(self) -> None:
        """Take no more connections; answers that are held back go out now."""
        self.closing.set()
        self.outages.end_all()
        self.shutdown()
        self.server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is its own business; anything else is ours and is shown."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    """One connection. Each answer leaves in one write, or the kernel delays its second half by 40 ms."""

    server: SimulatorServer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    timeout = 300

    def do_GET(self) -> None:
        if self.path == "/healthz":
            return self._send(HttpAnswer(200, {"ok": True}))
        return self._respond(b"")

    def do_POST(self) -> None:
        body = self._body()
        if body is None:
            self.close_connection = True
            message = f"Content-Length up to {MAX_BODY_BYTES} is expected."
            return self._send(HttpAnswer(400, {"error": {"code": "malformed", "message": message}}))
        return self._respond(body)

    def _respond(self, body: bytes) -> None:
        url = urlsplit(self.path)
        path = tuple(unquote(part) for part in url.path.split("/")[1:])
        protocol = self.server.protocols.get("v1" if path == ("faults",) else path[0]) if path else None
        if protocol is None:
            return self._send(HttpAnswer(404, {"error": {"code": "no_such_path", "message": ""}}))
        authorization = self.headers.get("Authorization", "")
        http = HttpRequest(self.command, path, parse_qs(url.query), authorization, body)
        if not protocol.is_authorized(http):
            return self._send(protocol.refused(Refusal(401, "unauthorized"), "Authenticate."))
        if (http.method, *path) == ("GET", "v1", "stats"):
            counts = self.server.exchange.counts()
            return self._send(HttpAnswer(200, {**counts, "callbacks": self.server.courier.counts()}))
        try:
            if (http.method, path) == ("POST", ("faults",)):
                self.server.outages.change(body)
                return self._send(HttpAnswer(200, {}))
            return self._ask(protocol, http)
        except Malformed as error:
            return self._send(protocol.refused(error.refusal, str(error)))

    def _ask(self, protocol: ServedProtocol, http: HttpRequest) -> None:
        exchange, kind = self.server.exchange, kind_of(http)
        if kind is not RequestKind.PLACE:
            outage = self.server.outages.of(kind, account_of(http, exchange))
            if outage is not None and not self._gets_through(outage):
                if outage.obeyed:
                    protocol.answer(http, exchange)
                elif kind is RequestKind.END:
                    exchange.leave_live([part.removesuffix(".json") for part in http.path], outage.status)
                return self._turn_away(protocol, outage)
        answer = protocol.answer(http, exchange)
        if isinstance(answer, Request):
            return self._place(protocol, answer)
        return self._send(answer or protocol.refused(Refusal(404, "no_such_path")))

    def _gets_through(self, outage: Outage) -> bool:
        """Whether an outage lets a request pass, late: its client may have gone by then."""
        if outage.slow_seconds:
            outage.over.wait(outage.slow_seconds)
            return not self._is_gone()
        return False

    def _turn_away(self, protocol: ServedProtocol, outage: Outage) -> None:
        """Refuse a request; or hold it, until its client gives up or the outage is over, and answer nothing."""
        if outage.status:
            return self._send(protocol.refused(Refusal(outage.status)))
        self.close_connection = True
        until = time.monotonic() + outage.hang_seconds
        while time.monotonic() < until and not self._is_gone() and not outage.over.wait(LOOK_EVERY_SECONDS):
            pass
        return None

    def _is_gone(self) -> bool:
        """Whether the client has closed the connection."""
        readable, _, _ = select.select([self.connection], [], [], 0)
        try:
            return bool(readable) and self.connection.recv(1, socket.MSG_PEEK) == b""
        except ConnectionError:
            return True

    def _place(self, protocol: ServedProtocol, request: Request) -> None:
        outage = self.server.outages.of(RequestKind.PLACE, request.account)
        if outage is not None and not self._gets_through(outage):
            if not outage.obeyed:
                self.server.exchange.turn_away(request, Refusal(outage.status) if outage.status else UNANSWERED)
            elif not isinstance(placed := self.server.exchange.place(request), Refusal):
                self.server.exchange.begin(placed)
            return self._turn_away(protocol, outage)
        placed = self.server.exchange.place(request)
        if isinstance(placed, Refusal):
            return self._send(protocol.refused(placed, request=request))
        life = placed[0].life
        begins_first = life.reply is not Reply.NORMAL or life.callbacks is Callbacks.BEFORE_ANSWER
        if begins_first:
            self.server.exchange.begin(placed)
        try:
            self._answer_placed(protocol, placed)
        finally:
            if not begins_first:
                self.server.exchange.begin(placed)
        return None

    def _answer_placed(self, protocol: ServedProtocol, calls: tuple[Call, ...]) -> None:
        call = calls[0]
        if call.outbox.settled is not None:
            call.outbox.settled.wait(FIRST_CALLBACK_WITHIN_SECONDS)
        match call.life.reply:
            case Reply.ERROR:
                return self._send(protocol.refused(Refusal(call.life.reply_status)))
            case Reply.NO_ID:
                return self._send(protocol.without_id())
            case Reply.RESET:
                return self._reset()
            case Reply.TIMEOUT:
                return self._never_answer()
            case Reply.LATE:
                self.server.closing.wait(call.life.reply_late_seconds)
            case Reply.NORMAL:
                pass
            case _:
                assert_never(call.life.reply)
        return self._send(protocol.accepted(calls))

    def _never_answer(self) -> None:
        """Hold the request until the client gives up."""
        self.close_connection = True
        select.select([self.connection], [], [], HOLD_SECONDS)

    def _reset(self) -> None:
        """Close with RST instead of FIN: the descriptor must go before the server says goodbye politely."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        os.close(self.connection.detach())

    def _body(self) -> bytes | None:
        """The body; ``None`` if it does not say its length, or is too long."""
        length = self.headers.get("Content-Length", "0")
        if not length.isascii() or not length.isdigit() or int(length) > MAX_BODY_BYTES:
            return None
        return self.rfile.read(int(length))

    def _send(self, answer: HttpAnswer) -> None:
        body = json.dumps(answer.document).encode()
        self.send_response(answer.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, format: str, *args: Any) -> None:
        """The ledger is the record; an access log beside it says nothing more."""
