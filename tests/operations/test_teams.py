"""Teams: made, edited, chosen."""

from __future__ import annotations

from typing import Any

import pytest

from tests.world import World
from worker.domain.errors import Conflict, Invalid, NotFound, Refused
from worker.operations.teams import choose_team, create_team, edit_team, list_teams, released


def test_a_team_has_a_limit_within_its_range(world: World) -> None:
    for wrong in (0, 10_001, "5", None, True):
        with pytest.raises(Invalid, match="maxConcurrentCalls"):
            edit_team(world.dialer, world.team, {"maxConcurrentCalls": wrong}, actor="test")
    with pytest.raises(NotFound):
        edit_team(world.dialer, "team_none", {"maxConcurrentCalls": 5}, actor="test")


def test_every_fault_of_a_new_team_is_found_at_once(world: World) -> None:
    with pytest.raises(Invalid) as raised:
        create_team(world.dialer, {"slug": "My Team", "name": " ", "maxConcurrentCalls": 0, "colour": 1}, actor="test")
    assert [fault.path for fault in raised.value.faults] == ["colour", "slug", "name", "maxConcurrentCalls"]


def test_who_takes_the_purpose_from_running_campaigns_is_warned(world: World) -> None:
    def edited(**changes: Any) -> str | None:
        was = choose_team(world.dialer, world.team)
        return released(world.dialer, was, edit_team(world.dialer, world.team, changes, actor="test")[0])

    assert edited(purpose="debt", zoneFromNumber=True) is None
    assert edited(purpose=None) is None, "nothing runs"
    draft = world.campaign([world.contact()])
    assert draft
    for purpose in ({}, {}, {"purpose": "debt"}):
        world.run(world.campaign([world.contact()], **purpose))
    assert edited(purpose="telemarketing") is None
    assert edited(purpose="debt") is None
    assert (edited(purpose=None) or "").startswith("2 running campaigns of the team name no purpose: ")
    assert edited(zoneFromNumber=False) is None, "there was none to take"


def test_a_slug_belongs_to_one_team(world: World) -> None:
    body: dict[str, Any] = {"slug": "sales", "name": "Sales"}
    made = create_team(world.dialer, body, actor="test")
    assert (made.slug, made.max_concurrent_calls) == ("sales", 100)
    with pytest.raises(Conflict, match="sales already"):
        create_team(world.dialer, body, actor="test")


def test_a_team_may_be_given_a_country(world: World) -> None:
    made = create_team(world.dialer, {"slug": "sales", "name": "Sales", "country": "de"}, actor="test")
    assert made.country == "DE"
    assert edit_team(world.dialer, made.id, {"country": None}, actor="test")[0].country is None
    for wrong in ("Utopia", "", 49, ["DE"]):
        with pytest.raises(Invalid, match="country"):
            edit_team(world.dialer, made.id, {"country": wrong}, actor="test")


def test_a_name_is_edited_without_anybody_being_called_for_it(world: World) -> None:
    row, steps = edit_team(world.dialer, world.team, {"name": "Ours"}, actor="test")
    assert (row.name, steps) == ("Ours", [])


def test_the_only_team_need_not_be_named_and_one_of_several_must(world: World) -> None:
    teams = list_teams(world.dialer, limit=10, offset=0)[1]
    for team in teams:
        assert choose_team(world.dialer, team.slug).id == choose_team(world.dialer, team.id).id == team.id
    with pytest.raises(NotFound, match="No team with id nobody; dialer teams list"):
        choose_team(world.dialer, "nobody")
    if len(teams) == 1:
        assert choose_team(world.dialer, None).id == world.team
        create_team(world.dialer, {"slug": "sales", "name": "Sales"}, actor="test")
    with pytest.raises(Refused, match="teams; say which with --team: sales, "):
        choose_team(world.dialer, None)


def test_without_a_team_one_reads_how_to_make_it(world: World) -> None:
    world.sql("TRUNCATE teams CASCADE")
    with pytest.raises(Refused, match="dialer teams add"):
        choose_team(world.dialer, None)
