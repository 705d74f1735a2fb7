"""What each carrier calls things, so that one suite can ask all of them the same."""

from __future__ import annotations

import json
import time
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import urlencode

from nacl.signing import SigningKey

from tests.carriers.peer import Reply
from worker.carriers.base import Action
from worker.carriers.simulated.adapter import SimulatorCarrier
from worker.carriers.simulated.protocol import SIGNATURE_HEADER, TIMESTAMP_HEADER
from worker.carriers.simulated.protocol import sign as simulator_sign
from worker.carriers.telnyx.adapter import TelnyxCarrier
from worker.carriers.twilio.adapter import TwilioCarrier
from worker.carriers.twilio.signature import sign as twilio_sign

SECRET, OLD_SECRET = "the-secret", "the-secret-before"
ACCOUNT, CONNECTION = "AC" + "0" * 32, "1684641123236054244"
TELNYX_KEY = SigningKey(b"k" * 32)
TELNYX_PUBLIC_KEY = b64encode(bytes(TELNYX_KEY.verify_key)).decode()
BASE = "https://dialer.example.com"


@dataclass(frozen=True, slots=True)
class Callback:
    """A callback as it comes in over HTTP."""

    token: str
    url: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Rig:
    """One carrier. ``refusals`` are answers and what they are taken for; ``reports`` makes the signed callback of an
    event (``ringing``, ``answered``, ``machine``, ``busy``, ``completed``); ``lists`` whether calls can be found."""

    name: str
    make: Callable[..., Any]
    accepted: Mapping[str, Any]
    no_id: Mapping[str, Any]
    shown: Callable[[str], Mapping[str, Any]]
    too_many: Mapping[str, Any]
    unknown_call: Reply
    refusals: Mapping[str, tuple[Reply, Action]]
    reports: Callable[..., Callback]
    lists: bool
    call_id: str


def moment() -> str:
    return str(int(time.time()))


# ---------------------------------------------------------------------------------------------- the simulator


def simulator(url: str, **bounds: Any) -> SimulatorCarrier:
    return SimulatorCarrier(url, SECRET, **bounds)


def simulator_call(status: str, token: str = "", **more: Any) -> dict[str, Any]:
    return {"id": "sim_1", "token": token, "status": status, "answered_by": None, "sip_code": None, **more}


def simulator_reports(event: str, token: str, *, secret: str = SECRET, call: str = "sim_1") -> Callback:
    words: dict[str, tuple[str, dict[str, Any]]] = {
        "ringing": ("ringing", {"status": "ringing"}),
        "answered": ("answered", {"status": "in-progress", "answered_by": "human"}),
        "machine": ("machine", {"status": "in-progress", "answered_by": "machine"}),
        "busy": ("ended", {"status": "busy", "sip_code": 486}),
        "completed": ("ended", {"status": "completed", "answered_by": "human", "sip_code": 200}),
    }
    happening, fields = words[event]
    shown = {**simulator_call("", token), **fields, "id": call}
    message = {"event_id": f"{call}-{happening}", "event": happening, "occurred_at": "2027-01-15T08:00:00+00:00"}
    body, at = json.dumps({**message, "call": shown}).encode(), moment()
    headers = {TIMESTAMP_HEADER: at, SIGNATURE_HEADER: simulator_sign(secret, at, body)}
    return Callback(token, f"{BASE}/carriers/simulator/events/{token}", headers, body)


SIMULATOR = Rig(
    name="simulator",
    make=simulator,
    accepted={"id": "sim_1", "queued_for_ms": 0},
    no_id={},
    shown=lambda status: simulator_call(status),
    too_many={"error": {"code": "too_many_requests"}},
    unknown_call=Reply(404, {"error": {"code": "unknown_call"}}),
    refusals={
        "credentials": (Reply(401, {"error": {"code": "unauthorized"}}), Action.STOP_ACCOUNT),
        "to": (Reply(422, {"error": {"code": "invalid_number"}}), Action.INVALID_NUMBER),
        "from": (Reply(422, {"error": {"code": "caller_id_not_allowed"}}), Action.RETIRE_NUMBER),
        "nonsense": (Reply(400, {"error": {"code": "malformed"}}), Action.MALFORMED),
    },
    reports=simulator_reports,
    lists=True,
    call_id="sim_1",
)

# ---------------------------------------------------------------------------------------------- Twilio


def twilio(url: str, **bounds: Any) -> TwilioCarrier:
    return TwilioCarrier(url, ACCOUNT, [SECRET, OLD_SECRET], **bounds)


def twilio_call(status: str, sid: str = "CA1", made_at: datetime | None = None, **more: Any) -> dict[str, Any]:
    at = format_datetime(made_at or datetime.now(UTC))
    return {"sid": sid, "status": status, "date_created": at, "answered_by": None, "queue_time": "0", **more}


def twilio_callback(token: str, fields: Mapping[str, str], *, secret: str = SECRET, path: str = "events") -> Callback:
    url = f"{BASE}/carriers/twilio/{path}/{token}"
    headers = {"X-Twilio-Signature": twilio_sign(secret, url, fields.items())}
    return Callback(token, url, headers, urlencode(fields).encode())


def twilio_reports(event: str, token: str, *, secret: str = SECRET, call: str = "CA1", **more: str) -> Callback:
    words = {
        "ringing": {"CallStatus": "ringing"},
        "answered": {"CallStatus": "in-progress"},
        "machine": {"AnsweredBy": "machine_start"},
        "busy": {"CallStatus": "busy", "SipResponseCode": "486"},
        "completed": {"CallStatus": "completed", "CallDuration": "12", "SipResponseCode": "200"},
    }
    at = {"Timestamp": format_datetime(datetime(2027, 1, 15, 8, tzinfo=UTC)), "SequenceNumber": "1"}
    fields = {"CallSid": call, "AccountSid": ACCOUNT, "To": "+12025550123", **at, **words[event], **more}
    return twilio_callback(token, fields, secret=secret)


def twilio_refusal(status: int, code: int) -> Reply:
    return Reply(status, {"code": code, "message": "No.", "status": status})


TWILIO = Rig(
    name="twilio",
    make=twilio,
    accepted=twilio_call("queued"),
    no_id={"status": "queued"},
    shown=lambda status: twilio_call(status),
    too_many={"code": 20429, "message": "Too many requests", "status": 429},
    unknown_call=twilio_refusal(404, 20404),
    refusals={
        "credentials": (twilio_refusal(401, 20003), Action.STOP_ACCOUNT),
        "to": (twilio_refusal(400, 21211), Action.INVALID_NUMBER),
        "from": (twilio_refusal(400, 21210), Action.RETIRE_NUMBER),
        "nonsense": (twilio_refusal(400, 21205), Action.MALFORMED),
    },
    reports=twilio_reports,
    lists=True,
    call_id="CA1",
)

# ---------------------------------------------------------------------------------------------- Telnyx


def telnyx(url: str, **bounds: Any) -> TelnyxCarrier:
    return TelnyxCarrier(url, SECRET, TELNYX_PUBLIC_KEY, CONNECTION, **bounds)


def telnyx_call(status: str = "", call: str = "v3:1", **more: Any) -> dict[str, Any]:
    alive = status in ("ringing", "in-progress")
    over = {} if alive or not status else {"end_time": "2027-01-15T08:00:30Z"}
    return {"data": {"record_type": "call", "call_control_id": call, "is_alive": alive, **over, **more}}


def telnyx_callback(token: str, data: Mapping[str, Any], *, secret: str = SECRET) -> Callback:
    """A webhook; signed by another key when the secret is another."""
    body, at = json.dumps({"data": data, "meta": {"attempt": 1}}).encode(), moment()
    key = TELNYX_KEY if secret == SECRET else SigningKey(b"x" * 32)
    signature = b64encode(key.sign(at.encode() + b"|" + body).signature).decode()
    headers = {"telnyx-timestamp": at, "telnyx-signature-ed25519": signature}
    return Callback(token, f"{BASE}/carriers/telnyx/events/{token}", headers, body)


def telnyx_event(event_type: str, token: str, *, call: str = "v3:1", **payload: Any) -> dict[str, Any]:
    known = {"call_control_id": call, "client_state": b64encode(token.encode()).decode(), "to": "+12025550123"}
    return {
        "record_type": "event",
        "id": f"{call}-{event_type}",
        "event_type": event_type,
        "occurred_at": "2027-01-15T08:00:00.123456Z",
        "payload": {**known, **payload},
    }


def telnyx_reports(event: str, token: str, *, secret: str = SECRET, call: str = "v3:1") -> Callback:
    words: dict[str, tuple[str, dict[str, str]]] = {
        "ringing": ("call.initiated", {"state": "bridging"}),
        "answered": ("call.answered", {"state": "answered"}),
        "machine": ("call.machine.detection.ended", {"result": "machine"}),
        "busy": ("call.hangup", {"hangup_cause": "user_busy", "sip_hangup_cause": "486"}),
        "completed": ("call.hangup", {"hangup_cause": "normal_clearing", "sip_hangup_cause": "200"}),
    }
    event_type, payload = words[event]
    return telnyx_callback(token, telnyx_event(event_type, token, call=call, **payload), secret=secret)


def telnyx_refusal(status: int, code: str, pointer: str = "") -> Reply:
    source = {"source": {"pointer": pointer}} if pointer else {}
    return Reply(status, {"errors": [{"code": code, "title": "No", "detail": "No.", **source}]})


TELNYX = Rig(
    name="telnyx",
    make=telnyx,
    accepted=telnyx_call(),
    no_id={"data": {"is_alive": False}},
    shown=telnyx_call,
    too_many={"errors": [{"code": "10011", "title": "Too many requests"}]},
    unknown_call=telnyx_refusal(404, "10005"),
    refusals={
        "credentials": (telnyx_refusal(401, "10009"), Action.STOP_ACCOUNT),
        "to": (telnyx_refusal(422, "10016", "/to"), Action.INVALID_NUMBER),
        "from": (telnyx_refusal(422, "10016", "/from"), Action.RETIRE_NUMBER),
        "nonsense": (telnyx_refusal(400, "10015"), Action.MALFORMED),
    },
    reports=telnyx_reports,
    lists=False,
    call_id="v3:1",
)

RIGS = (SIMULATOR, TWILIO, TELNYX)
