"""The one sentence: which reason is told when several hold."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.domain.activity import Activity, CallerIdState, Situation, activity
from worker.domain.model import CampaignStatus

NOW = datetime(2027, 3, 1, 17, 0, tzinfo=UTC)
LATER, LATEST = NOW + timedelta(hours=1), NOW + timedelta(hours=2)
WELL = CallerIdState(is_enabled=True)

DIALING = Situation(
    CampaignStatus.RUNNING,
    NOW,
    waiting=5,
    live=1,
    limit=3,
    team_live=1,
    team_limit=10,
    next_due_at=NOW,
    opens_at=NOW,
    callers=[WELL],
)


def test_a_campaign_that_dials_says_how_many_calls_are_live() -> None:
    assert activity(DIALING) == Activity("dialing", "1 of 3 calls is live.")
    assert activity(replace(DIALING, live=2)).message == "2 of 3 calls are live."
    assert activity(replace(DIALING, live=0)).code == "starting"


# Each line takes one more obstacle away; what stands first is told first.
OBSTACLES = [
    ("deleted", {"is_deleted": True}),
    ("max_calls_reached", {"budget": 0}),
    ("nothing_waiting", {"next_due_at": None}),
    ("no_caller_id", {"callers": [CallerIdState(is_enabled=False)]}),
    ("resting", {"callers": [CallerIdState(True, LATER), CallerIdState(False)]}),
    ("nothing_due", {"next_due_at": LATER}),
    ("window_unreadable", {"opens_at": None}),
    ("window_shut", {"opens_at": LATEST}),
    ("dialing", {"live": 3}),
    ("team_limit", {"team_live": 10}),
    ("number_limit", {"callers": [CallerIdState(True, is_full=True)]}),
]


@pytest.mark.parametrize("first", range(len(OBSTACLES)))
def test_the_first_obstacle_in_the_way_is_told(first: int) -> None:
    code, obstacle = OBSTACLES[first]
    assert activity(replace(DIALING, **obstacle)).code == code
    for _, another in OBSTACLES[first + 1 :]:
        if not obstacle.keys() & another.keys():
            both = replace(DIALING, **obstacle, **another)
            assert activity(both).code == code, another


def test_an_obstacle_with_an_end_says_when_it_ends() -> None:
    until = {
        "resting": replace(DIALING, callers=[CallerIdState(True, LATEST), CallerIdState(True, LATER, "HTTP 429")]),
        "nothing_due": replace(DIALING, next_due_at=LATER),
        "window_shut": replace(DIALING, opens_at=LATER),
        "scheduled": replace(DIALING, status=CampaignStatus.SCHEDULED, scheduled_start_at=LATER),
    }
    for code, situation in until.items():
        found = activity(situation)
        assert (found.code, found.until) == (code, LATER)
        assert "2027-03-01T18:00:00Z" in found.message
    assert "HTTP 429" in activity(until["resting"]).message


def test_one_number_that_is_well_is_enough() -> None:
    mixed = [CallerIdState(False), CallerIdState(True, LATER), CallerIdState(True, is_full=True), WELL]
    assert activity(replace(DIALING, callers=mixed)).code == "dialing"
    assert activity(replace(DIALING, callers=mixed[:3])).code == "number_limit"


@pytest.mark.parametrize(
    ("status", "reason", "word"),
    [
        (CampaignStatus.DRAFT, None, "run or schedule"),
        (CampaignStatus.PAUSED, "requested", "resume"),
        (CampaignStatus.PAUSED, "max_calls_reached", "new run"),
        (CampaignStatus.PAUSED, "account_suspended", "account_suspended"),
        (CampaignStatus.PAUSED, "carrier_not_set_up: Set it up.", "because of carrier_not_set_up: Set it up."),
        (CampaignStatus.COMPLETED, None, "5 added since"),
        (CampaignStatus.CANCELLED, None, "for good"),
    ],
)
def test_a_campaign_at_rest_says_why(status: CampaignStatus, reason: str | None, word: str) -> None:
    said = activity(replace(DIALING, status=status, pause_reason=reason)).message
    assert word in said
    assert ".." not in said


@given(
    st.builds(
        Situation,
        status=st.sampled_from(CampaignStatus),
        now=st.just(NOW),
        is_deleted=st.booleans(),
        pause_reason=st.sampled_from([None, "requested", "max_calls_reached", "other"]),
        scheduled_start_at=st.sampled_from([None, LATER]),
        waiting=st.integers(0, 2),
        live=st.integers(0, 2),
        limit=st.integers(1, 2),
        team_live=st.integers(0, 2),
        team_limit=st.integers(1, 2),
        budget=st.sampled_from([None, 0, 1]),
        next_due_at=st.sampled_from([None, NOW, LATER]),
        opens_at=st.sampled_from([None, NOW, LATER]),
        callers=st.lists(st.builds(CallerIdState, st.booleans(), st.sampled_from([None, LATER]))),
    )
)
def test_there_is_always_one_sentence(situation: Situation) -> None:
    found = activity(situation)
    assert found.code
    assert found.message[0].isupper()
    assert found.message[-1] in ".)"
    assert "None" not in found.message
