"""The door every request comes through: it is given an id, its body is capped, and nothing falls out of it.

Pure ASGI, outermost, so that it holds for whatever is inside, the framework's own errors included.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from worker import clock
from worker.api.envelope import Rebuff, answer, broken, failure, render

log = structlog.get_logger()

_SANE_ID = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}")
API = "/api/"
MOST_PASSED_OVER_BYTES = 256 * 1024 * 1024
"""How much of a body that is too large is still read, though not kept, before the connection is closed on it."""


class Doorway:
    """ASGI middleware. ``most_bytes`` is asked for the path of each request; not before, for the settings are read
    at the first."""

    def __init__(self, app: ASGIApp, most_bytes: Callable[[str], int]) -> None:
        self._app = app
        self._most_bytes = most_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _request_id(Headers(scope=scope))
        scope.setdefault("state", {})["request_id"] = request_id
        answered = _Answered(send, request_id)
        began = clock.monotonic()
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            await self._serve(scope, receive, answered)
            if scope["path"].startswith(API):
                took = round((clock.monotonic() - began) * 1000, 1)
                log.info(
                    "request_answered",
                    method=scope["method"],
                    path=scope["path"],
                    status=answered.status,
                    milliseconds=took,
                )

    async def _serve(self, scope: Scope, receive: Receive, send: _Answered) -> None:
        most = self._most_bytes(scope["path"])
        length = Headers(scope=scope).get("content-length", "")
        if length.isdecimal() and int(length) > most:
            await _let_finish(receive)
            await _too_large(send.request_id, most)(scope, receive, send)
            return
        try:
            await self._app(scope, _Capped(receive, most), send)
        except Exception as error:
            if send.status is not None:
                raise
            await broken(send.request_id, error)(scope, receive, send)


def _request_id(headers: Headers) -> str:
    """The caller's id for the request where it is fit to be logged and sent back, else a new one."""
    given = headers.get("x-request-id", "")
    return given if _SANE_ID.fullmatch(given) else f"req_{secrets.token_hex(12)}"


def _too_large(request_id: str, most: int) -> ASGIApp:
    body = failure(request_id, 413, _too_large_message(most))
    return answer(render(body), 413, {"Connection": "close"})


def _too_large_message(most: int) -> str:
    return f"The body is larger than {most} bytes; send it in parts."


async def _let_finish(receive: Receive) -> None:
    """Read on and keep nothing, as far as is bearable. A connection that is closed on a sender takes the answer
    with it: the client would see a broken pipe instead of being told why."""
    passed = 0
    while passed <= MOST_PASSED_OVER_BYTES:
        message = await receive()
        passed += len(message.get("body", b""))
        if not message.get("more_body"):
            return


class _Capped:
    """Receives a body up to so many bytes, however it is sent: a length that was not announced is counted."""

    def __init__(self, receive: Receive, most: int) -> None:
        self._receive, self._most, self._bytes = receive, most, 0

    async def __call__(self) -> Message:
        message = await self._receive()
        self._bytes += len(message.get("body", b""))
        if self._bytes > self._most:
            if message.get("more_body"):
                await _let_finish(self._receive)
            raise Rebuff(413, "body_too_large", _too_large_message(self._most), {"Connection": "close"})
        return message


class _Answered:
    """Sends, adds the request's id, and remembers the status."""

    def __init__(self, send: Send, request_id: str) -> None:
        self._send, self.request_id = send, request_id
        self.status: int | None = None

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            MutableHeaders(scope=message)["X-Request-Id"] = self.request_id
        await self._send(message)
