"""The door every request comes through: it is given an id, its body is capped, and nothing falls out of it.

Pure ASGI, outermost, so that it holds for whatever is inside, the framework's own errors included.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Callable
from contextlib import suppress

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from worker import clock
from worker.api.envelope import Rebuff, answer, broken, failure, render

log = structlog.get_logger()

_SANE_ID = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}")
API = "/api/"
MOST_PASSED_OVER_BYTES, LONGEST_PASSED_OVER_SECONDS = 64 * 1024 * 1024, 10.0
"""How much of a body that was refused is still read, and how long, before the connection is closed on its sender."""


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
        body = _Body(receive, self._most_bytes(scope["path"]))
        answered = _Answered(send, request_id, body)
        began = clock.monotonic()
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            await self._serve(scope, body, answered)
            if scope["path"].startswith(API):
                took = round((clock.monotonic() - began) * 1000, 1)
                log.info(
                    "request_answered",
                    method=scope["method"],
                    path=scope["path"],
                    status=answered.status,
                    milliseconds=took,
                )

    async def _serve(self, scope: Scope, body: _Body, send: _Answered) -> None:
        length = Headers(scope=scope).get("content-length", "")
        try:
            if length.isdecimal() and int(length) > body.most:
                await _too_large(send.request_id, body.most)(scope, body, send)
            else:
                await self._app(scope, body, send)
        except ClientDisconnect:  # in the middle of its body: nobody is left to be answered
            log.info("sender_gone", path=scope["path"])
        except Exception as error:
            if send.status is not None:
                raise
            await broken(send.request_id, error)(scope, body, send)


def _request_id(headers: Headers) -> str:
    """The caller's id for the request where it is fit to be logged and sent back, else a new one."""
    given = headers.get("x-request-id", "")
    return given if _SANE_ID.fullmatch(given) else f"req_{secrets.token_hex(12)}"


def _too_large(request_id: str, most: int) -> ASGIApp:
    body = failure(request_id, 413, _too_large_message(most))
    return answer(render(body), 413, {"Connection": "close"})


def _too_large_message(most: int) -> str:
    return f"The body is larger than {most} bytes; send it in parts."


class _Body:
    """Receives a body up to so many bytes, however it is sent: a length that was not announced is counted."""

    def __init__(self, receive: Receive, most: int) -> None:
        self._receive, self.most, self._bytes, self._is_over = receive, most, 0, False

    async def __call__(self) -> Message:
        message = await self._receive()
        self._is_over = not message.get("more_body", False)
        self._bytes += len(message.get("body", b""))
        if self._bytes > self.most:
            raise Rebuff(413, "body_too_large", _too_large_message(self.most), {"Connection": "close"})
        return message

    async def pass_over(self) -> None:
        """Read what is still to come and keep nothing, as far as is bearable. A connection that is closed on a
        sender takes the answer with it: the client would see it break instead of being told why."""
        with suppress(TimeoutError):
            async with asyncio.timeout(LONGEST_PASSED_OVER_SECONDS):
                await self._pass_over()

    async def _pass_over(self) -> None:
        passed = 0
        while not self._is_over and passed <= MOST_PASSED_OVER_BYTES:
            message = await self._receive()
            self._is_over = not message.get("more_body", False)
            passed += len(message.get("body", b""))


class _Answered:
    """Sends, adds the request's id, and remembers the status. The answer to a body that is too large is sent at
    once, and ended when its sender has come to the end too."""

    def __init__(self, send: Send, request_id: str, body: _Body) -> None:
        self._send, self.request_id, self._body = send, request_id, body
        self.status: int | None = None

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            MutableHeaders(scope=message)["X-Request-Id"] = self.request_id
        elif self.status == 413 and not message.get("more_body", False):
            await self._send({**message, "more_body": True})
            await self._body.pass_over()
            message = {"type": "http.response.body"}
        await self._send(message)
