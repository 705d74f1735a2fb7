"""What a person reads about a value that is wrong, for every field there is."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from worker.carriers import registry
from worker.domain.campaign import CAMPAIGN, TEAM_ID, parse_campaign, parse_contact_ids, parse_instant
from worker.domain.campaign_edit import KNOWN, parse_edit
from worker.domain.contact import CONTACT, parse_contact, parse_contacts
from worker.domain.errors import Fault, Invalid
from worker.domain.fields import MISSING, Field
from worker.domain.resources import (
    ACCOUNT,
    BAN,
    COMPANY,
    NUMBER,
    TEAM,
    Resource,
    parse_account,
    parse_ban,
    parse_number,
    parse_team,
)
from worker.domain.run_request import (
    CANCEL,
    CLONE,
    REDIAL,
    RUN,
    TEST_CALL,
    parse_cancellation,
    parse_clone,
    parse_redial,
    parse_run,
    parse_test_call,
)
from worker.domain.selection import filter_fields, parse_filter
from worker.operations.assistants import ASSISTANT

SET_UP_BY = registry.set_up_by()
NOW = datetime(2026, 3, 2, 15, tzinfo=UTC)
CURRENT = {
    "name": "A campaign", "assistantId": "asst_1", "companyId": "comp_1", "fromNumberIds": ["pn_1"],
    "callWindowStart": None, "callWindowEnd": None, "callWindowTimezone": None, "settings": {},
}  # fmt: skip
WHOLE = {**CURRENT, "teamId": "team_1"}


def names(fields: Iterable[Field]) -> list[str]:
    return [field.name for field in fields]


def of(resource: Resource, *, is_new: bool = True) -> list[str]:
    return names(resource.settable(is_new=is_new))


PARSERS: dict[str, tuple[Callable[[dict[str, Any]], Any], Iterable[str], dict[str, Any]]] = {
    "campaign": (lambda body: parse_campaign(body, now=NOW), [TEAM_ID.name, *of(CAMPAIGN)], WHOLE),
    "campaign edit": (lambda body: parse_edit(body, CURRENT), KNOWN, {}),
    "settings": (
        lambda body: parse_campaign({**WHOLE, "settings": body}, now=NOW),
        {"retryDelays": None, "useContactTimezone": None, "machineDetection": None},
        {},
    ),
    "machine detection": (
        lambda body: parse_campaign({**WHOLE, "settings": {"machineDetection": body}}, now=NOW),
        {"enabled": None, "onMachine": None, "hangUp": None},
        {},
    ),
    "retry delays": (
        lambda body: parse_campaign({**WHOLE, "settings": {"retryDelays": body}}, now=NOW), {"busy": None}, {},
    ),
    "schedule": (
        lambda body: parse_instant(body.get("scheduledStartAt", MISSING), "scheduledStartAt", NOW),
        {"scheduledStartAt": None}, {},
    ),
    "contact ids": (parse_contact_ids, {"contactIds": None}, {}),
    "filter": (
        lambda body: parse_filter({"filter": body}, in_campaign=True),
        names(filter_fields(in_campaign=True)), {"tag": "vip", "search": "Ada"},
    ),
    "run": (parse_run, names(RUN), {}),
    "cancel": (parse_cancellation, names(CANCEL), {}),
    "test call": (lambda body: parse_test_call(body, None), names(TEST_CALL), {}),
    "clone": (parse_clone, names(CLONE), {}),
    "redial": (parse_redial, names(REDIAL), {}),
    "contact": (parse_contact, of(CONTACT), {}),
    "contact edit": (lambda body: parse_contact(body, is_new=False), of(CONTACT, is_new=False), {}),
    "contact in a list": (lambda body: parse_contacts([{}, body]), of(CONTACT), {}),
    "company": (COMPANY.read, of(COMPANY), {"name": "A"}),
    "assistant": (ASSISTANT.read, of(ASSISTANT), {"name": "A"}),
    "account": (
        lambda body: parse_account(body, ["simulator"], SET_UP_BY, {}),
        of(ACCOUNT),
        {"name": "A", "carrier": "simulator"},
    ),
    "account edit": (lambda body: ACCOUNT.read(body, is_new=False), of(ACCOUNT, is_new=False), {}),
    "number": (parse_number, of(NUMBER), {"number": "+12025550123", "carrierAccountId": "acct_1"}),
    "number edit": (lambda body: parse_number(body, is_new=False), of(NUMBER, is_new=False), {}),
    "team": (parse_team, of(TEAM), {"slug": "a", "name": "A"}),
    "team edit": (lambda body: parse_team(body, is_new=False), of(TEAM, is_new=False), {}),
    "do-not-call": (parse_ban, names(BAN), {"numbers": ["+12025550123"]}),
}  # fmt: skip
WRONG: tuple[Any, ...] = (
    "", "   ", "x" * 20_000, "a\x00b", "\ud800", 0, -1, 1.5, 10**30, 1e999, True, False, None, [], [None], [""], [[]],
    ["x" * 500], ["a\x00b"], ["x"] * 20_000, {}, {"a": "\x00"}, {"busy": "soon"}, {"bussy": 1}, {"enabled": 5}, {"": 1},
    "9:00", "25:00", "Mars/Olympus", "2020-01-01T00:00:00Z", "2027-01-01T00:00:00", "2040-01-01T00:00:00Z", "twilio",
    "http://", "wss://", "ftp://host", "+1", "12", "-slug",
)  # fmt: skip


def faults(parse: Callable[[dict[str, Any]], Any], body: dict[str, Any]) -> tuple[Fault, ...]:
    try:
        parse(body)
    except Invalid as error:
        return error.faults
    return ()


def all_refusals() -> Iterator[tuple[str, str, Any, Fault]]:
    """Whose field, which field, what was given, and what was said; ``...`` for a field that was left out."""
    for whose, (parse, fields, whole) in PARSERS.items():
        for name in fields:
            for value in WRONG:
                yield from ((whose, name, value, fault) for fault in faults(parse, {**whole, name: value}))
            left_out = {other: value for other, value in whole.items() if other != name}
            yield from ((whose, name, ..., fault) for fault in faults(parse, left_out))


REFUSED = list(all_refusals())
DIALECT = re.compile(
    r"'None'|\bNone\b|NaN|<class|dict|pydantic|Input should|is no |\bstring\b|\binteger\b|object at|\\x"
)


def test_every_field_of_every_request_is_walked() -> None:
    assert len(REFUSED) > 3000


def test_a_sentence_names_the_field_and_says_what_to_give() -> None:
    for whose, name, value, fault in REFUSED:
        where = f"{whose}: {name} = {str(value)[:40]!r}: {fault.path}: {fault.message}"
        others = {"callWindowStart", "callWindowEnd", "callWindowTimezone"} if name.startswith("callWindow") else set()
        assert name in fault.path or fault.path in others, where
        assert re.match(r"[A-Z\"0-9]", fault.message), where
        assert fault.message.endswith((".", "?")), where
        assert not fault.message.endswith(".."), where
        assert "\n" not in fault.message, where
        assert len(fault.message) < 400, where
        assert not DIALECT.search(fault.message), where


def test_null_missing_and_empty_are_distinguished() -> None:
    for whose, name, value, fault in REFUSED:
        where = f"{whose}: {name} = {str(value)[:40]!r}: {fault.message}"
        is_null = value is None or (isinstance(value, list) and None in value)
        assert "null" not in fault.message or is_null, where
        if fault.path.rpartition(".")[2] == name:
            assert fault.message.startswith("Required: ") is (value is ...), where
            assert value is not None or "null" in fault.message or "window" in where, where
        if value == "" and "null" not in fault.message and "text of" in fault.message:
            assert "empty" in fault.message, where


def test_of_a_text_too_long_it_is_said_how_long_it_may_be_and_is() -> None:
    counted = [
        fault.message for _, _, value, fault in REFUSED if value == "x" * 20_000 and "characters" in fault.message
    ]
    assert len(counted) > 20
    for message in counted:
        assert re.search(r"(at most|1 to) [0-9]+ characters; this one has 20000\.", message), message


def test_a_number_out_of_range_is_answered_with_the_range() -> None:
    out = [fault.message for _, _, value, fault in REFUSED if value in (-1, 10**30) and "umber from" in fault.message]
    assert len(out) > 20
    for message in out:
        assert re.fullmatch(r"Give a (whole )?number from [0-9.]+ to [0-9.]+\.", message), message


def test_of_a_list_too_long_it_is_said_how_long_it_is() -> None:
    sized = [
        fault.message for _, _, value, fault in REFUSED if value == ["x"] * 20_000 and "Give a list" in fault.message
    ]
    assert len(sized) >= 4
    assert all(message.endswith("; this one has 20000.") for message in sized)


@pytest.mark.parametrize("there", [[], ["simulator"], ["simulator", "telnyx"]])
def test_of_a_carrier_that_is_not_there_it_is_said_what_sets_it_up(there: list[str]) -> None:
    for carrier, needs in SET_UP_BY.items():
        said = faults(lambda body: parse_account(body, there, SET_UP_BY, {}), {"name": "A", "carrier": carrier})
        if carrier in there:
            assert said == ()
        else:
            assert f"cannot call through {carrier} yet: set {needs} " in said[0].message
            assert all(other in said[0].message for other in there)
    (unknown,) = faults(lambda body: parse_account(body, there, SET_UP_BY, {}), {"name": "A", "carrier": "twillio"})
    assert unknown.message == "Give one of: simulator, telnyx, twilio."


@pytest.mark.parametrize(
    ("parse", "sent", "meant"),
    [
        (lambda body: parse_campaign(body, now=NOW), "retryDelayMinuts", "retryDelayMinutes"),
        (lambda body: parse_campaign(body, now=NOW), "max_concurrent_calls", "maxConcurrentCalls"),
        (lambda body: parse_campaign(body, now=NOW), "MaxConcurrentCalls", "maxConcurrentCalls"),
        (lambda body: parse_campaign(body, now=NOW), "fromNumberId", "fromNumberIds"),
        (parse_contact, "first_name", "firstName"),
        (parse_contact, "doNotcall", "doNotCall"),
        (parse_run, "maxcalls", "maxCalls"),
        (parse_run, "dry-run", "dryRun"),
        (parse_cancellation, "hangup", "hangUp"),
        (ASSISTANT.read, "streamUlr", "streamUrl"),
    ],
)
def test_a_field_that_is_nearly_one_of_ours_is_answered_with_which(parse: Any, sent: str, meant: str) -> None:
    (fault,) = [fault for fault in faults(parse, {sent: 1}) if fault.path == sent]
    assert fault.message.startswith(f"Unknown field; did you mean {meant}? Known here are ")


def test_a_field_that_resembles_none_is_answered_with_all() -> None:
    (fault,) = faults(parse_run, {"colour": 1})
    assert fault.message == "Unknown field; known here are accountSlug, maxCalls, dryRun."
