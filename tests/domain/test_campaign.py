from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.domain.campaign import CAMPAIGN, WINDOW_COLUMNS, parse_campaign, parse_instant
from worker.domain.errors import Fault, Invalid
from worker.domain.fields import storable
from worker.domain.window import CallWindow

NOW = datetime(2027, 3, 1, 17, 0, tzinfo=UTC)
LEAST: dict[str, Any] = {
    "name": "Q1",
    "assistantId": "asst_1",
    "companyId": "comp_1",
    "fromNumberIds": ["pn_1"],
}
WINDOW = {"callWindowStart": "09:00", "callWindowEnd": "17:00", "callWindowTimezone": "America/New_York"}


def window(values: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(values[column] for column in WINDOW_COLUMNS[:3])


def faults(body: dict[str, Any]) -> list[Fault]:
    with pytest.raises(Invalid) as refused:
        parse_campaign(LEAST | body, now=NOW)
    return list(refused.value.faults)


def test_what_is_left_out_has_the_documents_defaults() -> None:
    assert parse_campaign(LEAST, now=NOW) == {
        "name": "Q1", "assistant_id": "asst_1", "company_id": "comp_1", "from_number_ids": ["pn_1"],
    }  # fmt: skip
    every = [field for field in CAMPAIGN.settable(is_new=True) if not field.required]
    nulls = parse_campaign(LEAST | {field.name: None for field in every}, now=NOW)
    assert {field.column: nulls[field.column] for field in every} == {
        "description": None, "scheduled_start_at": None, "call_window_start": None, "call_window_end": None,
        "call_window_timezone": None, "max_concurrent_calls": 3, "max_attempts_per_contact": 3,
        "retry_delay_minutes": 60, "settings": {}, "variables": None, "outcomes": None,
        "call_windows": None, "scheduled_end_at": None,
        "start_no_later_than_minutes": None, "keep_open": False, "use_secondary_phone": False,
        "purpose": None, "law": None,
    }  # fmt: skip


def test_everything_that_is_given_is_kept() -> None:
    settings = {"useContactTimezone": False, "retryDelays": {"busy": 5}, "voice": {"pitch": [1, 2]}}
    values = parse_campaign(
        LEAST | WINDOW | {
            "description": "Leads", "scheduledStartAt": "2027-03-02T09:00:00-05:00", "maxConcurrentCalls": 1000,
            "maxAttemptsPerContact": 20, "retryDelayMinutes": 43200, "settings": settings,
            "fromNumberIds": ["pn_2", "pn_1", "pn_2"],
        }, now=NOW,
    )  # fmt: skip
    assert window(values) == ("09:00", "17:00", "America/New_York")
    assert values["scheduled_start_at"] == datetime(2027, 3, 2, 14, 0, tzinfo=UTC)
    limits = ("max_concurrent_calls", "max_attempts_per_contact", "retry_delay_minutes")
    assert [values[name] for name in limits] == [1000, 20, 43200]
    assert values["settings"] == settings
    assert values["from_number_ids"] == ["pn_2", "pn_1"]


@pytest.mark.parametrize("given", ["callWindowStart", "callWindowEnd", "callWindowTimezone"])
def test_the_deployments_window_stands_in_only_for_one_left_out_whole(given: str) -> None:
    default = CallWindow("10:00", "12:00", "Europe/Berlin")
    assert window(parse_campaign(LEAST, now=NOW, default_window=default)) == ("10:00", "12:00", "Europe/Berlin")
    own = parse_campaign(LEAST | WINDOW, now=NOW, default_window=default)
    assert window(own) == ("09:00", "17:00", "America/New_York")
    with pytest.raises(Invalid):
        parse_campaign(LEAST | {given: WINDOW[given]}, now=NOW, default_window=default)


@pytest.mark.parametrize(
    ("body", "paths"),
    [
        (WINDOW | {"callWindowStart": "9:0"}, ["callWindowStart"]),
        (WINDOW | {"callWindows": [{"start": "09:00", "end": "12:00"}]}, ["callWindowStart", "callWindowEnd"]),
        ({"callWindows": [{"start": "09:00", "end": "12:00"}]}, ["callWindowTimezone"]),
        ({"callWindows": [{"start": "09:00", "end": "12:00"}], "callWindowTimezone": "X"}, ["callWindowTimezone"]),
        ({"callWindows": [{"start": "09:00"}], "callWindowTimezone": "UTC"}, ["callWindows[0].end"]),
        ({"scheduledEndAt": "2027-03-01T16:59:59Z"}, ["scheduledEndAt"]),
        ({"scheduledStartAt": "2027-03-02T09:00:00Z", "scheduledEndAt": "2027-03-02T09:00:00Z"}, ["scheduledEndAt"]),
        ({"startNoLaterThanMinutes": 0}, ["startNoLaterThanMinutes"]),
        ({"keepOpen": 1, "useSecondaryPhone": "yes"}, ["useSecondaryPhone", "keepOpen"]),
        (WINDOW | {"callWindowEnd": "25:00"}, ["callWindowEnd"]),
        (WINDOW | {"callWindowEnd": "09:00"}, ["callWindowEnd"]),
        (WINDOW | {"callWindowStart": "24:00"}, ["callWindowStart"]),
        (WINDOW | {"callWindowStart": 9}, ["callWindowStart"]),
        ({"callWindowStart": "09:00"}, ["callWindowEnd", "callWindowTimezone"]),
        ({"callWindowStart": "09:00", "callWindowEnd": "17:00"}, ["callWindowTimezone"]),
        ({"callWindowTimezone": "America/New_York"}, ["callWindowStart", "callWindowEnd"]),
        (WINDOW | {"callWindowTimezone": "America/Gotham"}, ["callWindowTimezone"]),
        (WINDOW | {"callWindowTimezone": "america/new_york"}, ["callWindowTimezone"]),
        (WINDOW | {"callWindowTimezone": ""}, ["callWindowTimezone"]),
        ({"scheduledStartAt": "2027-03-01T16:59:59Z"}, ["scheduledStartAt"]),
        ({"scheduledStartAt": "2027-03-01T17:00:00Z"}, ["scheduledStartAt"]),
        ({"scheduledStartAt": "2027-03-02T09:00:00"}, ["scheduledStartAt"]),
        ({"scheduledStartAt": "2038-01-01T00:00:00Z"}, ["scheduledStartAt"]),
        ({"scheduledStartAt": "2037-12-31T20:00:00-05:00"}, ["scheduledStartAt"]),
        ({"scheduledStartAt": "9999-12-31T23:59:59-14:00"}, ["scheduledStartAt"]),
        ({"scheduledStartAt": "soon"}, ["scheduledStartAt"]),
        ({"scheduledStartAt": 1800000000}, ["scheduledStartAt"]),
        ({"maxConcurrentCalls": 0}, ["maxConcurrentCalls"]),
        ({"maxConcurrentCalls": -1}, ["maxConcurrentCalls"]),
        ({"maxConcurrentCalls": 10**9}, ["maxConcurrentCalls"]),
        ({"maxConcurrentCalls": True}, ["maxConcurrentCalls"]),
        ({"maxConcurrentCalls": "3"}, ["maxConcurrentCalls"]),
        ({"maxAttemptsPerContact": 0}, ["maxAttemptsPerContact"]),
        ({"maxAttemptsPerContact": 21}, ["maxAttemptsPerContact"]),
        ({"maxAttemptsPerContact": True}, ["maxAttemptsPerContact"]),
        ({"maxAttemptsPerContact": "3"}, ["maxAttemptsPerContact"]),
        ({"retryDelayMinutes": -1}, ["retryDelayMinutes"]),
        ({"retryDelayMinutes": 1.0}, ["retryDelayMinutes"]),
        ({"retryDelayMinutes": 43201}, ["retryDelayMinutes"]),
        ({"settings": []}, ["settings"]),
        ({"settings": {"useContactTimezone": "no"}}, ["settings.useContactTimezone"]),
        ({"settings": {"retryDelays": {"busy": -1, "answered": 5}}},
         ["settings.retryDelays.busy", "settings.retryDelays.answered"]),
        ({"fromNumberIds": []}, ["fromNumberIds"]),
        ({"fromNumberIds": None}, ["fromNumberIds"]),
        ({"fromNumberIds": "pn_1"}, ["fromNumberIds"]),
        ({"fromNumberIds": ["pn_1", 5]}, ["fromNumberIds[1]"]),
        ({"fromNumberIds": [f"pn_{n}" for n in range(501)]}, ["fromNumberIds"]),
        ({"name": " "}, ["name"]),
        ({"name": None}, ["name"]),
        ({"name": "n" * 201}, ["name"]),
        ({"assistantId": 7}, ["assistantId"]),
        ({"companyId": ""}, ["companyId"]),
        ({"description": 7}, ["description"]),
    ],
)  # fmt: skip
def test_each_wrong_value_is_named_by_its_path_with_one_sentence(body: dict[str, Any], paths: list[str]) -> None:
    found = faults(body)
    assert [fault.path for fault in found] == paths
    for fault in found:
        assert fault.message[-1] in ".?"
        assert len(fault.message) < 200


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"name": "a\x00b"}, "name"),
        ({"description": "\ud800"}, "description"),
        ({"fromNumberIds": ["pn_1", "pn_\x00"]}, "fromNumberIds[1]"),
        ({"settings": {"note": "\x00"}}, "settings.note"),
        ({"settings": {"a": [{"\ud800": 1}]}}, "settings.a[0]"),
        ({"settings": {"a": float("nan")}}, "settings.a"),
        ({"settings": {"a": float("inf")}}, "settings.a"),
    ],
)
def test_what_json_can_say_and_the_database_cannot_keep_is_refused_by_path(body: dict[str, Any], path: str) -> None:
    ((name, value),) = body.items()
    with pytest.raises(Invalid) as refused:
        storable(value, name)
    assert [fault.path for fault in refused.value.faults] == [path]


def test_a_wrongly_cased_zone_is_answered_with_the_right_spelling() -> None:
    (fault,) = faults(WINDOW | {"callWindowTimezone": "america/new_york"})
    assert "America/New_York" in fault.message


def test_all_faults_come_at_once() -> None:
    body = {
        "name": "", "assistantId": None, "companyId": 3, "fromNumberIds": [], "description": [],
        "scheduledStartAt": "2020-01-01T00:00:00Z", "callWindowStart": "9h", "callWindowEnd": "25:00",
        "callWindowTimezone": "Nowhere", "maxConcurrentCalls": 0, "maxAttemptsPerContact": 99,
        "retryDelayMinutes": -5, "settings": {"useContactTimezone": 1, "retryDelays": {"busy": "x"}},
    }  # fmt: skip
    assert {fault.path for fault in faults(body)} == {
        "name", "assistantId", "companyId", "fromNumberIds", "description", "scheduledStartAt", "callWindowStart",
        "callWindowEnd", "callWindowTimezone", "maxConcurrentCalls", "maxAttemptsPerContact", "retryDelayMinutes",
        "settings.useContactTimezone", "settings.retryDelays.busy",
    }  # fmt: skip


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
FIELDS = [*LEAST, *WINDOW, "scheduledStartAt", "maxConcurrentCalls", "settings", "retryDelayMinutes", "description"]


@given(st.dictionaries(st.sampled_from(FIELDS), JSON))
def test_whatever_json_is_sent_the_answer_is_a_campaign_or_its_faults(body: dict[str, Any]) -> None:
    with suppress(Invalid):
        assert parse_campaign(LEAST | body, now=NOW)["name"] == body.get("name", "Q1")


@given(st.datetimes(min_value=datetime(2027, 3, 2), max_value=datetime(2037, 12, 1)), st.integers(-14 * 60, 14 * 60))  # noqa: DTZ001
def test_an_instant_is_the_same_whatever_offset_it_is_written_in(at: datetime, minutes: int) -> None:
    written = at.replace(tzinfo=UTC).astimezone(timezone(timedelta(minutes=minutes))).isoformat()
    assert parse_instant(written, "x", NOW) == at.replace(tzinfo=UTC)
