from __future__ import annotations

from typing import Any

import pytest

from worker.carriers.registry import connects_by
from worker.domain.assistant import Assistant, why_unreachable
from worker.domain.campaign import CampaignSettings
from worker.domain.errors import Invalid
from worker.domain.machines import MachinePolicy, machine_policy, parse_machine_detection


@pytest.mark.parametrize(
    ("asked", "policy"),
    [
        ({}, MachinePolicy()),
        ({"onMachine": "retry", "hangUp": True}, MachinePolicy()),
        ({"onMachine": "complete"}, MachinePolicy(completes=True)),
        ({"onMachine": None, "hangUp": None, "enabled": None}, MachinePolicy()),
        ({"hangUp": False, "enabled": True}, MachinePolicy(hangs_up=False)),
        ({"enabled": False, "onMachine": "complete"}, None),
        (None, None),
    ],
)
def test_what_is_asked_for(asked: Any, policy: MachinePolicy | None) -> None:
    assert parse_machine_detection({"machineDetection": asked}) == policy
    assert machine_policy({"machineDetection": asked}) == policy


def test_without_a_word_nothing_is_detected() -> None:
    assert parse_machine_detection({}) is None


def test_every_fault_is_named_by_its_path_along_with_others() -> None:
    asked = {"onMachine": "shout", "hangUp": 1, "beep": True}
    with pytest.raises(Invalid) as refused:
        CampaignSettings()({"useContactTimezone": "yes", "machineDetection": asked}, "settings")
    assert sorted(fault.path for fault in refused.value.faults) == [
        "settings.machineDetection.beep",
        "settings.machineDetection.hangUp",
        "settings.machineDetection.onMachine",
        "settings.useContactTimezone",
    ]


@pytest.mark.parametrize("asked", ["yes", [], 1, True, {"onMachine": "shout"}])
def test_what_cannot_be_read_is_refused_when_it_is_given_and_off_where_it_is_stored(asked: Any) -> None:
    with pytest.raises(Invalid):
        CampaignSettings()({"machineDetection": asked}, "settings")
    assert machine_policy({"machineDetection": asked}) is None


STREAM, TWIML = Assistant(stream_url="wss://x"), Assistant(answer_url="https://x")
AGENT = Assistant(carrier_ids={"telnyx_assistant_id": "a"})


@pytest.mark.parametrize(
    ("carrier", "reachable", "unreachable"),
    [
        ("simulator", [Assistant(), STREAM, TWIML, AGENT], []),
        ("twilio", [STREAM, TWIML], [Assistant(), AGENT]),
        ("telnyx", [STREAM, AGENT], [Assistant(), TWIML]),
    ],
)
def test_how_each_carrier_connects_an_assistant(
    carrier: str, reachable: list[Assistant], unreachable: list[Assistant]
) -> None:
    assert [why_unreachable(carrier, connects_by(carrier), assistant) for assistant in reachable] == [None] * len(
        reachable
    )
    for assistant in unreachable:
        assert "give the assistant a " in str(why_unreachable(carrier, connects_by(carrier), assistant))
