"""What every request comes through: it is given an id and its sender's address, its size and the time it may take
to come in are capped, and nothing falls out of it.

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
from worker.api.envelope import HttpError, answer, broken, failure, render
from worker.api.peers import client_of
from worker.process.settings import settings

log = structlog.get_logger()

_SANE_ID = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}")
API = "/api/"
LONGEST_PATH, LONGEST_QUERY, LARGEST_HEADERS = 2048, 8192, 16 * 1024
"""Bytes of what comes before a body: nothing foreign that is longer is read, matched or logged."""
LONGEST_LOGGED = 200
LEAST_BYTES_PER_SECOND = 1024
"""How fast a body must come in on the whole, after the time it may take for any part of it."""
MOST_PASSED_OVER_BYTES, LONGEST_PASSED_OVER_SECONDS = 64 * 1024 * 1024, 10.0
"""How much of a body that was refused is still read, and how long, before the connection is closed on its sender."""


class Middleware:
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
        _name_client(scope)
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
                    path=scope["path"][:LONGEST_LOGGED],
                    status=answered.status,
                    milliseconds=took,
                )

    async def _serve(self, scope: Scope, body: _Body, send: _Answered) -> None:
        length = Headers(scope=scope).get("content-length", "")
        oversize = _oversize(scope)
        try:
            if oversize:
                await answer(render(failure(send.request_id, 400, oversize)), 400)(scope, body, send)
            elif length.isdecimal() and int(length) > body.most:
                await _too_large(send.request_id, body.most)(scope, body, send)
            else:
                await self._app(scope, body, send)
        except ClientDisconnect:  # in the middle of its body: nobody is left to be answered
            log.info("client_disconnected", path=scope["path"][:LONGEST_LOGGED])
        except Exception as error:
            if send.status is not None:
                raise
            await broken(send.request_id, error)(scope, body, send)


def _request_id(headers: Headers) -> str:
    """The caller's id for the request where it is fit to be logged and sent back, else a new one."""
    given = headers.get("x-request-id", "")
    return given if _SANE_ID.fullmatch(given) else f"req_{secrets.token_hex(12)}"


def _name_client(scope: Scope) -> None:
    """Let ``scope["client"]`` be who sent this, also where a proxy handed it on."""
    if scope.get("client"):
        peer, port = scope["client"]
        client = client_of(peer, Headers(scope=scope).getlist("x-forwarded-for"), settings().proxy_networks)
        scope["client"] = (client, port)


def _oversize(scope: Scope) -> str | None:
    """What of the request's head is too long, in a sentence."""
    for what, size, most in (
        ("path", len(scope.get("raw_path") or b""), LONGEST_PATH),
        ("query", len(scope["query_string"]), LONGEST_QUERY),
        ("head", sum(len(name) + len(value) for name, value in scope["headers"]), LARGEST_HEADERS),
    ):
        if size > most:
            return f"The {what} of this request has {size} bytes; at most {most} are read."
    return None


def _too_large(request_id: str, most: int) -> ASGIApp:
    body = failure(request_id, 413, _too_large_message(most))
    return answer(render(body), 413, {"Connection": "close"})


def _too_large_message(most: int) -> str:
    return f"The body is larger than {most} bytes; send it in parts."


class _Body:
    """Receives a body up to so many bytes, however it is sent: a length that was not announced is counted. Each part
    of it must come within ``REQUEST_BODY_SECONDS``, and all of it not much slower than a modem is."""

    def __init__(self, receive: Receive, most: int) -> None:
        self._receive, self.most, self._bytes, self._is_over = receive, most, 0, False
        self._began = clock.monotonic()

    async def __call__(self) -> Message:
        if self._is_over:
            return await self._receive()
        try:
            async with asyncio.timeout(self._patience()):
                message = await self._receive()
        except TimeoutError:
            sentence = f"The body did not come in time; {self._bytes} bytes of it did."
            raise HttpError(400, "body_incomplete", sentence, {"Connection": "close"}) from None
        self._is_over = not message.get("more_body", False)
        self._bytes += len(message.get("body", b""))
        if self._bytes > self.most:
            raise HttpError(413, "body_too_large", _too_large_message(self.most), {"Connection": "close"})
        return message

    def _patience(self) -> float:
        """How many seconds the next part is waited for."""
        longest = settings().request_body_seconds
        left = longest + self._bytes / LEAST_BYTES_PER_SECOND - (clock.monotonic() - self._began)
        return min(longest, max(0.0, left))

    async def pass_over(self) -> None:
        """Read what is still to come and keep nothing, as far as is bearable. A connection that is closed on a
        sender takes the answer with it: the client would see it break instead of reading why."""
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
            headers = MutableHeaders(scope=message)
            headers["X-Request-Id"] = self.request_id
            headers.setdefault("X-Content-Type-Options", "nosniff")
            headers.setdefault("Cache-Control", "no-store")  # what is requested here is about people, or of the moment
        elif self.status == 413 and not message.get("more_body", False):
            await self._send({**message, "more_body": True})
            await self._body.pass_over()
            message = {"type": "http.response.body"}
        await self._send(message)
