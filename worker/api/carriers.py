"""The carriers' callbacks: written down before they are answered.

They come three to a call, and half of what one computed was the framework's: its routes, dependencies and exits, of
which a callback needs none. So they are taken before it, as ASGI, behind :mod:`worker.api.middleware`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from worker.api.access import limit_unsigned
from worker.api.envelope import HttpError, refused
from worker.carriers.base import BadEvent, BadSignature
from worker.domain.errors import DialerError, Unavailable
from worker.flow.answer import answer
from worker.flow.base import Step
from worker.flow.receipt import receive
from worker.process import dispatch, wiring

log = structlog.get_logger()

LARGEST_EVENT_BYTES = 64 * 1024
"""Ten times what any carrier posts."""


class Callbacks:
    """ASGI middleware: what carriers post ends here, everything else goes on to ``app``."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = _PATH.fullmatch(scope["path"]) if scope["type"] == "http" else None
        if found is None:
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        try:
            if request.method != "POST":
                raise HttpError(405, "method_not_allowed", f"{request.method} is not possible here; use POST.", _ALLOW)
            carrier, what, token = found.groups()
            response = await run_in_threadpool(_ACTIONS[what], carrier, token, request, await _read(request))
        except (HttpError, DialerError) as error:
            response = refused(request, error)
        await response(scope, receive, send)


async def _read(request: Request) -> bytes:
    """The body, given up as soon as it is too large: anybody may send one here."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_EVENT_BYTES:
            raise HttpError(413, "body_too_large", "The event is too large.", {"Connection": "close"})
    return bytes(body)


def _receive(carrier: str, token: str, request: Request, body: bytes) -> Response:
    """One callback: 204 after its row is committed, 503 if it could not be, so that the carrier tries again."""
    with _refusals(carrier, request):
        steps = receive(wiring.dialer(), carrier, token, _url(request), dict(request.headers), body)
    _nudge(steps)
    return Response(status_code=204)


def _answer(carrier: str, token: str, request: Request, body: bytes) -> Response:
    """What to do with a callee who has answered: the carrier's own instructions."""
    with _refusals(carrier, request):
        instructions, steps = answer(wiring.dialer(), carrier, token, _url(request), dict(request.headers), body)
    _nudge(steps)
    return Response(instructions, media_type="application/xml")


_PATH = re.compile(r"/carriers/([^/]+)/(events|answer)/([^/]+)")
_ACTIONS = {"events": _receive, "answer": _answer}
_ALLOW = {"Allow": "POST"}


def _url(request: Request) -> str:
    """The address the carrier was given, which some sign: what stands before us may have changed it on the way."""
    query = f"?{request.url.query}" if request.url.query else ""
    return f"{wiring.dialer().public_base_url}{request.url.path}{query}"


@contextmanager
def _refusals(carrier: str, request: Request) -> Iterator[None]:
    try:
        yield
    except BadSignature:  # counted, and logged together with others
        limit_unsigned(request)
        raise HttpError(403, "forbidden", "The signature does not match.") from None
    except BadEvent as error:
        log.warning("callback_refused", carrier=carrier, reason=str(error))
        raise HttpError(400, "invalid_request", "This is not an event of this carrier.") from None


def _nudge(steps: list[Step]) -> None:
    """The event is safe by now; if Redis is away the tick will find it."""
    try:
        dispatch.send(steps)
    except Unavailable as error:
        log.warning("nudge_lost", message=str(error))
