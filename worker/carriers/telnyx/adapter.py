"""The requests to Telnyx, and its webhooks; :mod:`worker.carriers.http` does the rest."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Unpack
from urllib.parse import quote

import httpx2
from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey

from worker.carriers.base import BadSignature, CallEvent, CallRequest, CannotTell, CarrierCall, Outcome
from worker.carriers.http import NO_SUCH_CALL, HttpClient, Timeouts, unclear
from worker.carriers.telnyx import SPEC, translation
from worker.clock import wall

SIGNATURE_HEADER = "telnyx-signature-ed25519"
TIMESTAMP_HEADER = "telnyx-timestamp"
SIGNATURE_TOLERANCE_SECONDS = 300
LONGEST_TIMESTAMP = 12


class TelnyxCarrier:
    """Calls through the Call Control application ``connection_id``; webhooks are signed with the key whose public
    half is ``public_key``, in base64. One instance serves all threads of a process; bounds and ``client`` are those
    of :class:`~worker.carriers.http.HttpClient`."""

    name = SPEC.name
    shares_credentials = SPEC.shares_credentials

    def __init__(
        self,
        base_url: str,
        api_key: str,
        public_key: str,
        connection_id: str,
        client: httpx2.Client | None = None,
        *,
        unix_time: Callable[[], float] = wall,
        **timeouts: Unpack[Timeouts],
    ) -> None:
        headers = {"Authorization": f"Bearer {api_key}"}
        root = base_url.rstrip("/").removesuffix("/v2")
        self._http = HttpClient(root, headers, client, **timeouts)
        self._key = VerifyKey(b64decode(public_key))
        self._connection_id = connection_id
        self._unix_time = unix_time

    @classmethod
    def from_settings(cls, settings: Mapping[str, str], client: httpx2.Client, request_seconds: float) -> TelnyxCarrier:
        url, key = settings["TELNYX_API_BASE_URL"], settings["TELNYX_API_KEY"]
        public_key, connection = settings["TELNYX_PUBLIC_KEY"], settings["TELNYX_CONNECTION_ID"]
        return cls(url, key, public_key, connection, client, request_seconds=request_seconds)

    def close(self) -> None:
        self._http.close()

    def place(self, call_request: CallRequest) -> Outcome:
        return self._http.place(
            "/v2/calls",
            json=translation.request(call_request, self._connection_id),
            leave_by=call_request.leave_by,
            accepted=translation.accepted,
            rejected=partial(translation.rejected, calls_itself=call_request.from_number == call_request.to_number),
        )

    def find(self, call_request: CallRequest) -> tuple[CarrierCall, ...] | CannotTell:
        return CannotTell("this carrier keeps no list of calls")

    def get(self, call_request: CallRequest, carrier_call_id: str) -> CarrierCall | CannotTell | None:
        answer = self._http.ask("GET", f"/v2/calls/{quote(carrier_call_id, safe='')}")
        if isinstance(answer, CannotTell):
            return answer
        if translation.code_of(answer) in translation.NO_SUCH_CALL:
            return None
        if answer.status != 200:
            return unclear(answer)
        return translation.carrier_call(answer.document) or CannotTell("it says neither that it lives nor its end")

    def end(self, call_request: CallRequest, carrier_call_id: str) -> CannotTell | None:
        answer = self._http.ask("POST", f"/v2/calls/{quote(carrier_call_id, safe='')}/actions/hangup", json={})
        if isinstance(answer, CannotTell):
            return answer
        is_over = answer.status == NO_SUCH_CALL or translation.code_of(answer) == translation.ENDED_ALREADY
        return None if answer.is_good or is_over else unclear(answer)

    def parse(self, token: str, url: str, headers: Mapping[str, str], body: bytes) -> CallEvent | None:
        self._verify({name.lower(): value for name, value in headers.items()}, body)
        event = translation.call_event(token, body)
        if event is None:
            return None
        return replace(event, other_account=translation.other_connection(event.raw, self._connection_id))

    def _verify(self, headers: Mapping[str, str], body: bytes) -> None:
        timestamp = headers.get(TIMESTAMP_HEADER, "")
        if not timestamp.isascii() or not timestamp.isdigit() or len(timestamp) > LONGEST_TIMESTAMP:
            raise BadSignature(f"{TIMESTAMP_HEADER} is missing or not a number.")
        try:
            signature = b64decode(headers.get(SIGNATURE_HEADER, ""), validate=True)
            self._key.verify(timestamp.encode() + b"|" + body, signature)
        except (ValueError, BadSignatureError):
            raise BadSignature("The signature does not fit the body.") from None
        if abs(self._unix_time() - int(timestamp)) > SIGNATURE_TOLERANCE_SECONDS:
            raise BadSignature("The signature is too old, or the clocks differ by more than five minutes.")
