"""Campaigns that start by themselves, and moves that are refused."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.world import MONDAY_NOON, World
from worker.domain.errors import Conflict, Invalid, NotFound, Refused
from worker.domain.lifecycle import CAMPAIGN_MOVES, STOPS, Verb
from worker.domain.model import CampaignStatus
from worker.flow import admit, promote
from worker.operations import campaigns as campaign_operations

IN_AN_HOUR = (MONDAY_NOON + timedelta(hours=1)).isoformat()


def test_a_scheduled_campaign_starts_at_its_instant_and_not_before(world: World) -> None:
    campaign = world.campaign(world.contacts(2), scheduledStartAt=IN_AN_HOUR)
    assert world.status(campaign) == "scheduled"
    world.advance(3599)
    assert world.stage.requests == []
    world.advance(1)
    assert world.dialed() == [MONDAY_NOON + timedelta(hours=1)] * 2
    world.until(campaign, "completed")
    (run,) = world.sql("SELECT * FROM runs")
    assert (run.opened_by, run.max_calls) == ("schedule", None)


def test_a_schedule_outside_the_window_waits_for_the_opening(world: World) -> None:
    window = {"callWindowStart": "15:00", "callWindowEnd": "17:00", "callWindowTimezone": "America/New_York"}
    campaign = world.campaign(world.contacts(1), scheduledStartAt=IN_AN_HOUR, **window)
    world.until(campaign, "completed")
    assert world.dialed() == [MONDAY_NOON + timedelta(hours=3)]


def test_a_schedule_in_another_offset_is_the_same_instant(world: World) -> None:
    campaign = world.campaign(world.contacts(1), scheduledStartAt="2027-03-01T13:00:00-05:00")
    assert world.campaign_row(campaign).scheduled_start_at == MONDAY_NOON + timedelta(hours=1)


def test_an_unscheduled_campaign_is_a_draft_and_does_not_start(world: World) -> None:
    campaign = world.campaign(world.contacts(1), scheduledStartAt=IN_AN_HOUR)
    campaign_operations.unschedule(world.dialer, campaign, actor="test")
    row = world.campaign_row(campaign)
    assert (row.status, row.scheduled_start_at) == ("draft", None)
    world.advance(7200)
    assert world.stage.requests == []


def test_a_schedule_can_be_moved_while_it_is_ahead(world: World) -> None:
    campaign = world.campaign(world.contacts(1))
    campaign_operations.schedule(world.dialer, campaign, IN_AN_HOUR, actor="test")
    later = MONDAY_NOON + timedelta(hours=2)
    campaign_operations.schedule(world.dialer, campaign, later.isoformat(), actor="test")
    world.until(campaign, "completed")
    assert world.dialed() == [later]


def test_a_scheduled_campaign_that_is_run_by_hand_does_not_start_again(world: World) -> None:
    campaign = world.campaign(world.contacts(1), scheduledStartAt=IN_AN_HOUR)
    world.run(campaign)
    world.until(campaign, "completed")
    world.advance(7200)
    assert len(world.stage.requests) == 1
    assert len(world.sql("SELECT * FROM runs")) == 1


def test_two_workers_that_promote_start_a_campaign_once(world: World) -> None:
    campaign = world.campaign(world.contacts(1), scheduledStartAt=IN_AN_HOUR)
    world.set_clock(MONDAY_NOON + timedelta(hours=1))
    assert len(promote.promote(world.dialer)) == 1
    assert promote.promote(world.dialer) == []
    assert admit.start(world.dialer, campaign) is None
    assert len(world.sql("SELECT * FROM runs")) == 1


def test_an_empty_campaign_that_was_scheduled_completes(world: World) -> None:
    campaign = world.campaign(scheduledStartAt=IN_AN_HOUR)
    world.until(campaign, "completed")


def test_a_campaign_whose_contacts_cannot_be_called_completes(world: World) -> None:
    campaign = world.campaign([world.contact(phone=None)], scheduledStartAt=IN_AN_HOUR)
    world.until(campaign, "completed")


def test_many_campaigns_of_one_instant_all_start(world: World) -> None:
    campaigns = [world.campaign(world.contacts(1), scheduledStartAt=IN_AN_HOUR) for _ in range(5)]
    for campaign in campaigns:
        world.until(campaign, "completed")
    assert set(world.dialed()) == {MONDAY_NOON + timedelta(hours=1)}


def test_deleted_campaigns_do_not_start(world: World) -> None:
    campaign = world.campaign(world.contacts(1), scheduledStartAt=IN_AN_HOUR)
    world.sql("UPDATE campaigns SET deleted_at = clock_timestamp()")
    world.advance(7200)
    assert world.stage.requests == []
    with pytest.raises(Refused):
        world.run(campaign)


def test_an_instant_that_cannot_be_is_refused_and_changes_nothing(world: World) -> None:
    campaign = world.campaign()
    for at in ("2027-03-01T16:59:59Z", "2027-03-02T09:00:00", "2038-01-01T00:00:00Z", "tomorrow", "", 5):
        with pytest.raises(Invalid) as refused:
            campaign_operations.schedule(world.dialer, campaign, at, actor="test")
        (fault,) = refused.value.faults
        assert fault.path == "scheduledStartAt"
    assert world.status(campaign) == "draft"


# -- moves


def test_the_run_of_an_empty_campaign_is_refused(world: World) -> None:
    campaign = world.campaign()
    with pytest.raises(Conflict, match="has no contacts"):
        world.run(campaign)
    assert world.status(campaign) == "draft"


def test_the_run_of_a_completed_campaign_with_nobody_waiting_is_refused_and_names_both_states(world: World) -> None:
    campaign = world.campaign_that_is("completed")
    with pytest.raises(Conflict, match="is completed and cannot become running"):
        world.run(campaign)


@pytest.mark.parametrize("status", ["draft", "scheduled", "running", "paused"])
def test_a_run_is_legal_from_every_status_but_cancelled(world: World, status: str) -> None:
    campaign = world.campaign_that_is(status)
    world.run(campaign)
    world.until(campaign, "completed")
    assert world.by_status(campaign) == {"completed": 2}


ASKED = [Verb.SCHEDULE, Verb.UNSCHEDULE, Verb.RUN, Verb.PAUSE, Verb.RESUME, Verb.CANCEL]
REFUSED = [(v, s) for v in ASKED for s in CampaignStatus if s not in CAMPAIGN_MOVES[v][0] and STOPS.get(v) is not s]


@pytest.mark.parametrize("status", list(CampaignStatus))
def test_every_move_that_is_not_legal_is_refused_and_names_both_states(world: World, status: CampaignStatus) -> None:
    campaign = world.campaign_that_is(status)
    verbs = {
        Verb.SCHEDULE: lambda: campaign_operations.schedule(
            world.dialer, campaign, "2027-12-01T09:00:00Z", actor="test"
        ),
        Verb.UNSCHEDULE: lambda: campaign_operations.unschedule(world.dialer, campaign, actor="test"),
        Verb.RUN: lambda: world.run(campaign),
        Verb.PAUSE: lambda: world.pause(campaign),
        Verb.RESUME: lambda: world.resume(campaign),
        Verb.CANCEL: lambda: world.cancel(campaign),
    }
    before = world.campaign_row(campaign)
    for verb, of in REFUSED:
        if of is status:
            target = CAMPAIGN_MOVES[verb][1]
            with pytest.raises(Conflict, match=f"{campaign} is {status} and cannot become {target}"):
                verbs[verb]()
    for stop, is_so in STOPS.items():
        if is_so is status:
            verbs[stop]()
    assert world.campaign_row(campaign) == before
    world.finish_all()


def test_a_campaign_nobody_knows_is_not_found(world: World) -> None:
    world.another_team("team_b")
    ours = world.campaign()
    for campaign, team in (("camp_nobody", None), (ours, "team_b")):
        with pytest.raises(NotFound):
            admit.run_campaign(world.dialer, campaign, opened_by="api", team_id=team)
        with pytest.raises(NotFound):
            campaign_operations.schedule(world.dialer, campaign, IN_AN_HOUR, actor="test", team_id=team)
