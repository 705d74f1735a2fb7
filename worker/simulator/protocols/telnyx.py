"""Telnyx's protocol: the dial command, the look-up and the actions of its Call Control API, version 2.

::

    POST /v2/calls                                        {connection_id, to, from, webhook_url, …}   200 {data}
    GET  /v2/calls/{call_control_id}                      200 {data: {is_alive, …}}, until 10 minutes after the end
    POST /v2/calls/{call_control_id}/actions/hangup       200 {data: {result: "ok"}} · 422 90018 when it is over
    POST /v2/calls/{call_control_id}/actions/streaming_start · ai_assistant_start: the same

JSON both ways, ``Authorization: Bearer`` by the API key. As with Telnyx, a request beyond the calls per second is
refused with 429; there is no list of calls; a look-up says whether a call is alive and not how it ended. Unlike
Telnyx, a ``command_id`` that comes twice places two calls: a dialer that repeats itself shows in the ledger.

Callbacks are signed with a key made of the API key, so that it is the same after a restart.
"""

from __future__ import annotations

import json
import secrets
import time
from base64 import b64encode
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from worker.carriers.simulated.protocol import AnsweredBy, Happening, Status
from worker.simulator.calls import Call, Connected, Request
from worker.simulator.courier import Post
from worker.simulator.exchange import Exchange
from worker.simulator.lives import Refusal
from worker.simulator.protocols.base import (
    BearerProtocol,
    HttpAnswer,
    HttpRequest,
    Malformed,
    is_number,
    is_web_address,
    parties,
    public_key,
    read_object,
    retry_after,
    signing_key,
    token_of,
)
from worker.simulator.protocols.texts import SWITCH, TELNYX, TELNYX_REFUSED

KNOWN_AFTER_END_SECONDS = 600.0
OVER = Refusal(422, "90018")
EVENTS = {
    Happening.INITIATED: ("call.initiated", "bridging"),
    Happening.ANSWERED: ("call.answered", "answered"),
    Happening.ENDED: ("call.hangup", "hangup"),
}
HANGUP_CAUSE = {
    Status.COMPLETED: "normal_clearing",
    Status.BUSY: "user_busy",
    Status.NO_ANSWER: "no_answer",
    Status.CANCELED: "originator_cancel",
    Status.DECLINED: "call_rejected",
}


class TelnyxProtocol(BearerProtocol):
    """``api_key`` opens every connection; :attr:`public_key` verifies what is posted."""

    name = "telnyx"
    root = "v2"
    queues = False
    posts_initiated = True
    too_fast = "too_many_requests"

    def __init__(self, api_key: str) -> None:
        super().__init__(api_key)
        self._key = signing_key(api_key)
        self.public_key = public_key(api_key)

    def new_id(self) -> str:
        return f"v3:{secrets.token_urlsafe(32)}"

    def answer(self, http: HttpRequest, exchange: Exchange) -> HttpAnswer | Request | None:
        match http.method, *http.path:
            case "POST", "v2", "calls":
                return self._read(http.body)
            case "GET", "v2", "calls", call_id:
                return self._shown(exchange, call_id)
            case "POST", "v2", "calls", call_id, "actions", "hangup":
                return self._done(exchange.end(call_id))
            case "POST", "v2", "calls", call_id, "actions", "streaming_start" | "ai_assistant_start":
                connected = _connected(read_object(http.body) or {})
                if connected is None:
                    raise _malformed("10004/stream_url", "A stream_url or an assistant is required.")
                return self._done(exchange.connect(call_id, connected))
            case _:
                return None

    def _read(self, body: bytes) -> Request:
        fields = read_object(body)
        if fields is None:
            raise Malformed("The body is not a JSON object.", Refusal(400, "10015"))
        for name in ("connection_id", "to", "from"):
            if not isinstance(fields.get(name), str) or not fields[name]:
                raise _malformed(f"10004/{name}", f"{name} is required.")
        for name in ("to", "from"):
            if not is_number(fields[name]):
                raise _malformed(f"10016/{name}", f"{name} must be in +E.164 format.")
        webhook_url = fields.get("webhook_url") or ""
        if webhook_url and not is_web_address(webhook_url):
            raise _malformed("10003/webhook_url", "webhook_url is not a valid URL.")
        connected, detection = _connected(fields), str(fields.get("answering_machine_detection", "disabled"))
        details = {
            "client_state": fields.get("client_state"),
            "detection": detection,
            "connect_to": connected and connected.to,
            "parameters": dict(connected.parameters) if connected else {},
        }
        return Request(
            from_number=fields["from"],
            to_number=fields["to"],
            token=token_of(webhook_url),
            callback_url=webhook_url,
            ring_seconds=_seconds(fields, "timeout_secs", 30, 5, 600),
            longest_call_seconds=_seconds(fields, "time_limit_secs", 14_400, 30, 14_400),
            account=fields["connection_id"],
            protocol=self,
            details=details,
            reports=frozenset() if detection == "disabled" else frozenset(AnsweredBy),
        )

    def _shown(self, exchange: Exchange, call_id: str) -> HttpAnswer:
        """A look-up; of calls that are long over nothing is known any more."""
        call = exchange.by_id(call_id, lambda call: {"data": _view(call), "ended_at": call.ended_at})
        ended_at = call.pop("ended_at") if call else None
        is_forgotten = isinstance(ended_at, float) and time.time() - ended_at > KNOWN_AFTER_END_SECONDS
        if call is None or is_forgotten:
            return self.refused(Refusal(404, "unknown_call"))
        return HttpAnswer(200, call)

    def _done(self, done: bool | None) -> HttpAnswer:
        if done:
            return HttpAnswer(200, {"data": {"result": "ok"}})
        return self.refused(Refusal(404, "unknown_call") if done is None else OVER)

    def accepted(self, calls: Sequence[Call]) -> HttpAnswer:
        return HttpAnswer(200, {"data": {**_view(calls[0]), "is_alive": False}})  # dialing has only begun

    def without_id(self) -> HttpAnswer:
        return HttpAnswer(200, {"data": {"record_type": "call"}})

    def refused(self, refusal: Refusal, message: str = "", request: Request | None = None) -> HttpAnswer:
        status, code = TELNYX_REFUSED.get(refusal.code, (refusal.status, refusal.code))
        number, _, pointer = code.partition("/")
        if number.startswith("D"):
            message = f"{SWITCH.get(number, 'Forbidden').format(**parties(request))} {number}"
            number = "10010"
        title, detail = TELNYX.get(number, ("Bad Request", "Refused."))
        error: dict[str, Any] = {"code": number, "title": title, "detail": message or detail}
        if pointer:
            error["source"] = {"pointer": f"/{pointer}"}
        return HttpAnswer(status, {"errors": [error] if number else []}, retry_after(refusal))

    def news(self, call: Call, happening: Happening) -> Sequence[Post]:
        payload: dict[str, Any] = {}
        if happening is Happening.MACHINE:
            event_type, payload["result"] = _verdict(call)
        elif happening in EVENTS:
            event_type, payload["state"] = EVENTS[happening]
        else:
            return []
        if happening is Happening.INITIATED:
            payload["direction"] = "outgoing"
        if happening is Happening.ENDED:
            payload |= _hangup(call)
        if not call.request.callback_url:
            return []
        event = {
            "record_type": "event",
            "id": str(uuid5(NAMESPACE_URL, f"{call.id}/{happening}")),
            "event_type": event_type,
            "occurred_at": _iso(time.time()),
            "payload": {**_parties(call), **payload},
        }
        body = json.dumps({"data": event, "meta": {"attempt": 1, "delivered_to": call.request.callback_url}}).encode()
        return [Post(call.request.callback_url, body, lambda: self._headers(body))]

    def _headers(self, body: bytes) -> Mapping[str, str]:
        timestamp = str(int(time.time()))
        signature = self._key.sign(timestamp.encode() + b"|" + body).signature
        return {
            "Content-Type": "application/json",
            "telnyx-timestamp": timestamp,
            "telnyx-signature-ed25519": b64encode(signature).decode(),
        }

    def at_answer(self, call: Call) -> Post | Connected | None:
        details = call.request.details
        return Connected(details["connect_to"], details["parameters"]) if details["connect_to"] else None

    def instructed(self, status: int | None, answer: bytes) -> Connected | None:
        return None


def _connected(fields: Mapping[str, Any]) -> Connected | None:
    """Whom the request connects the callee to, and with which parameters."""
    headers = {str(h.get("name")): str(h.get("value")) for h in _dicts(fields.get("custom_headers"))}
    assistant = fields.get("assistant")
    if isinstance(assistant, dict) and isinstance(assistant.get("id"), str):
        given = assistant.get("dynamic_variables")
        variables = {name: str(value) for name, value in given.items()} if isinstance(given, dict) else {}
        return Connected(assistant["id"], headers | variables)
    stream_url = fields.get("stream_url")
    return Connected(stream_url, headers) if isinstance(stream_url, str) and stream_url else None


def _dicts(value: object) -> list[dict[str, Any]]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def _seconds(fields: Mapping[str, Any], name: str, default: int, least: int, most: int) -> float:
    value = fields.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise _malformed(f"10015/{name}", f"{name} is not a whole number from {least} to {most}.")
    return float(value)


def _malformed(code: str, message: str) -> Malformed:
    return Malformed(message, Refusal(422, code))


def _ids(call: Call) -> dict[str, Any]:
    leg, session = (str(uuid5(NAMESPACE_URL, f"{call.id}/{part}")) for part in ("leg", "session"))
    return {
        "call_control_id": call.id,
        "call_leg_id": leg,
        "call_session_id": session,
        "client_state": call.request.details.get("client_state"),
    }


def _parties(call: Call) -> dict[str, Any]:
    request = call.request
    numbers = {"connection_id": request.account, "from": request.from_number, "to": request.to_number}
    return {**_ids(call), **numbers, "start_time": _iso(call.placed_at)}


def _view(call: Call) -> dict[str, Any]:
    over = {} if call.ended_at is None else {"end_time": _iso(call.ended_at), "call_duration": _seconds_alive(call)}
    return {
        "record_type": "call",
        **_ids(call),
        "is_alive": call.ended_at is None,
        "start_time": _iso(call.placed_at),
        **over,
    }


def _seconds_alive(call: Call) -> int:
    return round((call.ended_at or call.placed_at) - call.placed_at)


def _verdict(call: Call) -> tuple[str, str]:
    """The event and its result; only premium detection knows a fax and a home."""
    if call.request.details["detection"] == "premium":
        words = {AnsweredBy.HUMAN: "human_residence", AnsweredBy.FAX: "fax_detected"}
        return "call.machine.premium.detection.ended", words.get(call.answered_by or AnsweredBy.HUMAN, "machine")
    is_human = call.answered_by is AnsweredBy.HUMAN
    return "call.machine.detection.ended", "human" if is_human else "machine"


def _hangup(call: Call) -> dict[str, Any]:
    cause = HANGUP_CAUSE.get(call.status, "unspecified")
    if call.status is Status.NO_ANSWER and call.life.ring_seconds >= call.request.ring_seconds:
        cause = "timeout"
    if call.status is Status.FAILED and call.sip_code in (404, 410, 484, 604):
        cause = "not_found"
    source = "caller" if call.status is Status.CANCELED else "callee"
    return {
        "hangup_cause": cause,
        "hangup_source": source,
        "sip_hangup_cause": str(call.sip_code),
        "end_time": _iso(call.ended_at or time.time()),
    }


def _iso(epoch: float) -> str:
    return datetime.fromtimestamp(epoch, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
