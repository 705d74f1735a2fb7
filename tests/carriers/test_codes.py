"""Every code of the carriers' tables, one case each: what a refusal makes the dialer do, and how a call ended."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.carriers.peer import Reply
from tests.carriers.rigs import telnyx_callback, telnyx_event, telnyx_refusal, twilio_refusal, twilio_reports
from worker.carriers.base import Action, CallEvent, Rejected
from worker.carriers.codes import ABOUT, About, Code
from worker.carriers.http import Answer
from worker.carriers.sip import read_code
from worker.carriers.telnyx import codes as telnyx_codes
from worker.carriers.telnyx import translation as telnyx
from worker.carriers.twilio import codes as twilio_codes
from worker.carriers.twilio import translation as twilio
from worker.domain.model import Disposition

TOKEN = "a" * 32

TWILIO: dict[Action, list[int]] = {
    Action.BACK_OFF: [20429],
    Action.CHANNELS: [10004],
    Action.STOP_ACCOUNT: [10001, 10002, 10005, 20003, 20005, 20006, 20008, 70051],
    Action.RETIRE_NUMBER: [13214, 13248, 21210, 21212, 21213],
    Action.REST_NUMBER: [32017],
    Action.INVALID_NUMBER: [13223, 21201, 21211, 21217],
    Action.UNREACHABLE: [13224, 21214],
    Action.BLOCKED: [13225, 13226, 13227, 21202, 21203, 21215, 21216, 21219, 573002, 573005],
    Action.MALFORMED: [20001, 21205, 21206, 21207, 21208, 21209, 21218, 21609, 21626],
}
TELNYX: dict[Action, str] = {
    Action.BACK_OFF: "10011",
    Action.CHANNELS: "90010 D1 D2 D3 D4 D5 D10 D22 D56",
    Action.STOP_ACCOUNT: "10009 10010 20001 20002 20010 20012 20013 20014 20100 D7 D15 D16 D17 D18 D19 D25 D26 D29 D38",
    Action.RETIRE_NUMBER: "D34 D35 D36 D46 D49 D51 D52 D53 D54 D63 D64",
    Action.INVALID_NUMBER: "D11 D14 D50",
    Action.UNREACHABLE: "D21 D40 D48",
    Action.BLOCKED: "10039 D8 D12 D13 D24 D37 D41 D58 D59 D60 D61",
    Action.LATER: "D9 D39",
    Action.MALFORMED: "10003 10004 10006 10015 10023 D44",
}

TWILIO_REFUSALS = [
    (429, None, Action.BACK_OFF),
    (401, None, Action.STOP_ACCOUNT),
    (401, 99999, Action.STOP_ACCOUNT),
    (400, 99999, Action.FAILED),
    (403, 99999, Action.FAILED),
    (404, None, Action.FAILED),
    *[(400, code, action) for action, codes in TWILIO.items() for code in codes],
]

TELNYX_REFUSALS = [
    (429, "10011", "", Action.BACK_OFF),
    (429, "", "", Action.BACK_OFF),
    (403, "", "", Action.BACK_OFF),
    (401, "10009", "", Action.STOP_ACCOUNT),
    (401, "", "", Action.STOP_ACCOUNT),
    (402, "99999", "", Action.STOP_ACCOUNT),
    (422, "10016", "/to", Action.INVALID_NUMBER),
    (422, "10002", "/data/to", Action.INVALID_NUMBER),
    (422, "10016", "/from", Action.RETIRE_NUMBER),
    (422, "10004", "/connection_id", Action.MALFORMED),
    (422, "10003", "/webhook_url", Action.MALFORMED),
    (403, "99999", "", Action.FAILED),
    (422, "99999", "", Action.FAILED),
    (404, "10005", "", Action.FAILED),
    *[(403, code, "", action) for action, codes in TELNYX.items() for code in codes.split() if code.isdigit()],
]

SWITCH = [(code, action) for action, codes in TELNYX.items() for code in codes.split() if not code.isdigit()]
WRITTEN = ["Refused {}", "Refused ({})", "{}: refused.", "Refused {}. Refused.", "Refused {0}. Refused {0}", "{}"]
"""How a code of Telnyx's switch stands in a sentence."""


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


def by_the_switch(*details: str, status: int = 403, code: str = "10010", **more: bool) -> Rejected:
    errors = [{"code": code, "title": "Authorization failed", "detail": detail} for detail in details]
    return telnyx.rejected(Answer(status, {"errors": errors}, None), **more)


@pytest.mark.parametrize(("code", "action"), SWITCH)
def test_a_refusal_by_telnyxs_switch_however_it_is_written(code: str, action: Action) -> None:
    for written in WRITTEN:
        for said in (written.format(code), written.format(code).lower()):
            assert by_the_switch(said).action is action, said
            assert by_the_switch(said).code == f"10010 {code}"
    assert by_the_switch(code, code="").code == code
    assert by_the_switch(code, status=429).action is Action.BACK_OFF


@pytest.mark.parametrize("detail", ["Refused", "No call 3fd13a-d13-4d13", "+12125550113", "D130 AD13 D13x D-13", ""])
def test_what_only_looks_like_a_code_of_the_switch_is_none(detail: str) -> None:
    assert by_the_switch(detail) == Rejected("10010", Action.STOP_ACCOUNT)


def test_a_code_of_the_switch_that_is_new_says_nothing_against_the_account() -> None:
    assert by_the_switch("Refused D99") == Rejected("10010 D99", Action.FAILED)


def test_a_callee_who_is_the_caller_id_is_no_fault_of_the_caller_id() -> None:
    assert by_the_switch("Forbidden D53", calls_itself=True) == Rejected("10010 D53", Action.BLOCKED)
    assert by_the_switch("Forbidden D35", calls_itself=True) == Rejected("10010 D35", Action.RETIRE_NUMBER)


@given(st.lists(st.sampled_from([code for code, _ in SWITCH]), min_size=1, max_size=4), st.booleans())
def test_of_several_codes_the_one_that_reaches_least_far_counts(switch_codes: list[str], together: bool) -> None:
    details = [" ".join(switch_codes)] if together else switch_codes
    actions = {dict(SWITCH)[code] for code in switch_codes}
    assert ABOUT[by_the_switch(*details).action] is min((ABOUT[action] for action in actions), key=list(About).index)
    beside = {"errors": [{"code": "10009"}, *({"code": "10010", "detail": detail} for detail in details)]}
    refused = telnyx.rejected(Answer(401, beside, None))
    assert (refused.action is Action.STOP_ACCOUNT) == (actions == {Action.STOP_ACCOUNT})


@pytest.mark.parametrize("codes", [twilio_codes.CODES, telnyx_codes.CODES], ids=["twilio", "telnyx"])
def test_a_line_says_whom_its_code_is_about_and_where_that_is_written(codes: Mapping[str, Code]) -> None:
    for code, line in codes.items():
        assert (line.code, line.about) == (code, ABOUT[line.action])
        assert line.meaning
        assert line.source.startswith(("https://", "not published; seen in "))
    expected = {str(c) for some in TWILIO.values() for c in some} | {
        c for some in TELNYX.values() for c in some.split()
    }
    assert codes.keys() <= expected, "each code stands in this test, too"


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
    *[("completed", "200", f"machine_{ending}", Disposition.MACHINE)
      for ending in ("start", "end_beep", "end_silence", "end_other")],
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


REASON = 'SIP;cause=603;text="v=analytics1;url=https://redress.example";location=TN'
TWILIO_BLOCKS = [
    ("busy", {"SipResponseCode": "603"}, False),
    ("busy", {"SipResponseCode": "603", "ErrorMessage": "Decline"}, False),
    ("busy", {"SipResponseCode": "603+"}, True),
    ("failed", {"SipResponseCode": "603 Network Blocked"}, True),
    ("failed", {"SipResponseCode": "603", "ErrorMessage": "SIP/2.0 603 NETWORK BLOCKED"}, True),
    ("busy", {"SipResponseCode": "603", "SipHeader_Reason": REASON}, True),
    ("failed", {"ErrorCode": "32017"}, True),
    ("failed", {"ErrorCode": "21211"}, False),
    ("failed", {"SipResponseCode": "486", "ErrorMessage": "Network Blocked"}, False),
    ("completed", {"SipResponseCode": "200", "ErrorMessage": "Network Blocked"}, False),
    ("completed", {"SipResponseCode": "603+"}, False),
    ("canceled", {"SipResponseCode": "603+"}, False),
]
TELNYX_BLOCKS = [
    ("call_rejected", {"sip_hangup_cause": "603"}, False),
    ("call_rejected", {"sip_hangup_cause": "603", "hangup_source": "callee"}, False),
    ("call_rejected", {"sip_hangup_cause": "603+"}, True),
    ("unspecified", {"sip_hangup_cause": "603 Network Blocked"}, True),
    ("network_blocked", {"sip_hangup_cause": "603"}, True),
    ("call_rejected", {"sip_hangup_cause": "603", "sip_headers": [{"name": "Reason", "value": REASON}]}, True),
    ("call_rejected", {"sip_hangup_cause": "603", "sip_headers": [{"name": "Reason", "value": 7}, "x", None]}, False),
    ("call_rejected", {"sip_hangup_cause": "603", "sip_headers": {"Reason": REASON}}, False),
    ("call_rejected", {"sip_headers": [{"name": "Reason", "value": "Q.850;cause=21;location=U"}]}, False),
    ("user_busy", {"sip_hangup_cause": "486", "sip_headers": [{"name": "Reason", "value": REASON}]}, False),
    ("normal_clearing", {"sip_hangup_cause": "603+"}, False),
    ("originator_cancel", {"sip_hangup_cause": "603+"}, False),
]


@pytest.mark.parametrize(("status", "fields", "is_block"), TWILIO_BLOCKS)
def test_a_block_that_twilio_passes_on(status: str, fields: dict[str, str], is_block: bool) -> None:
    read = twilio.call_event(TOKEN, {"CallSid": "CA1", "CallStatus": status, **fields})
    assert read.network_block is is_block
    assert not is_block or read.disposition is Disposition.REJECTED


@pytest.mark.parametrize(("cause", "payload", "is_block"), TELNYX_BLOCKS)
def test_a_block_that_telnyx_passes_on(cause: str, payload: dict[str, Any], is_block: bool) -> None:
    event = telnyx_event("call.hangup", TOKEN, hangup_cause=cause, **payload)
    read = telnyx.call_event(TOKEN, telnyx_callback(TOKEN, event).body)
    assert isinstance(read, CallEvent)
    assert read.network_block is is_block
    assert not is_block or read.disposition is Disposition.REJECTED


@pytest.mark.parametrize(
    ("given", "code"),
    [(603, 603), ("603", 603), ("603+", 603), ("603 Network Blocked", 603), ("SIP/2.0 486 Busy Here", 486),
     ("", None), ("6033", None), ("603x", None), (True, None), (None, None), (" 603", None), ("٦٠٣", None)],
)  # fmt: skip
def test_a_sip_status_as_carriers_write_it(given: object, code: int | None) -> None:
    assert read_code(given) == code


def test_every_disposition_a_carrier_can_report_is_in_the_tables() -> None:
    shared = {end[-1] for end in TWILIO_ENDS} & {end[-1] for end in TELNYX_ENDS}
    assert shared >= set(SIP.values()) | {Disposition.ANSWERED, Disposition.CANCELED}
    assert twilio_reports("busy", TOKEN).body
