"""What all carriers share on the wire: exactly one HTTP request for a call, and what its answer is taken for.

=========== ======================================================== ================================
outcome     here                                                     because
=========== ======================================================== ================================
NotSent     no connection (refused, DNS, TLS, timeout), or none free no byte of the request has left
            in the pool
Accepted    2xx with an id
Rejected    4xx, by its code, else by its status                     nothing was placed
Ambiguous   everything else, unknown errors included                 in doubt, ring nobody
=========== ======================================================== ================================

A write that fails is ambiguous: the request is one small segment, and what the kernel took may have arrived.
What a carrier's answers say in its own words is its own file's business.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from ssl import SSLContext
from typing import Any, TypedDict
from urllib.parse import urlencode, urlsplit

import httpx2

from worker.carriers.base import Accepted, Ambiguous, CannotTell, NotSent, Outcome, Rejected
from worker.clock import monotonic

MAX_ANSWER_BYTES = 1024 * 1024
MOST_IDLE_CONNECTIONS = 200
CONNECTING_AND_READING = 13 / 16
"""The share of a request's time for connecting and reading; the rest is for the pool and for writing."""

NOT_A_BYTE_LEFT = (
    httpx2.ConnectError,
    httpx2.ConnectTimeout,
    httpx2.PoolTimeout,
    httpx2.UnsupportedProtocol,
)
LEAVING = ("http11.send_request_headers.started", "http11.send_request_body.started")
"""What the client is about to do while the request has not left, or not whole: no server acts on half of one."""

TOO_FAST = 429
NO_SUCH_CALL = 404
"""What a carrier answers to the end of a call that it no longer knows: it is over, and asking again is no use."""

Form = Mapping[str, str | list[str]]
"""The fields of a form; a list repeats its field."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer read to its end; ``document`` is empty where the body is not a JSON object."""

    status: int
    document: Mapping[str, Any]
    retry_after: str | None

    @property
    def is_good(self) -> bool:
        return 200 <= self.status < 300

    @property
    def retry_after_seconds(self) -> float | None:
        """``Retry-After`` where it is a number; a date is as good as none, for the clocks may differ."""
        try:
            seconds = float(self.retry_after or "")
        except ValueError:
            return None
        return seconds if 0 <= seconds < math.inf else None


def unclear(answer: Answer) -> CannotTell:
    """An answer that says nothing of the call that was asked about."""
    too_fast = answer.status == TOO_FAST
    return CannotTell(f"http_{answer.status}", too_fast, answer.retry_after_seconds if too_fast else None)


class TooLate(Exception):
    """The moment by which the request had to leave has passed."""


class TooSlow(httpx2.ReadTimeout):
    """Each byte came in time, all of them together did not."""


class Timeouts(TypedDict, total=False):
    """The bounds of :class:`HttpClient`, as adapters pass them on."""

    request_seconds: float
    connect_seconds: float
    read_seconds: float


class HttpClient:
    """The connections of a process to one carrier at ``base_url``; ``headers`` go with every request. One serves all
    threads; a ``client`` given is used as it is and not closed.

    Waiting for a connection, connecting, writing and each silence while reading have bounds of their own,
    together ``request_seconds``, and an answer still arriving after that is cut off. Where connecting and
    reading would leave no time for the rest, both shrink in proportion.
    """

    def __init__(
        self,
        base_url: str,
        headers: Mapping[str, str],
        client: httpx2.Client | None = None,
        request_seconds: float = 16.0,
        connect_seconds: float = 3.0,
        read_seconds: float = 10.0,
    ) -> None:
        shrink = min(1.0, request_seconds * CONNECTING_AND_READING / (connect_seconds + read_seconds))
        connect, read = connect_seconds * shrink, read_seconds * shrink
        spare = (request_seconds - connect - read) / 2
        self._timeout = httpx2.Timeout(connect=connect, read=read, write=spare, pool=spare)
        self._request_seconds = request_seconds
        self._base_url = base_url.rstrip("/")
        self._headers = dict(headers)
        self._owns_client = client is None
        self._client = client or new_client()

    def close(self) -> None:
        if self._owns_client:
            self._client.close()

    def place(
        self,
        target: str,
        *,
        accepted: Callable[[Answer], Accepted | None],
        rejected: Callable[[Answer], Rejected],
        json: Mapping[str, Any] | None = None,
        form: Form | None = None,
        leave_by: float = math.inf,
    ) -> Outcome:
        """Ask for one call. ``accepted`` reads a 2xx and is ``None`` where that names no call; ``rejected`` reads
        a 4xx."""
        try:
            answer = self.request("POST", target, json=json, form=form, leave_by=leave_by)
        except TooLate:
            return NotSent("the send fence had passed", connection=False)
        except NOT_A_BYTE_LEFT as error:
            return NotSent(_reason(error))
        except httpx2.RequestError as error:
            return Ambiguous(_reason(error))
        if 400 <= answer.status < 500:
            return rejected(answer)
        if not answer.is_good:
            return Ambiguous(f"http_{answer.status}")
        return accepted(answer) or Ambiguous("no_id")

    def ask(
        self, method: str, target: str, *, json: Mapping[str, Any] | None = None, form: Form | None = None
    ) -> Answer | CannotTell:
        """The answer to a request that places nothing, or why there is none."""
        try:
            return self.request(method, target, json=json, form=form)
        except httpx2.RequestError as error:
            return CannotTell(_reason(error))

    def listed(self, target: str) -> list[Any] | CannotTell:
        """The ``calls`` of a list of calls, or why there is none."""
        answer = self.ask("GET", target)
        if isinstance(answer, CannotTell):
            return answer
        calls = answer.document.get("calls")
        return calls if answer.status == 200 and isinstance(calls, list) else unclear(answer)

    def request(
        self,
        method: str,
        target: str,
        *,
        json: Mapping[str, Any] | None = None,
        form: Form | None = None,
        leave_by: float = math.inf,
    ) -> Answer:
        """Exactly one HTTP request, its answer read to the end. Raises :class:`httpx2.RequestError`, or
        :class:`TooLate` when it would leave after ``leave_by``."""
        deadline = monotonic() + self._request_seconds

        def stop_if_late(happening: str, _: Mapping[str, Any]) -> None:
            if happening in LEAVING and monotonic() > leave_by:
                raise TooLate

        with self._client.stream(
            method,
            self._base_url + target,
            json=json,
            data=form,
            headers=self._headers,
            timeout=self._timeout,
            extensions={"trace": stop_if_late},
        ) as response:
            received = bytearray()
            for chunk in response.iter_bytes():
                received += chunk
                if monotonic() > deadline or len(received) > MAX_ANSWER_BYTES:
                    raise TooSlow("The answer does not end.")
            return Answer(response.status_code, _document(bytes(received)), response.headers.get("Retry-After"))


def new_client() -> httpx2.Client:
    """A client for all threads of a process, which never repeats a request by itself. It opens as many connections as
    there are requests: they are bounded an account (:mod:`worker.bulkheads`), so that none waits for another's.

    Idle connections are dropped after 15 s, long before carriers drop them: a request on a connection that is
    just being closed would be ambiguous for nothing. Proxies of the environment are not asked: what stands
    between us and a carrier may repeat a request.
    """
    limits = httpx2.Limits(max_connections=None, max_keepalive_connections=MOST_IDLE_CONNECTIONS, keepalive_expiry=15.0)
    transport = httpx2.HTTPTransport(verify=_authorities(), retries=0, limits=limits, trust_env=False)
    return httpx2.Client(transport=transport, trust_env=False)


@cache
def _authorities() -> SSLContext:
    """Whose certificates are believed: read once a process, for that takes as long as thirty requests."""
    return httpx2.create_ssl_context(trust_env=False)


def _reason(error: httpx2.RequestError) -> str:
    """Such as ``ConnectError: [Errno 111] Connection refused``; carries neither secrets nor numbers."""
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _document(body: bytes) -> Mapping[str, Any]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def with_parameters(url: str, parameters: Mapping[str, str]) -> str:
    """The address with these in its query, behind what is there."""
    parts = urlsplit(url)
    query = "&".join(filter(None, [parts.query, urlencode(parameters)]))
    return parts._replace(query=query).geturl()
