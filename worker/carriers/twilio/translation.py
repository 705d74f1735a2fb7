"""Twilio's words in the dialer's, and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from worker.carriers.base import Accepted, Action, BadEvent, CallEvent, CallRequest, CarrierCall, Rejected, Verdict
from worker.carriers.http import Answer, Form
from worker.carriers.sip import disposition_of, is_network_block, read_code
from worker.carriers.twilio.codes import BY_STATUS, CODES
from worker.carriers.twilio.signature import OVERRIDES
from worker.domain.model import CallState, Disposition, EventKind

NOT_IN_PROGRESS = "21220"
"""The code for a change of a call that is in no state for it."""

STATES = {"queued": CallState.PLACED, "ringing": CallState.RINGING, "in-progress": CallState.IN_PROGRESS}
DISPOSITIONS = {
    "completed": Disposition.ANSWERED,
    "busy": Disposition.BUSY,
    "no-answer": Disposition.NO_ANSWER,
    "failed": Disposition.FAILED,
    "canceled": Disposition.CANCELED,
}
REFINED = frozenset({"busy", "no-answer", "failed"})
"""The ends of which the SIP status says more; a call that talked or that we canceled ended so whatever it is."""
EVENT_KINDS = {
    "queued": EventKind.QUEUED,
    "initiated": EventKind.RINGING,  # it is being dialed, and the phone may ring any moment: in doubt it does
    "ringing": EventKind.RINGING,
    "in-progress": EventKind.ANSWERED,
    **dict.fromkeys(DISPOSITIONS, EventKind.ENDED),
}
VERDICTS = {
    "human": Verdict.HUMAN,
    "machine_start": Verdict.MACHINE,
    "machine_end_beep": Verdict.MACHINE,
    "machine_end_silence": Verdict.MACHINE,
    "machine_end_other": Verdict.MACHINE,
    "fax": Verdict.FAX,
    "unknown": Verdict.UNKNOWN,
}
EVENTS = ["initiated", "ringing", "answered", "completed"]

CLOCKS_APART = timedelta(seconds=30)
WITHIN = timedelta(seconds=90)
"""How far Twilio's clock may be from the database's, and how long after the commit a request may have made a call."""


def request(call_request: CallRequest) -> Form:
    """The form that asks for this call."""
    callback = call_request.callback_url + OVERRIDES
    form: dict[str, str | list[str]] = {
        "To": call_request.to_number,
        "From": call_request.from_number,
        "Url": call_request.answer_url + OVERRIDES,
        "Method": "POST",
        "StatusCallback": callback,
        "StatusCallbackMethod": "POST",
        "StatusCallbackEvent": EVENTS,
        "Timeout": str(call_request.ring_seconds),
        "TimeLimit": str(call_request.longest_call_seconds),
    }
    if call_request.detects_machines:
        form |= {
            "MachineDetection": "Enable",
            "AsyncAmd": "true",  # or the callee would listen to silence until the verdict
            "AsyncAmdStatusCallback": callback,
            "AsyncAmdStatusCallbackMethod": "POST",
        }
    return form


def code_of(answer: Answer) -> str:
    """Twilio's own code for a refusal; empty where it has none."""
    code = answer.document.get("code")
    return str(code) if isinstance(code, int) and not isinstance(code, bool) else ""


def rejected(answer: Answer) -> Rejected:
    """What a 4xx means: its code decides, and where there is none or a new one, its status."""
    code = code_of(answer)
    known = CODES.get(code)
    action = BY_STATUS.get(answer.status, Action.FAILED) if known is None else known.action
    says = "" if known is None else known.says
    return Rejected(code or f"http_{answer.status}", action, answer.retry_after_seconds, says)


def accepted(answer: Answer) -> Accepted | None:
    """The call that was made; ``None`` where the answer names none."""
    call_sid, queue_time = answer.document.get("sid"), str(answer.document.get("queue_time") or "")
    if not isinstance(call_sid, str) or not call_sid:
        return None
    return Accepted(call_sid, int(queue_time) if queue_time.isascii() and queue_time.isdigit() else 0)


def carrier_call(view: Any) -> CarrierCall | None:
    """One call as Twilio shows it; ``None`` when it cannot be read. Its SIP status is not shown, so that what
    failed because there is no such number reads as any other failure."""
    if not isinstance(view, Mapping) or not isinstance(view.get("sid"), str):
        return None
    status, verdict = str(view.get("status")), VERDICTS.get(str(view.get("answered_by")))
    if status in STATES:
        return CarrierCall(view["sid"], STATES[status], verdict=verdict)
    if status not in DISPOSITIONS:
        return None
    return CarrierCall(view["sid"], CallState.ENDED, _ended(status, None, verdict), verdict)


def may_be_of(view: Any, dialed_at: datetime) -> bool:
    """Whether this call can be the one whose request was committed at ``dialed_at``: made about then, and not one
    that was over before. Only one call to a number is ever live, so one that lives was not made by an earlier
    request, however the clocks differ."""
    made_at = _instant(view.get("date_created") if isinstance(view, Mapping) else None)
    if made_at is None or made_at > dialed_at + WITHIN:
        return False
    return made_at >= (dialed_at - CLOCKS_APART if is_live(view) else dialed_at.replace(microsecond=0))


def is_live(view: Any) -> bool:
    """Whether this call, as Twilio shows it, is not over."""
    return isinstance(view, Mapping) and str(view.get("status")) in STATES


def other_account(fields: Mapping[str, str], account_sid: str) -> str | None:
    """The account this callback names, where it is another; a subaccount is one. Every callback names its account
    (https://www.twilio.com/docs/voice/twiml)."""
    named = fields.get("AccountSid") or account_sid
    return None if named == account_sid else named


def call_event(token: str, fields: Mapping[str, str]) -> CallEvent:
    """One callback. What happens to a call happens once, so its name identifies the event. Raises :class:`BadEvent`."""
    call_sid, status = fields.get("CallSid", ""), fields.get("CallStatus", "")
    verdict = VERDICTS.get(fields.get("AnsweredBy", ""))
    if not call_sid:
        raise BadEvent("The event names no call.")
    is_verdict = "CallStatus" not in fields and verdict is not None
    kind = EventKind.MACHINE if is_verdict else EVENT_KINDS.get(status)
    if kind is None:
        raise BadEvent("The event has no status that is known.")
    is_end = kind is EventKind.ENDED
    sip_code = read_code(fields.get("SipResponseCode")) if is_end else None
    is_block = status in REFINED and _is_network_block(fields, sip_code)
    return CallEvent(
        token=token,
        event_id=f"{call_sid}-{'verdict' if is_verdict else status}",
        carrier_call_id=call_sid,
        kind=kind,
        occurred_at=_instant(fields.get("Timestamp")),
        disposition=Disposition.REJECTED if is_block else _ended(status, sip_code, verdict) if is_end else None,
        sip_code=sip_code,
        verdict=verdict,
        in_doubt=status == "initiated",
        network_block=is_block,
        raw=dict(fields),
    )


def _is_network_block(fields: Mapping[str, str], sip_code: int | None) -> bool:
    """Whether an end says that the caller ID was blocked: by a code for that, or in what it passes on of SIP."""
    known = CODES.get(fields.get("ErrorCode", ""))
    passed_on = [value for name, value in fields.items() if name.startswith("Sip") or name == "ErrorMessage"]
    is_flagged = known is not None and known.action is Action.REST_NUMBER
    return is_flagged or is_network_block(sip_code, *passed_on)


def _ended(status: str, sip_code: int | None, verdict: Verdict | None) -> Disposition:
    if status == "completed" and verdict in (Verdict.MACHINE, Verdict.FAX):
        return Disposition.MACHINE
    refined = disposition_of(sip_code) if status in REFINED else None
    return refined or DISPOSITIONS[status]


def _instant(text: Any) -> datetime | None:
    """An instant as RFC 2822 writes it."""
    try:
        at = parsedate_to_datetime(text)
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
