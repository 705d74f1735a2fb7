"""The carriers' callbacks: written down before they are answered.

They come three to a call, and half of what one computed was the framework's: its routes, dependencies and exits, of
which a callback needs none. So they are taken before it, as ASGI, behind :mod:`worker.api.middleware`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import structlog
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from worker.api.access import limit_unsigned
from worker.api.batching import Batching
from worker.api.envelope import HttpError, refused
from worker.carriers.base import BadEvent, BadSignature
from worker.domain.errors import DialerError, Unavailable
from worker.flow.answer import answer
from worker.flow.base import Step
from worker.flow.receipt import Callback, receive_together
from worker.process import dispatch, wiring

log = structlog.get_logger()

LARGEST_EVENT_BYTES = 64 * 1024
"""Ten times what any carrier posts."""


class Callbacks:
    """ASGI middleware: what carriers post ends here, everything else goes on to ``app``."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._events: Batching[Callback] = Batching(_receive)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = _PATH.fullmatch(scope["path"]) if scope["type"] == "http" else None
        if found is None:
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        try:
            if request.method != "POST":
                raise HttpError(405, "method_not_allowed", f"{request.method} is not possible here; use POST.", _ALLOW)
            response = await self._respond(request, *found.groups())
        except (HttpError, DialerError) as error:
            response = refused(request, error)
        await response(scope, receive, send)

    async def _respond(self, request: Request, carrier: str, what: str, token: str) -> Response:
        callback = Callback(token, _url(request), dict(request.headers), await _read(request))
        try:
            if what == "answer":
                return await run_in_threadpool(_answer, carrier, callback)
            await self._events.bring(carrier, callback)
            return Response(status_code=204)
        except BadSignature:  # counted, and logged together with others
            await run_in_threadpool(limit_unsigned, request)
            raise HttpError(403, "forbidden", "The signature does not match.") from None
        except BadEvent as error:
            log.warning("callback_refused", carrier=carrier, reason=str(error))
            raise HttpError(400, "invalid_request", "This is not an event of this carrier.") from None


async def _read(request: Request) -> bytes:
    """The body, given up as soon as it is too large: anybody may send one here."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_EVENT_BYTES:
            raise HttpError(413, "body_too_large", "The event is too large.", {"Connection": "close"})
    return bytes(body)


def _receive(carrier: str, callbacks: Sequence[Callback]) -> Sequence[Exception | None]:
    """Each is answered with 204 after its row is committed, and with 503 if it could not be, so that the carrier tries
    again."""
    refusals, steps = receive_together(wiring.dialer(), carrier, callbacks)
    _nudge(steps)
    return refusals


def _answer(carrier: str, callback: Callback) -> Response:
    """What to do with a callee who has answered: the carrier's own instructions."""
    url, headers = callback.url, callback.headers
    instructions, steps = answer(wiring.dialer(), carrier, callback.token, url, headers, callback.body)
    _nudge(steps)
    return Response(instructions, media_type="application/xml")


_PATH = re.compile(r"/carriers/([^/]+)/(events|answer)/([^/]+)")
_ALLOW = {"Allow": "POST"}


def _url(request: Request) -> str:
    """The address the carrier was given, which some sign: what stands before us may have changed it on the way."""
    path, query = request.scope["path"], request.scope["query_string"].decode("latin-1")
    return f"{wiring.dialer().public_base_url}{path}{'?' if query else ''}{query}"


def _nudge(steps: list[Step]) -> None:
    """The event is safe by now; if Redis is away the tick will find it."""
    try:
        dispatch.send(steps)
    except Unavailable as error:
        log.warning("nudge_lost", message=str(error))
