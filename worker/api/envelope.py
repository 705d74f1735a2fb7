"""How every answer looks, and which answer each error becomes.

Success is ``{"success": true, …}``. Failure is ``{"success": false, "message", "code", "errors", "requestId"}``,
where ``errors`` lists what is wrong with which value (``{"path", "message"}``), all of it at once. What went
wrong on our side is logged and not shown.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from math import ceil
from traceback import format_exception
from typing import Any

import structlog
from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException
from starlette.routing import Match

from worker.domain.errors import Conflict, DialerError, Fault, Invalid, NotFound, Refused, TooOften, Unavailable

log = structlog.get_logger()

RETRY_AFTER_SECONDS = 5
LONGEST_REPEATED = 200
"""How much of what was sent an answer repeats."""
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")


class HttpError(Exception):
    """A request that is turned away for how it was sent, not for what it wants: by whom, how often, in what
    form. ``headers`` go with the answer."""

    def __init__(self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        self.status, self.code, self.headers = status, code, dict(headers or {})
        super().__init__(message)


CODES = {
    400: "invalid_request",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    409: "conflict",
    413: "body_too_large",
    415: "unsupported_media_type",
    422: "idempotency_key_reused",
    429: "too_many_requests",
    500: "internal_error",
    503: "unavailable",
}
"""Status → the usual ``code``; a status may have further ones."""


def render(content: Mapping[str, Any]) -> str:
    """The body of an answer. Raises ``ValueError`` for what is not valid JSON."""
    return json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def answer(text: str, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """An answer with a rendered body."""
    return Response(text.encode(), status, dict(headers or {}), "application/json")


def success(**fields: Any) -> Response:
    """A 200 with these fields."""
    return answer(render({"success": True, **fields}))


def failure(
    request_id: str,
    status: int,
    message: str,
    *,
    code: str | None = None,
    faults: Sequence[Fault] = (),
) -> dict[str, Any]:
    """The body of a failure."""
    return {
        "success": False,
        "message": message,
        "code": code or CODES[status],
        "errors": [{"path": fault.path, "message": fault.message} for fault in faults],
        "requestId": request_id,
    }


def refusal(request_id: str, error: Refused) -> tuple[int, dict[str, Any]]:
    """Status and body for what the caller requested and cannot have."""
    match error:
        case Invalid(faults=faults):
            count = len(faults)
            message = f"{count} value{' is' if count == 1 else 's are'} wrong; see errors."
            return 400, failure(request_id, 400, message, faults=faults)
        case NotFound():
            return 404, failure(request_id, 404, str(error))
        case Conflict():
            return 409, failure(request_id, 409, str(error), code=error.code)
        case _:
            return 400, failure(request_id, 400, str(error))


def request_id_of(request: Request) -> str:
    """The id this request was given by the middleware."""
    return str(request.scope["state"]["request_id"])


def add_handlers(app: FastAPI) -> None:
    """Let every error that leaves an endpoint become an answer of ours."""
    app.add_exception_handler(DialerError, refused)
    app.add_exception_handler(HttpError, refused)
    app.add_exception_handler(HTTPException, _http_error)


def refused(request: Request, error: Exception) -> Response:
    """The answer to one of our errors: a :class:`DialerError` or an :class:`HttpError`."""
    if isinstance(error, HttpError):
        body = failure(request_id_of(request), error.status, str(error), code=error.code)
        return answer(render(body), error.status, error.headers)
    return _dialer_error(request, error)


def _dialer_error(request: Request, error: Exception) -> Response:
    request_id = request_id_of(request)
    if isinstance(error, Refused):
        status, body = refusal(request_id, error)
        return answer(render(body), status)
    if isinstance(error, TooOften):
        body = failure(request_id, 429, str(error))
        return answer(render(body), 429, {"Retry-After": str(ceil(error.wait_seconds))})
    if isinstance(error, Unavailable):
        log.warning("service_away", message=str(error))
        body = failure(request_id, 503, "The service is not available now; try again in a moment.")
        return answer(render(body), 503, {"Retry-After": str(RETRY_AFTER_SECONDS)})
    return broken(request_id, error)


def broken(request_id: str, error: BaseException) -> Response:
    """The answer to what should never happen: logged in full, answered in one sentence."""
    log.error("request_failed", exception="".join(format_exception(error)))
    message = f"Something went wrong on our side; it is logged under request id {request_id}."
    return answer(render(failure(request_id, 500, message)), 500)


def _http_error(request: Request, error: Exception) -> Response:
    """What the framework says by itself: no such route, or not with this method."""
    assert isinstance(error, HTTPException)
    request_id = request_id_of(request)
    if error.status_code == 405:
        allowed = methods_of(request)
        message = f"{request.method} is not possible here; use {', '.join(allowed)}."
        return answer(render(failure(request_id, 405, message)), 405, {"Allow": ", ".join(allowed)})
    if error.status_code == 404:
        return answer(
            render(failure(request_id, 404, f"There is nothing at {request.url.path[:LONGEST_REPEATED]}.")), 404
        )
    status = error.status_code if error.status_code in CODES else 400
    return answer(render(failure(request_id, status, str(error.detail))), status)


def methods_of(request: Request) -> list[str]:
    """Every method this path has. (The framework names those of the first route it finds.)"""
    found = []
    for method in _METHODS:
        scope = {**request.scope, "method": method}
        if any(route.matches(scope)[0] is Match.FULL for route in request.app.router.routes):
            found.append(method)
    return found
