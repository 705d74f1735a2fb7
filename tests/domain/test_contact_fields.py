"""What the API takes for a contact, a company, an assistant, a number, an account: every fault at once, by path."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.domain.contact import parse_contact, parse_contacts
from worker.domain.errors import Invalid
from worker.domain.fields import NO_TEXT, Field, read_fields, snake
from worker.domain.kinds import Id
from worker.domain.paging import MOST_AT_ONCE
from worker.domain.resources import COMPANY, parse_account, parse_ban, parse_number
from worker.operations.assistants import ASSISTANT

WHOLE = {
    "teamId": "team_1",
    "companyId": "comp_1",
    "firstName": " Ada ",
    "lastName": "Lovelace",
    "phone": "+1 (202) 555-0123",
    "phoneSecondary": "ask Mary",
    "timezone": "Europe/London",
    "doNotCall": True,
    "email": "ada@example.com",
    "customFields": {"plan": "gold", "visits": [1, 2.5, None, True]},
    "tags": ["vip", "trade show", "vip"],
}


def faults_of(work: Any, *arguments: Any, **options: Any) -> dict[str, str]:
    with pytest.raises(Invalid) as refused:
        work(*arguments, **options)
    return {fault.path: fault.message for fault in refused.value.faults}


def test_every_field_of_a_contact_is_read_into_its_column() -> None:
    assert parse_contact(WHOLE) == {
        "company_id": "comp_1",
        "first_name": "Ada",
        "last_name": "Lovelace",
        "phone": "+1 (202) 555-0123",
        "phone_e164": "+12025550123",
        "phone_fault": None,
        "phone_secondary": "ask Mary",
        "timezone": "Europe/London",
        "do_not_call": True,
        "email": "ada@example.com",
        "custom_fields": {"plan": "gold", "visits": [1, 2.5, None, True]},
        "tags": ["vip", "trade show"],
    }


@pytest.mark.parametrize(
    ("phone", "fault"), [("call me", "invalid_number"), ("", "no_phone_number"), (None, "no_phone_number")]
)
def test_a_number_that_cannot_be_called_is_kept_with_its_reason(phone: str | None, fault: str) -> None:
    assert parse_contact({"phone": phone}) == {"phone": phone or None, "phone_e164": None, "phone_fault": fault}


def test_only_the_fields_that_are_given_come_out_and_null_clears_them() -> None:
    assert parse_contact({}, is_new=False) == {}
    cleared = parse_contact({"firstName": None, "timezone": None, "tags": None, "customFields": None}, is_new=False)
    assert cleared == {"first_name": "", "timezone": None, "tags": [], "custom_fields": {}}


def test_every_fault_of_a_contact_is_named_by_its_path() -> None:
    wrong = {
        "companyId": "",
        "firstName": 7,
        "phone": "1" * 65,
        "timezone": "EST",
        "doNotCall": None,
        "email": "a\x00b",
        "customFields": {"deep": ["fine", "\ud800"]},
        "tags": ["ok", "", 3],
        "nickname": "Ada",
    }
    faults = faults_of(parse_contact, wrong)
    assert sorted(faults) == [
        "companyId", "customFields.deep[1]", "doNotCall", "email", "firstName", "nickname", "phone", "tags[1]",
        "tags[2]", "timezone",
    ]  # fmt: skip
    assert "America/New_York" in faults["timezone"]
    assert "teamId, companyId, firstName" in faults["nickname"]


def test_faults_of_many_contacts_say_which_contact() -> None:
    bodies = [{"phone": "+12025550123"}, {"timezone": "Mars"}, "Ada", {"doNotCall": "no"}]
    assert sorted(faults_of(parse_contacts, bodies)) == ["contacts[1].timezone", "contacts[2]", "contacts[3].doNotCall"]


@pytest.mark.parametrize("bodies", [None, {}, [], "cont_1", [{}] * (MOST_AT_ONCE + 1)])
def test_a_list_of_contacts_has_one_to_ten_thousand(bodies: object) -> None:
    assert list(faults_of(parse_contacts, bodies)) == ["contacts"]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from([*WHOLE, "other"]), json_values))
def test_whatever_json_says_a_contact_is_read_or_refused_with_faults(body: dict[str, Any]) -> None:
    contact, faults = read(body)
    assert bool(contact) or bool(faults) or not body or set(body) == {"teamId"}
    assert all(path.split(".")[0].split("[")[0] in body for path in faults)
    assert ("phone" in contact) == ("phone_e164" in contact) == ("phone_fault" in contact)
    assert not NO_TEXT.search(json.dumps(contact, ensure_ascii=False, allow_nan=False))


def read(body: dict[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """What comes out: a contact, or faults by path."""
    try:
        return parse_contact(body), {}
    except Invalid as refused:
        return {}, {fault.path: fault.message for fault in refused.faults}


def test_nesting_without_end_is_refused() -> None:
    deep: dict[str, Any] = {}
    for _ in range(30):
        deep = {"a": deep}
    ((path, message),) = faults_of(parse_contact, {"customFields": deep}).items()
    assert path.startswith("customFields.a.a")
    assert "nested" in message


def test_what_is_required_is_required_only_of_something_new() -> None:
    assert list(faults_of(COMPANY.read, {})) == ["name"]
    assert sorted(faults_of(parse_number, {})) == ["carrierAccountId", "number"]
    assert COMPANY.read({}, is_new=False) == {}
    assert list(faults_of(COMPANY.read, {"name": None}, is_new=False)) == ["name"]


def test_an_assistant_has_addresses_a_carrier_can_reach() -> None:
    good = {"name": "Ann", "streamUrl": "wss://voice.example.com/s", "answerUrl": "https://voice.example.com/a"}
    assert ASSISTANT.read(good)["stream_url"] == "wss://voice.example.com/s"
    wrong = {"name": " ", "streamUrl": "https://voice.example.com", "answerUrl": "https://", "settings": []}
    assert sorted(faults_of(ASSISTANT.read, wrong)) == ["answerUrl", "name", "settings", "streamUrl"]


def test_a_caller_id_is_a_number_in_international_form() -> None:
    number = {"number": "+1 202-555-0123", "carrierAccountId": "acct_1", "callsPerSecond": 2}
    assert parse_number(number) == {"number": "+12025550123", "account_id": "acct_1", "calls_per_second": 2.0}
    wrong = number | {"number": "202 555 0123", "maxConcurrentCalls": 1001, "callsPerSecond": 0, "enabled": 1}
    assert sorted(faults_of(parse_number, wrong)) == ["callsPerSecond", "enabled", "maxConcurrentCalls", "number"]


def test_the_number_and_the_account_of_a_caller_id_are_for_life() -> None:
    edit = {"number": "+12025550124", "carrierAccountId": "acct_2"}
    assert sorted(faults_of(parse_number, edit, is_new=False)) == ["carrierAccountId", "number"]


def test_enabling_a_number_forgets_why_it_was_disabled() -> None:
    assert parse_number({"enabled": True}, is_new=False) == {"enabled": True, "disabled_reason": None}
    assert parse_number({"enabled": False}, is_new=False) == {"enabled": False}


def test_fields_that_share_a_column_are_kept_together() -> None:
    fields = [Field(name, Id(), column="carrier_ids", key=snake(name)) for name in ("acmeAgentId", "acmeRoom")]
    assert read_fields({"acmeAgentId": "7"}, fields) == {"carrier_ids": {"acme_agent_id": "7"}}
    assert read_fields({"acmeRoom": None}, fields, is_new=False) == {"carrier_ids": {"acme_room": None}}
    both = read_fields({"acmeAgentId": "7", "acmeRoom": "8"}, fields)
    assert both == {"carrier_ids": {"acme_agent_id": "7", "acme_room": "8"}}
    assert list(faults_of(lambda body: read_fields(body, fields), {"otherId": "7"})) == ["otherId"]


def test_an_account_calls_once_a_second_unless_it_is_simulated_or_says_otherwise() -> None:
    both = ("simulator", "twilio")
    known = {"set_up_by": {"simulator": "A", "twilio": "B"}, "first_rates": {"simulator": None, "twilio": 1.0}}
    assert parse_account({"name": "A", "carrier": "twilio"}, both, **known)["calls_per_second"] == 1.0
    assert parse_account({"name": "A", "carrier": "simulator"}, both, **known)["calls_per_second"] is None
    assert (
        parse_account({"name": "A", "carrier": "twilio", "callsPerSecond": None}, both, **known)["calls_per_second"]
        is None
    )
    assert list(faults_of(parse_account, {"name": "A", "carrier": "twilio"}, carriers=["simulator"], **known)) == [
        "carrier"
    ]


def test_numbers_for_the_do_not_call_list_are_read_one_by_one() -> None:
    numbers = ["+1 202 555 0123", "+12025550123", "+12025550124"]
    assert parse_ban({"numbers": numbers, "reason": "asked"}) == (
        ["+12025550123", "+12025550124"],
        {"reason": "asked"},
    )
    assert parse_ban({"numbers": numbers[:1]}) == (["+12025550123"], {})
    assert sorted(faults_of(parse_ban, {"numbers": ["+12025550123", "x", None], "why": ""})) == [
        "numbers[1]", "numbers[2]", "why",
    ]  # fmt: skip
    for wrong in (None, [], "+12025550123"):
        assert list(faults_of(parse_ban, {"numbers": wrong})) == ["numbers"]
