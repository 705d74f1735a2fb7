"""Twilio's protocol: the Calls resource of its REST API of 2010-04-01.

::

    POST /2010-04-01/Accounts/{sid}/Calls.json        To From Url StatusCallback …   201 the call, queued
    GET  /2010-04-01/Accounts/{sid}/Calls.json        ?To= &From= &Status=           200 {calls: […]}
    GET  /2010-04-01/Accounts/{sid}/Calls/{sid}.json                                 200 the call
    POST /2010-04-01/Accounts/{sid}/Calls/{sid}.json  Status=canceled | completed    200 the call

Forms in, JSON out, Basic authorization by the account's sid and the auth token. As with Twilio, a request beyond
the calls per second is queued and no 429; the list shows a call some time after it was made; a call shows its
status and no SIP code; a callback is dropped at once when it fails, or tried for 15 s where ``#rc=`` behind its
address asks for that. What a call that is over answers to another end, 21220, is our guess.

Not here: fallback addresses, inline TwiML, recordings, paging; ``<Redirect>`` counts as connected and is not followed.
"""

from __future__ import annotations

import hmac
import secrets
import time
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from hashlib import sha1
from typing import Any
from urllib.parse import parse_qsl, urldefrag, urlencode
from xml.etree import ElementTree

from worker.carriers.simulated.protocol import AnsweredBy, Happening, Status
from worker.simulator.calls import Call, Connected, Request
from worker.simulator.courier import Post
from worker.simulator.exchange import Exchange, queued_for_ms
from worker.simulator.lives import Refusal
from worker.simulator.protocols.base import (
    HttpAnswer,
    HttpRequest,
    Malformed,
    ProtocolOptions,
    is_number,
    is_web_address,
    parties,
    retry_after,
    token_of,
)
from worker.simulator.protocols.texts import TWILIO, TWILIO_REFUSED

VERSION = "2010-04-01"
SIGNATURE = "X-Twilio-Signature"
CALL_STATUS = {Happening.INITIATED: "initiated", Happening.RINGING: "ringing", Happening.ANSWERED: "in-progress"}
EVENTS = {
    Happening.INITIATED: "initiated",
    Happening.RINGING: "ringing",
    Happening.ANSWERED: "answered",
    Happening.ENDED: "completed",
}
RETRIED_FOR_SECONDS = 15.0
CANCELABLE = frozenset({Status.QUEUED, Status.RINGING})


class TwilioProtocol:
    """``auth_token`` opens every account; a call is in lists ``list_lag_seconds`` after it was placed."""

    name = "twilio"
    root = VERSION
    queues = True
    posts_initiated = True
    too_fast = "too_many_requests"

    def __init__(self, auth_token: str, list_lag_seconds: float = 0.0) -> None:
        self._auth_token = auth_token
        self._list_lag = list_lag_seconds

    @classmethod
    def from_options(cls, options: ProtocolOptions) -> TwilioProtocol:
        return cls(options.secret, options.list_lag_seconds)

    def new_id(self) -> str:
        return f"CA{secrets.token_hex(16)}"

    def is_authorized(self, http: HttpRequest) -> bool:
        scheme, _, given = http.authorization.partition(" ")
        sid = http.path[2] if len(http.path) > 2 else ""
        expected = f"{sid}:{self._auth_token}".encode()
        try:
            return scheme.lower() == "basic" and hmac.compare_digest(b64decode(given), expected)
        except ValueError:
            return False

    def answer(self, http: HttpRequest, exchange: Exchange) -> HttpAnswer | Request | None:
        match http.method, *http.path:
            case "POST", _, "Accounts", sid, "Calls.json":
                return self._read(sid, _form(http.body))
            case "GET", _, "Accounts", _, "Calls.json":
                return self._listed(http, exchange)
            case "GET", _, "Accounts", _, "Calls", name if name.endswith(".json"):
                return self._shown(exchange, name.removesuffix(".json"))
            case "POST", _, "Accounts", _, "Calls", name if name.endswith(".json"):
                return self._ended(exchange, name.removesuffix(".json"), _form(http.body))
            case _:
                return None

    def _read(self, sid: str, form: Mapping[str, Sequence[str]]) -> Request:
        def one(name: str) -> str:
            return next(iter(form.get(name, ())), "")

        for name, missing, wrong in (("To", 21201, 21211), ("From", 21213, 21212)):
            if not is_number(one(name)):
                raise _malformed(wrong if one(name) else missing, f"'{name}' is not a valid phone number.")
        if not is_web_address(one("Url")):
            raise _malformed(21205, "Url is not a valid URL.")
        for name in ("StatusCallback", "AsyncAmdStatusCallback"):
            if one(name) and not is_web_address(one(name)):
                raise _malformed(21609, f"{name} is not a valid URL.")
        detection = one("MachineDetection")
        details = {
            "url": one("Url"),
            "events": [word for value in form.get("StatusCallbackEvent", ["completed"]) for word in value.split()],
            "detection": detection,
            "verdict_url": one("AsyncAmdStatusCallback") if one("AsyncAmd") == "true" else "",
        }
        return Request(
            from_number=one("From"),
            to_number=one("To"),
            token=token_of(one("StatusCallback")),
            callback_url=one("StatusCallback"),
            ring_seconds=_whole(form, "Timeout", 60, 600),
            longest_call_seconds=_whole(form, "TimeLimit", 14_400, 86_400),
            account=sid,
            protocol=self,
            details=details,
            reports=frozenset(AnsweredBy) if detection in ("Enable", "DetectMessageEnd") else frozenset(),
        )

    def _listed(self, http: HttpRequest, exchange: Exchange) -> HttpAnswer:
        """Filtered by callee and caller ID, newest first; ``StartTime`` leaves out what has not begun."""
        wanted = {name: next(iter(values), "") for name, values in http.query.items()}
        began = any(name.startswith("StartTime") for name in wanted)
        known_since = time.time() - self._list_lag

        def shown(call: Call) -> dict[str, object]:
            return {**self._view(call), "known": call.placed_at <= known_since and call.request.protocol is self}

        calls = [
            call
            for call in exchange.by_callee(wanted.get("To", ""), shown)
            if call.pop("known")
            and wanted.get("From") in (None, call["from"])
            and wanted.get("Status") in (None, call["status"])
            and call["account_sid"] == http.path[2]
            and not (began and call["start_time"] is None)
        ]
        uri = "/" + "/".join(http.path)
        page = {"page": 0, "page_size": 50, "start": 0, "end": max(0, len(calls) - 1)}
        uris = {"uri": uri, "first_page_uri": uri, "next_page_uri": None, "previous_page_uri": None}
        return HttpAnswer(200, {"calls": calls, **page, **uris})

    def _shown(self, exchange: Exchange, call_id: str) -> HttpAnswer:
        call = exchange.by_id(call_id, self._view)
        return self.refused(Refusal(404, "unknown_call")) if call is None else HttpAnswer(200, call)

    def _ended(self, exchange: Exchange, call_id: str, form: Mapping[str, Sequence[str]]) -> HttpAnswer:
        status = next(iter(form.get("Status", ())), "")
        if status not in ("canceled", "completed"):
            raise _malformed(20001, "Status is neither canceled nor completed.")
        call = exchange.by_id(call_id, self._view)
        if call is not None and call["end_time"] is not None:
            return self.refused(Refusal(400, "21220"), "Call is not in-progress.")
        exchange.end(call_id, *([CANCELABLE] if status == "canceled" else []))
        return self._shown(exchange, call_id)

    def accepted(self, calls: Sequence[Call]) -> HttpAnswer:
        """As it was placed, whatever has happened to it since."""
        placed = {"status": "queued", "start_time": None, "end_time": None, "queue_time": str(queued_for_ms(calls))}
        return HttpAnswer(201, {**self._view(calls[0]), **placed})

    def without_id(self) -> HttpAnswer:
        return HttpAnswer(201, {})

    def refused(self, refusal: Refusal, message: str = "", request: Request | None = None) -> HttpAnswer:
        unknown = (refusal.status, int(refusal.code) if refusal.code.isdecimal() else 0)
        status, code = TWILIO_REFUSED.get(refusal.code, unknown)
        said = message or TWILIO.get(code, "Refused.").format(**parties(request))
        error: dict[str, Any] = {"status": status, "message": said}
        if code:
            error |= {"code": code, "more_info": f"https://www.twilio.com/docs/errors/{code}"}
        return HttpAnswer(status, error, retry_after(refusal))

    def news(self, call: Call, happening: Happening) -> Sequence[Post]:
        if happening is Happening.MACHINE:
            return self._verdict(call)
        if not call.request.callback_url or EVENTS[happening] not in call.request.details["events"]:
            return []
        fields = {
            **self._parties(call),
            "CallStatus": CALL_STATUS.get(happening) or _status(call),
            "CallbackSource": "call-progress-events",
            "SequenceNumber": str(call.posted),
            "Timestamp": format_datetime(datetime.now(UTC)),
        }
        if happening is Happening.ENDED:
            seconds = _talked_seconds(call)
            fields |= {"CallDuration": str(seconds), "Duration": str(-(-seconds // 60))}
            fields |= {"SipResponseCode": str(call.sip_code), **self._who(call)}
        return [self._post(call.request.callback_url, fields)]

    def _verdict(self, call: Call) -> Sequence[Post]:
        url = call.request.details["verdict_url"]
        fields = {"CallSid": call.id, "AccountSid": call.request.account, "MachineDetectionDuration": "2000"}
        return [self._post(url, {**fields, **self._who(call)})] if url else []

    def at_answer(self, call: Call) -> Post | Connected | None:
        return self._post(call.request.details["url"], {**self._parties(call), "CallStatus": "in-progress"})

    def instructed(self, status: int | None, answer: bytes) -> Connected | None:
        """What the TwiML says to do first. No TwiML, or none that can be read, ends the call."""
        if status is None or not 200 <= status < 300:
            return None
        try:
            verb = next(iter(ElementTree.fromstring(answer)), None)
        except ElementTree.ParseError:
            return None
        if verb is None or verb.tag in ("Hangup", "Reject"):
            return None
        if verb.tag != "Connect":
            return Connected((verb.text or "").strip() or verb.tag)
        noun = next(iter(verb), None)
        if noun is None:
            return None
        parameters = {part.get("name", ""): part.get("value", "") for part in noun.iter("Parameter")}
        return Connected(noun.get("url") or (noun.text or "").strip() or noun.tag, parameters)

    def _post(self, url: str, fields: Mapping[str, str]) -> Post:
        """The fragment of an address is for Twilio: neither sent nor signed."""
        target, overrides = urldefrag(url)
        signed = target + "".join(name + value for name, value in sorted(fields.items()))
        signature = b64encode(hmac.digest(self._auth_token.encode(), signed.encode(), sha1)).decode()
        headers = {"Content-Type": "application/x-www-form-urlencoded; charset=UTF-8", SIGNATURE: signature}
        patience = RETRIED_FOR_SECONDS if "rc=" in overrides else 0.0
        return Post(target, urlencode(fields).encode(), lambda: headers, patience)

    def _parties(self, call: Call) -> dict[str, str]:
        request = call.request
        numbers = {"From": request.from_number, "Caller": request.from_number}
        numbers |= {"To": request.to_number, "Called": request.to_number}
        return {
            "CallSid": call.id,
            "AccountSid": request.account,
            "ApiVersion": VERSION,
            "Direction": "outbound-api",
            **numbers,
        }

    def _who(self, call: Call) -> dict[str, str]:
        """Who answered, where detection was asked for and has a result."""
        detection = call.request.details["detection"]
        if not detection or call.answered_by is None:
            return {}
        machine = "machine_end_beep" if detection == "DetectMessageEnd" else "machine_start"
        return {"AnsweredBy": machine if call.answered_by is AnsweredBy.MACHINE else str(call.answered_by)}

    def _view(self, call: Call) -> dict[str, object]:
        request = call.request
        began = None if call.status is Status.QUEUED else _instant(call.answered_at or call.ended_at or time.time())
        return {
            "sid": call.id,
            "account_sid": request.account,
            "from": request.from_number,
            "to": request.to_number,
            "status": _status(call),
            "date_created": _instant(call.placed_at),
            "date_updated": _instant(call.ended_at or call.answered_at or call.placed_at),
            "start_time": began,
            "end_time": None if call.ended_at is None else _instant(call.ended_at),
            "duration": None if call.ended_at is None else str(_talked_seconds(call)),
            "answered_by": self._who(call).get("AnsweredBy"),
            "queue_time": str(round(call.life.queue_seconds * 1000)),
            "direction": "outbound-api",
            "api_version": VERSION,
            "uri": f"/{VERSION}/Accounts/{request.account}/Calls/{call.id}.json",
        }


def _form(body: bytes) -> dict[str, list[str]]:
    form: dict[str, list[str]] = {}
    try:
        for name, value in parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=100):
            form.setdefault(name, []).append(value)
    except ValueError:
        raise _malformed(20001, "The body is not a form.") from None
    return form


def _whole(form: Mapping[str, Sequence[str]], name: str, default: int, most: int) -> float:
    value = next(iter(form.get(name, ())), str(default))
    if not value.isdecimal() or not 0 < int(value) <= most:
        raise _malformed(20001, f"{name} is not a whole number from 1 to {most}.")
    return float(value)


def _malformed(code: int, message: str) -> Malformed:
    return Malformed(message, Refusal(400, str(code)))


def _status(call: Call) -> str:
    """Twilio has no word for a call that was declined; only its SIP code distinguishes it from a busy one."""
    return Status.BUSY if call.status is Status.DECLINED else call.status


def _talked_seconds(call: Call) -> int:
    """Whole seconds by the clock of the machine: a call on a fast clock was short."""
    return 0 if call.answered_at is None or call.ended_at is None else round(call.ended_at - call.answered_at)


def _instant(epoch: float) -> str:
    return format_datetime(datetime.fromtimestamp(epoch, UTC))
