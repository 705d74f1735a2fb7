"""The one sentence: which reason is said when several hold."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.domain.activity import Activity, activity
from worker.domain.model import CampaignStatus
from worker.domain.situation import Away, CallerIdState, Full, Situation
from worker.domain.standstill import Kind, Standstill, Waiting

NOW = datetime(2027, 3, 1, 17, 0, tzinfo=UTC)
EARLIER, LATER, LATEST = NOW - timedelta(hours=1), NOW + timedelta(hours=1), NOW + timedelta(hours=2)
WELL = CallerIdState("+12025550001", is_usable=True)
OFF = CallerIdState("+12025550002", False, is_enabled=False, disabled_reason="spam")

DIALING = Situation(
    CampaignStatus.RUNNING,
    NOW,
    waiting=5,
    live=1,
    limit=3,
    team_live=1,
    planned=2,
    next_due_at=NOW,
    opens_at=NOW,
    callers=[WELL],
)


def test_a_campaign_that_dials_says_how_many_calls_are_live() -> None:
    assert activity(DIALING) == Activity("dialing", "1 of 3 calls is live.", is_dialing=True)
    assert activity(replace(DIALING, live=2)).message == "2 of 3 calls are live."
    assert activity(replace(DIALING, live=0)).code == "starting"


def still(kind: Kind, name: str) -> Standstill:
    """Twelve of them, for 43 s."""
    return Standstill(Waiting(kind, 12, 43.0, "an_id", name), NOW - timedelta(seconds=43))


# Each line takes one more obstacle away; what stands first is said first.
OBSTACLES: list[tuple[str, dict[str, object]]] = [
    ("deleted", {"is_deleted": True}),
    ("not_ticking", {"away": Away.TICK}),
    ("calls_not_placed", {"still": [still(Kind.PLACING, "main")]}),
    ("requests_unanswered", {"still": [still(Kind.REQUESTS, "main")]}),
    ("calls_not_looked_up", {"still": [still(Kind.LOOK_UPS, "main")]}),
    ("max_calls_reached", {"budget": 0}),
    ("nothing_waiting", {"next_due_at": None}),
    ("no_caller_id", {"callers": [OFF]}),
    ("resting", {"callers": [replace(WELL, is_usable=False, resting_until=LATER), OFF]}),
    ("ends_before_call", {"opens_at": None, "opens_after_end": LATEST, "scheduled_end_at": LATER}),
    ("window_unreadable", {"opens_at": None, "opens_after_end": None}),
    ("nothing_due", {"next_due_at": LATER}),
    ("window_shut", {"opens_at": LATEST}),
    ("dialing", {"is_campaign_full": True}),
    ("team_limit", {"is_team_full": True}),
    ("number_limit", {"callers": [replace(WELL, full=Full.NUMBER)], "planned": 0}),
    ("slots_rebuilding", {"are_slots_rebuilt": True}),
    ("slots_held", {"are_slots_held": True, "live": 0}),
    ("not_taken_up", {"still": [still(Kind.DUE, "A campaign")]}),
]


@pytest.mark.parametrize("first", range(len(OBSTACLES)))
def test_the_first_obstacle_in_the_way_is_shown(first: int) -> None:
    code, obstacle = OBSTACLES[first]
    assert activity(replace(DIALING, **obstacle)).code == code
    for _, another in OBSTACLES[first + 1 :]:
        if not obstacle.keys() & another.keys():
            both = replace(DIALING, **obstacle, **another)
            assert activity(both).code == code, another
            assert not activity(both).is_dialing


def test_an_obstacle_with_an_end_says_when_it_ends() -> None:
    rests = [
        CallerIdState("+12025550001", False, resting_until=LATEST),
        CallerIdState("+12025550002", False, resting_until=LATER, is_account_resting=True, resting_reason="HTTP 429"),
    ]
    until = {
        "resting": replace(DIALING, callers=rests),
        "nothing_due": replace(DIALING, next_due_at=LATER),
        "window_shut": replace(DIALING, opens_at=LATER),
        "scheduled": replace(DIALING, status=CampaignStatus.SCHEDULED, scheduled_start_at=LATER),
    }
    for code, situation in until.items():
        found = activity(situation)
        assert (found.code, found.until) == (code, LATER)
        assert "18:00 UTC, in 1 h" in found.message
        assert "13:00 New York, in 1 h" in activity(replace(situation, zone="America/New_York")).message
    assert "The carrier account of +12025550002 rests (HTTP 429)" in activity(until["resting"]).message


def test_who_is_due_while_the_window_is_shut_waits_for_the_window() -> None:
    found = activity(replace(DIALING, next_due_at=LATER, opens_at=LATEST))
    assert (found.code, found.until) == ("nothing_due", LATEST)
    assert "18:00 UTC, in 1 h, and the call window is shut until 19:00 UTC, in 2 h" in found.message


def test_one_number_that_is_well_is_enough() -> None:
    full = replace(WELL, full=Full.ACCOUNT)
    mixed = [OFF, replace(WELL, is_usable=False, resting_until=LATER), full, WELL]
    assert activity(replace(DIALING, callers=mixed)).is_dialing
    assert activity(replace(DIALING, callers=mixed[:3], planned=0)).code == "account_limit"
    assert activity(replace(DIALING, callers=[replace(WELL, full=Full.RATE)], planned=0)).code == "rate_limit"


def test_a_carrier_that_takes_no_more_of_any_number_is_named() -> None:
    held = replace(WELL, channels=2)
    said = activity(replace(DIALING, callers=[OFF, held])).message
    assert said.endswith("; the carrier seems to allow the account of +12025550001 2 at once.")
    assert "carrier" not in activity(replace(DIALING, callers=[held, WELL])).message


def test_numbers_that_may_not_be_used_are_named_with_the_reason() -> None:
    broken = CallerIdState("+12025550003", False, is_account_enabled=False)
    said = activity(replace(DIALING, callers=[OFF, broken])).message
    assert "+12025550002 is disabled (spam); the carrier account of +12025550003 is disabled" in said
    assert activity(replace(DIALING, callers=[])).message == (
        "No phone number of the campaign may be used; enable or add one."
    )


@pytest.mark.parametrize(
    ("away", "silent", "word"),
    [
        (Away.REDIS, 1.0, "Redis does not answer"),
        (Away.BROKER, 60.0, "The broker cannot be reached"),
        (Away.TICK, 60.0, "No worker has ticked for 60 s"),
        (Away.TICK, None, "No worker has ever ticked"),
    ],
)
def test_what_no_campaign_can_do_without_is_shown_first_and_before_the_start_too(
    away: Away, silent: float | None, word: str
) -> None:
    for status in (CampaignStatus.RUNNING, CampaignStatus.SCHEDULED):
        assert word in activity(replace(DIALING, status=status, away=away, silent_seconds=silent)).message
    assert activity(replace(DIALING, status=CampaignStatus.PAUSED, away=away)).code == "paused"


@pytest.mark.parametrize(
    ("status", "reason", "word"),
    [
        (CampaignStatus.DRAFT, None, "run or schedule"),
        (CampaignStatus.PAUSED, "requested", "resume"),
        (CampaignStatus.PAUSED, "max_calls_reached", "new run"),
        (CampaignStatus.PAUSED, "account_suspended", "account_suspended"),
        (CampaignStatus.PAUSED, "account_stopped: 20003", "refused the account (20003); mend its credentials"),
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
        scheduled_start_at=st.sampled_from([None, EARLIER, NOW, LATER]),
        waiting=st.integers(0, 2),
        live=st.integers(0, 2),
        limit=st.integers(1, 2),
        team_live=st.integers(0, 2),
        away=st.sampled_from([None, *Away]),
        silent_seconds=st.sampled_from([None, 11.0]),
        is_campaign_full=st.booleans(),
        is_team_full=st.booleans(),
        planned=st.integers(0, 1),
        budget=st.sampled_from([None, 0, 1]),
        next_due_at=st.sampled_from([None, NOW, LATER]),
        opens_at=st.sampled_from([None, NOW, LATER]),
        callers=st.lists(
            st.builds(
                CallerIdState,
                st.just("+12025550001"),
                st.booleans(),
                is_enabled=st.booleans(),
                resting_until=st.sampled_from([None, LATER]),
                full=st.sampled_from([None, *Full]),
                channels=st.sampled_from([None, 0, 2]),
            )
        ),
    )
)
def test_there_is_always_one_sentence_and_no_instant_that_has_passed(situation: Situation) -> None:
    found = activity(situation)
    assert found.code
    assert found.message[0].isupper() or found.message[0].isdecimal()
    assert found.message[-1] in ".)"
    assert "None" not in found.message
    assert found.until is None or found.until > NOW
    assert " ago" not in found.message
    assert not re.search(r"\d{4}-\S+Z", found.message), "that is for programs"
    on_a_clock = activity(replace(situation, zone="America/New_York")).message
    assert "UTC" not in on_a_clock


def test_calls_that_nobody_places_are_named_with_their_account_and_since_when() -> None:
    assert activity(replace(DIALING, still=[still(Kind.PLACING, "main")])).message == (
        "12 calls are reserved and not placed at the carrier account main, the oldest for 43 s; "
        "its carrier answers slowly or not at all, or no worker takes them."
    )
