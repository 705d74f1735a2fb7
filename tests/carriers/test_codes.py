"""Every code of the carriers' tables, one case each: what a refusal makes the dialer do, and how a call ended."""

from __future__ import annotations

from typing import Any

import pytest

from tests.carriers.peer import Reply
from tests.carriers.rigs import telnyx_callback, telnyx_event, telnyx_refusal, twilio_refusal, twilio_tells
from worker.carriers.base import Action, CallEvent
from worker.carriers.http import Answer
from worker.carriers.telnyx import translation as telnyx
from worker.carriers.twilio import translation as twilio
from worker.domain.model import Disposition

TOKEN = "a" * 32

TWILIO_REFUSALS = [
    (429, 20429, Action.BACK_OFF),
    (429, None, Action.BACK_OFF),
    (400, 10004, Action.BACK_OFF),
    (401, None, Action.STOP_ACCOUNT),
    (401, 20003, Action.STOP_ACCOUNT),
    (403, 20005, Action.STOP_ACCOUNT),
    (403, 10001, Action.STOP_ACCOUNT),
    *[(400, code, Action.RETIRE_NUMBER) for code in (21210, 21212, 21213, 13214)],
    (400, 32017, Action.REST_NUMBER),
    *[(400, code, Action.INVALID_NUMBER) for code in (21211, 21201, 21217, 13223)],
    *[(400, code, Action.UNREACHABLE) for code in (21214, 13224)],
    *[(400, code, Action.BLOCKED) for code in (21215, 21216, 13225, 13227)],
    *[(400, code, Action.MALFORMED) for code in (21205, 21206, 21207, 21208, 21209, 21218, 20001)],
    (400, 99999, Action.FAILED),
    (403, 99999, Action.FAILED),
    (404, None, Action.FAILED),
]

TELNYX_REFUSALS = [
    (429, "10011", "", Action.BACK_OFF),
    (429, "", "", Action.BACK_OFF),
    (403, "", "", Action.BACK_OFF),
    (401, "10009", "", Action.STOP_ACCOUNT),
    (401, "", "", Action.STOP_ACCOUNT),
    (402, "20100", "", Action.STOP_ACCOUNT),
    (403, "10010", "", Action.STOP_ACCOUNT),
    *[(403, code, "", Action.STOP_ACCOUNT) for code in ("20012", "20013", "20014", "20100")],
    (422, "10016", "/to", Action.INVALID_NUMBER),
    (422, "10002", "/data/to", Action.INVALID_NUMBER),
    (422, "10016", "/from", Action.RETIRE_NUMBER),
    (422, "10004", "/connection_id", Action.MALFORMED),
    (400, "10015", "", Action.MALFORMED),
    (422, "10003", "/webhook_url", Action.MALFORMED),
    (403, "99999", "", Action.FAILED),
    (422, "99999", "", Action.FAILED),
    (404, "10005", "", Action.FAILED),
]


def answered(reply: Reply) -> Answer:
    return Answer(reply.status or 0, reply.document, None)


@pytest.mark.parametrize(("status", "code", "action"), TWILIO_REFUSALS)
def test_a_refusal_by_twilio(status: int, code: int | None, action: Action) -> None:
    reply = Reply(status) if code is None else twilio_refusal(status, code)
    refused = twilio.rejected(answered(reply))
    assert (refused.code, refused.action) == (str(code or f"http_{status}"), action)


@pytest.mark.parametrize(("status", "code", "pointer", "action"), TELNYX_REFUSALS)
def test_a_refusal_by_telnyx(status: int, code: str, pointer: str, action: Action) -> None:
    reply = telnyx_refusal(status, code, pointer) if code else Reply(status)
    refused = telnyx.rejected(answered(reply))
    assert (refused.code, refused.action) == (code or f"http_{status}", action)


NONSENSE: list[Any] = [{}, {"code": []}, {"code": True}, {"errors": {}}, {"errors": [1]}, {"errors": [{"code": {}}]},
                       {"errors": [{"code": "1", "source": "to"}]}]  # fmt: skip


@pytest.mark.parametrize("document", NONSENSE)
def test_a_refusal_that_cannot_be_read_goes_by_its_status(document: Any) -> None:
    for translation in (twilio, telnyx):
        assert translation.rejected(Answer(401, document, None)).action is Action.STOP_ACCOUNT
        assert translation.rejected(Answer(404, document, None)).action is Action.FAILED


SIP = {
    486: Disposition.BUSY,
    600: Disposition.BUSY,
    480: Disposition.NO_ANSWER,
    487: Disposition.NO_ANSWER,
    408: Disposition.NO_ANSWER,
    603: Disposition.REJECTED,
    607: Disposition.REJECTED,
    608: Disposition.REJECTED,
    404: Disposition.INVALID_NUMBER,
    410: Disposition.INVALID_NUMBER,
    484: Disposition.INVALID_NUMBER,
    604: Disposition.INVALID_NUMBER,
    500: Disposition.FAILED,
    503: Disposition.FAILED,
    403: Disposition.FAILED,
}

TWILIO_ENDS = [
    ("completed", "200", "human", Disposition.ANSWERED),
    ("completed", "200", "unknown", Disposition.ANSWERED),
    ("completed", "200", None, Disposition.ANSWERED),
    ("completed", "487", None, Disposition.ANSWERED),
    *[("completed", "200", f"machine_{heard}", Disposition.MACHINE)
      for heard in ("start", "end_beep", "end_silence", "end_other")],
    ("completed", "200", "fax", Disposition.MACHINE),
    ("busy", None, None, Disposition.BUSY),
    ("busy", "603", None, Disposition.REJECTED),
    ("no-answer", None, None, Disposition.NO_ANSWER),
    ("failed", None, None, Disposition.FAILED),
    ("failed", "nonsense", None, Disposition.FAILED),
    ("canceled", "487", None, Disposition.CANCELED),
    *[("failed", str(code), None, disposition) for code, disposition in SIP.items()],
]  # fmt: skip

TELNYX_ENDS = [
    ("normal_clearing", "200", Disposition.ANSWERED),
    ("normal_clearing", "unspecified", Disposition.ANSWERED),
    ("time_limit", "200", Disposition.ANSWERED),
    ("originator_cancel", "487", Disposition.CANCELED),
    ("user_busy", "486", Disposition.BUSY),
    ("user_busy", "unspecified", Disposition.BUSY),
    ("no_answer", "487", Disposition.NO_ANSWER),
    ("timeout", "unspecified", Disposition.NO_ANSWER),
    ("call_rejected", "603", Disposition.REJECTED),
    ("call_rejected", "503", Disposition.FAILED),
    ("call_rejected", "unspecified", Disposition.REJECTED),
    ("not_found", "404", Disposition.INVALID_NUMBER),
    ("not_found", "unspecified", Disposition.INVALID_NUMBER),
    ("unspecified", "unspecified", Disposition.FAILED),
    ("something_new", "486", Disposition.BUSY),
    ("something_new", "x", Disposition.FAILED),
    *[("unspecified", str(code), disposition) for code, disposition in SIP.items()],
]


@pytest.mark.parametrize(("status", "sip", "answered_by", "disposition"), TWILIO_ENDS)
def test_an_end_by_twilio(status: str, sip: str | None, answered_by: str | None, disposition: Disposition) -> None:
    fields = {"CallSid": "CA1", "CallStatus": status}
    fields |= {"SipResponseCode": sip} if sip else {}
    fields |= {"AnsweredBy": answered_by} if answered_by else {}
    assert twilio.call_event(TOKEN, fields).disposition is disposition


@pytest.mark.parametrize(("cause", "sip", "disposition"), TELNYX_ENDS)
def test_an_end_by_telnyx(cause: str, sip: str, disposition: Disposition) -> None:
    event = telnyx_event("call.hangup", TOKEN, hangup_cause=cause, sip_hangup_cause=sip)
    read = telnyx.call_event(TOKEN, telnyx_callback(TOKEN, event).body)
    assert isinstance(read, CallEvent)
    assert read.disposition is disposition


def test_every_disposition_a_carrier_can_tell_is_in_the_tables() -> None:
    told = {end[-1] for end in TWILIO_ENDS} & {end[-1] for end in TELNYX_ENDS}
    assert told >= set(SIP.values()) | {Disposition.ANSWERED, Disposition.CANCELED}
    assert twilio_tells("busy", TOKEN).body
