"""What of a campaign may be changed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from worker.domain.campaign_edit import KNOWN, CampaignEdit, parse_edit
from worker.domain.errors import Invalid

CURRENT = {
    "name": "A campaign",
    "description": "About it",
    "assistantId": "asst_1",
    "companyId": "comp_1",
    "fromNumberIds": ["pn_1", "pn_2"],
    "callWindowStart": "09:00",
    "callWindowEnd": "17:00",
    "callWindowTimezone": "America/New_York",
    "maxConcurrentCalls": 7,
    "maxAttemptsPerContact": 5,
    "retryDelayMinutes": 30,
    "settings": {"retryDelays": {"busy": 5}},
    "variables": {"name": "{first_name}"},
    "outcomes": {"interested": "done"},
    "callWindows": None,
    "scheduledEndAt": None,
    "startNoLaterThanMinutes": None,
    "keepOpen": False,
    "useSecondaryPhone": False,
    "purpose": None,
    "law": None,
}
WINDOW = {"call_window_start": "09:00", "call_window_end": "17:00", "call_window_timezone": "America/New_York",
          "call_windows": None}  # fmt: skip
LUNCH = [{"days": ["mon"], "start": "12:00", "end": "13:00"}]


def faults(sent: dict[str, Any], current: dict[str, Any] = CURRENT) -> list[str]:
    with pytest.raises(Invalid) as caught:
        parse_edit(sent, current)
    return [fault.path for fault in caught.value.faults]


@pytest.mark.parametrize(
    ("sent", "columns"),
    [
        ({"name": "Renamed"}, {"name": "Renamed"}),
        ({"description": None}, {"description": None}),
        ({"assistantId": "asst_2"}, {"assistant_id": "asst_2"}),
        ({"companyId": "comp_2"}, {"company_id": "comp_2"}),
        ({"callWindowEnd": "18:00"}, WINDOW | {"call_window_end": "18:00"}),
        ({"callWindows": LUNCH},
         WINDOW | {"call_window_start": "00:00", "call_window_end": "00:00", "call_windows": LUNCH}),
        ({"scheduledEndAt": "2027-07-01T09:00:00"}, {"scheduled_end_at": datetime(2027, 7, 1, 13, tzinfo=UTC)}),
        ({"maxConcurrentCalls": None}, {"max_concurrent_calls": 3}),
        ({"maxAttemptsPerContact": 1}, {"max_attempts_per_contact": 1}),
        ({"retryDelayMinutes": 0}, {"retry_delay_minutes": 0}),
        ({"settings": {"useContactTimezone": False}}, {"settings": {"useContactTimezone": False}}),
        ({}, {}),
    ],
)  # fmt: skip
def test_only_what_was_sent_is_set(sent: dict[str, Any], columns: dict[str, Any]) -> None:
    edit = parse_edit(sent, CURRENT)
    assert dict(edit.columns) == columns
    assert edit.number_ids is None
    assert edit.is_policy is bool(sent.keys() - {"name", "description", "maxConcurrentCalls", "scheduledEndAt"})


def test_caller_ids_are_replaced_as_a_whole() -> None:
    assert parse_edit({"fromNumberIds": ["pn_3", "pn_1", "pn_3"]}, CURRENT) == CampaignEdit({}, ["pn_3", "pn_1"], True)


def test_every_field_that_is_known_can_be_sent() -> None:
    edit = parse_edit(CURRENT, CURRENT)
    assert set(CURRENT) == set(KNOWN)
    assert len(edit.columns) == len(KNOWN) - 1
    assert edit.number_ids == ["pn_1", "pn_2"]


def test_every_fault_is_found_at_once() -> None:
    sent = {"name": "", "maxConcurrentCalls": 0, "colour": "red", "teamId": "team_1", "callWindowStart": "17:00"}
    assert set(faults(sent)) == {"name", "maxConcurrentCalls", "colour", "teamId", "callWindowEnd"}
    assert faults({"scheduledStartAt": "2027-03-02T09:00:00Z"}) == ["scheduledStartAt"]


def test_the_window_is_judged_as_it_would_be() -> None:
    assert faults({"callWindowStart": None}) == ["callWindowStart"]
    assert faults({"callWindowTimezone": "America/Atlantis"}) == ["callWindowTimezone"]
    none = dict.fromkeys(["callWindowStart", "callWindowEnd", "callWindowTimezone"])
    assert set(parse_edit(none, CURRENT).columns.values()) == {None}


def test_a_name_can_be_changed_though_the_zone_has_left_the_database() -> None:
    gone = CURRENT | {"callWindowTimezone": "Mars/Olympus"}
    assert dict(parse_edit({"name": "Renamed"}, gone).columns) == {"name": "Renamed"}
    assert dict(parse_edit({"maxConcurrentCalls": 5}, gone).columns) == {"max_concurrent_calls": 5}
    assert faults({"maxAttemptsPerContact": 5}, gone) == ["callWindowTimezone"]
    assert parse_edit({"callWindowTimezone": "UTC"}, gone).columns["call_window_timezone"] == "UTC"
