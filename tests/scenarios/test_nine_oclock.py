"""Everything opens at once: thousands of campaigns, a thousand slots, and no more than two ticks to begin."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from tests.crowd import crowd
from tests.store.dialing import running
from tests.world import World
from worker.flow import admit, fill
from worker.flow.base import Dial, Step, Wake
from worker.flow.plan import MOST_AT_ONCE, MOST_PER_CAMPAIGN
from worker.flow.wake import MOST, ROW_BROKEN_AFTER_SECONDS, wake, wake_more
from worker.store import wakes
from worker.store.wakes import DueCampaigns

CAMPAIGNS, SLOTS = 5000, 1000


@pytest.fixture(autouse=True)
def _calls_stay_reserved(world: World) -> None:
    world.places = False


def roomy(world: World, team: int = 10_000) -> None:
    """Limits that are in nobody's way, but for the team's."""
    world.sql("UPDATE teams SET max_concurrent_calls = :team", team=team)
    world.sql("UPDATE carrier_accounts SET max_concurrent_calls = 10000")
    world.sql("UPDATE phone_numbers SET max_concurrent_calls = 1000")


def tick_without_dialing(world: World) -> None:
    """The work of one tick and of the messages it sends; calls stay reserved."""
    waiting: list[Step] = list(world.steps_of_a_tick())
    while waiting:
        step = waiting.pop(0)
        if not isinstance(step, Dial):
            waiting += world.do(step)


def reserved(world: World) -> int:
    return int(world.sql("SELECT count(*) FROM calls WHERE state = 'reserved'")[0][0])


@pytest.mark.slow
def test_five_thousand_windows_that_open_together_are_all_looked_at_and_every_slot_taken(world: World) -> None:
    crowd(world, CAMPAIGNS)
    roomy(world, SLOTS)
    world.sql("""UPDATE campaigns SET call_window_timezone = 'America/New_York',
                                      call_window_start = '12:00', call_window_end = '17:00'""")  # it is noon there
    for _ in range(2):
        tick_without_dialing(world)
    assert reserved(world) == SLOTS
    looked_at = world.sql("SELECT count(*) FROM campaigns c WHERE short_of_slots OR filled_at > 'epoch'")
    assert looked_at == [(CAMPAIGNS,)]


def test_no_more_is_reserved_than_the_rate_lets_out_however_many_open(world: World) -> None:
    crowd(world, 3 * MOST)
    roomy(world)
    world.sql("UPDATE carrier_accounts SET calls_per_second = 3")
    for _ in range(2):
        tick_without_dialing(world)
    assert reserved(world) == 6


@pytest.mark.parametrize("slots", [MOST_PER_CAMPAIGN - 1, MOST_PER_CAMPAIGN, MOST_PER_CAMPAIGN + 1, SLOTS])
def test_a_campaign_has_all_its_slots_after_one_fill(world: World, slots: int) -> None:
    roomy(world)
    campaign = running(world, many_contacts(world, slots + 10), maxConcurrentCalls=slots)
    filled = fill.fill(world.dialer, world.team, [campaign])
    assert len(filled.reserved) == slots == reserved(world)


def test_a_dry_run_says_as_many_calls_as_the_run_makes(world: World) -> None:
    roomy(world)
    campaign = world.campaign(many_contacts(world, 450), maxConcurrentCalls=SLOTS)
    said, _ = admit.run_campaign(world.dialer, campaign, opened_by="api", dry_run=True)
    made, _ = admit.run_campaign(world.dialer, campaign, opened_by="api")
    assert len(said.calls) == len(made.calls) == 450


def test_campaigns_with_many_slots_each_are_filled_in_transactions_of_a_bounded_size(world: World) -> None:
    roomy(world)
    campaigns = [running(world, many_contacts(world, 300), maxConcurrentCalls=300) for _ in range(4)]
    assert len(fill.fill(world.dialer, world.team, campaigns).reserved) == 1200 > MOST_AT_ONCE


def many_contacts(world: World, count: int) -> list[str]:
    first = world.sql("SELECT count(*) FROM contacts")[0][0]
    rows = world.sql(
        """INSERT INTO contacts (id, team_id, phone, phone_e164)
           SELECT 'cont_many_' || n, :team, '+1404' || 1000000 + n, '+1404' || 1000000 + n
           FROM generate_series(CAST(:first AS integer) + 1, CAST(:first AS integer) + :count) AS n RETURNING id""",
        team=world.team,
        first=first,
        count=count,
    )
    return [row.id for row in rows]


# -- who goes on


def messages(steps: Iterable[Step]) -> list[Wake]:
    return [step for step in steps if isinstance(step, Wake)]


def test_one_row_of_messages_goes_on_and_no_second_one_is_begun_beside_it(world: World) -> None:
    crowd(world, 4 * MOST)
    [message] = messages(wake(world.dialer))
    assert messages(wake(world.dialer)) == [], "a row is under way"
    [following] = messages(wake_more(world.dialer, message.after_team))
    assert messages(wake_more(world.dialer, following.after_team)) == [message], "that batch was full"
    assert messages(wake_more(world.dialer, message.after_team)) == [], "nothing was left"
    again(world)
    assert messages(wake(world.dialer)), "the row had ended, so that the next one need not wait"


def test_a_row_whose_message_was_lost_is_begun_anew(world: World) -> None:
    crowd(world, 4 * MOST)
    assert messages(wake(world.dialer))
    assert not messages(wake(world.dialer))
    world.sql(
        "UPDATE ticks SET last_at = last_at - :ago * interval '1 second' WHERE name = 'wake'",
        ago=ROW_BROKEN_AFTER_SECONDS,
    )
    assert messages(wake(world.dialer))


def again(world: World) -> None:
    world.sql("UPDATE campaigns SET short_of_slots = false, next_wake_at = dialer_now()")


def take(world: World) -> DueCampaigns:
    taken: list[DueCampaigns] = []
    world.write(lambda conn: taken.append(wakes.take(conn, most=MOST, most_cancelled=10, after_team="", most_teams=20)))
    return taken[0]


def test_what_a_worker_took_and_never_looked_at_is_looked_at_by_another(world: World) -> None:
    crowd(world, MOST)
    roomy(world)
    assert sum(map(len, take(world).running.values())) == MOST
    tick_without_dialing(world)
    assert reserved(world) == 0, "it is another's for a moment"
    world.sql("UPDATE clock SET business_at = business_at + :on * interval '1 second'", on=wakes.TAKEN_FOR_SECONDS)
    tick_without_dialing(world)
    assert reserved(world) == MOST


def test_teams_that_lack_slots_are_filled_though_there_are_more_than_one_turn_takes(world: World) -> None:
    teams = [f"team_{n:02d}" for n in range(45)]
    for team in teams:
        world.another_team(team, limit=1)
        number = world.number("+12025558888", team=team)
        contacts = world.contacts(1, team=team)
        running(world, contacts, teamId=team, fromNumberIds=[number])
    world.sql("UPDATE campaigns SET short_of_slots = true, next_wake_at = dialer_now() + interval '1 minute'")
    tick_without_dialing(world)
    assert reserved(world) == len(teams)
