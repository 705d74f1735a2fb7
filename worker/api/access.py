"""Who sends requests, and how often they may.

A key is asked for in PostgreSQL at every request, so that a revoked one opens nothing from then on. How often
is counted in Redis: each key has its allowance, and each address one of failed logins. A valid key is let in
whatever else came from its address, for behind one proxy there may be many clients; what is limited is the noise
of those who have none. (Guessing is not what it guards against: a secret has 256 bits.) So it is with callbacks: one
that its carrier has signed is always taken, while
an address that posts others has an allowance.

When Redis is away everybody is let in. The allowance protects the database from an over-eager client for a
while; to refuse every client because nobody can be counted would turn the loss of a cache into the loss of the
service, and the limits that must hold, those of calls, do not rest on it.
"""

from __future__ import annotations

from math import ceil

import structlog
from fastapi import Request

from worker import clock
from worker.api.envelope import HttpError
from worker.domain.call_token import is_call_token
from worker.domain.errors import Unavailable
from worker.operations.keys import Bearer, who_bears, who_speaks_for_call
from worker.process import wiring
from worker.process.settings import settings
from worker.slots import Allowance

log = structlog.get_logger()

FORGO_SECONDS = 1.0
"""How long Redis is not asked again after it did not answer, so that its absence costs one wait a second."""


class Limits:
    """The allowances, asked for as long as Redis answers."""

    def __init__(self) -> None:
        self._forgo_until = float("-inf")

    def take(self, kind: str, who: str, allowance: Allowance) -> float:
        """Seconds to wait, 0.0 to pass."""
        if clock.monotonic() < self._forgo_until:
            return 0.0
        try:
            return wiring.throttle().take(kind, who, allowance)
        except Unavailable as error:
            self._forgo_until = clock.monotonic() + FORGO_SECONDS
            log.warning("rate_limit_skipped", message=str(error))
            return 0.0


_limits = Limits()


def authenticate(request: Request) -> Bearer:
    """Whose key the request carries. Raises :class:`HttpError`: 401 without a valid key, 429 too often."""
    bearer = who_bears(wiring.dialer(), _bearer_text(request))
    chosen = settings()
    if bearer is None:
        _limit(request, "login", chosen.failed_logins_per_minute)
        raise _unauthorized(request)
    allowance = Allowance(chosen.api_requests_per_second, chosen.api_burst)
    _refuse_too_many(_limits.take("key", bearer.key_id, allowance))
    return bearer


def authenticate_for_call(request: Request, call_id: str) -> Bearer:
    """The same, where the token of this call opens the route as well as a key of its team does."""
    text = _bearer_text(request)
    if not is_call_token(text):
        return authenticate(request)
    chosen = settings()
    bearer = who_speaks_for_call(wiring.dialer(), call_id, text)
    if bearer is None:
        _limit(request, "login", chosen.failed_logins_per_minute)
        message, challenge = "The token is not that of this call, or is spent.", 'error="invalid_token"'
        raise HttpError(401, "unauthorized", message, {"WWW-Authenticate": f'Bearer realm="dialer", {challenge}'})
    allowance = Allowance(chosen.api_requests_per_second, chosen.api_burst)
    _refuse_too_many(_limits.take("call", call_id, allowance))
    return bearer


def has_call_token(request: Request) -> bool:
    """Whether the request carries what looks like the token of a call."""
    return is_call_token(_bearer_text(request))


def limit_unsigned(request: Request) -> None:
    """Count a callback that its carrier has not signed. Raises :class:`HttpError` (429) when its address posts too
    many; counted after the signature was checked, so that true ones never come to this."""
    _limit(request, "callback", settings().refused_callbacks_per_minute)


def _limit(request: Request, kind: str, per_minute: int) -> None:
    address = request.client.host if request.client else "unknown"
    _refuse_too_many(_limits.take(kind, address, Allowance(per_minute / 60, per_minute)))


def _bearer_text(request: Request) -> str:
    scheme, _, text = request.headers.get("authorization", "").partition(" ")
    return text.strip() if scheme.lower() == "bearer" else ""


def _refuse_too_many(wait_seconds: float) -> None:
    if wait_seconds > 0:
        wait = ceil(wait_seconds)
        message = f"Too many requests; try again in {wait} second{'' if wait == 1 else 's'}."
        raise HttpError(429, "too_many_requests", message, {"Retry-After": str(wait)})


def _unauthorized(request: Request) -> HttpError:
    if "authorization" in request.headers:
        message, challenge = "The key is not valid, or was revoked.", 'Bearer realm="dialer", error="invalid_token"'
    else:
        message, challenge = "Give a key, as in Authorization: Bearer dlr_…", 'Bearer realm="dialer"'
    return HttpError(401, "unauthorized", message, {"WWW-Authenticate": challenge})
