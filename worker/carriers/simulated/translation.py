"""The simulator's words in the dialer's, and nowhere else."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from worker.carriers.base import Action, BadEvent, CallEvent, CallRequest, CarrierCall, Rejected, Verdict
from worker.carriers.simulated.protocol import AnsweredBy, Happening, Status
from worker.carriers.sip import NO_SUCH_NUMBER, is_network_block
from worker.domain.model import CallState, Disposition, EventKind

ACTIONS = {
    "too_many_requests": Action.BACK_OFF,
    "no_channel": Action.CHANNELS,
    "unauthorized": Action.STOP_ACCOUNT,
    "account_suspended": Action.STOP_ACCOUNT,
    "caller_id_not_allowed": Action.RETIRE_NUMBER,
    "caller_id_flagged": Action.REST_NUMBER,
    "invalid_number": Action.INVALID_NUMBER,
    "blocked_number": Action.BLOCKED,
    "country_not_allowed": Action.BLOCKED,
    "unverified_number": Action.BLOCKED,
    "malformed": Action.MALFORMED,
    "no_route": Action.FAILED,
}
ACTIONS_BY_STATUS = {400: Action.MALFORMED, 401: Action.STOP_ACCOUNT, 429: Action.BACK_OFF}

STATES = {
    Status.QUEUED: CallState.PLACED,
    Status.RINGING: CallState.RINGING,
    Status.IN_PROGRESS: CallState.IN_PROGRESS,
}
DISPOSITIONS = {
    Status.COMPLETED: Disposition.ANSWERED,
    Status.BUSY: Disposition.BUSY,
    Status.NO_ANSWER: Disposition.NO_ANSWER,
    Status.FAILED: Disposition.FAILED,
    Status.CANCELED: Disposition.CANCELED,
    Status.DECLINED: Disposition.REJECTED,
}
VERDICTS: Mapping[str, Verdict] = {
    AnsweredBy.HUMAN: Verdict.HUMAN,
    AnsweredBy.MACHINE: Verdict.MACHINE,
    AnsweredBy.FAX: Verdict.FAX,
}
EVENT_KINDS = {
    Happening.INITIATED: EventKind.QUEUED,
    Happening.RINGING: EventKind.RINGING,
    Happening.ANSWERED: EventKind.ANSWERED,
    Happening.MACHINE: EventKind.MACHINE,
    Happening.ENDED: EventKind.ENDED,
}


def request(call_request: CallRequest) -> dict[str, Any]:
    """The body that asks for this call. An assistant with a token is connected: what it is sent goes along."""
    greeting = call_request.greeting
    connected = {"connect_to": call_request.assistant.answer_url, "parameters": greeting.parameters_and_variables}
    return {
        **(connected if call_request.call_token and call_request.assistant.answer_url else {}),
        "from": call_request.from_number,
        "to": call_request.to_number,
        "token": call_request.token,
        "callback_url": call_request.callback_url,
        "ring_seconds": call_request.ring_seconds,
        "longest_call_seconds": call_request.longest_call_seconds,
        "account": call_request.account_id,
    }


def rejected(status: int, code: str, retry_after: str | None) -> Rejected:
    """What a 4xx means: its code decides, and where there is none or a new one, its status."""
    action = ACTIONS.get(code) or ACTIONS_BY_STATUS.get(status, Action.FAILED)
    return Rejected(code or f"http_{status}", action, _seconds(retry_after))


def _seconds(text: str | None) -> float | None:
    """``Retry-After`` in seconds; the simulator never sends a date."""
    try:
        seconds = float(text or "")
    except ValueError:
        return None
    return seconds if 0 <= seconds < math.inf else None


def carrier_call(view: Any) -> CarrierCall | None:
    """One call as the simulator shows it; ``None`` when it cannot be read."""
    if not isinstance(view, Mapping) or not isinstance(view.get("id"), str):
        return None
    answered_by, sip_code = view.get("answered_by"), view.get("sip_code")
    if not isinstance(answered_by, str | None) or not isinstance(sip_code, int | None) or (sip_code or 0) > 999:
        return None
    if not isinstance(view.get("sip_reason"), str | None):
        return None
    try:
        status = Status(view.get("status", ""))
    except ValueError:
        return None
    state = STATES.get(status, CallState.ENDED)
    disposition = _disposition(view, status) if state is CallState.ENDED else None
    verdict = VERDICTS.get(answered_by or "") if disposition is Disposition.MACHINE else None
    return CarrierCall(view["id"], state, disposition, verdict)


def _disposition(view: Mapping[str, Any], status: Status) -> Disposition:
    if status is Status.COMPLETED and view.get("answered_by") in (AnsweredBy.MACHINE, AnsweredBy.FAX):
        return Disposition.MACHINE
    if status is Status.FAILED and view.get("sip_code") in NO_SUCH_NUMBER:
        return Disposition.INVALID_NUMBER
    return DISPOSITIONS[status]


def call_event(token: str, body: bytes) -> CallEvent:
    """One callback. The signature covers the body and not the address it came to, so the call's token must be
    the one of the address. An end repeats the verdict, so that a fax is known as one even if the verdict's own
    event was lost or comes later. Raises :class:`BadEvent`."""
    message = _message(body)
    call = message.get("call")
    try:
        kind = EVENT_KINDS[Happening(message.get("event", ""))]
        occurred_at = datetime.fromisoformat(message.get("occurred_at", ""))
    except (ValueError, TypeError) as error:
        raise BadEvent(f"Not an event of the simulator: {error}.") from error
    event_id, seen = message.get("event_id"), carrier_call(call)
    if not isinstance(event_id, str) or not isinstance(call, dict) or seen is None or not occurred_at.tzinfo:
        raise BadEvent("The event, its call or its time is incomplete.")
    if call.get("token") != token:
        raise BadEvent("The event is about another call than its address.")
    is_end, verdict = kind is EventKind.ENDED, VERDICTS.get(call.get("answered_by") or "")
    if is_end and seen.disposition is None:
        raise BadEvent("The event is an end and names a live call.")
    if kind is EventKind.MACHINE and verdict is None:
        raise BadEvent("The event is a verdict and does not say which.")
    sip_code = call.get("sip_code")
    return CallEvent(
        token=token,
        event_id=event_id,
        carrier_call_id=seen.carrier_call_id,
        kind=kind,
        occurred_at=occurred_at,
        disposition=seen.disposition if is_end else None,
        sip_code=sip_code if is_end and isinstance(sip_code, int) else None,
        verdict=verdict,
        network_block=is_end
        and seen.disposition is Disposition.REJECTED
        and is_network_block(sip_code, call.get("sip_reason")),
        raw=message,
    )


def _message(body: bytes) -> dict[str, Any]:
    try:
        message = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise BadEvent(f"The body is not JSON: {error}.") from error
    if not isinstance(message, dict):
        raise BadEvent("The body is not an object.")
    return message
