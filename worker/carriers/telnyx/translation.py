"""Telnyx's words in the dialer's, and nowhere else."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from worker.carriers.base import Accepted, BadEvent, CallEvent, CallRequest, CarrierCall, Verdict
from worker.carriers.http import Answer, with_parameters
from worker.carriers.sip import disposition_of, is_network_block, read_code
from worker.carriers.telnyx import ASSISTANT_ID
from worker.carriers.telnyx.refusals import code_of, rejected
from worker.domain.model import CallState, Disposition, EventKind

__all__ = ["accepted", "call_event", "carrier_call", "code_of", "rejected", "request"]

NO_SUCH_CALL = frozenset({"10005", "90015"})
ENDED_ALREADY = "90018"

CAUSES = {
    "normal_clearing": Disposition.ANSWERED,
    "time_limit": Disposition.ANSWERED,
    "originator_cancel": Disposition.CANCELED,
    "user_busy": Disposition.BUSY,
    "no_answer": Disposition.NO_ANSWER,
    "timeout": Disposition.NO_ANSWER,
    "call_rejected": Disposition.REJECTED,
    "not_found": Disposition.INVALID_NUMBER,
}
REFINED = frozenset({"user_busy", "no_answer", "timeout", "call_rejected", "not_found", "unspecified"})
"""The causes of which the SIP status says more; a call that talked or that we ended did so whatever it is."""
VERDICTS = {
    "human": Verdict.HUMAN,
    "human_residence": Verdict.HUMAN,
    "human_business": Verdict.HUMAN,
    "machine": Verdict.MACHINE,
    "fax_detected": Verdict.FAX,
    "not_sure": Verdict.UNKNOWN,
    "silence": Verdict.UNKNOWN,
}
EVENT_KINDS = {
    "call.initiated": EventKind.RINGING,  # the last event before an answer: in doubt the phone rings
    "call.answered": EventKind.ANSWERED,
    "call.machine.detection.ended": EventKind.MACHINE,
    "call.machine.premium.detection.ended": EventKind.MACHINE,
    "call.hangup": EventKind.ENDED,
}


def request(call_request: CallRequest, connection_id: str) -> dict[str, Any]:
    """The body that asks for this call and says whom an answer is connected to. With ``retry_on_timeout`` Telnyx
    would try another route when the time to ring is over, and the call would have no provable end."""
    body: dict[str, Any] = {
        "connection_id": connection_id,
        "from": call_request.from_number,
        "to": call_request.to_number,
        "command_id": call_request.call_id,
        "client_state": b64encode(call_request.token.encode()).decode(),
        "webhook_url": call_request.callback_url,
        "webhook_url_method": "POST",
        "timeout_secs": call_request.ring_seconds,
        "retry_on_timeout": False,
        "time_limit_secs": call_request.longest_call_seconds,
    }
    if call_request.detects_machines:
        body["answering_machine_detection"] = "detect"
    greeting = call_request.greeting
    agent = call_request.assistant.carrier_ids.get(ASSISTANT_ID.key)
    if agent:
        body["assistant"] = {"id": agent, "dynamic_variables": greeting.parameters_and_variables}
    elif call_request.assistant.stream_url:
        body["stream_url"] = with_parameters(call_request.assistant.stream_url, greeting.parameters)
        body["stream_track"] = "inbound_track"
        body["stream_bidirectional_mode"] = "rtp"
    return body


def accepted(answer: Answer) -> Accepted | None:
    """The call that was made; ``None`` where the answer names none."""
    call_id = _data(answer.document).get("call_control_id")
    return Accepted(call_id) if isinstance(call_id, str) and call_id else None


def carrier_call(document: Mapping[str, Any]) -> CarrierCall | None:
    """One call as Telnyx shows it: that it lives, or that it is over; ``None`` when it says neither, as it does of
    one that is about to be dialed."""
    data = _data(document)
    call_id = data.get("call_control_id")
    if not isinstance(call_id, str):
        return None
    if data.get("is_alive") is True:
        return CarrierCall(call_id, CallState.PLACED)
    return CarrierCall(call_id, CallState.ENDED, Disposition.LOST) if data.get("end_time") else None


def other_connection(message: Mapping[str, Any], connection_id: str) -> str | None:
    """The connection this webhook names, where it is another: the key that signs is the whole account's, which may
    have many. Every event of a call names its connection."""
    payload = _data(message).get("payload")
    named = str((payload.get("connection_id") if isinstance(payload, dict) else None) or connection_id)
    return None if named == connection_id else named


def call_event(token: str, body: bytes) -> CallEvent | None:
    """One webhook; ``None`` for the many that say nothing of a call's life. The signature covers the body and not
    the address it came to, so the call's own token must be the one of the address. Raises :class:`BadEvent`."""
    message = _message(body)
    data = _data(message)
    kind, payload = EVENT_KINDS.get(str(data.get("event_type"))), data.get("payload")
    if kind is None and isinstance(data.get("event_type"), str):
        return None
    event_id, occurred_at = data.get("id"), _instant(data.get("occurred_at"))
    call_id = payload.get("call_control_id") if isinstance(payload, dict) else None
    if kind is None or not isinstance(payload, dict) or not _is_text(event_id) or not _is_text(call_id):
        raise BadEvent("The event, its call or its kind is missing.")
    if _token(payload.get("client_state")) != token:
        raise BadEvent("The event is about another call than its address.")
    verdict = VERDICTS.get(str(payload.get("result"))) if kind is EventKind.MACHINE else None
    if kind is EventKind.MACHINE and verdict is None:
        raise BadEvent("The event is a verdict and does not say which.")
    is_end, cause = kind is EventKind.ENDED, str(payload.get("hangup_cause"))
    sip_code = read_code(payload.get("sip_hangup_cause")) if is_end else None
    is_block = is_end and _is_refined(cause) and is_network_block(sip_code, cause, *_sip_texts(payload))
    return CallEvent(
        token=token,
        event_id=str(event_id),
        carrier_call_id=str(call_id),
        kind=kind,
        occurred_at=occurred_at,
        disposition=Disposition.REJECTED if is_block else _ended(cause, sip_code) if is_end else None,
        sip_code=sip_code,
        verdict=verdict,
        in_doubt=kind is EventKind.RINGING,
        network_block=is_block,
        raw=message,
    )


def _ended(cause: str, sip_code: int | None) -> Disposition:
    refined = disposition_of(sip_code) if _is_refined(cause) else None
    return refined or CAUSES.get(cause, Disposition.FAILED)


def _is_refined(cause: str) -> bool:
    return cause in REFINED or cause not in CAUSES


def _sip_texts(payload: Mapping[str, Any]) -> list[object]:
    """What an end passes on of SIP: its status, and the headers, among which may be the ``Reason``."""
    headers = payload.get("sip_headers")
    values = [each.get("value") for each in headers if isinstance(each, dict)] if isinstance(headers, list) else []
    return [payload.get("sip_hangup_cause"), *values]


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value)


def _token(client_state: object) -> str | None:
    try:
        return b64decode(str(client_state), validate=True).decode("ascii")
    except ValueError:
        return None


def _instant(value: object) -> datetime | None:
    try:
        at = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return at if at.tzinfo is not None else None


def _data(document: Mapping[str, Any]) -> Mapping[str, Any]:
    data = document.get("data")
    return data if isinstance(data, dict) else {}


def _message(body: bytes) -> dict[str, Any]:
    try:
        message = json.loads(body)
    except (ValueError, RecursionError):
        raise BadEvent("The body is not JSON.") from None
    if not isinstance(message, dict):
        raise BadEvent("The body is not an object.")
    return message
