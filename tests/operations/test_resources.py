"""Companies, assistants, accounts, numbers, and the limits that are edited while calls are made."""

from __future__ import annotations

from typing import Any

import pytest

from tests.world import World
from worker.domain.campaign import CAMPAIGN
from worker.domain.contact import CONTACT
from worker.domain.errors import Conflict, NotFound
from worker.domain.kinds import Text
from worker.domain.resources import ACCOUNT, COMPANY, NUMBER, Resource
from worker.operations import resources
from worker.operations.assistants import ASSISTANT
from worker.operations.campaign_edit import edit_campaign
from worker.operations.campaigns import create_campaign, get_campaign
from worker.operations.contacts import create_contact, create_contacts, edit_contact
from worker.operations.teams import edit_team
from worker.simulator.lives import Life


@pytest.fixture(autouse=True)
def everybody_answers(world: World) -> None:
    world.script({"*": Life(5, 20)})


def test_what_a_campaign_needs_is_made_found_listed_and_edited(world: World) -> None:
    dialer, team = world.dialer, world.team
    company = resources.create_resource(dialer, COMPANY, team, {"name": "Acme"}, actor="test")
    assistant = resources.create_resource(
        dialer, ASSISTANT, team, {"name": "Ann", "streamUrl": "wss://a.example"}, actor="test"
    )
    account = resources.create_resource(dialer, ACCOUNT, team, {"name": "Sim", "carrier": "simulator"}, actor="test")
    body = {"number": "+1 202 555 0199", "carrierAccountId": account["id"], "maxConcurrentCalls": 2}
    number = resources.create_resource(dialer, NUMBER, team, body, actor="test")
    assert (number["number"], number["carrier_account_id"], number["max_concurrent_calls"]) == (
        "+12025550199",
        account["id"],
        2,
    )
    campaign = world.campaign(companyId=company["id"], assistantId=assistant["id"], fromNumberIds=[number["id"]])
    assert world.status(campaign) == "draft"

    renamed, _ = resources.edit_resource(dialer, COMPANY, team, company["id"], {"name": "Ajax"}, actor="test")
    assert renamed == company | {"name": "Ajax"}
    voice = {"settings": {"voice": "calm"}}
    edited, _ = resources.edit_resource(dialer, ASSISTANT, team, assistant["id"], voice, actor="test")
    assert (edited["settings"], edited["stream_url"]) == ({"voice": "calm"}, "wss://a.example")
    count, rows = resources.list_resources(dialer, COMPANY, team, limit=1, offset=0)
    assert (count, rows) == (2, [renamed])
    actions = [row.action for row in world.sql("SELECT action FROM audit_log ORDER BY id")]
    assert actions[:4] == ["create_company", "create_assistant", "create_carrier_account", "create_phone_number"]


def _every_field(resource: Resource, *, is_new: bool, **ids: Any) -> dict[str, Any]:
    """A body with every field there is; what has no example is a text, or is left out where it is none."""
    texts = {each.name: "x" for each in resource.settable(is_new=is_new) if type(each.kind) is Text}
    given = {each.name: each.example for each in resource.settable(is_new=is_new) if each.example is not None}
    return texts | given | {name: value for name, value in ids.items() if name in texts | given}


def _shown(resource: Resource, body: dict[str, Any]) -> dict[str, Any]:
    return {each.shown: body[each.name] for each in resource.fields if each.name in body}


def test_every_field_of_a_contact_is_kept_as_it_is_given(world: World) -> None:
    dialer, team = world.dialer, world.team
    company = f"comp_{team}"
    whole = _every_field(CONTACT, is_new=True, companyId=company)
    assert whole.keys() == {each.name for each in CONTACT.settable(is_new=True)}
    made = create_contact(dialer, team, whole, actor="test")
    assert made.items() >= _shown(CONTACT, whole).items()
    whole |= {"externalId": "another"}  # of which there is one in a team
    assert create_contacts(dialer, team, [whole], actor="test")[0].items() >= _shown(CONTACT, whole).items()
    bare = create_contact(dialer, team, {}, actor="test")
    assert [bare[each.shown] for each in CONTACT.settable(is_new=True)] == [
        each.default for each in CONTACT.settable(is_new=True)
    ]
    whole |= {"externalId": "a third"}
    edited, _ = edit_contact(dialer, team, bare["id"], whole, actor="test")
    assert edited.items() >= _shown(CONTACT, whole).items()


def test_every_field_of_a_campaign_is_kept_as_it_is_given(world: World) -> None:
    dialer, team = world.dialer, world.team
    ids = {"assistantId": f"asst_{team}", "companyId": f"comp_{team}", "fromNumberIds": [world.numbers[0]]}
    whole = _every_field(CAMPAIGN, is_new=True, **ids)
    assert {each.name for each in CAMPAIGN.settable(is_new=True)} - whole.keys() == {
        "scheduledStartAt", "scheduledEndAt", "callWindows",  # an instant to come, and another way to say the hours
    }  # fmt: skip
    made = create_campaign(dialer, team, {**whole, "teamId": team}, actor="test")
    shown = _shown(CAMPAIGN, whole)
    assert (get_campaign(dialer, team, made) | shown) == get_campaign(dialer, team, made)
    bare = create_campaign(dialer, team, {**ids, "name": "Bare", "teamId": team}, actor="test")
    edit_campaign(dialer, team, bare, {**whole, **ids}, actor="test")
    assert (get_campaign(dialer, team, bare) | shown) == get_campaign(dialer, team, bare)


def test_a_resource_of_another_team_is_not_there(world: World) -> None:
    world.another_team("team_b")
    for resource, theirs in [
        (COMPANY, "comp_team_b"),
        (ASSISTANT, "asst_team_b"),
        (ACCOUNT, "acct_team_b"),
    ]:
        with pytest.raises(NotFound, match=theirs):
            resources.get_resource(world.dialer, resource, world.team, theirs)
    body = {"number": "+12025550199", "carrierAccountId": "acct_team_b"}
    with pytest.raises(NotFound, match="acct_team_b"):
        resources.create_resource(world.dialer, NUMBER, world.team, body, actor="test")
    with pytest.raises(NotFound):
        resources.edit_resource(world.dialer, COMPANY, world.team, "comp_team_b", {"name": "Ours"}, actor="test")


def test_a_team_has_a_number_once(world: World) -> None:
    body = {"number": "+12025550001", "carrierAccountId": "acct_team_a"}
    with pytest.raises(Conflict, match=r"\+12025550001"):
        resources.create_resource(world.dialer, NUMBER, world.team, body, actor="test")


def test_a_call_reserved_with_a_number_that_is_disabled_then_never_leaves(world: World) -> None:
    campaign = world.campaign([world.contact()], fromNumberIds=world.numbers[:1])
    steps = world.reserve(campaign)
    resources.edit_resource(world.dialer, NUMBER, world.team, world.numbers[0], {"enabled": False}, actor="test")
    world.carry_out(steps)
    world.tick()
    assert world.stage.requests == []
    _, steps = resources.edit_resource(
        world.dialer, NUMBER, world.team, world.numbers[0], {"enabled": True}, actor="test"
    )
    world.carry_out(steps)
    assert len(world.stage.requests) == 1
    world.until(campaign, "completed")


@pytest.mark.parametrize("what", ["team", "account", "number"])
def test_a_limit_that_is_raised_is_used_at_once_and_one_that_is_lowered_cuts_nobody(world: World, what: str) -> None:
    world.script({"*": Life(5, 600)})
    dialer, team, number = world.dialer, world.team, world.numbers[0]

    def limit(calls: int) -> None:
        if what == "team":
            _, steps = edit_team(dialer, team, {"maxConcurrentCalls": calls}, actor="test")
        elif what == "account":
            body = {"maxConcurrentCalls": calls}
            _, steps = resources.edit_resource(dialer, ACCOUNT, team, "acct_team_a", body, actor="test")
        else:
            _, steps = resources.edit_resource(
                dialer, NUMBER, team, number, {"maxConcurrentCalls": calls}, actor="test"
            )
        world.carry_out(steps)

    limit(1)
    campaign = world.campaign(world.contacts(5), fromNumberIds=[number], maxConcurrentCalls=5)
    world.run(campaign)
    assert len(world.stage.live()) == 1
    limit(3)
    assert len(world.stage.live()) == 3
    limit(2)
    assert len(world.stage.live()) == 3
    world.until(campaign, "completed")
    assert len(world.stage.requests) == 5
