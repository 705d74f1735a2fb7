"""The dialer's side of the simulator.

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
"""

from __future__ import annotations

import hmac
import json
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx2

from worker.carriers.base import (
    Accepted,
    Ambiguous,
    BadSignature,
    CallEvent,
    CannotTell,
    CarrierCall,
    NotSent,
    Order,
    Outcome,
)
from worker.carriers.simulator.translation import call_event, carrier_call, rejected
from worker.carriers.simulator.words import SIGNATURE_HEADER, TIMESTAMP_HEADER, sign

SIGNATURE_TOLERANCE_SECONDS = 300
MAX_ANSWER_BYTES = 1024 * 1024
MAX_CONNECTIONS = 200
CONNECTING_AND_READING = 13 / 16
"""The share of a request's time for connecting and reading; the rest is for the pool and for writing."""

NOT_A_BYTE_LEFT = (
    httpx2.ConnectError,
    httpx2.ConnectTimeout,
    httpx2.PoolTimeout,
    httpx2.UnsupportedProtocol,
)


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer read to its end; ``document`` is empty where the body is not a JSON object."""

    status: int
    document: Mapping[str, Any]
    retry_after: str | None

    @property
    def code(self) -> str:
        error = self.document.get("error")
        code = error.get("code") if isinstance(error, dict) else None
        return code if isinstance(code, str) else ""


LEAVING = ("http11.send_request_headers.started", "http11.send_request_body.started")
"""What the client is about to do while the request has not left, or not whole: no server acts on half of one."""


class TooLate(Exception):
    """The moment by which the request had to leave has passed."""


class TooSlow(httpx2.ReadTimeout):
    """Each byte came in time, all of them together did not."""


class SimulatorCarrier:
    """Speaks to a simulator at ``base_url``; ``secret`` is shared with it. One instance serves all threads of
    a process; a ``client`` given is used as it is and not closed.

    Waiting for a connection, connecting, writing and each silence while reading have bounds of their own,
    together ``request_seconds``, and an answer still arriving after that is cut off. Where connecting and
    reading would leave no time for the rest, both shrink in proportion.
    """

    name = "simulator"
    queues_over_cps = False
    list_lag_seconds = 0.0

    def __init__(
        self,
        base_url: str,
        secret: str,
        client: httpx2.Client | None = None,
        request_seconds: float = 16.0,
        connect_seconds: float = 3.0,
        read_seconds: float = 10.0,
        *,
        unix_time: Callable[[], float] = time.time,
    ) -> None:
        shrink = min(1.0, request_seconds * CONNECTING_AND_READING / (connect_seconds + read_seconds))
        connect, read = connect_seconds * shrink, read_seconds * shrink
        spare = (request_seconds - connect - read) / 2
        self._timeout = httpx2.Timeout(connect=connect, read=read, write=spare, pool=spare)
        self._request_seconds = request_seconds
        self._base_url = base_url.rstrip("/")
        self._secret = secret
        self._headers = {"Authorization": f"Bearer {secret}"}
        self._owns_client = client is None
        self._client = client or new_client()
        self._unix_time = unix_time

    def close(self) -> None:
        if self._owns_client:
            self._client.close()

    def place(self, order: Order) -> Outcome:
        body = {
            "from": order.from_number,
            "to": order.to_number,
            "token": order.token,
            "callback_url": order.callback_url,
            "ring_seconds": order.ring_seconds,
            "longest_call_seconds": order.longest_call_seconds,
            "account": order.account_id,
        }
        try:
            answer = self._request("POST", "/v1/calls", body, leave_by=order.leave_by)
        except TooLate:
            return NotSent("the send fence had passed", connection=False)
        except NOT_A_BYTE_LEFT as error:
            return NotSent(_reason(error))
        except httpx2.RequestError as error:
            return Ambiguous(_reason(error))
        if 400 <= answer.status < 500:
            return rejected(answer.status, answer.code, answer.retry_after)
        if not 200 <= answer.status < 300:
            return Ambiguous(f"http_{answer.status}")
        call_id, queued_for_ms = answer.document.get("id"), answer.document.get("queued_for_ms")
        if not isinstance(call_id, str) or not call_id:
            return Ambiguous("no_id")
        return Accepted(call_id, queued_for_ms if isinstance(queued_for_ms, int) else 0)

    def find(self, order: Order) -> tuple[CarrierCall, ...] | CannotTell:
        try:
            answer = self._request("GET", f"/v1/calls?token={quote(order.token, safe='')}")
        except httpx2.RequestError as error:
            return CannotTell(_reason(error))
        views = answer.document.get("calls")
        if answer.status != 200 or not isinstance(views, list):
            return CannotTell(f"http_{answer.status}")
        calls = [carrier_call(view) for view in views]
        known = tuple(call for call in calls if call is not None)
        return known if len(known) == len(calls) else CannotTell("unreadable_call")

    def get(self, order: Order, carrier_call_id: str) -> CarrierCall | CannotTell | None:
        try:
            answer = self._request("GET", f"/v1/calls/{quote(carrier_call_id, safe='')}")
        except httpx2.RequestError as error:
            return CannotTell(_reason(error))
        if answer.status == 404 and answer.code == "unknown_call":
            return None
        if answer.status != 200:
            return CannotTell(f"http_{answer.status}")
        return carrier_call(answer.document) or CannotTell("unreadable_call")

    def end(self, order: Order, carrier_call_id: str) -> bool:
        try:
            answer = self._request("POST", f"/v1/calls/{quote(carrier_call_id, safe='')}/end")
        except httpx2.RequestError:
            return False
        return 200 <= answer.status < 300

    def parse(self, token: str, url: str, headers: Mapping[str, str], body: bytes) -> CallEvent:
        self._verify({name.lower(): value for name, value in headers.items()}, body)
        return call_event(token, body)

    def _verify(self, headers: Mapping[str, str], body: bytes) -> None:
        timestamp = headers.get(TIMESTAMP_HEADER.lower(), "")
        given = headers.get(SIGNATURE_HEADER.lower(), "")
        if not timestamp.isascii() or not timestamp.isdigit():
            raise BadSignature(f"{TIMESTAMP_HEADER} is missing or not a number.")
        expected = sign(self._secret, timestamp, body)
        if not hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode()):
            raise BadSignature("The signature does not fit the body.")
        if abs(self._unix_time() - int(timestamp)) > SIGNATURE_TOLERANCE_SECONDS:
            raise BadSignature("The signature is too old, or the clocks differ by more than five minutes.")

    def _request(
        self, method: str, target: str, body: Mapping[str, Any] | None = None, *, leave_by: float = math.inf
    ) -> Answer:
        """Exactly one HTTP request, its answer read to the end. Raises :class:`httpx2.RequestError`, or
        :class:`TooLate` when it would leave after ``leave_by``."""
        deadline = time.monotonic() + self._request_seconds
        url = self._base_url + target

        def stop_if_late(happening: str, _: Mapping[str, Any]) -> None:
            if happening in LEAVING and time.monotonic() > leave_by:
                raise TooLate

        trace = {"trace": stop_if_late}
        with self._client.stream(
            method, url, json=body, headers=self._headers, timeout=self._timeout, extensions=trace
        ) as response:
            received = bytearray()
            for chunk in response.iter_bytes():
                received += chunk
                if time.monotonic() > deadline or len(received) > MAX_ANSWER_BYTES:
                    raise TooSlow("The answer does not end.")
            return Answer(response.status_code, _document(bytes(received)), response.headers.get("Retry-After"))


def new_client() -> httpx2.Client:
    """A client for all threads of a process, which never repeats a request by itself.

    Idle connections are dropped after 15 s, long before the simulator drops them: a request on a connection
    that is just being closed would be ambiguous for nothing. Proxies of the environment are not asked, as the
    simulator stands next to us.
    """
    limits = httpx2.Limits(
        max_connections=MAX_CONNECTIONS, max_keepalive_connections=MAX_CONNECTIONS, keepalive_expiry=15.0
    )
    return httpx2.Client(transport=httpx2.HTTPTransport(retries=0, limits=limits, trust_env=False), trust_env=False)


def _reason(error: httpx2.RequestError) -> str:
    """Such as ``ConnectError: [Errno 111] Connection refused``; carries neither secrets nor numbers."""
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _document(body: bytes) -> Mapping[str, Any]:
    try:
        document = json.loads(body)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}
