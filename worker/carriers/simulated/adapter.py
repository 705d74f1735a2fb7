"""The dialer's side of the simulator: its addresses and its signature; :mod:`worker.carriers.http` does the rest."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from typing import Unpack
from urllib.parse import quote

import httpx2

from worker.carriers.base import (
    Accepted,
    BadSignature,
    CallEvent,
    CallRequest,
    CannotTell,
    CarrierCall,
    Outcome,
    Rejected,
)
from worker.carriers.http import NO_SUCH_CALL, Answer, HttpClient, Timeouts, unclear
from worker.carriers.simulated import SPEC
from worker.carriers.simulated.protocol import SIGNATURE_HEADER, TIMESTAMP_HEADER, sign
from worker.carriers.simulated.translation import call_event, carrier_call, rejected, request
from worker.clock import wall

SIGNATURE_TOLERANCE_SECONDS = 300


class SimulatorCarrier:
    """Speaks to a simulator at ``base_url``; ``secret`` is shared with it. One instance serves all threads of
    a process; bounds and ``client`` are those of :class:`~worker.carriers.http.HttpClient`."""

    name = SPEC.name
    shares_credentials = SPEC.shares_credentials

    def __init__(
        self,
        base_url: str,
        secret: str,
        client: httpx2.Client | None = None,
        *,
        unix_time: Callable[[], float] = wall,
        **timeouts: Unpack[Timeouts],
    ) -> None:
        headers = {"Authorization": f"Bearer {secret}"}
        self._http = HttpClient(base_url, headers, client, **timeouts)
        self._secret = secret
        self._unix_time = unix_time

    @classmethod
    def from_settings(
        cls, settings: Mapping[str, str], client: httpx2.Client, request_seconds: float
    ) -> SimulatorCarrier:
        return cls(settings["SIMULATOR_URL"], settings["SIMULATOR_SECRET"], client, request_seconds=request_seconds)

    def close(self) -> None:
        self._http.close()

    def place(self, call_request: CallRequest) -> Outcome:
        body, leave_by = request(call_request), call_request.leave_by
        return self._http.place("/v1/calls", json=body, leave_by=leave_by, accepted=_accepted, rejected=_rejected)

    def find(self, call_request: CallRequest) -> tuple[CarrierCall, ...] | CannotTell:
        views = self._http.listed(f"/v1/calls?token={quote(call_request.token, safe='')}")
        if isinstance(views, CannotTell):
            return views
        calls = [carrier_call(view) for view in views]
        known = tuple(call for call in calls if call is not None)
        return known if len(known) == len(calls) else CannotTell("unreadable_call")

    def get(self, call_request: CallRequest, carrier_call_id: str) -> CarrierCall | CannotTell | None:
        answer = self._http.ask("GET", f"/v1/calls/{quote(carrier_call_id, safe='')}")
        if isinstance(answer, CannotTell):
            return answer
        if answer.status == 404 and _code(answer) == "unknown_call":
            return None
        if answer.status != 200:
            return unclear(answer)
        return carrier_call(answer.document) or CannotTell("unreadable_call")

    def end(self, call_request: CallRequest, carrier_call_id: str) -> CannotTell | None:
        answer = self._http.ask("POST", f"/v1/calls/{quote(carrier_call_id, safe='')}/end")
        if isinstance(answer, CannotTell) or answer.is_good or answer.status == NO_SUCH_CALL:
            return answer if isinstance(answer, CannotTell) else None
        return unclear(answer)

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


def _accepted(answer: Answer) -> Accepted | None:
    call_id, queued_for_ms = answer.document.get("id"), answer.document.get("queued_for_ms")
    if not isinstance(call_id, str) or not call_id:
        return None
    return Accepted(call_id, queued_for_ms if isinstance(queued_for_ms, int) else 0)


def _rejected(answer: Answer) -> Rejected:
    return rejected(answer.status, _code(answer), answer.retry_after)


def _code(answer: Answer) -> str:
    error = answer.document.get("error")
    code = error.get("code") if isinstance(error, dict) else None
    return code if isinstance(code, str) else ""
