"""How often a number is called, and how soon again: caps and quiet times across the campaigns of a team."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from sqlalchemy import text

from tests.world import World
from worker.carriers.simulated.protocol import Status
from worker.domain.frequency import MARGIN
from worker.flow.outcomes import report_outcome
from worker.operations.progress import read_progress
from worker.operations.teams import edit_team
from worker.simulator.lives import Life

HOUR = timedelta(hours=1)
BUSY = Life(1, ending=Status.BUSY)
TALKS = Life(1, 30)
THREE_A_DAY = [{"calls": 3, "hours": 24}]
ONCE_A_DAY = [{"calls": 1, "hours": 24}]


def commits(world: World, number: str) -> list[datetime]:
    """When calls to a number were committed, the first one first."""
    rows = world.sql("SELECT dialed_at FROM calls WHERE to_number = :n AND dialed_at IS NOT NULL ORDER BY 1", n=number)
    return [row.dialed_at for row in rows]


def limit_team(world: World, rules: list[dict[str, Any]] | None) -> None:
    _, steps = edit_team(world.dialer, world.team, {"frequency": rules}, actor="test")
    world.carry_out(steps)


def test_three_calls_then_the_fourth_at_exactly_the_instant_and_not_before(world: World) -> None:
    world.script({"*": BUSY})
    contact = world.contact()
    campaign = world.campaign([contact], frequency=THREE_A_DAY, maxAttemptsPerContact=4, retryDelayMinutes=5)
    world.run(campaign)
    world.advance(3600)
    waiting = world.entry(campaign, contact)
    first, _, third = commits(world, world.phone(contact))
    assert third < first + HOUR
    assert (waiting.status, waiting.reason, waiting.due_at) == ("queued", "frequency", first + 24 * HOUR + MARGIN)
    said = read_progress(world.dialer, world.team, campaign).activity
    assert (said.code, said.until) == ("nothing_due", waiting.due_at)
    assert said.message.endswith("; 1 has had its calls (3 in 24 h).")
    world.until(campaign, "completed")
    assert commits(world, world.phone(contact))[3] == first + 24 * HOUR + MARGIN


def test_what_all_campaigns_of_a_team_call_counts_and_both_numbers_of_a_contact_do(world: World) -> None:
    world.script({"*": BUSY})
    limit_team(world, ONCE_A_DAY)
    shared = "+12025559001"
    people = [world.contact(phone=shared), world.contact(phone=shared), world.contact(phone_secondary=shared)]
    policy = {"maxAttemptsPerContact": 2, "retryDelayMinutes": 5, "useSecondaryPhone": True}
    campaigns = [world.campaign([contact], **policy) for contact in people]
    for campaign in campaigns:
        world.run(campaign)
    for campaign in campaigns:
        world.until(campaign, "completed", hours=200)
    called = commits(world, shared)
    assert len(called) == 5, "two attempts of each of the first, one of the third"
    assert all(after >= before + 24 * HOUR + MARGIN for before, after in pairwise(called))


def test_a_campaign_is_only_stricter_than_its_team(world: World) -> None:
    world.script({"*": BUSY})
    limit_team(world, ONCE_A_DAY)
    contact = world.contact()
    policy = {"maxAttemptsPerContact": 2, "retryDelayMinutes": 5}
    loose = world.campaign([contact], frequency=[{"calls": 32, "hours": 1}], **policy)
    world.run(loose)
    world.until(loose, "completed")
    first, second = commits(world, world.phone(contact))
    assert second == first + 24 * HOUR + MARGIN
    strict = world.campaign([contact], frequency=[{"calls": 1, "days": 3}], maxAttemptsPerContact=1)
    world.run(strict)
    world.until(strict, "completed", hours=100)
    assert commits(world, world.phone(contact))[2] == second + 73 * HOUR + MARGIN


def test_a_conversation_on_thursday_blocks_to_thursday(world: World) -> None:
    world.set_clock(datetime(2027, 8, 12, 18, tzinfo=UTC))
    world.script({"*": TALKS})
    contact = world.contact()
    quiet = [{"after": "conversation", "days": 7}]
    first = world.campaign([contact], frequency=quiet)
    world.run(first)
    world.until(first, "completed")
    (talked_until,) = world.sql("SELECT conversed_at FROM callees")[0]
    second = world.campaign([contact], frequency=quiet)
    world.run(second)
    world.until(second, "completed", hours=200)
    assert commits(world, world.phone(contact))[1] == talked_until + 169 * HOUR + MARGIN
    assert world.now.strftime("%A") == "Thursday"


def test_a_refusal_that_is_reported_ends_the_calls_of_the_team_for_as_long_as_it_says(world: World) -> None:
    world.script({"*": TALKS})
    contact = world.contact()
    asks = world.campaign([contact], outcomes={"not_interested": "never"})
    world.run(asks)
    body = {"outcome": "not_interested"}
    report_outcome(world.dialer, world.team, world.call(asks).id, body, actor="test")
    world.until(asks, "completed")
    (refused_at,) = world.sql("SELECT refused_at FROM callees")[0]
    later = world.campaign([contact], frequency=[{"after": "refusal", "days": 2}])
    never = world.campaign([contact], frequency=[{"after": "refusal", "hours": None}])
    world.run(later)
    world.run(never)
    world.until(later, "completed", hours=100)
    world.until(never, "completed")
    assert commits(world, world.phone(contact))[1:] == [refused_at + 49 * HOUR + MARGIN]
    entry = world.entry(never, contact)
    assert (entry.status, entry.reason) == ("skipped", "refused")


def test_what_never_left_or_never_rang_does_not_count_until_a_ring_is_reported(world: World) -> None:
    contact = world.contact()
    campaign = world.campaign([contact], frequency=ONCE_A_DAY)
    world.run(campaign)
    call = world.call(campaign)
    assert world.sql("SELECT recent FROM callees")[0].recent == [call.dialed_at]
    end = "UPDATE calls SET state = 'ended', ended_at = clock_timestamp(), disposition = :how WHERE id = :id"
    with world.engine.connect() as conn:
        for how, counts in (("not_sent", False), ("canceled", False), ("busy", True), ("lost", True)):
            with conn.begin():
                nested = conn.begin_nested()
                conn.execute(text(end), {"how": how, "id": call.id})
                recent = conn.execute(text("SELECT recent FROM callees")).scalar_one()
                assert recent == ([call.dialed_at] if counts else []), how
                if how == "canceled":
                    conn.execute(text("UPDATE calls SET rang = true WHERE id = :id"), {"id": call.id})
                    assert conn.execute(text("SELECT recent FROM callees")).scalar_one() == [call.dialed_at]
                nested.rollback()


def test_who_was_put_off_is_called_when_the_rules_allow_more(world: World) -> None:
    world.script({"*": BUSY})
    limit_team(world, ONCE_A_DAY)
    contact = world.contact()
    campaign = world.campaign([contact], maxAttemptsPerContact=2, retryDelayMinutes=5)
    world.run(campaign)
    world.advance(400)
    assert world.entry(campaign, contact).reason == "frequency"
    limit_team(world, None)
    world.advance(1)
    assert len(commits(world, world.phone(contact))) == 2
