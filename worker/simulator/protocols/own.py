"""The simulator's own protocol.

::

    POST /v1/calls              {from, to, token, callback_url, ring_seconds, longest_call_seconds, account,
                                 connect_to?, parameters?}
                                201 {id, queued_for_ms}, unless the call's life has it otherwise
    GET  /v1/calls?token=…      200 {calls: […]}
    GET  /v1/calls/{id}         200 the call · 404 unknown_call
    POST /v1/calls/{id}/end     200 the call, also when it was over · 404 unknown_call

A callee who answers is connected by a ``POST`` of the parameters, as JSON, to ``connect_to``, where a request names
that; the call ends if nobody is there.

Each with ``Authorization: Bearer {secret}``. A refusal is ``{"error": {"code", "message"}}``.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from worker.carriers.simulated.protocol import REFUSALS, SIGNATURE_HEADER, TIMESTAMP_HEADER, Happening, sign
from worker.simulator.calls import Call, Connected, Request
from worker.simulator.courier import Post
from worker.simulator.exchange import Exchange, queued_for_ms
from worker.simulator.lives import Refusal
from worker.simulator.protocols.base import (
    BearerProtocol,
    HttpAnswer,
    HttpRequest,
    Malformed,
    is_number,
    is_web_address,
    read_object,
    retry_after,
)

UNKNOWN_CALL = Refusal(404, "unknown_call")
MALFORMED = Refusal(REFUSALS["malformed"], "malformed")


class OwnProtocol(BearerProtocol):
    """Speaks with the one who shares ``secret``."""

    name = "simulator"
    root = "v1"
    queues = False
    posts_initiated = False
    too_fast = "too_many_requests"

    def new_id(self) -> str:
        return f"sim_{secrets.token_hex(12)}"

    def answer(self, http: HttpRequest, exchange: Exchange) -> HttpAnswer | Request | None:
        match http.method, *http.path:
            case "GET", "v1", "calls":
                token = next(iter(http.query.get("token", ())), "")
                return HttpAnswer(200, {"calls": exchange.by_token(token, view)})
            case "GET", "v1", "calls", call_id:
                return self._shown(exchange, call_id)
            case "POST", "v1", "calls":
                return self._read(http.body)
            case "POST", "v1", "calls", call_id, "end":
                exchange.end(call_id)
                return self._shown(exchange, call_id)
            case _:
                return None

    def _shown(self, exchange: Exchange, call_id: str) -> HttpAnswer:
        call = exchange.by_id(call_id, view)
        return self.refused(UNKNOWN_CALL) if call is None else HttpAnswer(200, call)

    def _read(self, body: bytes) -> Request:
        fields = read_object(body)
        if fields is None:
            raise Malformed("The body is not a JSON object.", MALFORMED)
        for name in ("from", "to"):
            if not is_number(fields.get(name)):
                raise Malformed(f"{name} is not a number in E.164.", MALFORMED)
        if not is_web_address(fields.get("callback_url")):
            raise Malformed("callback_url is not an http(s) address.", MALFORMED)
        return Request(
            from_number=fields["from"],
            to_number=fields["to"],
            token=_text(fields, "token"),
            callback_url=fields["callback_url"],
            ring_seconds=_seconds(fields, "ring_seconds"),
            longest_call_seconds=_seconds(fields, "longest_call_seconds"),
            account=_text(fields, "account"),
            protocol=self,
            details=_connection(fields),
        )

    def accepted(self, calls: Sequence[Call]) -> HttpAnswer:
        return HttpAnswer(201, {"id": calls[0].id, "queued_for_ms": queued_for_ms(calls)})

    def without_id(self) -> HttpAnswer:
        return HttpAnswer(201, {})

    def refused(self, refusal: Refusal, message: str = "", request: Request | None = None) -> HttpAnswer:
        error = {"code": refusal.code, "message": message} if refusal.code else {}
        return HttpAnswer(refusal.status, {"error": error}, retry_after(refusal))

    def news(self, call: Call, happening: Happening) -> Sequence[Post]:
        """The event id is the same each time it is posted, also after a restart."""
        message = {
            "event_id": f"{call.id}-{happening}",
            "event": happening,
            "occurred_at": datetime.now(UTC).isoformat(timespec="microseconds"),
            "call": view(call),
        }
        body = json.dumps(message).encode()
        return [Post(call.request.callback_url, body, lambda: self._headers(body))]

    def _headers(self, body: bytes) -> Mapping[str, str]:
        timestamp = str(int(time.time()))
        signature = sign(self._secret, timestamp, body)
        return {"Content-Type": "application/json", TIMESTAMP_HEADER: timestamp, SIGNATURE_HEADER: signature}

    def at_answer(self, call: Call) -> Post | Connected | None:
        details = call.request.details
        if not details:
            return None
        body = json.dumps(details["parameters"]).encode()
        return Post(details["connect_to"], body, lambda: self._headers(body))

    def instructed(self, status: int | None, answer: bytes) -> Connected | None:
        return Connected("assistant") if status is not None and 200 <= status < 300 else None


def view(call: Call) -> dict[str, object]:
    return {
        "id": call.id,
        "token": call.request.token,
        "from": call.request.from_number,
        "to": call.request.to_number,
        "account": call.request.account,
        "status": call.status,
        "answered_by": call.answered_by,
        "sip_code": call.sip_code,
        "sip_reason": call.sip_reason,
    }


def _connection(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """Whom an answer is connected to, and with which parameters; empty where the request names nobody."""
    if fields.get("connect_to") is None:
        return {}
    if not is_web_address(fields["connect_to"]):
        raise Malformed("connect_to is not an http(s) address.", MALFORMED)
    parameters = fields.get("parameters", {})
    if not isinstance(parameters, dict) or not all(isinstance(value, str) for value in parameters.values()):
        raise Malformed("parameters is not an object of texts.", MALFORMED)
    return {"connect_to": fields["connect_to"], "parameters": parameters}


def _text(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str) or not value:
        raise Malformed(f"{name} is missing.", MALFORMED)
    return value


def _seconds(fields: Mapping[str, Any], name: str) -> float:
    value = fields.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e6:
        raise Malformed(f"{name} is not a number of seconds above zero.", MALFORMED)
    return float(value)
