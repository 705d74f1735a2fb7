"""What an assistant is sent of a callee: what a campaign may ask for, and that no value breaks out of its place."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.carriers.base import CallRequest, Greeting
from worker.carriers.simulated import translation as simulated
from worker.carriers.telnyx import translation as telnyx
from worker.carriers.twilio.twiml import instructions
from worker.domain.assistant import Assistant
from worker.domain.errors import Invalid
from worker.domain.variables import LONGEST_VALUE, Variables, missing, render

PERSON: Mapping[str, Any] = {
    "first_name": "Ann",
    "last_name": "",
    "email": None,
    "phone": "+12025550123",
    "phone_secondary": None,
    "timezone": "America/New_York",
    "custom_fields": {
        "plan": "gold",
        "Plan name": "Gold & more",
        "seats": 3,
        "vip": True,
        "tags": ["a", None, "b"],
        "none": None,
    },
}
TOKEN = "dct_a-token"


@pytest.mark.parametrize(
    ("template", "value"),
    [
        ("spring", "spring"),
        ("{first_name}", "Ann"),
        ("Dear {first_name}, of {timezone}", "Dear Ann, of America/New_York"),
        ("{first_name} {last_name}", "Ann"),
        ("{custom.plan}/{custom.Plan name}/{custom.seats}/{custom.vip}/{custom.tags}", "gold/Gold & more/3/true/a, b"),
        ("{email}{custom.none}{custom.unknown}", ""),
        ("{{first_name}} {{{first_name}}}", "{first_name} {Ann}"),
        ("", ""),
    ],
)
def test_a_template_is_rendered_from_the_row(template: str, value: str) -> None:
    assert Variables()({"v": template}, "variables") == {"v": template}
    assert render({"v": template}, PERSON) == {"v": value}


@pytest.mark.parametrize(
    ("sent", "path", "says"),
    [
        ([], "variables", "at most 50 texts"),
        ({f"v{n}": "" for n in range(51)}, "variables", "at most 50 texts"),
        ({"v": 5}, "variables.v", "at most 500 characters"),
        ({"v": None}, "variables.v", "at most 500 characters"),
        ({"v": "x" * 501}, "variables.v", "this one has 501"),
        ({"v": "a\x00"}, "variables.v", "not text"),
        ({"v": "{frist_name}"}, "variables.v", "did you mean first_name?"),
        ({"v": "{custom_fields}"}, "variables.v", "Unknown field"),
        ({"v": "{custom.}"}, "variables.v", "Unknown field"),
        ({"v": "{do_not_call}"}, "variables.v", "Unknown field"),
        ({"v": "{}"}, "variables.v", "brace"),
        ({"v": "{first_name"}, "variables.v", "brace"),
        ({"v": "first_name}"}, "variables.v", "brace"),
        ({"v": "{a{first_name}"}, "variables.v", "brace"),
        ({"": "x"}, "variables.", "Give a name"),
        ({"1st": "x"}, "variables.1st", "Give a name"),
        ({"a b": "x"}, "variables.a b", "Give a name"),
        ({"v" * 51: "x"}, f"variables.{'v' * 50}", "Give a name"),
        *(({name: "x"}, f"variables.{name}", "sent by themselves")
          for name in ("callId", "campaignId", "contactId", "callToken")),
    ],
)  # fmt: skip
def test_what_names_no_field_or_is_out_of_bounds_is_refused(sent: Any, path: str, says: str) -> None:
    with pytest.raises(Invalid) as refused:
        Variables()(sent, "variables")
    (fault,) = refused.value.faults
    assert fault.path == path
    assert says in fault.message


def test_what_a_contact_lacks_is_named_once_in_the_order_of_the_templates() -> None:
    variables = {"a": "{last_name} {first_name}", "b": "{custom.unknown}{last_name}", "c": "fixed"}
    assert missing(variables, PERSON) == ["last_name", "custom.unknown"]
    assert missing({"c": "fixed"}, PERSON) == []


HOSTILE = st.one_of(
    st.text(max_size=600),
    st.sampled_from(
        [
            "]]><Hangup/>",
            '"/><Redirect>http://evil.example</Redirect>',
            "&lt;&#x0;&amp;",
            "' OR 1=1 --",
            "\x00\x01\x1b[2J",
            "a\r\nX-Header: 1",
            "{first_name}",
            "{{x}}",
            "%s%n",
            "${jndi:ldap://x}",
            "\ud800",
            "\u2028\u202e",
            "é" * 500,
            "<!DOCTYPE x [<!ENTITY y 'z'>]>&y;",
            "?a=b&c=d#e",
            "\ufffe\uffff",
        ]
    ),
)


def request(variables: Mapping[str, str], token: str = TOKEN, **assistant: Any) -> CallRequest:
    return CallRequest(
        "call_1", "t" * 32, "acct", "+12025550100", "+12025550101", 30, 1800, "https://d.example/e",
        campaign_id="camp_1", contact_id="cont_1", assistant=Assistant(**assistant), call_token=token,
        variables=variables,
    )  # fmt: skip


@given(st.dictionaries(st.sampled_from(["a", "name", "V_9"]), HOSTILE, min_size=1))
def test_no_value_breaks_out_of_its_place(values: dict[str, str]) -> None:
    person = {**PERSON, "custom_fields": values}
    variables = render({name: f"{{custom.{name}}}" for name in values}, person)
    assert max(map(len, variables.values())) <= LONGEST_VALUE
    greeting = Greeting(Assistant("wss://a.example/s"), "call_1", "camp_1", "cont_1", TOKEN, variables)

    response = ElementTree.fromstring(instructions(greeting))
    (connect,) = response
    (stream,) = connect
    assert (response.tag, connect.tag, stream.tag) == ("Response", "Connect", "Stream")
    assert {each.attrib["name"]: each.attrib["value"] for each in stream} == greeting.parameters_and_variables
    assert {each.tag for each in stream} == {"Parameter"}

    sent = telnyx.request(request(variables, carrier_ids={"telnyx_assistant_id": "agent"}), "connection")
    read = json.loads(json.dumps(sent).encode("utf-8"))
    assert read["assistant"]["dynamic_variables"] == greeting.parameters_and_variables
    body = json.loads(json.dumps(simulated.request(request(variables, answer_url="http://127.0.0.1:1/a"))))
    assert body["parameters"] == greeting.parameters_and_variables


@given(HOSTILE)
def test_nothing_personal_stands_in_an_address(value: str) -> None:
    variables = render({"v": "{custom.v}"}, {**PERSON, "custom_fields": {"v": value}})
    ids = {"callId": ["call_1"], "campaignId": ["camp_1"], "contactId": ["cont_1"], "callToken": [TOKEN]}

    greeting = Greeting(Assistant(answer_url="https://a.example/x?y=1"), "call_1", "camp_1", "cont_1", TOKEN, variables)
    (redirect,) = ElementTree.fromstring(instructions(greeting))
    assert parse_qs(urlsplit(redirect.text or "").query) == {"y": ["1"], **ids}

    stream = telnyx.request(request(variables, stream_url="wss://a.example/s"), "connection")
    assert parse_qs(urlsplit(stream["stream_url"]).query) == ids


def test_a_campaign_without_variables_and_outcomes_sends_what_it_always_sent() -> None:
    bare = request({}, token="", answer_url="http://127.0.0.1:1/a", carrier_ids={"telnyx_assistant_id": "agent"})
    ids = {"callId": "call_1", "campaignId": "camp_1", "contactId": "cont_1"}
    assert telnyx.request(bare, "c")["assistant"]["dynamic_variables"] == ids
    assert bare.greeting.parameters_and_variables == bare.greeting.parameters == ids
    assert simulated.request(bare).keys().isdisjoint({"connect_to", "parameters"})


def test_neither_a_token_nor_a_variable_is_in_what_is_printed_of_a_request() -> None:
    printed = repr(request({"name": "Ann-Marie"})) + repr(request({"name": "Ann-Marie"}).greeting)
    assert "Ann-Marie" not in printed
    assert TOKEN not in printed
