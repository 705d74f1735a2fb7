"""What is said of one contact is what the claim does: dial, wait until, never."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.world import World
from worker.domain.decision import Decision
from worker.domain.errors import Invalid, NotFound
from worker.operations.campaign_edit import edit_campaign
from worker.operations.decision import decide_contact, decide_everywhere, decision_view
from worker.operations.teams import edit_team

WINDOW = {"callWindowStart": "09:00", "callWindowEnd": "17:00", "callWindowTimezone": "America/New_York"}
NEW_YORK, HONOLULU, PARIS, GARY, TOLL_FREE = (
    "+12125550101",
    "+18085550101",
    "+33139980001",
    "+12195550101",
    "+18005550101",
)
NOON = datetime(2027, 3, 1, 17, 0, tzinfo=UTC)


def decided(world: World, campaign: str, contact: str, at: str | None = None) -> Decision:
    return decide_contact(world.dialer, world.team, campaign, contact, at=at)


def rules(found: Decision) -> list[str]:
    return [each.rule for each in found.because]


@pytest.mark.parametrize(
    "policy", [{}, {"zoneFromNumber": True}, {"purpose": "research"}, {"purpose": "telemarketing"}]
)
def test_whoever_is_said_to_be_dialed_is_and_whoever_waits_is_at_that_instant(
    world: World, policy: dict[str, Any]
) -> None:
    edit_team(world.dialer, world.team, policy or {"name": "A"}, actor="test")
    numbers = [NEW_YORK, HONOLULU, PARIS, GARY, TOLL_FREE]
    people = {world.contact(number): number for number in numbers}
    campaign = world.campaign([*people], maxConcurrentCalls=10, **WINDOW)
    world.run(campaign)
    said = {number: decided(world, campaign, contact, NOON.isoformat()) for contact, number in people.items()}
    called = {call.to_number for call in world.calls(campaign)}
    now = {contact: world.entry(campaign, contact) for contact in people}
    for contact, number in people.items():
        if number in called:
            continue  # it has left the waiting by now
        verdict, row = said[number].verdict, now[contact]
        assert verdict in (("never",) if row.status == "skipped" else ("wait", "never")), (number, said[number])
    waiting = [each for each in said.values() if each.verdict == "wait" and each.until is not None]
    if waiting:
        first = min(each.until for each in waiting if each.until is not None)
        before = len(world.calls(campaign))
        world.advance((first - world.now).total_seconds() - 1)
        assert len(world.calls(campaign)) == before, "nobody is called before it was said"
        world.advance(5)
        assert len(world.calls(campaign)) > before
    world.advance(24 * 3600)
    never = {number for number, each in said.items() if each.verdict == "never"}
    assert not never & {call.to_number for call in world.calls(campaign)}


def test_why_somebody_is_not_called_is_said_with_its_rule(world: World) -> None:
    banned, numberless, tokyo = (
        world.contact(do_not_call=True),
        world.contact("12"),
        world.contact(timezone="Asia/Tokyo"),
    )
    ready = world.contact(NEW_YORK)
    campaign = world.campaign([tokyo, ready], **WINDOW)
    draft = decided(world, campaign, ready)
    assert (draft.verdict, draft.until, rules(draft)) == ("wait", None, ["campaign.draft"])
    as_running = decided(world, campaign, ready, NOON.isoformat())
    assert (as_running.verdict, as_running.because) == ("dial", ())
    asleep = decided(world, campaign, tokyo, "2027-03-02T03:00")
    assert (asleep.at, asleep.until) == (
        datetime(2027, 3, 1, 18, 0, tzinfo=UTC),
        datetime(2027, 3, 2, 0, 0, tzinfo=UTC),
    )
    assert asleep.message == "It waits until 09:00 Tokyo, in 6 h: The campaign's call window is shut where it may be."
    other = world.campaign([banned, numberless], **WINDOW)
    assert rules(decided(world, other, banned)) == ["contact.do_not_call"]
    assert rules(decided(world, other, numberless)) == ["contact.invalid_number"]
    for status, reason, sentence in (
        ("skipped", "no_consent", "{} has not given the consent that the rules of its place want for such calls."),
        ("skipped", "do_not_call", "{} is marked do-not-call."),
        ("completed", None, "It was reached: somebody answered."),
        ("exhausted", None, "It was given up: its attempts were used. It can be put back (requeue)."),
        ("cancelled", "campaign_ended", "It is not called any more: the campaign has ended."),
    ):  # fmt: skip
        world.sql(
            "UPDATE campaign_contacts SET status = :status, reason = :reason, answered = :answered "
            "WHERE contact_id = :id RETURNING id",
            status=status, reason=reason, answered=status == "completed", id=ready,
        )  # fmt: skip
        over = decided(world, campaign, ready)
        assert (over.verdict, over.because[0].text) == ("never", sentence.format(f"Contact {ready}"))
    with pytest.raises(NotFound):
        decided(world, campaign, banned)
    for wrong in ("tomorrow", "2027-03-01", "2038-01-01T00:00:00Z"):
        with pytest.raises(Invalid):
            decided(world, campaign, ready, wrong)


def test_rules_are_named_with_what_they_say_and_where_they_are_written(world: World) -> None:
    contact = world.contact(HONOLULU)
    campaign = world.campaign([contact], purpose="telemarketing", **WINDOW)
    found = decided(world, campaign, contact, NOON.isoformat())
    assert (found.verdict, found.areas) == ("never", ("US-HI",))
    assert "us.fcc.ai_voice" in rules(found), "an AI voice wants consent in writing, and there is none"
    shown = decision_view(found)
    assert json.dumps(shown)
    assert shown["clocks"] == [{"zone": "Pacific/Honolulu", "local": "2027-03-01T07:00:00-10:00"}]
    assert all(each["source"] for each in shown["because"])


def test_nowhere_is_held_and_everywhere_is_asked(world: World) -> None:
    edit_team(world.dialer, world.team, {"zoneFromNumber": True}, actor="test")
    contact = world.contact(TOLL_FREE)
    campaign = world.campaign([contact], **WINDOW)
    second = world.campaign([contact], **WINDOW)
    held = decided(world, campaign, contact, NOON.isoformat())
    assert (held.verdict, held.until, rules(held)) == ("wait", None, ["place.unknown"])
    edit_campaign(world.dialer, world.team, second, {"name": "Second"}, actor="test")
    assert [row.name for row, _ in decide_everywhere(world.dialer, world.team, contact)] == ["Second", "A campaign"]


def test_a_retry_waits_for_its_instant(world: World) -> None:
    contact = world.contact(NEW_YORK)
    campaign = world.campaign([contact], **WINDOW)
    world.sql("UPDATE campaign_contacts SET due_at = :at", at=NOON + timedelta(minutes=30))
    found = decided(world, campaign, contact, NOON.isoformat())
    assert (found.until, rules(found)) == (NOON + timedelta(minutes=30), ["campaign.due"])
